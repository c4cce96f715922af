"""One cost for all judged steps, where some compute another: it is printed every k steps only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backproof.checks.observation import Observation


def with_one_cost(seen: Sequence[Observation], usual: Sequence[Observation]) -> None:
    """Give all steps the cost of the usual ones, or that of those that compute one themselves.

    A step on the same data has the cost of its parameters by such a step's formula. What is on
    other data than the usual ones keeps no cost.
    """
    computed = [o for o in seen if o.computed and o.cost is not None]
    if computed and all(any(_on_same_data(o, c) for c in computed) for o in seen):
        usual = [o for o in computed if o.title == computed[0].title]
    for o in seen:
        if any(o is other for other in usual):
            continue
        like = next((u for u in usual if _on_same_data(o, u)), None)
        o.cost = o.cost_after = None
        if like is None or like.map is None or o.map is None or like.map.cost is None:
            continue
        o.map.take_cost(like.map)
        o.title, after = like.title, o.map.theta + np.concatenate([*map(np.ravel, o.changes)])
        with np.errstate(all="ignore"):
            o.cost, o.cost_after = like.map.cost(o.map.theta), like.map.cost(after)


def _on_same_data(one: Observation, other: Observation) -> bool:
    """Whether two steps are maps of the same parameters, and see the same inputs and labels."""
    if one.map is None or other.map is None or one.names != other.names:
        return False
    if [np.shape(v) for v in one.values] != [np.shape(v) for v in other.values]:
        return False
    pairs = [
        (getattr(one.samples, what), getattr(other.samples, what)) for what in ("inputs", "labels")
    ]
    return all(a is not None and b is not None and np.array_equal(a, b) for a, b in pairs)
