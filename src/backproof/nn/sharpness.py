"""The sharpness: how curved the cost is where it is curved most, and so how long a step may be."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from backproof.nn.engine import Plan, Samples, Session, State
from backproof.nn.mathematics import Array
from backproof.nn.numpy_engine import NumpySession

ITERATIONS: Final = 24
# The step is chosen at half of what is stable: a twentieth more or less does not matter.
TOLERANCE: Final = 0.05
# Samples that the curvature is measured on, at most.
PROBE: Final = 2048


def sharpness(
    session: Session, state: State, direction: Array | None = None
) -> tuple[float, Array | None]:
    """Largest absolute eigenvalue λ of the cost's Hessian H, and its direction.

    Power iteration, v ← Hv / ‖Hv‖, where Hv = (∇J(θ + εv) - ∇J(θ - εv)) / 2ε, differences of the
    hand-derived gradient. ε = ∛u·max(1, ‖θ‖), u the unit roundoff, balances what the difference
    leaves out, O(ε²), with rounding, O(u/ε).

    Parameters
    ----------
    session : Session
        Its samples are those that the curvature is measured on.
    state : State
        The session's; its parameters are moved and put back.
    direction : (p,) array, optional
        To start from: the direction of a measurement before. Else one drawn from a fixed seed, so
        that measuring does not disturb the training's own random numbers.

    Returns
    -------
    λ : float
        inf where the curvature itself overflows.
    v : (p,) array or None
    """
    theta = state.parameters.flat
    origin = theta.copy()
    if direction is None:
        direction = np.random.default_rng(0).standard_normal(theta.size).astype(theta.dtype)
    v = direction / np.linalg.norm(direction)
    unit = float(np.finfo(theta.dtype).eps)
    epsilon = unit ** (1 / 3) * max(1.0, float(np.linalg.norm(origin)))
    found = 0.0
    try:
        for _ in range(ITERATIONS):
            np.add(origin, epsilon * v, out=theta)
            ahead = session.cost_and_gradient()[1].copy()
            np.subtract(origin, epsilon * v, out=theta)
            Hv = (ahead - session.cost_and_gradient()[1]) / (2 * epsilon)
            with np.errstate(over="ignore", invalid="ignore"):
                size = float(np.linalg.norm(Hv))
            if not size < np.inf:
                return float("inf"), None
            if size == 0.0:
                return found, v
            settled = abs(size - found) <= TOLERANCE * size
            v, found = Hv / size, size
            if settled:
                break
    finally:
        theta[...] = origin
    return found, v


def probe(plan: Plan, samples: Samples, state: State, rows: Array | None = None) -> NumpySession:
    """Open a session for measurements at the state's parameters: one batch, without dropout.

    Parameters
    ----------
    rows : (k,) array of int, optional
        Places of ``samples.y``; by default all of them, or `PROBE` evenly spread.
    """
    if rows is None:
        rows = np.arange(0, len(samples), -(-len(samples) // PROBE))
    everything = len(rows) == len(samples)
    chosen = (
        samples
        if everything
        else Samples(
            samples.X,
            samples.y[rows],
            None if samples.weight is None else samples.weight[rows],
            rows if samples.rows is None else samples.rows[rows],
        )
    )
    return NumpySession(replace(plan, batch_size=len(rows), dropout=0.0), chosen, state)
