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
    """Find weights that are zero in every judged step, and would not be if they began elsewhere."""
    last = record.every[-1]
    for index, name in enumerate(last.names):
        seen = [o for o in record.every if name in o.names]
        values = [o.values[o.names.index(name)] for o in seen]
        if len(seen) < LEAST_STEPS or np.size(values[-1]) < LEAST_ENTRIES:
            continue
        if any(np.any(v) for v in values) or any(
            np.any(o.changes[o.names.index(name)]) for o in seen
        ):
            continue
        if not any(np.any(change) for change in last.changes) or not _would_move(last, index):
            continue
        yield advise(
            "BP303", "symmetric-init", record.birthplace(last, index),
            f"`{name}` stays zero: where it is zero, so is its gradient",
            "draw the weights at random, however small",
            {"parameter": name, "zero": True, "steps": [o.step for o in seen]},
            severity="error", confidence="proven",
            notes=[
                f"all {np.size(values[-1])} entries are zero in {len(seen)} judged steps; moved "
                "away from zero, the same step moves them on"
            ],
        )  # fmt: skip
        return


def _would_move(seen: Observation, index: int) -> bool:
    """Whether a step moves weights that are not zero."""
    if seen.map is None:
        return False
    sizes = [int(np.size(value)) for value in seen.values]
    start = sum(sizes[:index])
    theta = np.array(seen.map.theta)
    if sum(sizes) != theta.size:
        return False
    own = slice(start, start + sizes[index])
    theta[own] = MOVE * np.random.default_rng(0).standard_normal(sizes[index])
    change = seen.map.change(theta)
    return bool(np.all(np.isfinite(change)) and np.any(change[own]))
