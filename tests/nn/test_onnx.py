"""onnxruntime computes what the classifier computes."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx", reason='needs ONNX: pip install "backproof[onnx]"')
onnxruntime = pytest.importorskip("onnxruntime", reason='pip install "backproof[onnx]"')

from backproof.nn import BinaryClassifier  # noqa: E402
from backproof.nn.datasets import make_flower  # noqa: E402
from backproof.nn.mathematics import ACTIVATIONS  # noqa: E402

X, Y = make_flower(200, random_state=0)


def run(model, samples):
    """Return label, probabilities and decision by onnxruntime."""
    session = onnxruntime.InferenceSession(
        model.to_onnx().SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(["label", "probabilities", "decision"], {"X": samples})


def fitted(X=X, labels=(0, 1), **settings):
    settings = {"hidden_layers": (16, 8), "max_iter": 60, "random_state": 0} | settings
    return BinaryClassifier(**settings).fit(X, np.array(labels)[Y])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_every_activation_in_both_precisions(activation, dtype):
    samples = X.astype(dtype)
    model = fitted(samples, activation=activation)
    label, probabilities, decision = run(model, samples)
    assert probabilities.dtype == dtype
    assert np.abs(probabilities - model.predict_proba(samples)).max() < 1e-6
    if dtype == np.float64:
        assert decision == pytest.approx(model.decision_function(samples), rel=1e-6, abs=1e-6)
    sure = np.abs(decision) > 1e-5
    assert sure.any()
    assert np.array_equal(label[sure], model.predict(samples)[sure])


@pytest.mark.parametrize("hidden_layers", [(), (1,), (8, 8, 8, 8)], ids=str)
def test_depths(hidden_layers):
    model = fitted(hidden_layers=hidden_layers)
    assert np.abs(run(model, X)[1] - model.predict_proba(X)).max() < 1e-6


@pytest.mark.parametrize(
    "labels",
    [
        ("cat", "dog"),
        np.array(["no", "yes"], dtype=object),
        (False, True),
        (-1, 1),
        np.array([3, 250], np.uint8),
        (1.0, 2.0),
    ],
    ids=str,
)
def test_labels(labels):
    model = fitted(labels=labels)
    assert run(model, X)[0].tolist() == model.predict(X).tolist()


def test_any_number_of_rows():
    model = fitted()
    for rows in (0, 1, 7):
        label, probabilities, decision = run(model, X[:rows])
        assert (label.shape, probabilities.shape, decision.shape) == ((rows,), (rows, 2), (rows,))


def test_far_away_samples_stay_finite():
    model = fitted()
    _, probabilities, _ = run(model, X * 1e6)
    assert np.all(np.isfinite(probabilities))
    assert np.abs(probabilities - model.predict_proba(X * 1e6)).max() < 1e-6


def test_unfitted_is_refused():
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        BinaryClassifier().to_onnx()
