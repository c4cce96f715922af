"""BP303 for weights that are all zero and stay so: their gradient is a product with themselves.

The factors of a factorisation machine have the gradient ``e * V[j]``: of zeros it is zero for ever,
though any other factors would do better.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from backproof.checks.advice import advise
from backproof.checks.observation import Observation
from backproof.finding import Finding

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: Judged steps that must show it, and entries.
LEAST_STEPS, LEAST_ENTRIES = 4, 4
#: How far weights are moved from zero to see whether they would move on.
MOVE = 0.1


def zero_start(record: Record) -> Iterator[Finding]:
    """Find weights that are zero in every judged step, and would not be if they began elsewhere.

    Several may be each other's reason: where all of them are zero, none moves.
    """
    last = record.every[-1]
    still = [i for i, name in enumerate(last.names) if _stays(record, name)]
    if not still or not any(np.any(change) for o in record.every for change in o.changes):
        return
    moving = _moving(last, still)
    if not moving:
        return
    shapes = {i: np.shape(last.values[i]) for i in moving}
    weights = [i for i, shape in shapes.items() if len(shape) > 1 and min(shape) > 1]
    pairs = zip(last.values, last.changes, strict=True)
    if not weights and any(np.any(value) and not np.any(change) for value, change in pairs):
        return  # the bias of units that are dead, whose weights do not move either
    weights = weights or moving
    names = [last.names[i] for i in weights]
    shown = ", ".join(f"`{name}`" for name in names[:4]) + (" …" if names[4:] else "")
    several = len(names) > 1
    yield advise(
        "BP303", "symmetric-init", record.birthplace(last, weights[0]),
        f"{shown} stay zero: where they are zero, so are their gradients" if several
        else f"{shown} stays zero: where it is zero, so is its gradient",
        "draw the weights at random, however small",
        {"parameters": names, "zero": True, "steps": [o.step for o in record.every]},
        severity="error", confidence="proven",
        notes=[
            f"all {sum(int(np.size(last.values[i])) for i in weights)} entries are zero in every "
            "judged step; moved away from zero, the same step moves them on"
        ],
    )  # fmt: skip


def _stays(record: Record, name: str) -> bool:
    """Whether a parameter is zero, and is not moved, in all judged steps."""
    seen = [(o, o.names.index(name)) for o in record.every if name in o.names]
    return (
        len(seen) >= LEAST_STEPS and np.size(seen[-1][0].values[seen[-1][1]]) >= LEAST_ENTRIES
        and not any(np.any(o.values[i]) or np.any(o.changes[i]) for o, i in seen)
    )  # fmt: skip


def _moving(seen: Observation, still: list[int]) -> list[int]:
    """Return which of some weights a step moves where they are not zero."""
    sizes = [int(np.size(value)) for value in seen.values]
    if seen.map is None or sum(sizes) != seen.map.theta.size:
        return []
    ends = np.cumsum(sizes)
    theta, rng = np.array(seen.map.theta), np.random.default_rng(0)
    parts = {i: slice(ends[i] - sizes[i], ends[i]) for i in still}
    for part in parts.values():
        theta[part] = MOVE * rng.standard_normal(part.stop - part.start)
    change = seen.map.change(theta)
    finite = bool(np.all(np.isfinite(change)))
    return [i for i, part in parts.items() if finite and np.any(change[part])]
