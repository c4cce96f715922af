"""Quantile regression: which quantiles an error's slopes are of, ``where(e >= 0, -q, 1 - q)``.

The pinball cost ``max(q·e, (q - 1)·e)`` of errors ``e = y - a`` has one slope for the errors above
zero and one for those below. They are read from what the program decides by the sign of the error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.costs import Array, RegisteredCost, pairs
from backproof.joins import ORDERS, Join
from backproof.trace.tape import Tape

#: Difference of two slopes that are one.
SAME = 1e-9
TITLE = "pinball cost"


@dataclass(frozen=True, slots=True, eq=False)
class Pinball(RegisteredCost):
    """``Σ max(q·(y - a), (q - 1)·(y - a))`` with the quantiles q of each pair, or its columns."""

    quantiles: tuple[Array, ...] = ()

    def __call__(self, *values: Any) -> float:
        """Return the sum over all pairs."""
        errors = [y - a for a, y in pairs(values)]
        given = zip(self.quantiles, errors, strict=True)
        return float(sum(np.sum(np.maximum(q * e, (q - 1) * e)) for q, e in given))

    def slopes(self, values: Sequence[Any]) -> list[Array]:
        """Return ∂Σ/∂a for each output."""
        given = zip(self.quantiles, pairs(values), strict=True)
        return [np.where(y >= a, -q, 1 - q) for q, (a, y) in given]


def pinball(tape: Tape, joins: Sequence[Join], values: Sequence[Any]) -> Pinball | None:
    """Return the cost of the quantiles that a program's slopes of all errors are of."""
    found = []
    for join, (a, y) in zip(joins, pairs(values), strict=True):
        decided = _decided(tape, tape.operations[join.operation].out)
        quantiles = (_quantiles(y - a, tape.value(node)) for node in decided)
        known = next((q for q in quantiles if q is not None), None)
        if known is None:
            return None
        found.append(known)
    return Pinball(TITLE, np.subtract, np.subtract, quantiles=tuple(found))


def _decided(tape: Tape, error: int) -> list[int]:
    """Return what is made of comparisons of an error."""
    users = [tape.operations[i] for i in tape.users[error]]
    orders = [o.out for o in users if o.function in ORDERS or o.function in (np.greater, np.less)]
    made = [tape.operations[i] for node in orders for i in tape.users[node]]
    made += [tape.operations[i] for o in made for i in tape.users[o.out]]
    return [o.out for o in made]


def _quantiles(errors: Array, slopes: Any) -> Array | None:
    """Return the quantile of slopes, or that of each column; None where they are no such slopes."""
    slopes = np.asarray(slopes)
    if slopes.shape != errors.shape or slopes.dtype.kind not in "fiu" or errors.size < 2:
        return None
    columns = errors.reshape(len(errors), -1).T, slopes.reshape(len(errors), -1).T.astype(float)
    found = []
    for e, s in zip(*columns, strict=True):
        above, below = s[e > 0], s[e < 0]
        if not above.size or not below.size or np.ptp(above) > SAME or np.ptp(below) > SAME:
            return None
        apart = float(below[0] - above[0])
        if not apart > 0 or not above[0] <= 0 <= below[0]:
            return None
        found.append(-float(above[0]) / apart)
    return np.array(found) if errors.ndim > 1 else np.array(found[0])
