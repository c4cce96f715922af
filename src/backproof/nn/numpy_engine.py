"""The engine in plain NumPy: every array is allocated once, before the first step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.nn import mathematics as maths
from backproof.nn.engine import GOOD, Failure, Plan, Samples, State
from backproof.nn.mathematics import ACTIVATIONS, Array
from backproof.nn.optimizers import OPTIMIZERS, decay_weights
from backproof.nn.parameters import Parameters


class NumpyEngine:
    """Covers everything: dense and sparse samples, and memory maps, which it reads by batches."""

    name = "numpy"

    def covers(self, plan: Plan, samples: Samples, sizes: tuple[int, ...]) -> bool:
        """Whether this engine can do it: always."""
        return True

    def session(self, plan: Plan, samples: Samples, state: State) -> NumpySession:
        """Open a training."""
        return NumpySession(plan, samples, state)


class NumpySession:
    """One training; see `engine.Session`.

    Besides the parameters there are two arrays of (batch, n_l) a layer, one for the samples of a
    batch (none where the batch is all of an array in memory), and one of the widest layer's shape
    with dropout, gelu or swish.
    """

    def __init__(self, plan: Plan, samples: Samples, state: State) -> None:
        self.plan = plan
        self.samples = samples
        self.state = state
        self.size = min(plan.batch_size, len(samples))
        self.batches = -(-len(samples) // self.size)
        parameters = state.parameters
        dtype = parameters.flat.dtype
        self.activation = ACTIVATIONS[plan.activation]
        self.gradient = Parameters.zeros(parameters.sizes, dtype)
        self.db = [db[np.newaxis] for db in self.gradient.b]
        self.scratch = np.empty_like(parameters.flat)
        self.decay = parameters.weights_only(plan.alpha)
        self.fade = parameters.weights_only(plan.weight_decay)
        self.places = np.arange(len(samples))
        self.whole = Batch.allocate(self.size, parameters.sizes, plan, samples, dtype)
        rest = len(samples) % self.size
        self.rest = self.whole.first(rest) if rest else self.whole
        self.loaded = False

    def train(self, rates: Array, costs: Array, norms: Array) -> Failure | None:
        """Do ``len(costs)`` epochs; see `engine.Session.train`."""
        # What overflows is found by its result, cost or gradient, and reported as a `Failure`.
        with np.errstate(over="ignore", invalid="ignore"):
            return self._train(rates, costs, norms)

    def _train(self, rates: Array, costs: Array, norms: Array) -> Failure | None:
        plan, state, n = self.plan, self.state, len(self.samples)
        theta, g = state.parameters.flat, self.gradient.flat
        m, v, T = state.first_moment, state.second_moment, self.scratch
        update = OPTIMIZERS[plan.optimizer].update
        fades = plan.optimizer == "adamw" and plan.weight_decay > 0
        draw_mask = self.draw_mask if plan.dropout else None
        limit = math.inf if math.isnan(state.first_cost) else state.limit()

        for epoch in range(len(costs)):
            if plan.shuffle and self.batches > 1:
                state.rng.shuffle(self.places)
            total = 0.0
            for number in range(self.batches):
                batch = self.load(number)
                cost = self.cost(batch, draw_mask)
                if not cost <= limit or cost == math.inf:
                    return Failure(epoch, None, cost)
                if number == 0:
                    if math.isnan(state.first_cost):
                        state.first_cost = cost
                        limit = state.limit()
                    if cost <= GOOD * state.first_cost:
                        np.copyto(state.good, theta)
                        state.good_steps = state.steps
                cost = self.backward(batch, cost)
                squares = [float(np.dot(layer, layer)) for layer in self.gradient.layers]
                square = sum(squares)
                if not square < math.inf:
                    finite = [s < math.inf for s in squares]
                    return Failure(epoch, finite.index(False) + 1 if not all(finite) else 1, cost)
                if square > plan.max_gradient_norm**2:
                    g *= plan.max_gradient_norm / math.sqrt(square)
                rate = float(rates[epoch, number])
                state.steps += 1
                if fades:
                    decay_weights(theta, self.fade, T, rate)
                update(theta, g, m, v, T, rate, state.steps, plan)
                total += cost * (batch.size / n)
            costs[epoch] = total
            norms[epoch] = np.sqrt(squares)
        return None

    def cost_and_gradient(self) -> tuple[float, Array]:
        """Cost and gradient over all samples; see `engine.Session.cost_and_gradient`."""
        with np.errstate(over="ignore", invalid="ignore"):
            n, total, mean = len(self.samples), 0.0, np.zeros_like(self.gradient.flat)
            for number in range(self.batches):
                batch = self.load(number)
                cost = self.backward(batch, self.cost(batch, None))
                if self.batches == 1:
                    return cost, self.gradient.flat
                total += cost * (batch.size / n)
                mean += self.gradient.flat * (batch.size / n)
            return total, mean

    def cost(self, batch: Batch, draw_mask: Any) -> float:
        """Forward pass: fill the batch's arrays and return its cross-entropy."""
        p = self.state.parameters
        maths.forward(batch.A, batch.Z, p.W, p.b, self.activation, batch.T, draw_mask)
        return float(maths.cross_entropy(batch.z, batch.sign, batch.share, batch.t))

    def backward(self, batch: Batch, cost: float) -> float:
        """Backward pass: fill the gradient; return the cost with its penalty."""
        p, dp = self.state.parameters, self.gradient
        maths.cross_entropy_slope(batch.z, batch.y, batch.share)
        maths.backward(batch.A, batch.Z, p.W, dp.W, self.db, batch.ones)
        if self.plan.alpha:
            cost += float(maths.l2_penalty(p.flat, self.decay, dp.flat, self.scratch))
        return cost

    def draw_mask(self, mask: Array) -> None:
        """Fill with dropout's mask: 0 with probability p, else 1/(1 - p)."""
        p = self.plan.dropout
        self.state.rng.random(out=mask, dtype=mask.dtype)
        np.greater_equal(mask, p, out=mask)
        np.multiply(mask, 1 / (1 - p), out=mask)

    def load(self, number: int) -> Batch:
        """Gather the samples of a batch; of a batch that is everything, once."""
        batch = self.whole if number < self.batches - 1 else self.rest
        if self.batches == 1 and self.loaded:
            return batch
        start = number * self.size
        places = self.places[start : start + batch.size]
        if not self.samples.dense:
            places.sort()  # rows of a file, or of a sparse matrix, are met in their order
        batch.gather(self.samples, places)
        self.loaded = True
        return batch


