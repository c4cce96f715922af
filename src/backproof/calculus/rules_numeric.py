"""The last resort: the Jacobian of a pure function of few elements, by differences."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from backproof.calculus.rule import NoRule, Path, Pulled, as_cotangent, at_path

#: The most input elements that are moved one by one.
LARGEST = 64
#: The least agreement asked of two extrapolations, relative to the larger slope.
AGREEMENT = 1e-5


def numeric_pull(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    out: Any,
    g: Any,
    wanted: Sequence[Path],
) -> Pulled:
    """Differentiate ``⟨g, function(…)⟩`` by central differences with Richardson's extrapolation.

    Raises
    ------
    NoRule
        If there are more than `LARGEST` elements, the function does not give the recorded result
        again, or the slopes from both sides or of two step lengths disagree.
    """
    values = [_value(args, kwargs, path) for path in wanted]
    if sum(np.size(value) for value in values) > LARGEST or isinstance(out, (tuple, list)):
        raise NoRule("no rule, and too many elements for differences")
    weight = np.asarray(g, dtype=float)

    def cost(path: Path, value: Any) -> float:
        a, k = _replaced(args, kwargs, path, value)
        try:
            return float(np.sum(weight * np.asarray(function(*a, **k), dtype=float)))
        except Exception as error:
            raise NoRule(f"differences: {error}") from error

    again = np.asarray(function(*copy.deepcopy(args), **copy.deepcopy(kwargs)), dtype=float)
    if again.shape != np.shape(out) or not np.allclose(again, out, rtol=1e-6, atol=1e-12):
        raise NoRule("the function does not give the recorded result again")
    with np.errstate(all="ignore"):
        return [
            as_cotangent(_slopes(lambda x, path=path: cost(path, x), value), value)  # type: ignore[misc]
            for path, value in zip(wanted, values, strict=True)
        ]


def _slopes(cost: Callable[[Any], float], value: Any) -> Any:
    base = np.array(value, dtype=float)
    whole = np.zeros(base.shape)
    middle = cost(_like(value, base))
    for index in np.ndindex(base.shape):
        h = 1e-3 * max(1.0, abs(float(base[index])))
        slopes = []
        for step in (h, h / 2, h / 4):
            ends = []
            for signed in (step, -step):
                moved = base.copy()
                moved[index] += signed
                ends.append(cost(_like(value, moved)))
            slopes.append((ends[0] - ends[1]) / (2 * step))
            bend = abs(ends[0] - 2 * middle + ends[1]) / step
        first = [(4 * b - a) / 3 for a, b in pairwise(slopes)]
        slope = (16 * first[1] - first[0]) / 15
        scale = max(abs(slope), abs(middle), 1e-3)
        if not np.isfinite(slope) or abs(first[1] - first[0]) > AGREEMENT * scale:
            raise NoRule("differences that do not settle")
        # A kink leaves a bend that does not shrink with the step; a smooth one is h/4 · f″.
        if bend > 0.1 * max(abs(slope), 1e-6) and bend > 0.01 * scale:
            raise NoRule("a kink")
        whole[index] = slope
    return whole


def _like(value: Any, array: Any) -> Any:
    if isinstance(value, np.matrix):
        return array.view(np.matrix)
    return array if isinstance(value, np.ndarray) else type(value)(array)


def _value(args: tuple[Any, ...], kwargs: dict[str, Any], path: Path) -> Any:
    return at_path(kwargs if isinstance(path[0], str) else args, path)


def _replaced(args: Any, kwargs: Any, path: Path, value: Any) -> tuple[Any, Any]:
    def put(tree: Any, rest: Path) -> Any:
        if not rest:
            return value
        if isinstance(tree, dict):
            return {k: put(v, rest[1:]) if k == rest[0] else v for k, v in tree.items()}
        return type(tree)(put(v, rest[1:]) if i == rest[0] else v for i, v in enumerate(tree))

    a, k = copy.deepcopy(args), copy.deepcopy(kwargs)
    return (a, put(k, path)) if isinstance(path[0], str) else (put(a, path), k)
