"""Steps that are too large: an error that says what would do, or a smaller step; never NaN."""

from __future__ import annotations

import pickle
import re
from typing import Any

import numpy as np
import pytest

from backproof.nn import BinaryClassifier, DivergenceError, make_flower

X, y = make_flower(200, random_state=1)
X = 1000 * X

TOO_LARGE = [
    {"optimizer": "gd", "learning_rate": 1e6},
    {"optimizer": "gd", "learning_rate": 1e3, "activation": "softplus"},
    {"optimizer": "sgd", "learning_rate": 100.0, "nesterov": True},
    {"optimizer": "adam", "learning_rate": 1e200},
    {"optimizer": "rmsprop", "learning_rate": 1e150, "activation": "identity"},
    {"optimizer": "gd", "learning_rate": 1e30, "dtype": "float32"},
]


def make(engine: Any, settings: dict[str, Any], **more: Any) -> BinaryClassifier:
    return BinaryClassifier((8,), random_state=0, max_iter=100, engine=engine, **settings, **more)


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
@pytest.mark.parametrize("settings", TOO_LARGE, ids=str)
def test_error_says_what_would_do(settings: dict[str, Any], engine: Any) -> None:
    clf = make(engine, settings)
    with pytest.raises(DivergenceError) as caught:
        clf.fit(X, y)
    error = caught.value
    assert error.epoch >= 1
    assert error.learning_rate == settings["learning_rate"]
    assert 0 < error.stable_learning_rate < error.learning_rate
    assert f"in epoch {error.epoch} with steps of {error.learning_rate:.3g}" in str(error)
    assert error.quantity in str(error)
    assert re.search(r"overflowed|the cost rose to \d", error.quantity)
    assert "X has values up to 3.98e+03 (column 1): scale it" in str(error)
    # What is left can be used: the last good weights.
    assert np.isfinite(clf.predict_proba(X)).all()
    assert all(np.isfinite(clf.loss_curve_))
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.stable_learning_rate) == (str(error), error.stable_learning_rate)


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
@pytest.mark.parametrize("settings", TOO_LARGE, ids=str)
def test_backtracking_finds_a_step(settings: dict[str, Any], engine: Any) -> None:
    clf = make(engine, settings, on_divergence="backtrack").fit(X, y)
    assert clf.n_iter_ == 100
    assert np.isfinite(clf.loss_curve_).all()
    bouncing = (
        2 if settings["optimizer"] == "adam" else 1
    )  # with steps of ten, and samples of 4,000
    assert clf.loss_ < bouncing * clf.loss_curve_[0]
    assert len(clf.gradient_norms_) == len(clf.loss_curve_) == 100
    halvings = np.log2(settings["learning_rate"] / clf.learning_rate_)
    assert halvings > 0
    assert halvings == pytest.approx(round(halvings), abs=1e-6)


def test_step_the_error_names_is_stable() -> None:
    with pytest.raises(DivergenceError) as caught:
        BinaryClassifier(optimizer="gd", learning_rate=1e4, random_state=0).fit(X, y)
    step = caught.value.stable_learning_rate
    clf = BinaryClassifier(optimizer="gd", learning_rate=0.5 * step, max_iter=50, random_state=0)
    clf.fit(X, y)
    assert (np.diff(clf.loss_curve_) < 0).mean() > 0.9


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("optimizer", ["gd", "sgd"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
def test_auto_learns_at_any_scale(activation: str, optimizer: str, scale: float) -> None:
    clf = BinaryClassifier(
        (16,), activation=activation, optimizer=optimizer, random_state=0, max_iter=200
    ).fit(scale * X / 1000, y)
    assert np.isfinite(clf.loss_curve_).all()
    assert clf.loss_ < clf.loss_curve_[0]
    if optimizer == "gd" and scale <= 1:  # half of the stable step goes down, and hardly ever up
        assert (np.diff(clf.loss_curve_) > 0).sum() <= 10


def test_auto_keeps_below_the_sharpness() -> None:
    from backproof.nn.engine import Plan, Samples, State
    from backproof.nn.parameters import Parameters
    from backproof.nn.sharpness import probe, sharpness

    clf = BinaryClassifier((16,), optimizer="gd", activation="tanh", random_state=0, max_iter=300)
    clf.fit(X / 1000, y)
    parameters = Parameters.joined(clf.coefs_, clf.intercepts_, float)
    state = State.start(parameters, "gd", np.random.default_rng(0))
    found, _ = sharpness(probe(Plan("tanh", "gd", 200), Samples(X / 1000, y * 1.0), state), state)
    assert clf.learning_rate_ < 2 / found


def test_sharpness_is_the_top_eigenvalue() -> None:
    from backproof.nn.engine import Plan, Samples, State
    from backproof.nn.numpy_engine import NumpySession
    from backproof.nn.parameters import Parameters
    from backproof.nn.sharpness import sharpness

    parameters = Parameters.drawn((2, 3, 1), "tanh", float, np.random.default_rng(1))
    state = State.start(parameters, "gd", np.random.default_rng(0))
    session = NumpySession(Plan("tanh", "gd", 200), Samples(X / 1000, y * 1.0), state)
    theta, rows = parameters.flat, []
    for i in range(theta.size):
        for sign in (1, -1):
            theta[i] += sign * 1e-5
            rows.append(sign * session.cost_and_gradient()[1])
            theta[i] -= sign * 1e-5
    hessian = (np.array(rows[::2]) + np.array(rows[1::2])) / 2e-5
    top = np.abs(np.linalg.eigvalsh((hessian + hessian.T) / 2)).max()
    before = theta.copy()
    assert sharpness(session, state)[0] == pytest.approx(top, rel=0.1)
    np.testing.assert_array_equal(theta, before)


@pytest.mark.parametrize("optimizer", ["gd", "adam", "lbfgs"])
def test_samples_that_no_step_can_train_on(optimizer: str) -> None:
    with pytest.raises(DivergenceError, match=r"1e\+300 \(column 1\): scale it") as caught:
        BinaryClassifier(optimizer=optimizer, random_state=0).fit(
            np.c_[X, np.ones(200)][:, [0, 2, 1]] * [1, 1e300, 1], y
        )
    assert caught.value.stable_learning_rate is None
