"""What cannot be trained on is refused, in scikit-learn's words; nothing is clipped on the way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

from backproof.nn import BinaryClassifier, make_flower

X, y = make_flower(60, random_state=1)
FRAME = pd.DataFrame(X, columns=["width", "height"])


def fit(X: Any, y: Any = y, sample_weight: Any = None, **settings: Any) -> BinaryClassifier:
    defaults = {"max_iter": 5, "random_state": 0}
    return BinaryClassifier(**(defaults | settings)).fit(X, y, sample_weight=sample_weight)


def holed(value: float, *places: tuple[int, int]) -> Any:
    damaged = X.copy()
    for place in places:
        damaged[place] = value
    return damaged


# ---- samples -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (holed(np.nan, (5, 1), (9, 1)), "2 of 60 × 2 are NaN: 2 in column 1. Fill"),
        (holed(np.nan, (5, 1), (9, 0)), "2 of 60 × 2 are NaN: 1 in column 0, 1 in column 1. Fill"),
        (holed(-np.inf, (3, 0)), "1 of 60 × 2 are infinity: 1 in column 0. Look"),
        (sparse.csr_array(holed(np.nan, (5, 1))), "1 of 60 × 2 are NaN: 1 in column 1."),
        (
            FRAME.mask(FRAME["width"] > 3),
            r"are NaN: \d+ in column 0 \('width'\), \d+ in column 1 \('height'\)",
        ),
        (
            pl.DataFrame({"a": X[:, 0], "b": [None, *X[1:, 1]]}),
            r"1 of 60 × 2 are NaN: 1 in column 1 \('b'\)",
        ),
        (np.full((60, 9), np.nan), "60 in column 4, and in 4 more columns"),
    ],
)  # fmt: skip
def test_values_that_are_not_finite(samples: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(samples)
    if getattr(samples, "columns", None) is None and samples.shape[1] == 2:
        with pytest.raises(ValueError, match=message):
            fit(X).predict(samples)


@pytest.mark.parametrize(
    ("samples", "labels", "message"),
    [
        (X[:0], y[:0], r"Found array with 0 sample\(s\) \(shape=\(0, 2\)\) while a minimum of 1"),
        (X[:, :0], y, r"Found array with 0 feature\(s\)"),
        (X[:, 0], y, "Expected 2D array, got 1D array instead"),
        (X[None], y, "Found array with dim 3"),
        (X + 1j, y, "Complex data not supported"),
        (np.full((60, 1), "a"), y, "Convert your data to numeric values explicitly"),
        (X, y[:-1], r"inconsistent numbers of samples: \[60, 59\]"),
        (X, None, "requires y to be passed, but the target y is None"),
        (X, np.where(y, np.nan, 0.0), "Input y contains NaN"),
        (X, np.zeros(60), "but the data contains only one class: 0.0"),
        (X, np.arange(60) % 3, "3 classes .*OneVsRestClassifier.*MLPClassifier"),
        (X, np.linspace(0, 1, 60), "Unknown label type: continuous"),
        (X, np.eye(60)[:, :2], "y should be a 1d array"),
    ],
)
def test_samples_and_labels(samples: Any, labels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(samples, labels)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (-np.ones(60), "Negative values in data passed to `sample_weight`"),
        (np.full(60, np.nan), "Input sample_weight contains NaN"),
        (np.zeros(60), "Sample weights must contain at least one non-zero number"),
        (np.ones(59), r"sample_weight.shape == \(59,\), expected \(60,\)"),
        ((y == 1) * 1.0, "only one class: 1"),
    ],
)
def test_weights(weight: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(X, y, weight)


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({5: 1.0}, r"The classes, \[5\], are not in class_weight's data: \[0, 1\]"),
        ({0: -1.0}, "must hold finite numbers >= 0"),
        ({0: np.inf}, "must hold finite numbers >= 0"),
    ],
)
def test_class_weights(class_weight: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(X, class_weight=class_weight)


def test_constant_columns_are_no_harm() -> None:
    assert np.isfinite(fit(np.c_[X, np.ones(60)]).loss_)
    same = fit(np.ones((60, 3)), max_iter=300)
    np.testing.assert_allclose(same.predict_proba(np.ones((1, 3))), 0.5, atol=0.02)


def test_too_large_for_single_precision() -> None:
    with pytest.raises(ValueError, match=r"float32.*up to 3.84e\+300.*scale X"):
        fit(X * 1e300, dtype="float32")


# ---- predicting ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "decision_function", "save", "to_onnx"]
)
def test_unfitted(method: str) -> None:
    arguments = {"save": ["model.safetensors"], "to_onnx": []}.get(method, [X])
    with pytest.raises(NotFittedError, match="This BinaryClassifier instance is not fitted yet"):
        getattr(BinaryClassifier(), method)(*arguments)


def test_features_of_another_number_or_name() -> None:
    clf = fit(FRAME)
    with pytest.raises(ValueError, match="X has 4 features, but BinaryClassifier is expecting 2"):
        fit(X).predict(np.c_[X, X])
    with pytest.raises(ValueError, match="Feature names unseen at fit time:\n- w\n"):
        clf.predict(FRAME.rename(columns={"width": "w"}))
    with pytest.raises(ValueError, match="must be in the same order"):
        clf.predict(FRAME[["height", "width"]])
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        clf.predict(X)


# ---- hyper-parameters ----------------------------------------------------------------------------

#: Each with a value of a wrong type or out of range, and what the message must say of it.
WRONG = {
    "hidden_layers": [(0, "an int in the range [1, inf)"), ((4, 0), "a sequence of such")],
    "activation": [("sigmoid", "a str among {"), (None, "a str among {")],
    "optimizer": [("foo", "a str among {")],
    "learning_rate": [(-1, "a float in the range (0.0, inf)"), (np.nan, "(0.0, inf)")],
    "schedule": [("linear", "a str among {")],
    "step_size": [(0, "an int in the range [1, inf)"), (2.5, "an int")],
    "step_factor": [(2, "a float in the range (0.0, 1.0]")],
    "max_iter": [(0, "an int in the range [1, inf)"), (1.5, "an int")],
    "batch_size": [(0, "an int in the range [1, inf) or None")],
    "shuffle": [("yes", "an instance of 'bool'")],
    "alpha": [(-1, "a float in the range [0.0, inf)"), (np.inf, "[0.0, inf)")],
    "class_weight": [("heavy", "a str among {'balanced'}")],
    "momentum": [(1, "a float in the range [0.0, 1.0)")],
    "nesterov": [(None, "an instance of 'bool'")],
    "beta_1": [(1.0, "a float in the range [0.0, 1.0)")],
    "beta_2": [(-0.1, "a float in the range [0.0, 1.0)")],
    "epsilon": [(0, "a float in the range (0.0, inf)")],
    "weight_decay": [(-1, "a float in the range [0.0, inf)")],
    "dropout": [(1, "a float in the range [0.0, 1.0)")],
    "max_gradient_norm": [(0, "a float in the range (0.0, inf) or None")],
    "early_stopping": [(1, "an instance of 'bool'")],
    "validation_fraction": [(1, "a float in the range (0.0, 1.0)")],
    "n_iter_no_change": [(0, "an int in the range [1, inf)")],
    "tol": [(-1, "a float in the range [0.0, inf) or None")],
    "on_divergence": [("ignore", "a str among {")],
    "warm_start": [(3, "an instance of 'bool'")],
    "random_state": [("seed", "an int in the range [0, 4294967295]")],
    "dtype": [("int32", "a str among {")],
    "engine": [("gpu", "a str among {")],
    "verbose": [("loud", "'bar'"), (-1, "an int in the range [0, inf)")],
    "callbacks": [(3, "an array-like or None"), ([3], "a list of callables")],
}


def test_every_hyper_parameter_is_tried() -> None:
    assert set(WRONG) == set(BinaryClassifier().get_params())


@pytest.mark.parametrize(
    ("name", "value", "says"), [(n, v, s) for n, pairs in WRONG.items() for v, s in pairs]
)
def test_hyper_parameters(name: str, value: Any, says: str) -> None:
    for method in ("fit", "partial_fit"):
        with pytest.raises(InvalidParameterError) as caught:
            getattr(BinaryClassifier(**{name: value}), method)(X, y)
        text = str(caught.value)
        assert text.startswith(f"The '{name}' parameter of BinaryClassifier must be ")
        assert says in text
        assert text.endswith(f"Got {value!r} instead.")


# ---- partial_fit ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "labels", "classes", "message"),
    [
        ({}, y, None, "classes must be passed on the first call to partial_fit"),
        ({}, y, [0, 1, 2], "classes must hold 2 labels"),
        ({}, y + 1, [0, 1], r"labels that are not in classes: \[2\]"),
        ({"early_stopping": True}, y, [0, 1], "does not support early_stopping"),
        ({"class_weight": "balanced"}, y, [0, 1], "'balanced' is not supported for partial_fit"),
    ],
)
def test_partial_fit(settings: Any, labels: Any, classes: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BinaryClassifier(**settings).partial_fit(X, labels, classes=classes)


def test_partial_fit_is_not_there_for_lbfgs() -> None:
    assert not hasattr(BinaryClassifier(optimizer="lbfgs"), "partial_fit")
    with pytest.raises(AttributeError, match="partial_fit"):
        BinaryClassifier(optimizer="lbfgs").partial_fit(X, y, classes=[0, 1])


def test_classes_stay_what_they_are() -> None:
    clf = BinaryClassifier().partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="not the same as on the last call"):
        clf.partial_fit(X, y, classes=[0, 2])


def test_going_on_with_other_layers() -> None:
    clf = fit(X, warm_start=True).set_params(hidden_layers=(7, 2))
    for go_on in (clf.fit, clf.partial_fit):
        with pytest.raises(ValueError, match=r"\(7, 2\) is not that of the weights .* \(4,\)"):
            go_on(X, y)
    assert len(clf.set_params(warm_start=False).fit(X, y).coefs_) == 3


# ---- files ---------------------------------------------------------------------------------------


def test_paths() -> None:
    with pytest.raises(FileNotFoundError):
        fit("nowhere.npy")
    with pytest.raises(ValueError, match=r"the path of a .npy file. Got 'notes.txt' instead"):
        fit("notes.txt")
