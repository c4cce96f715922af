"""Elementwise functions of two operands: one row each, the function beside its two pulls.

What is pulled back is summed over the axes along which the operand was broadcast.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backproof.calculus.rule import (
    Path,
    Pulled,
    Rule,
    as_cotangent,
    at_path,
    chain,
    double,
    no_keywords,
    unbroadcast,
)

Pull2 = tuple[Callable[..., Any] | None, Callable[..., Any] | None]

LN2 = math.log(2.0)


def _power_x(g: Any, x: Any, y: Any, out: Any, tie: float) -> Any:
    if np.ndim(y) == 0 and y == 2:
        return g * (2.0 * x)
    # The slope of x⁰ is 0, also at x = 0 where y·x^(y−1) would be 0 · ∞.
    return chain(g, np.where(np.equal(y, 0), 0.0, y * np.float_power(x, np.subtract(y, 1.0))))


def _power_y(g: Any, x: Any, y: Any, out: Any, tie: float) -> Any:
    # 0^y is 0 for all y > 0: slope 0 there, although log(0) is −∞.
    flat = np.equal(x, 0) & np.greater(y, 0)
    return chain(g, np.where(flat, 0.0, np.log(np.where(flat, 1.0, x)) * np.float_power(x, y)))


def _larger(g: Any, x: Any, y: Any, out: Any, tie: float) -> Any:
    return g * np.where(np.equal(x, y), tie, np.greater(x, y) | np.isnan(x))


def _larger_other(g: Any, x: Any, y: Any, out: Any, tie: float) -> Any:
    return _larger(g, y, x, out, 1.0 - tie)


def _smaller(g: Any, x: Any, y: Any, out: Any, tie: float) -> Any:
    return g * np.where(np.equal(x, y), tie, np.less(x, y) | np.isnan(x))


def _smaller_other(g: Any, x: Any, y: Any, out: Any, tie: float) -> Any:
    return _smaller(g, y, x, out, 1.0 - tie)


def _present_larger(g: Any, x: Any, y: Any, out: Any, tie: float) -> Any:
    return g * np.where(np.equal(x, y), tie, np.greater(x, y) | np.isnan(y))


def _present_larger_other(g: Any, x: Any, y: Any, out: Any, tie: float) -> Any:
    return _present_larger(g, y, x, out, 1.0 - tie)


def _present_smaller(g: Any, x: Any, y: Any, out: Any, tie: float) -> Any:
    return g * np.where(np.equal(x, y), tie, np.less(x, y) | np.isnan(y))


def _present_smaller_other(g: Any, x: Any, y: Any, out: Any, tie: float) -> Any:
    return _present_smaller(g, y, x, out, 1.0 - tie)


def _logaddexp_share(g: Any, x: Any, y: Any, out: Any, tie: float) -> Any:
    return g * _logistic(np.subtract(x, y))


def _logistic(z: Any) -> Any:
    e = np.exp(-np.abs(z))
    return np.where(np.greater_equal(z, 0), 1.0, e) / (1.0 + e)


def _divide_y(g: Any, x: Any, y: Any, out: Any, tie: float) -> Any:
    return chain(g, -np.divide(x, y) / y)


def _hypot_x(g: Any, x: Any, y: Any, out: Any, tie: float) -> Any:
    length = np.hypot(x, y)
    return g * np.where(np.equal(length, 0), 0.0, x / np.where(np.equal(length, 0), 1.0, length))


#: function -> the cotangents of x and y as functions of g, x, y, out, tie (None: always zero).
PULLS: dict[Any, Pull2] = {
    np.add: (lambda g, x, y, out, tie: g, lambda g, x, y, out, tie: g),
    np.subtract: (lambda g, x, y, out, tie: g, lambda g, x, y, out, tie: -g),
    np.multiply: (lambda g, x, y, out, tie: chain(g, y), lambda g, x, y, out, tie: chain(g, x)),
    np.divide: (lambda g, x, y, out, tie: chain(g, 1.0 / y), _divide_y),
    np.power: (_power_x, _power_y),
    np.float_power: (_power_x, _power_y),
    np.maximum: (_larger, _larger_other),
    np.minimum: (_smaller, _smaller_other),
    np.fmax: (_present_larger, _present_larger_other),
    np.fmin: (_present_smaller, _present_smaller_other),
    np.logaddexp: (_logaddexp_share, lambda g, x, y, out, tie: g * _logistic(np.subtract(y, x))),
    np.logaddexp2: (
        lambda g, x, y, out, tie: g * _logistic(np.subtract(x, y) * LN2),
        lambda g, x, y, out, tie: g * _logistic(np.subtract(y, x) * LN2),
    ),
    np.arctan2: (
        lambda g, x, y, out, tie: chain(g, y / (x * x + y * y)),
        lambda g, x, y, out, tie: chain(g, -x / (x * x + y * y)),
    ),
    np.hypot: (_hypot_x, lambda g, x, y, out, tie: _hypot_x(g, y, x, out, tie)),
    np.remainder: (
        lambda g, x, y, out, tie: g,
        lambda g, x, y, out, tie: chain(g, -np.floor_divide(x, y)),
    ),
    np.fmod: (
        lambda g, x, y, out, tie: g,
        lambda g, x, y, out, tie: chain(g, -np.trunc(np.divide(x, y))),
    ),
    np.copysign: (
        lambda g, x, y, out, tie: g * np.where(np.signbit(x) == np.signbit(y), 1.0, -1.0),
        None,
    ),
    np.heaviside: (None, lambda g, x, y, out, tie: g * np.equal(x, 0)),
    np.ldexp: (lambda g, x, y, out, tie: g * np.exp2(y), None),
    np.floor_divide: (None, None),
}


def pair_rule(pulls: Pull2) -> Rule:
    """Make the rule of an elementwise function of two operands."""

    def rule(
        args: tuple[Any, ...], kwargs: dict[str, Any], out: Any, g: Any,
        wanted: Sequence[Path], tie: float,
    ) -> Pulled:  # fmt: skip
        if kwargs:
            no_keywords(kwargs)
        x, y = [a if type(a) is float else double(a) for a in args]
        result: Pulled = []
        for position, *rest in wanted:
            pull = pulls[position]
            if pull is None:
                result.append(None)
                continue
            whole, value = pull(g, x, y, out, tie), args[position]
            if rest:
                whole = unbroadcast(whole, np.shape(value))[tuple(rest)]
                value = at_path(value, tuple(rest))
            result.append(as_cotangent(whole, value))
        return result

    return rule


def outer_rule(ufunc: Any) -> Rule:
    """Make the rule of ``ufunc.outer(x, y)``: the elementwise rule with x of shape (…, 1, …, 1)."""
    pulls = PULLS[ufunc]

    def rule(
        args: tuple[Any, ...], kwargs: dict[str, Any], out: Any, g: Any,
        wanted: Sequence[Path], tie: float,
    ) -> Pulled:  # fmt: skip
        x, y = double(args[0]), double(args[1])
        wide = (x.reshape(x.shape + (1,) * y.ndim), y)
        whole = pair_rule(pulls)(
            wide, kwargs, out, g, [(position,) for position, *_ in wanted], tie
        )
        result: Pulled = []
        for (position, *rest), part in zip(wanted, whole, strict=True):
            if part is None:
                result.append(None)
                continue
            value = args[position]
            cotangent = np.reshape(part, np.shape(value))
            if rest:
                cotangent, value = cotangent[tuple(rest)], at_path(value, tuple(rest))
            result.append(as_cotangent(cotangent, value))
        return result

    return rule


RULES: dict[Any, Rule] = {
    **{function: pair_rule(pulls) for function, pulls in PULLS.items()},
    **{function.outer: outer_rule(function) for function in PULLS},
}
