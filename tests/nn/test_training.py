"""Training as a user sees it: weights, penalties, batches, stopping, going on."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from backproof.nn import BinaryClassifier, make_flower, make_spiral

X, y = make_flower(200, random_state=1)
ENGINES = pytest.mark.parametrize("engine", ["numpy", "compiled"])


def train(**settings: Any) -> BinaryClassifier:
    defaults = {"max_iter": 40, "random_state": 0, "learning_rate": 0.1, "optimizer": "gd"}
    sample_weight = settings.pop("sample_weight", None)
    return BinaryClassifier(**(defaults | settings)).fit(X, y, sample_weight=sample_weight)


def assert_same(first: BinaryClassifier, second: BinaryClassifier, rtol: float = 1e-9) -> None:
    np.testing.assert_allclose(first.loss_curve_, second.loss_curve_, rtol=rtol)
    for mine, theirs in zip(first.coefs_, second.coefs_, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=rtol, atol=1e-12)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"activation": "gelu", "dtype": np.float32, "learning_rate": 0.05},
        {"optimizer": "adam", "batch_size": 50, "alpha": 0.01, "schedule": "one-cycle"},
        {"optimizer": "sgd", "nesterov": True, "batch_size": 32, "dropout": 0.3},
        {"hidden_layers": (30, 9), "batch_size": 32, "dropout": 0.3},
        {"optimizer": "adamw", "batch_size": 64, "class_weight": "balanced"},
        {"optimizer": "rmsprop", "learning_rate": 1e-3, "max_gradient_norm": 0.1, "batch_size": 64},
        {"early_stopping": True, "hidden_layers": (40,), "activation": "swish"},
        {"learning_rate": "auto"},
        {"hidden_layers": ()},
    ],
    ids=str,
)  # fmt: skip
def test_engines_train_the_same_network(settings: dict[str, Any]) -> None:
    single = settings.get("dtype") is np.float32
    assert_same(
        train(engine="numpy", **settings),
        train(engine="compiled", **settings),
        1e-3 if single else 1e-7,
    )


# ---- weights -------------------------------------------------------------------------------------


@ENGINES
def test_a_weight_of_three_is_three_samples(engine: Any) -> None:
    times = np.random.default_rng(0).integers(0, 4, len(y))
    repeated = np.repeat(np.arange(len(y)), times)
    weighted = train(engine=engine, sample_weight=times, batch_size=None)
    clf = BinaryClassifier(
        optimizer="gd", learning_rate=0.1, max_iter=40, random_state=0, engine=engine
    ).fit(X[repeated], y[repeated])
    assert_same(weighted, clf)


def test_only_the_ratio_of_weights_counts() -> None:
    weight = np.random.default_rng(0).random(len(y))
    assert_same(train(sample_weight=weight), train(sample_weight=weight * 1e200))


def test_class_weights_are_sample_weights() -> None:
    given = train(class_weight={0: 1, 1: 3})
    assert_same(given, train(sample_weight=np.where(y == 1, 3, 1)))
    rare = np.where((y == 1) & (np.arange(len(y)) % 5 > 0), 0.0, 1.0)
    balanced = train(class_weight="balanced", sample_weight=rare)
    factor = rare[y == 0].sum() / rare[y == 1].sum()
    assert_same(balanced, train(sample_weight=rare * np.where(y == 1, factor, 1)))


# ---- penalty, clipping, dropout ------------------------------------------------------------------


def test_penalty_makes_weights_smaller_and_leaves_biases() -> None:
    free, held = (train(alpha=alpha, max_iter=300) for alpha in (0.0, 0.1))
    assert sum((W**2).sum() for W in held.coefs_) < 0.5 * sum((W**2).sum() for W in free.coefs_)
    strangled = train(alpha=100.0, learning_rate=1e-3, max_iter=3000)
    assert max(np.abs(W).max() for W in strangled.coefs_) < 1e-3


@ENGINES
def test_clipping_bounds_each_step(engine: Any) -> None:
    free = train(engine=engine, max_iter=1, batch_size=None)
    clipped = train(engine=engine, max_iter=1, batch_size=None, max_gradient_norm=1e-3)
    start = train(engine=engine, max_iter=1, batch_size=None, learning_rate=1e-300)
    step = np.sqrt(sum(((W - V) ** 2).sum() for W, V in zip(
        [*clipped.coefs_, *clipped.intercepts_], [*start.coefs_, *start.intercepts_], strict=True
    )))  # fmt: skip
    assert step == pytest.approx(0.1 * 1e-3, rel=1e-9)
    np.testing.assert_allclose(free.gradient_norms_, clipped.gradient_norms_)  # before clipping


@ENGINES
def test_dropout_is_of_training_alone(engine: Any) -> None:
    clf = train(engine=engine, dropout=0.5, hidden_layers=(30,), optimizer="adam", max_iter=200)
    np.testing.assert_array_equal(clf.decision_function(X), clf.decision_function(X))
    A = np.maximum(X @ clf.coefs_[0] + clf.intercepts_[0], 0)
    z = (A @ clf.coefs_[1] + clf.intercepts_[1])[:, 0]
    np.testing.assert_allclose(clf.decision_function(X), z, rtol=1e-9, atol=1e-12)
    assert len(set(clf.loss_curve_)) == 200
    assert clf.score(X, y) > 0.7


# ---- batches and schedules -----------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 7, 200, 10_000, None, "auto"])
def test_batches_of_any_size(batch_size: Any) -> None:
    clf = train(optimizer="adam", learning_rate=0.01, batch_size=batch_size, max_iter=5)
    assert np.isfinite(clf.loss_curve_).all()


def test_shuffling_draws_batches_anew() -> None:
    fixed = train(optimizer="sgd", batch_size=50, shuffle=False)
    assert fixed.loss_curve_ != train(optimizer="sgd", batch_size=50).loss_curve_


@pytest.mark.parametrize("schedule", ["step", "cosine", "one-cycle"])
def test_schedules_end_with_small_steps(schedule: str) -> None:
    clf = train(schedule=schedule, step_size=10, max_iter=40, batch_size=50)
    assert clf.learning_rate_ < 0.02


@pytest.mark.parametrize("optimizer", ["gd", "sgd", "rmsprop", "adam", "adamw", "lbfgs"])
def test_every_optimiser_learns(optimizer: str) -> None:
    points, labels = make_spiral(300, random_state=0)
    clf = BinaryClassifier(
        (24, 24), activation="tanh", optimizer=optimizer, random_state=0, max_iter=600,
    ).fit(points, labels)  # fmt: skip
    assert clf.loss_ < 0.5 * clf.loss_curve_[0]
    assert clf.score(points, labels) > (0.9 if optimizer != "gd" else 0.6)


# ---- stopping ------------------------------------------------------------------------------------


@ENGINES
def test_early_stopping_keeps_the_best_weights(engine: Any) -> None:
    clf = train(
        engine=engine, early_stopping=True, validation_fraction=0.3, optimizer="adam",
        hidden_layers=(30,), n_iter_no_change=8, max_iter=2000,
    )  # fmt: skip
    assert clf.n_iter_ < 2000
    assert clf.best_validation_score_ == max(clf.validation_scores_)
    from backproof.nn.choice import split

    _, held_out = split(X, y, None, np.dtype(float), share=0.3, random_state=0)
    rows = held_out.rows
    assert clf.score(X[rows], y[rows]) == clf.best_validation_score_
    assert abs(y[rows].mean() - y.mean()) < 0.02  # of each class its share


def test_tol_stops_where_the_cost_falls_no_more() -> None:
    clf = train(tol=1e-3, n_iter_no_change=5, max_iter=5000)
    assert clf.n_iter_ < 5000
    fall = -np.diff(np.minimum.accumulate(clf.loss_curve_))
    assert (fall[-5:] <= 1e-3).all()
    assert not any((fall[i : i + 5] <= 1e-3).all() for i in range(len(fall) - 5))


def test_lbfgs_stops_at_a_minimum() -> None:
    clf = train(optimizer="lbfgs", hidden_layers=(), alpha=0.1, max_iter=500)
    assert clf.n_iter_ < 500
    assert clf.gradient_norms_[-1].max() < 1e-4
    assert np.isnan(clf.learning_rate_)


@ENGINES
def test_callbacks_see_each_epoch_and_may_stop(engine: Any) -> None:
    seen: list[Any] = []

    def note(epoch: Any) -> bool:
        seen.append((epoch.number, epoch.cost, epoch.accuracy))
        return epoch.number == 7

    clf = train(engine=engine, callbacks=[note], max_iter=100)
    assert [number for number, _, _ in seen] == list(range(1, 8))
    assert [cost for _, cost, _ in seen] == clf.loss_curve_
    assert seen[-1][2] == clf.score(X, y)


def test_interrupt_leaves_the_weights_reached() -> None:
    def interrupt(epoch: Any) -> None:
        if epoch.number == 3:
            raise KeyboardInterrupt

    clf = BinaryClassifier(callbacks=[interrupt], random_state=0)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, y)
    assert clf.n_iter_ == 3
    assert np.isfinite(clf.predict_proba(X)).all()


# ---- going on ------------------------------------------------------------------------------------


@ENGINES
def test_warm_start_goes_on(engine: Any) -> None:
    clf = train(engine=engine, warm_start=True, max_iter=20)
    clf.fit(X, y)
    assert clf.n_iter_ == 20
    assert_same_weights(clf, train(engine=engine, max_iter=40))
    assert_same_weights(
        train(engine=engine, max_iter=20).fit(X, y), train(engine=engine, max_iter=20)
    )


def assert_same_weights(first: BinaryClassifier, second: BinaryClassifier) -> None:
    for mine, theirs in zip(first.coefs_, second.coefs_, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9)


@ENGINES
@pytest.mark.parametrize("optimizer", ["gd", "adam"])
def test_partial_fit_is_a_fit_in_pieces(optimizer: str, engine: Any) -> None:
    settings = {"optimizer": optimizer, "learning_rate": 0.05, "engine": engine, "batch_size": None}
    whole = train(**settings, max_iter=6)
    clf = BinaryClassifier(random_state=0, max_iter=6, **settings)
    for _ in range(6):
        clf.partial_fit(X, y, classes=[0, 1])
    assert clf.n_iter_ == 6
    assert_same(whole, clf)


def test_partial_fit_of_a_stream() -> None:
    clf = BinaryClassifier((16,), learning_rate=0.02, random_state=0)
    for seed in range(150):
        points, labels = make_flower(64, random_state=seed)
        clf.partial_fit(points, np.array(["in", "out"])[labels], classes=["in", "out"])
    points, labels = make_flower(1000, random_state=1000)
    assert clf.score(points, np.array(["in", "out"])[labels]) > 0.8


def test_sparse_samples_stay_sparse() -> None:
    rng = np.random.default_rng(0)
    wide = sparse.random_array((300, 50_000), density=1e-3, rng=rng, format="csr")
    labels = (wide.sum(axis=1) > wide.sum(axis=1).mean()).astype(int)
    clf = BinaryClassifier((4,), random_state=0, max_iter=20).fit(wide, labels)
    assert clf.score(wide, labels) > 0.9


# ---- progress ------------------------------------------------------------------------------------


def test_verbose_prints_the_cost_every_so_often(capsys: Any) -> None:
    train(verbose=True, max_iter=100)
    lines = capsys.readouterr().out.splitlines()
    assert 5 <= len(lines) <= 30
    assert all(re.match(r"epoch +\d+/100  cost \d", line) for line in lines)
