"""Directional derivatives of a replayed cost: central differences with an error estimate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backproof.trace.tape import Run, Tape

LADDER = (1e-2, 1e-3, 1e-4, 1e-5)


def directional(
    tape: Tape, run: Run, hypothesis: Any, nodes: Sequence[int], direction: np.ndarray[Any, Any]
) -> tuple[float, float]:
    """Estimate ``d cost(p + t·v)/dt`` at t = 0 by replaying the operations after `nodes`.

    Parameters
    ----------
    hypothesis : Hypothesis
        The cost.
    nodes : sequence of int
        The values to move; `direction` is the unit vector of their joint change.

    Returns
    -------
    (estimate, error)
        Richardson's extrapolation of the step pair that agrees best, and their disagreement.
    """
    seeds = hypothesis.seeds(run)
    target, weight = next(iter(seeds.items()))
    dirty = tape.reach(nodes) & (tape.ancestors([target]) | {target}) - hypothesis.held
    parts: list[tuple[int, Any]] = []
    offset = 0
    for n in nodes:
        value = np.asarray(run.env[n], dtype=float)
        parts.append((n, direction[offset : offset + value.size].reshape(value.shape)))
        offset += value.size
    size = max(float(np.max(np.abs(np.asarray(run.env[n])), initial=0.0)) for n in nodes)

    def cost(t: float) -> float:
        moved = {n: _like(run.env[n], np.asarray(run.env[n], float) + t * v) for n, v in parts}
        again = tape.replay(
            moved, double=True, base=run, dirty=dirty, replace=moved, edited=hypothesis.edited
        )
        value = again.env[target]
        return (
            float(np.sum(np.asarray(weight) * np.asarray(value))) if value is not None else np.nan
        )

    best, best_error = np.nan, np.inf
    previous = np.nan
    for rung in LADDER:
        h = rung * max(size, 1e-2)
        estimate, error = extrapolated(h, cost(h), cost(-h), cost(h / 2), cost(-h / 2))
        if np.isfinite(previous):
            error = max(error, abs(estimate - previous) * 1e-2)
        previous = estimate
        if np.isfinite(estimate) and error < best_error:
            best, best_error = estimate, error
        if best_error <= 1e-9 * abs(best):
            break
    return best, best_error


def extrapolated(
    h: float, ahead: float, behind: float, halfway: float, halfway_behind: float
) -> tuple[float, float]:
    """Estimate a derivative from the values at ±h and ±h/2: Richardson, and how far it went."""
    slope = (ahead - behind) / (2 * h)
    finer = (halfway - halfway_behind) / h
    estimate = (4 * finer - slope) / 3
    return estimate, abs(estimate - finer)


def _like(value: Any, moved: np.ndarray[Any, Any]) -> Any:
    if type(value) is float:
        return float(moved)
    return np.asmatrix(moved) if isinstance(value, np.matrix) else moved
