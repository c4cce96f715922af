"""One training by a compiled kernel; see `engine.Session`."""

from __future__ import annotations

import ctypes
import math
from itertools import pairwise
from typing import Any, Final

import numpy as np

from backproof.nn.engine import Failure, Plan, Samples, State
from backproof.nn.mathematics import ACTIVATIONS, Array
from backproof.nn.numpy_engine import NumpyEngine
from backproof.nn.optimizers import OPTIMIZERS

# Up to so many weights, loops over samples are quicker than BLAS.
SMALL: Final = 200


class CompiledEngine:
    """Covers samples in memory and every first-order optimiser."""

    name = "compiled"

    def covers(self, plan: Plan, samples: Samples, sizes: tuple[int, ...]) -> bool:
        """Whether this engine can do it."""
        return (
            samples.dense
            and samples.X.flags.c_contiguous
            and samples.X.flags.aligned
            and samples.y.dtype in (np.float32, np.float64)
            and plan.optimizer in OPTIMIZERS
            and plan.activation in ACTIVATIONS
        )

    def session(self, plan: Plan, samples: Samples, state: State) -> CompiledSession:
        """Open a training."""
        return CompiledSession(plan, samples, state)


class CompiledSession:
    """One training. Memory besides the parameters: as `numpy_engine.NumpySession`, or less."""

    def __init__(self, plan: Plan, samples: Samples, state: State) -> None:
        from backproof.nn.compiled import functions, large, small, steps

        self.plan = plan
        self.samples = samples
        self.state = state
        n, theta = len(samples), state.parameters.flat
        sizes = state.parameters.sizes
        real = theta.dtype.type
        self.size = min(plan.batch_size, n)
        self.batches = -(-n // self.size)
        self.hidden = sum(sizes[1:-1])
        self.places = np.arange(n, dtype=np.int64)
        self.masks = np.empty(self.size * self.hidden if plan.dropout else 0, theta.dtype)
        self.carried = np.zeros(8)
        nothing = np.empty(0, theta.dtype)
        weights = sum(a * b for a, b in pairwise(sizes))
        self.fixed: tuple[Any, ...] = (
            functions.CODES[plan.activation],
            steps.CODES[plan.optimizer],
            np.array(
                [
                    plan.momentum,
                    plan.nesterov,
                    plan.beta_1,
                    plan.beta_2,
                    plan.epsilon,
                    plan.weight_decay,
                    plan.alpha,
                    plan.dropout,
                    plan.max_gradient_norm,
                ],
                dtype=np.float64,
            ),
            np.array(sizes, dtype=np.int64),
            theta,
            np.zeros_like(theta),
            state.first_moment,
            state.second_moment,
            state.good,
            self.carried,
            writeable(samples.X),
            samples.y,
            nothing if samples.weight is None else samples.weight,
            np.empty(0, np.int64) if samples.rows is None else samples.rows.astype(np.int64),
            self.places,
        )
        squares = np.zeros(len(sizes) - 1)
        self.kernel: Any
        self.buffers: tuple[Any, ...]
        if weights <= SMALL or not self.hidden:
            itemsize = theta.itemsize
            tile = small.tile_length(sizes[0], self.hidden, self.size, itemsize)
            slots = -(-self.size // tile)
            if self.batches > 1 or slots * tile * (sizes[0] + 2) * itemsize > small.KEPT:
                slots = 1
            wide = tile + 8  # rows a power of two apart would share their places in the cache
            self.kernel = small.train_small
            self.buffers = (
                aligned((slots, sizes[0] + 2, wide), real),
                tile,
                aligned((self.hidden, wide), real),
                aligned((self.hidden + 1, wide), real),
                aligned((1, wide), real),
                aligned(small.LANES, real),
                squares,
            )
        else:
            self.kernel = large.train_large
            self.buffers = (
                aligned(self.size * (sizes[0] + self.hidden), real),
                aligned(self.size * (self.hidden + 1), real),
                aligned(self.size, real),
                aligned(self.size, real),
                squares,
            )

    def train(self, rates: Array, costs: Array, norms: Array) -> Failure | None:
        """Do ``len(costs)`` epochs; see `engine.Session.train`.

        The random numbers are NumPy's, drawn between calls of the kernel: one for everything, one
        an epoch where the order is drawn, one a batch with dropout.
        """
        from backproof.nn.compiled import steps

        state, carried, n = self.state, self.carried, len(self.samples)
        carried[steps.FIRST_COST] = state.first_cost
        carried[steps.LIMIT] = math.inf if math.isnan(state.first_cost) else state.limit()
        carried[steps.STEPS] = state.steps
        carried[steps.GOOD_STEPS] = state.good_steps
        shuffled = self.plan.shuffle and self.batches > 1
        if not shuffled and not self.plan.dropout:
            return self._call(0, 0, self.batches, rates, costs, norms)
        for epoch in range(len(costs)):
            if shuffled:
                state.rng.shuffle(self.places)
            here = slice(epoch, epoch + 1)
            arrays = rates[here], costs[here], norms[here]
            if not self.plan.dropout:
                failure = self._call(epoch, 0, self.batches, *arrays)
                if failure is not None:
                    return failure
                continue
            for number in range(self.batches):
                length = min(self.size, n - number * self.size)
                state.rng.random(out=self.masks[: length * self.hidden], dtype=self.masks.dtype)
                failure = self._call(epoch, number, number + 1, *arrays)
                if failure is not None:
                    return failure
        return None

    def _call(
        self, before: int, first: int, end: int, rates: Array, costs: Array, norms: Array
    ) -> Failure | None:
        from backproof.nn.compiled import steps

        carried = self.carried
        ok = self.kernel(
            *self.fixed,
            self.masks,
            self.size,
            first,
            end,
            np.array(rates, dtype=np.float64, order="C"),
            costs,
            norms,
            *self.buffers,
        )
        self.state.first_cost = float(carried[steps.FIRST_COST])
        self.state.steps = int(carried[steps.STEPS])
        self.state.good_steps = int(carried[steps.GOOD_STEPS])
        if ok:
            return None
        layer = int(carried[steps.LAYER]) or None
        return Failure(before + int(carried[steps.EPOCH]), layer, float(carried[steps.COST]))

    def cost_and_gradient(self) -> tuple[float, Array]:
        """Cost and gradient over all samples, by the NumPy engine."""
        session = NumpyEngine().session(self.plan, self.samples, self.state)
        return session.cost_and_gradient()


def aligned(shape: int | tuple[int, ...], real: Any) -> Array:
    """Return zeros that begin where a line of the cache does, as vectors are read in lines."""
    count = math.prod(shape) if isinstance(shape, tuple) else shape
    bytes_ = np.zeros(count * np.dtype(real).itemsize + 64, np.uint8)
    start = -bytes_.ctypes.data % 64
    zeros: Array = bytes_[start : start + len(bytes_) - 64].view(real).reshape(shape)
    return zeros


def writeable(X: Array) -> Array:
    """Return the same memory as an array that may be written, though no kernel does.

    Numba takes a read-only array, as pandas hands them out, for another type and compiles anew.
    """
    if X.flags.writeable or not X.size:
        return X
    memory: Any = (ctypes.c_char * X.nbytes).from_address(X.ctypes.data)
    same: Array = np.frombuffer(memory, X.dtype).reshape(X.shape)
    return same
