"""The derivatives of what backproof itself puts on a tape: registered costs, sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backproof.calculus.rule import NoRule, Path, Pulled, Rule, as_cotangent
from backproof.costs import RegisteredCost, total


def _cost(cost: RegisteredCost, args: tuple[Any, ...], g: Any, wanted: Sequence[Path]) -> Pulled:
    slopes = cost.slopes(args)
    result: Pulled = []
    for path in wanted:
        place = path[0]
        if not isinstance(place, int):
            raise NoRule("a keyword of a registered cost")
        # Labels that depend on parameters (a target network's) are held fixed, as programs do.
        part = None if place % 2 else as_cotangent(float(g) * slopes[place // 2], args[place])
        result.append(part)
    return result


def _total(args: tuple[Any, ...], g: Any, wanted: Sequence[Path]) -> Pulled:
    return [
        as_cotangent(np.full(np.shape(args[path[0]]), float(g)), args[path[0]]) for path in wanted
    ]


def find(function: Any) -> Rule | None:
    """Return the rule of a registered cost or of `total`."""
    if isinstance(function, RegisteredCost):
        return lambda args, kwargs, out, g, wanted, tie: _cost(function, args, g, wanted)
    if function is total:
        return lambda args, kwargs, out, g, wanted, tie: _total(args, g, wanted)
    return None
