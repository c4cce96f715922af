"""A recorded step repeated as a map of the parameters, with the author's step size or another.

The eigenvalue says what can go wrong with a step size, such a trial whether it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backproof.calculus.slices import StepMap, Vector
from backproof.checks.observation import Observation
from backproof.checks.pooled import affordable, alike, cost_at, in_time

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: Steps of a trial at most; fewer where the budget does not allow them.
LONGEST = 150


@dataclass(frozen=True, slots=True)
class Trial:
    """The cost of `steps` repetitions from one point, with the step scaled by `scale`.

    ``cost`` is the mean over the last fifth of them: a bouncing cost is no better for a dip.
    """

    scale: float
    steps: int
    cost: float
    rises: int
    """How often the cost went up."""


def attempt(
    maps: Sequence[StepMap], start: Vector, scale: float, steps: int, most: float
) -> Trial | None:
    """Repeat recorded steps in turn with their changes scaled; None where that takes too much.

    Their mean cost is taken after each turn.
    """
    if any(step.cost is None for step in maps):
        return None
    most += maps[0].meter.spent
    theta, costs = start, [cost_at(maps, start)]
    for _ in range(max(1, steps // len(maps))):
        for step in maps:
            theta = theta + scale * step.change(theta)
        costs.append(cost_at(maps, theta) if np.all(np.isfinite(theta)) else np.inf)
        if maps[0].meter.spent > most:
            return None
        if not np.isfinite(costs[-1]):
            break
    rises, turns = int(np.sum(np.diff(costs) > 0)), len(costs) - 1
    end = float(np.mean(costs[-max(1, turns // 5) :]))
    return Trial(scale, turns * len(maps), end, rises)


def turns(record: Record, start: Observation) -> list[StepMap]:
    """Return the steps that a trial repeats in turn: one alone where all see the same data."""
    seen = [o for o in alike(record) if o.stateless]
    if start.map is None:
        return []
    maps = [o.map for o in seen if o.map is not None]
    if start not in seen or not in_time(record, maps, len(maps)):
        return [start.map]
    changes = [step.change(start.map.theta) for step in maps]
    own = changes[seen.index(start)]
    same = all(np.allclose(c, own, rtol=1e-6, atol=1e-12, equal_nan=True) for c in changes)
    return [start.map] if same else maps


def ratio(seen: Observation) -> float:
    """Return η·λ over its bound; above one a step overshoots the valley it is in."""
    if seen.stability is None or not seen.stability.converged:
        return 0.0
    return seen.stability.value / seen.bound


def payable(record: Record, maps: Sequence[StepMap], runs: int) -> int:
    """Return how many steps of a trial fit into the work that is left."""
    return affordable(maps, 0.25 * record.meter.left / runs, min(LONGEST, max(record.steps, 1)))