@dataclass(slots=True)
class Batch:
    """The arrays of a batch.

    Attributes
    ----------
    A, Z, T : lists of L + 1 arrays of shape (size, n_l)
        As in `mathematics.forward`; the arrays of T share their memory.
    z, y, sign, share, t : arrays of shape (size,)
        As in `mathematics.cross_entropy`; z is ``Z[L]``.
    ones : array of shape (1, size)
    rows : array of shape (size,)
        Rows of X.
    """

    A: list[Any]
    Z: list[Array]
    T: list[Array]
    z: Array
    y: Array
    sign: Array
    share: Array
    t: Array
    ones: Array
    rows: Array

    @classmethod
    def allocate(
        cls, size: int, sizes: tuple[int, ...], plan: Plan, samples: Samples, dtype: Any
    ) -> Batch:
        """Allocate all of it; the samples' own array only where they have to be gathered."""
        hidden = sizes[1:-1]
        gathered = isinstance(samples.X, np.ndarray) and not in_place(size, samples)
        nothing = np.empty((0, 0), dtype)
        needs_scratch = plan.dropout > 0 or ACTIVATIONS[plan.activation].needs_scratch
        pool = np.empty(size * max(hidden, default=0) if needs_scratch else 0, dtype)
        Z = [nothing, *(np.empty((size, units), dtype) for units in sizes[1:])]
        return cls(
            A=[
                np.empty((size, sizes[0]), dtype) if gathered else nothing,
                *(np.empty((size, units), dtype) for units in hidden),
            ],
            Z=Z,
            T=[nothing, *(scratch(pool, size, units) for units in hidden)],
            z=Z[-1].reshape(-1),
            y=np.empty(size, dtype),
            sign=np.empty(size, dtype),
            share=np.full(size, 1 / size, dtype),
            t=np.empty(size, dtype),
            ones=np.ones((1, size), dtype),
            rows=np.empty(size, np.int64),
        )

    def first(self, size: int) -> Batch:
        """Return a smaller batch in the same memory, for the last of an epoch."""
        share = np.full(size, 1 / size, self.share.dtype)
        return Batch(
            A=[array[:size] for array in self.A],
            Z=[array[:size] for array in self.Z],
            T=[array[:size] for array in self.T],
            z=self.z[:size],
            y=self.y[:size],
            sign=self.sign[:size],
            share=share,
            t=self.t[:size],
            ones=self.ones[:, :size],
            rows=self.rows[:size],
        )

    @property
    def size(self) -> int:
        """Samples in the batch."""
        return len(self.y)

    def gather(self, samples: Samples, places: Array) -> None:
        """Fetch the samples at these places of ``samples.y``, and their rows of ``samples.X``."""
        np.take(samples.y, places, out=self.y, mode="clip")
        np.multiply(self.y, -2, out=self.sign)
        np.add(self.sign, 1, out=self.sign)
        if samples.weight is not None:
            np.take(samples.weight, places, out=self.share, mode="clip")
            np.multiply(self.share, 1 / self.size, out=self.share)
        if in_place(self.size, samples):
            self.A[0] = samples.X
            return
        if samples.rows is None:
            np.copyto(self.rows, places)
        else:
            np.take(samples.rows, places, out=self.rows, mode="clip")
        if samples.dense:
            np.take(samples.X, self.rows, axis=0, out=self.A[0], mode="clip")
        elif isinstance(samples.X, np.ndarray):
            np.copyto(self.A[0], samples.X[self.rows])  # a batch of another dtype, from a file
        else:
            self.A[0] = samples.X[self.rows]


def in_place(size: int, samples: Samples) -> bool:
    """Whether the batch is the samples' array itself."""
    return samples.dense and samples.rows is None and size == len(samples)


def scratch(pool: Array, size: int, units: int) -> Array:
    """Return (size, units) of the pool, or nothing where there is none."""
    return pool[: size * units].reshape(size, units) if len(pool) else pool.reshape(0, 0)
