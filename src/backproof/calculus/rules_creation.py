"""Functions that make arrays out of numbers, lists and other arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backproof.calculus.rule import (
    Call,
    NoPartial,
    Path,
    Pulled,
    Rule,
    as_cotangent,
    named,
    unbroadcast,
    zero,
)
from backproof.calculus.rules_shape import moved


def array_rule(function: Callable[..., Any]) -> Rule:
    """``np.array`` and its like, of an array, a scalar or nested lists of them."""
    general = moved(function, "a dtype copy order subok ndmin", "a")

    def rule(
        args: tuple[Any, ...], kwargs: dict[str, Any], out: Any, g: Any,
        wanted: Sequence[Path], tie: float,
    ) -> Pulled:  # fmt: skip
        kwargs = {k: v for k, v in kwargs.items() if k not in ("dtype", "copy", "order")}
        args = args[:1]
        if kwargs:
            return general(args, kwargs, out, g, wanted, tie)
        if all(len(path) == 1 for path in wanted):
            return [as_cotangent(np.reshape(np.asarray(g), np.shape(args[0])), args[0])]
        if all(len(path) == 2 for path in wanted):
            whole = np.asarray(g)
            if whole.ndim and whole.shape[0] == len(args[0]):
                return [as_cotangent(whole[k], args[0][k]) for _, k in wanted]
        return general(args, kwargs, out, g, wanted, tie)

    return rule


def _full_like(
    args: tuple[Any, ...], kwargs: dict[str, Any], out: Any, g: Any,
    wanted: Sequence[Path], tie: float,
) -> Pulled:  # fmt: skip
    """``full_like(a, v)``: v gets the sum of g; of a only the shape counts."""
    result: Pulled = []
    for path in wanted:
        if path[0] in (0, "a"):
            result.append(None)
        elif path in ((1,), ("fill_value",)):
            value = args[1] if path == (1,) else kwargs["fill_value"]
            result.append(as_cotangent(unbroadcast(g, np.shape(value)), value))
        else:
            raise NoPartial(f"the derivative with respect to {path}")
    return result


def _linspace_share(c: Call, start: bool) -> Any:
    """``y_k = start + t_k (stop − start)``: ``1 − t_k`` and ``t_k``."""
    g = np.asarray(c.g, dtype=float)
    if c.axis is not None:
        g = np.moveaxis(g, c.axis, 0)
    last = c.endpoint is None or c.endpoint
    t = np.linspace(0.0, 1.0, g.shape[0], endpoint=bool(last))
    t = t.reshape(-1, *[1] * (g.ndim - 1))
    whole = (g * (1.0 - t if start else t)).sum(axis=0)
    return unbroadcast(whole, np.shape(c.start if start else c.stop))


RULES: dict[Any, Rule] = {
    np.linspace: named(
        "start stop num endpoint !retstep dtype axis",
        start=lambda c: _linspace_share(c, True),
        stop=lambda c: _linspace_share(c, False),
    ),
    np.array: array_rule(np.array),
    np.asarray: array_rule(np.asarray),
    np.asanyarray: array_rule(np.asanyarray),
    np.ascontiguousarray: array_rule(np.ascontiguousarray),
    np.asfortranarray: array_rule(np.asfortranarray),
    np.asarray_chkfinite: array_rule(np.asarray),
    np.asmatrix: array_rule(np.asarray),
    np.matrix: array_rule(np.asarray),
    np.full: moved(np.full, "shape fill_value dtype order", "fill_value"),
    np.full_like: _full_like,
    np.zeros_like: zero(),
    np.ones_like: zero(),
    np.empty_like: zero(),
}
