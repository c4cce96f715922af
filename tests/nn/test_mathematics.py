"""The hand-derived cost and gradient against PyTorch's in float64, and at the floats' edge."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from backproof.nn.engine import Plan, Samples, State
from backproof.nn.mathematics import ACTIVATIONS, LEAK, cross_entropy, mean_cost
from backproof.nn.numpy_engine import NumpyEngine
from backproof.nn.optimizers import OPTIMIZERS
from backproof.nn.parameters import GLOROT, Parameters
from backproof.nn.schedules import SCHEDULES, rates

torch = pytest.importorskip("torch")
F = torch.nn.functional

THEIRS: dict[str, Any] = {
    "identity": lambda z: z,
    "relu": torch.relu,
    "leaky_relu": lambda z: F.leaky_relu(z, LEAK),
    "elu": F.elu,
    "tanh": torch.tanh,
    "logistic": torch.sigmoid,
    "softplus": lambda z: torch.logaddexp(z, torch.zeros_like(z)),
    "gelu": F.gelu,
    "swish": F.silu,
}
SIZES = [(3, 1), (3, 5, 1), (3, 6, 4, 5, 1)]


def draw(n: int = 23, inputs: int = 3) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(3)
    weight = rng.random(n)
    return rng.normal(size=(n, inputs)), rng.integers(0, 2, n) * 1.0, weight / weight.mean()


def torch_cost(
    parameters: Parameters, f: Any, alpha: float, X: Any, y: Any, weight: Any
) -> tuple[Any, list[Any], list[Any]]:
    W = [torch.tensor(w, requires_grad=True) for w in parameters.W]
    b = [torch.tensor(w, requires_grad=True) for w in parameters.b]
    A = torch.tensor(X)
    for l, (w, c) in enumerate(zip(W, b, strict=True)):
        A = A @ w + c
        if l < len(W) - 1:
            A = f(A)
    cost = F.binary_cross_entropy_with_logits(
        A[:, 0], torch.tensor(y), weight=None if weight is None else torch.tensor(weight)
    )
    return cost + 0.5 * alpha * sum((w**2).sum() for w in W), W, b


def test_every_activation_is_compared() -> None:
    assert set(THEIRS) == set(ACTIVATIONS)
    assert set(ACTIVATIONS) >= GLOROT


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("alpha", [0.0, 0.3])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_cost_and_gradient_are_torchs(
    activation: str, sizes: tuple[int, ...], alpha: float, weighted: bool
) -> None:
    X, y, weight = draw()
    weight = weight if weighted else None
    parameters = Parameters.drawn(sizes, activation, float, np.random.default_rng(1))
    for b in parameters.b:
        b[:] = np.random.default_rng(2).normal(size=b.shape)
    state = State.start(parameters, "gd", np.random.default_rng(0))
    plan = Plan(activation, "gd", len(y), alpha=alpha)
    session = NumpyEngine().session(plan, Samples(X, y, weight), state)
    cost, gradient = session.cost_and_gradient()
    theirs, W, b = torch_cost(parameters, THEIRS[activation], alpha, X, y, weight)
    theirs.backward()
    assert cost == pytest.approx(theirs.item(), rel=1e-12)
    expected = np.concatenate([t.grad.ravel() for t in itertools.chain(*zip(W, b, strict=True))])
    assert np.abs(gradient - expected).max() <= 1e-12 * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_slopes_at_the_edge_of_the_floats(activation: str) -> None:
    row = ACTIVATIONS[activation]
    z = np.array([-1e308, -1e4, -750.0, -40.0, -1e-300, 1e-300, 40.0, 750.0, 1e4, 1e308])
    Z, A, T = z.copy(), np.empty_like(z), np.empty_like(z)
    with np.errstate(over="ignore", invalid="ignore"):  # as the engine does
        row.value(Z, A)
        row.slope(Z, A, T)
    leaf = torch.tensor(z, requires_grad=True)
    out = THEIRS[activation](leaf)
    out.sum().backward()
    np.testing.assert_allclose(A, out.detach().numpy(), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(Z, leaf.grad.numpy(), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cost_is_finite_up_to_the_largest_float(dtype: Any) -> None:
    top = np.finfo(dtype).max
    z = np.array([top, -top, 0.0, 800.0, -800.0], dtype)
    for y in (np.zeros(5, dtype), np.ones(5, dtype)):
        t = np.empty(5, dtype)
        cost = cross_entropy(z, 1 - 2 * y, np.full(5, 0.2, dtype), t)
        assert np.isfinite(cost)
        assert np.isfinite(t).all()
        assert np.isfinite(mean_cost(z, y))
        assert t[2] == pytest.approx(np.log(2))
    certain = np.array([-top, top], dtype)  # right, and as sure as can be
    assert mean_cost(certain, np.array([0, 1], dtype)) == 0.0


def test_certainty_keeps_its_digits() -> None:
    z = np.array([50.0])
    assert mean_cost(z, np.ones(1)) == pytest.approx(np.exp(-50), rel=1e-12)


def test_initialisation_by_activation() -> None:
    sizes = (400, 300, 1)
    for activation in ACTIVATIONS:
        drawn = Parameters.drawn(sizes, activation, float, np.random.default_rng(0))
        variance = 2 / 700 if activation in GLOROT else 2 / 400
        assert drawn.W[0].var() == pytest.approx(variance, rel=0.02)
        assert drawn.W[1].var() == pytest.approx(2 / 301, rel=0.3)
        assert not drawn.b[0].any()


PEERS: dict[str, tuple[str, dict[str, Any], Any]] = {
    "gd": ("gd", {}, lambda p: torch.optim.SGD(p, lr=0.1)),
    "momentum": ("sgd", {}, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
    "nesterov": (
        "sgd",
        {"nesterov": True},
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    ),
    "rmsprop": ("rmsprop", {}, lambda p: torch.optim.RMSprop(p, lr=0.1, alpha=0.999)),
    "adam": ("adam", {}, lambda p: torch.optim.Adam(p, lr=0.1)),
    "adamw": (
        "adamw",
        {"weight_decay": 0.2},
        lambda p: torch.optim.AdamW(
            [{"params": p[:1], "weight_decay": 0.2}, {"params": p[1:], "weight_decay": 0.0}], lr=0.1
        ),
    ),
}


@pytest.mark.parametrize("name", PEERS)
def test_optimisers_step_as_torchs(name: str) -> None:
    optimizer, settings, peer = PEERS[name]
    X, y, _ = draw()
    parameters = Parameters.drawn((3, 1), "relu", float, np.random.default_rng(1))
    W = torch.tensor(parameters.W[0], requires_grad=True)
    b = torch.tensor(parameters.b[0], requires_grad=True)
    theirs = peer([W, b])
    for _ in range(8):
        theirs.zero_grad()
        F.binary_cross_entropy_with_logits(
            (torch.tensor(X) @ W + b)[:, 0], torch.tensor(y)
        ).backward()
        theirs.step()
    state = State.start(parameters, optimizer, np.random.default_rng(0))
    session = NumpyEngine().session(Plan("relu", optimizer, 23, **settings), Samples(X, y), state)
    assert session.train(np.full((8, 1), 0.1), np.empty(8), np.empty((8, 1))) is None
    np.testing.assert_allclose(parameters.W[0], W.detach().numpy(), rtol=1e-7)
    np.testing.assert_allclose(parameters.b[0], b.detach().numpy(), rtol=1e-7)


def test_every_optimiser_is_compared() -> None:
    assert {optimizer for optimizer, _, _ in PEERS.values()} == set(OPTIMIZERS)


def schedule(name: str, epochs: int = 20, batches: int = 1) -> Any:
    return rates(
        name, 0.5, first_epoch=0, epochs=epochs, batches=batches, total_epochs=epochs,
        step_size=6, step_factor=0.3,
    )  # fmt: skip


@pytest.mark.filterwarnings(
    "ignore::UserWarning"
)  # torch: a schedule's step before the optimiser's
def test_schedules_are_torchs() -> None:
    def theirs(make: Any, steps: int) -> list[float]:
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
        scheduler = make(optimizer)
        found = []
        for _ in range(steps):
            found.append(optimizer.param_groups[0]["lr"])
            scheduler.step()
        return found

    S = torch.optim.lr_scheduler
    np.testing.assert_allclose(
        schedule("step")[:, 0], theirs(lambda o: S.StepLR(o, 6, gamma=0.3), 20)
    )
    np.testing.assert_allclose(
        schedule("cosine")[:, 0], theirs(lambda o: S.CosineAnnealingLR(o, 20), 20)
    )
    assert (schedule("constant") == 0.5).all()
    assert set(SCHEDULES) == {"constant", "step", "cosine", "one-cycle"}


def test_one_cycle_goes_up_and_down() -> None:
    whole = schedule("one-cycle", epochs=100, batches=10).ravel()
    top = int(whole.argmax())
    assert whole[0] == pytest.approx(0.5 / 25)
    assert whole.max() == pytest.approx(0.5)
    assert top == 300
    assert (np.diff(whole[: top + 1]) > 0).all()
    assert (np.diff(whole[top:]) < 0).all()
    assert whole[-1] < 0.5 / 25
