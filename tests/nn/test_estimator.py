"""scikit-learn's conventions: its own checks, containers, labels, pipelines, copies."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from backproof.nn import BinaryClassifier, make_flower

X, y = make_flower(120, random_state=1)


def quick(**settings: Any) -> BinaryClassifier:
    defaults = {"max_iter": 20, "random_state": 0, "learning_rate": 0.05}
    return BinaryClassifier(**(defaults | settings))


@pytest.mark.parametrize(
    "settings",
    [{}, {"engine": "numpy"}, {"optimizer": "gd", "activation": "tanh"}, {"optimizer": "lbfgs"}],
    ids=str,
)
@pytest.mark.filterwarnings("ignore")  # the checks warn of what they skip
def test_all_of_scikit_learns_checks_pass(settings: dict[str, Any]) -> None:
    results = check_estimator(BinaryClassifier(**settings), on_fail=None)
    assert len(results) > 50
    others = {r["check_name"]: r["exception"] for r in results if r["status"] != "passed"}
    # Skipped, not failed: it asks for an environment variable that was set before NumPy's import.
    others.pop("check_array_api_input", None)
    assert others == {}


@pytest.mark.parametrize(
    "labels",
    [["no", "yes"], [False, True], np.array([3, 7], np.uint8), [-1.0, 1.0]],
    ids=str,
)
def test_any_two_labels(labels: Any) -> None:
    named = np.asarray(labels)[y]
    clf = quick().fit(X, named)
    assert clf.classes_.dtype == named.dtype
    assert clf.classes_.tolist() == np.unique(named).tolist()
    assert set(clf.predict(X).tolist()) <= set(named.tolist())
    same = quick().fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), same.predict_proba(X))


CONTAINERS = {
    "list": lambda X: X.tolist(),
    "fortran": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=0)[::2],
    "pandas": lambda X: pd.DataFrame(X, columns=["east", "north"]),
    "polars": lambda X: pl.DataFrame(X, schema=["east", "north"]),
    "csr": sparse.csr_array,
    "csc matrix": sparse.csc_matrix,
    "coo": sparse.coo_array,
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_containers_give_the_same_network(container: str) -> None:
    plain = quick(engine="numpy").fit(X, y)
    given = CONTAINERS[container](X)
    clf = quick(engine="numpy").fit(given, y)
    for W, expected in zip(clf.coefs_, plain.coefs_, strict=True):
        np.testing.assert_allclose(W, expected, rtol=1e-9)
    np.testing.assert_allclose(clf.predict_proba(given), plain.predict_proba(X), rtol=1e-9)
    if container in ("pandas", "polars"):
        assert clf.feature_names_in_.tolist() == ["east", "north"]
    else:
        assert not hasattr(clf, "feature_names_in_")


@pytest.mark.parametrize("series", [pd.Series, pl.Series, list], ids=["pandas", "polars", "list"])
def test_labels_and_weights_of_other_libraries(series: Any) -> None:
    weight = np.linspace(0.5, 2, len(y))
    plain = quick().fit(X, y, sample_weight=weight)
    clf = quick().fit(X, series(y), sample_weight=np.asarray(series(weight)))
    np.testing.assert_array_equal(clf.decision_function(X), plain.decision_function(X))


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, np.float16, bool])
def test_small_numbers_do_not_wrap_around(dtype: Any) -> None:
    coarse = np.abs(X * 20).astype(dtype)
    wide = coarse.astype(np.float32 if dtype is np.float16 else np.float64)
    small = quick(engine="numpy").fit(coarse, y)
    np.testing.assert_array_equal(
        small.decision_function(coarse),
        quick(engine="numpy").fit(wide, y).decision_function(wide),
    )


def test_attributes() -> None:
    clf = quick(hidden_layers=(5, 3), early_stopping=True).fit(X, y)
    assert [W.shape for W in clf.coefs_] == [(2, 5), (5, 3), (3, 1)]
    assert [b.shape for b in clf.intercepts_] == [(5,), (3,), (1,)]
    assert clf.n_features_in_ == 2
    assert len(clf.loss_curve_) == len(clf.validation_scores_) == clf.n_iter_
    assert clf.loss_ == clf.loss_curve_[-1]
    assert clf.gradient_norms_.shape == (clf.n_iter_, 3)
    assert clf.best_validation_score_ == max(clf.validation_scores_)
    np.testing.assert_allclose(clf.predict_proba(X).sum(axis=1), 1)
    assert clf.score(X, y) == np.mean(clf.predict(X) == y)


def test_small_probabilities_keep_their_digits() -> None:
    clf = quick(hidden_layers=()).fit(X, y)
    clf.coefs_[0][:] = [[100.0], [0.0]]
    clf.intercepts_[0][:] = 0
    low, high = clf.predict_proba([[-6.0, 0.0], [6.0, 0.0]])
    assert low[1] == high[0] == pytest.approx(np.exp(-600), rel=1e-12)


def test_huge_samples() -> None:
    clf = quick().fit(X, y)
    assert np.isfinite(clf.predict_proba(np.sign(X) * 1e300)).all()
    clf.coefs_[0][:] = 2
    clf.coefs_[1][:2] = [[1], [-1]]
    top = np.finfo(float).max
    with pytest.raises(ValueError, match=r"inf - inf\): row 2 of X holds 1\.8e\+308 in column 0"):
        clf.predict_proba([[0, 0], [1, 1], [top, top]])


def test_pipeline_search_calibration() -> None:
    pipeline = make_pipeline(StandardScaler(), quick())
    assert len(cross_val_score(pipeline, X, y, cv=3)) == 3
    search = GridSearchCV(
        pipeline, {"binaryclassifier__hidden_layers": [(2,), (4, 4)]}, cv=2, n_jobs=1
    )
    assert 0 < search.fit(X, y).best_score_ <= 1
    calibrated = CalibratedClassifierCV(quick(), cv=2).fit(X, y, sample_weight=np.ones(len(y)))
    assert calibrated.predict_proba(X).shape == (len(y), 2)


def test_clone_and_pickle() -> None:
    clf = quick(hidden_layers=[6], class_weight={0: 1, 1: 2}).fit(X, y)
    copy = clone(clf)
    assert not hasattr(copy, "coefs_")
    assert copy.get_params() == clf.get_params()
    np.testing.assert_array_equal(copy.fit(X, y).coefs_[0], clf.coefs_[0])
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(again.decision_function(X), clf.decision_function(X))
    assert clf.set_params(alpha=0.5).get_params()["alpha"] == 0.5


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "lbfgs"])
def test_random_state_repeats_a_training(optimizer: str) -> None:
    settings = {"optimizer": optimizer, "dropout": 0.2, "batch_size": 50, "early_stopping": True}
    first, second = (quick(**settings).fit(X, y) for _ in range(2))
    assert first.loss_curve_ == second.loss_curve_
    np.testing.assert_array_equal(first.coefs_[0], second.coefs_[0])
    other = quick(**settings).set_params(random_state=1).fit(X, y)
    assert first.loss_curve_ != other.loss_curve_


def test_fit_leaves_its_inputs_alone() -> None:
    before, labels = X.copy(), y.copy()
    before.flags.writeable = labels.flags.writeable = False
    weight = np.linspace(0, 1, len(y))
    weight.flags.writeable = False
    quick(class_weight="balanced").fit(before, labels, sample_weight=weight)
    np.testing.assert_array_equal(before, X)
