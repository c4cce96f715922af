"""The engines are held together: same costs, norms, weights and failures, to rounding."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof.nn.compiled import CompiledEngine, functions
from backproof.nn.engine import Plan, Samples, State, choose
from backproof.nn.mathematics import ACTIVATIONS
from backproof.nn.numpy_engine import NumpyEngine
from backproof.nn.parameters import Parameters

# One net for each kernel: rows of units, and BLAS.
SMALL = (3, 5, 4, 1)
LARGE = (6, 40, 17, 1)


def make_samples(n: int, inputs: int, dtype: Any, **options: Any) -> Samples:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, inputs)).astype(dtype)
    y = (X[:, 0] * X[:, 1] > 0).astype(dtype)
    return Samples(X, y, **options)


def run(
    engine: Any, plan: Plan, sizes: tuple[int, ...], samples: Samples, rate: float, epochs: int
) -> dict[str, Any]:
    parameters = Parameters.drawn(sizes, plan.activation, samples.y.dtype, np.random.default_rng(1))
    state = State.start(parameters, plan.optimizer, np.random.default_rng(2))
    session = engine.session(plan, samples, state)
    costs, norms = np.zeros(epochs), np.zeros((epochs, len(sizes) - 1))
    rates = np.broadcast_to(rate, (epochs, session.batches))
    half = epochs // 2  # what is carried from call to call
    failure = session.train(rates[:half], costs[:half], norms[:half])
    if failure is None:
        failure = session.train(rates[half:], costs[half:], norms[half:])
    return {
        "costs": costs,
        "norms": norms,
        "theta": parameters.flat,
        "first_moment": state.first_moment,
        "second_moment": state.second_moment,
        "good": state.good,
        "first_cost": state.first_cost,
        "steps": state.steps,
        "next_draw": state.rng.random(),
        "failure": failure,
    }


def assert_same(
    plan: Plan, sizes: tuple[int, ...], samples: Samples, rate: float, epochs: int = 6
) -> dict[str, Any]:
    assert CompiledEngine().covers(plan, samples, sizes)
    mine = run(CompiledEngine(), plan, sizes, samples, rate, epochs)
    theirs = run(NumpyEngine(), plan, sizes, samples, rate, epochs)
    single = samples.y.dtype == np.float32
    tolerance = {"rtol": 2e-3, "atol": 2e-5} if single else {"rtol": 1e-9, "atol": 1e-12}
    for name in ("costs", "norms", "theta", "first_moment", "second_moment", "good", "first_cost"):
        np.testing.assert_allclose(mine[name], theirs[name], **tolerance, err_msg=name)
    assert mine["steps"] == theirs["steps"]
    assert mine["next_draw"] == theirs["next_draw"]
    a, b = mine["failure"], theirs["failure"]
    assert (a is None) == (b is None)
    if a is not None:
        assert (a.epoch, a.layer) == (b.epoch, b.layer)
    return mine


BOTH = pytest.mark.parametrize("sizes", [SMALL, LARGE], ids=["small", "large"])


@BOTH
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_activations(activation: str, dtype: Any, sizes: tuple[int, ...]) -> None:
    plan = Plan(activation, "gd", 100)
    result = assert_same(plan, sizes, make_samples(100, sizes[0], dtype), 0.05)
    assert result["costs"][-1] < result["costs"][0]


@BOTH
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("optimizer", ["gd", "sgd", "nesterov", "rmsprop", "adam", "adamw"])
def test_optimizers_on_shuffled_batches(optimizer: str, dtype: Any, sizes: tuple[int, ...]) -> None:
    name = "sgd" if optimizer == "nesterov" else optimizer
    plan = Plan("tanh", name, 32, nesterov=optimizer == "nesterov", weight_decay=0.1, alpha=0.01)
    # 1e-3 for float32: v̂ of a tiny gradient has few digits, and Adam divides by its root.
    assert_same(plan, sizes, make_samples(100, sizes[0], dtype), 1e-3)


@BOTH
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("size", [100, 33])
def test_dropout_draws_the_same_masks(dtype: Any, size: int, sizes: tuple[int, ...]) -> None:
    plan = Plan("elu", "gd", size, dropout=0.3)
    assert_same(plan, sizes, make_samples(100, sizes[0], dtype), 0.05)


@BOTH
def test_weights_rows_clipping_and_several_tiles(sizes: tuple[int, ...]) -> None:
    samples = make_samples(2000, sizes[0], np.float64)
    rows = np.random.default_rng(3).permutation(2000)[:1300]
    weight = np.random.default_rng(4).random(1300)
    weight /= weight.mean()
    chosen = Samples(samples.X, samples.y[rows], weight, rows)
    clipped = Plan("relu", "sgd", 1300, max_gradient_norm=0.01, alpha=0.1)
    assert_same(clipped, sizes, chosen, 0.05)
    assert_same(replace(clipped, batch_size=600, shuffle=False), sizes, chosen, 0.05)
    assert_same(Plan("swish", "gd", 2000), sizes, samples, 0.05)


@BOTH
def test_exploding_training_stops_at_the_same_step(sizes: tuple[int, ...]) -> None:
    result = assert_same(
        Plan("relu", "gd", 100), sizes, make_samples(100, sizes[0], np.float64), 1e4
    )
    assert result["failure"].layer is None


@BOTH
@pytest.mark.parametrize("bad", [np.inf, np.nan, 1e300])
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_overflow_is_a_failure(bad: float, sizes: tuple[int, ...]) -> None:
    samples = make_samples(100, sizes[0], np.float64)
    samples.X[7, 1] = bad
    mine = run(CompiledEngine(), Plan("relu", "gd", 50), sizes, samples, 0.1, 4)
    theirs = run(NumpyEngine(), Plan("relu", "gd", 50), sizes, samples, 0.1, 4)
    assert mine["failure"] is not None
    assert mine["failure"].epoch == theirs["failure"].epoch
    assert mine["failure"].layer == theirs["failure"].layer
    np.testing.assert_allclose(mine["theta"], theirs["theta"], rtol=1e-9)


@BOTH
def test_tiny_costs_keep_their_digits(sizes: tuple[int, ...]) -> None:
    samples = make_samples(100, sizes[0], np.float64)
    samples.y[:] = 1
    outcome = []
    for engine in (CompiledEngine(), NumpyEngine()):
        parameters = Parameters.zeros(sizes, np.float64)
        parameters.b[-1][0] = 40  # the cost is e⁻⁴⁰, far below the rounding of one
        state = State.start(parameters, "gd", np.random.default_rng(0))
        session = engine.session(Plan("relu", "gd", 100), samples, state)
        costs, norms = np.zeros(1), np.zeros((1, len(sizes) - 1))
        assert session.train(np.zeros((1, 1)), costs, norms) is None
        outcome.append(costs[0])
    assert outcome[0] == pytest.approx(outcome[1], rel=1e-12)
    assert outcome[0] == pytest.approx(np.exp(-40), rel=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sizes", [(1, 1, 1), (2, 4, 1), (3, 5, 1), (9, 8, 1)], ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_one_hidden_layer_of_relus(dtype: Any, sizes: tuple[int, ...], weighted: bool) -> None:
    n = 700  # two tiles, the second with a rest
    weight = np.random.default_rng(4).random(n).astype(dtype) if weighted else None
    X = np.random.default_rng(5).normal(size=(n, sizes[0])).astype(dtype)
    samples = Samples(X, (X.sum(axis=1) > 0.3).astype(dtype), weight)
    result = assert_same(Plan("relu", "gd", n, alpha=0.01), sizes, samples, 0.3, epochs=20)
    assert result["costs"][-1] < result["costs"][0]
    assert_same(Plan("relu", "gd", 256), sizes, samples, 0.1)


def test_without_hidden_layers() -> None:
    plan = Plan("relu", "adam", 100)
    assert_same(plan, (6, 1), make_samples(100, 6, np.float64), 0.05)
    assert_same(plan, (700, 1), make_samples(100, 700, np.float64), 0.05)


def test_what_is_not_covered_goes_to_numpy() -> None:
    plan = Plan("relu", "lbfgs", 100)
    samples = make_samples(100, 3, np.float64)
    assert choose("compiled", plan, samples, SMALL).name == "numpy"
    assert choose("compiled", Plan("relu", "gd", 100), samples, SMALL).name == "compiled"
    assert choose("numpy", Plan("relu", "gd", 100), samples, SMALL).name == "numpy"


@BOTH
@pytest.mark.parametrize("engine", [NumpyEngine(), CompiledEngine()], ids=lambda e: e.name)
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_nothing_is_allocated_inside_an_epoch(
    dropout: float, engine: Any, sizes: tuple[int, ...]
) -> None:
    samples = make_samples(60_000, sizes[0], np.float64)
    plan = Plan("gelu", "adamw", 30_000, alpha=0.1, weight_decay=0.1, dropout=dropout)
    parameters = Parameters.drawn(sizes, "gelu", np.float64, np.random.default_rng(1))
    state = State.start(parameters, "adamw", np.random.default_rng(2))
    session = engine.session(plan, samples, state)
    costs, norms = np.zeros(3), np.zeros((3, len(sizes) - 1))
    rates = np.full((3, session.batches), 0.001)
    session.train(rates, costs, norms)  # whatever is made once has been made
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        session.train(rates, costs, norms)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    # Views, numbers, and the 64 KiB that a ufunc of NumPy's takes to broadcast or to cast, whatever
    # the size of its arrays. The smallest array of a batch would be 240,000 bytes.
    assert peak < 150_000


@BOTH
def test_read_only_samples_need_no_other_kernel(sizes: tuple[int, ...]) -> None:
    from backproof.nn.compiled import large, small

    samples = make_samples(100, sizes[0], np.float64)
    plan = Plan("relu", "gd", 100)
    assert_same(plan, sizes, samples, 0.05)
    kernels: list[Any] = [small.train_small, large.train_large]
    before = [len(kernel.signatures) for kernel in kernels]
    samples.X.flags.writeable = False
    assert_same(plan, sizes, samples, 0.05)
    assert [len(kernel.signatures) for kernel in kernels] == before
    assert not samples.X.flags.writeable


@pytest.mark.slow
def test_kernels_of_other_sources_are_not_taken_from_the_disk(tmp_path: Path) -> None:
    package = Path(functions.__file__).parents[2]
    shutil.copytree(package, tmp_path / "backproof", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "fit.py").write_text(
        "from backproof.nn import BinaryClassifier, make_flower\n"
        "BinaryClassifier(max_iter=1, engine='compiled').fit(*make_flower())\n"
        "from backproof.nn.compiled.small import train_small\n"
        "print(sum(train_small.stats.cache_hits.values()))\n"
    )

    def hits() -> int:
        done = subprocess.run(
            [sys.executable, "fit.py"], cwd=tmp_path, capture_output=True, text=True, check=True,
            env=os.environ | {"PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "c")},
        )  # fmt: skip
        return int(done.stdout)

    assert (hits(), hits()) == (0, 1)
    steps = tmp_path / "backproof" / "nn" / "compiled" / "steps.py"
    steps.write_text(steps.read_text().replace("1000.0 * max", "1001.0 * max"))
    assert hits() == 0
