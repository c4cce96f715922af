"""The derivatives of what backproof itself puts on a tape: registered costs, sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backproof.calculus.rule import NoRule, Path, Pulled, Rule, as_cotangent
from backproof.costs import RegisteredCost, WeightedTotal, total


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


def _total(
    args: tuple[Any, ...], g: Any, wanted: Sequence[Path], weights: Sequence[float] | None = None
) -> Pulled:
    result: Pulled = []
    for path in wanted:
        place = path[0]
        if not isinstance(place, int):
            raise NoRule("a keyword of a sum of costs")
        one = float(g) * (1.0 if weights is None else weights[place])
        result.append(as_cotangent(np.full(np.shape(args[place]), one), args[place]))
    return result


def find(function: Any) -> Rule | None:
    """Return the rule of a registered cost, or of a sum of costs."""
    if isinstance(function, RegisteredCost):
        return lambda args, kwargs, out, g, wanted, tie: _cost(function, args, g, wanted)
    if function is total:
        return lambda args, kwargs, out, g, wanted, tie: _total(args, g, wanted)
    if isinstance(function, WeightedTotal):
        return lambda args, kwargs, out, g, wanted, tie: _total(args, g, wanted, function.weights)
    return None
