"""What the training loop asks of an engine, and what it hands over.

An engine opens a *session* for one training: a plan, the samples and the state that training
changes. `training` decides how many epochs may be done in one go and with which step sizes; the
session does them, from one call for a whole fit to one call an epoch.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np

from backproof.nn.mathematics import Array
from backproof.nn.optimizers import OPTIMIZERS
from backproof.nn.parameters import Parameters

# A cost a thousand times the first one, or a thousand times one, is an explosion.
EXPLOSION: Final = 1000.0
# Weights are good while their cost is at most twice the first one.
GOOD: Final = 2.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train: every setting that an engine has to know, checked and resolved.

    Attributes
    ----------
    activation : str
        A key of `mathematics.ACTIVATIONS`.
    optimizer : str
        A key of `optimizers.OPTIMIZERS`, or "lbfgs", which asks for `cost_and_gradient` only.
    batch_size : int
        At most the number of samples; equal to it, batches are not shuffled.
    alpha : float
        ½ α ΣW² is added to the cost of each batch; biases are left out.
    weight_decay : float
        Of "adamw": W ← W - rate·weight_decay·W before each step.
    dropout : float
        Share of hidden activations that is zeroed, the others are divided by 1 - dropout.
    max_gradient_norm : float
        The gradient of all parameters together is scaled down to this norm; inf for never.
    """

    activation: str
    optimizer: str
    batch_size: int
    momentum: float = 0.9
    nesterov: bool = False
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    alpha: float = 0.0
    shuffle: bool = True
    dropout: float = 0.0
    max_gradient_norm: float = float("inf")


@dataclass(frozen=True, slots=True)
class Samples:
    """What to train on.

    Attributes
    ----------
    X : (N, n₀) array of the parameters' dtype, C-contiguous; or a memmap of any dtype; or CSR
    y : (n,) array of the parameters' dtype, 0 or 1
    weight : (n,) array of the parameters' dtype and of mean one, or None
    rows : (n,) array of int64, or None
        Which rows of X; y and weight follow it. None for all.
    """

    X: Any
    y: Array
    weight: Array | None = None
    rows: Array | None = None

    @property
    def dense(self) -> bool:
        """Whether X is an ordinary array, in memory and of the right dtype."""
        return (
            isinstance(self.X, np.ndarray)
            and not isinstance(self.X, np.memmap)
            and self.X.dtype == self.y.dtype
        )

    def __len__(self) -> int:
        return len(self.y)


@dataclass(slots=True)
class State:
    """What training changes.

    Attributes
    ----------
    parameters : Parameters
        Changed in place, never replaced.
    first_moment, second_moment : (p,) arrays, empty where the optimiser has none
    steps : int
        Steps done since the moments were zero.
    rng : numpy.random.Generator
        Shuffles, then draws dropout's masks, layer by layer.
    good : (p,) array
        The parameters at the start of the last epoch whose first batch had a cost of at most
        `GOOD` times ``first_cost``.
    good_steps : int
        ``steps`` at that time.
    first_cost : float
        Cost of the first batch of this training; NaN until it is known.
    """

    parameters: Parameters
    first_moment: Array
    second_moment: Array
    rng: np.random.Generator
    steps: int = 0
    good: Array = field(default_factory=lambda: np.empty(0))
    good_steps: int = 0
    first_cost: float = float("nan")

    @classmethod
    def start(cls, parameters: Parameters, optimizer: str, rng: np.random.Generator) -> State:
        """Make the state before the first step."""
        row = OPTIMIZERS.get(optimizer)
        zeros = np.zeros_like(parameters.flat)
        nothing = zeros[:0]
        return cls(
            parameters,
            zeros if row and row.first_moment else nothing,
            np.zeros_like(zeros) if row and row.second_moment else nothing,
            rng,
            good=parameters.flat.copy(),
        )

    def limit(self) -> float:
        """Return the cost above which training has exploded."""
        return EXPLOSION * max(1.0, self.first_cost)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a session stopped. The parameters are left as they were when it happened.

    Attributes
    ----------
    epoch : int
        Index into the ``costs`` of this call.
    layer : int or None
        The layer, from 1, whose gradient is not finite; None when it is the cost.
    cost : float
        Of the batch: not finite, or above ``state.limit()``; or finite, when a gradient is not.
    """

    epoch: int
    layer: int | None
    cost: float


class Session(Protocol):
    """One training."""

    @property
    def batches(self) -> int:
        """Batches in an epoch, the last one maybe smaller."""
        ...

    def train(self, rates: Array, costs: Array, norms: Array) -> Failure | None:
        """Do ``len(costs)`` epochs.

        Parameters
        ----------
        rates : (epochs, batches) array of float64
            The size of each step; maybe a broadcast view, with strides of zero.
        costs : (epochs,) array of float64, written
            Mean cost of the epoch's samples, penalty included, each batch's before its step.
        norms : (epochs, L) array of float64, written
            Norm of each layer's gradient in the epoch's last batch, before clipping.
        """
        ...

    def cost_and_gradient(self) -> tuple[float, Array]:
        """Cost and gradient (p,) over all samples, without dropout; the array is used again."""
        ...


class Engine(Protocol):
    """A way to train."""

    name: str

    def covers(self, plan: Plan, samples: Samples, sizes: tuple[int, ...]) -> bool:
        """Whether this engine can do it, and does it no slower than NumPy."""
        ...

    def session(self, plan: Plan, samples: Samples, state: State) -> Session:
        """Open a training. Buffers are allocated here, none later."""
        ...


def choose(name: str, plan: Plan, samples: Samples, sizes: tuple[int, ...]) -> Engine:
    """Return the engine of this name; for "auto" the compiled one where it covers the work.

    Raises
    ------
    ImportError
        For "compiled" where Numba is missing.
    """
    from backproof.nn.numpy_engine import NumpyEngine

    if name != "numpy":
        installed = importlib.util.find_spec("numba") is not None
        if name == "compiled" and not installed:
            raise ImportError('engine="compiled" needs Numba: pip install "backproof[nn]"')
        if installed and importlib.util.find_spec("backproof.nn.compiled") is not None:
            compiled = importlib.import_module("backproof.nn.compiled")
            engine: Engine = compiled.CompiledEngine()
            if engine.covers(plan, samples, sizes):
                return engine
    return NumpyEngine()
