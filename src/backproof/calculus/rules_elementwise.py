"""Elementwise functions: one row each, the function beside its slope.

A cotangent is ``g · slope``, summed over the axes along which the operand was broadcast.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backproof.calculus.rule import (
    Array,
    Call,
    NoRule,
    Path,
    Pulled,
    Rule,
    as_cotangent,
    at_path,
    chain,
    double,
    is_float,
    named,
    unbroadcast,
    zero,
)
from backproof.trace.primitives import Method

Slope = Callable[[Any, Any], Any]
Pull1 = Callable[[Any, Any, float], Any]
Pull2 = tuple[Callable[..., Any] | None, Callable[..., Any] | None]

LN2, LN10 = math.log(2.0), math.log(10.0)


def sign_at(x: Any, tie: float) -> Any:
    """Return the slope of |x|: its sign, and ``2·tie − 1`` at 0."""
    return np.where(np.equal(x, 0), 2 * tie - 1, np.sign(x))


def _no_keywords(kwargs: dict[str, Any]) -> None:
    for name, value in kwargs.items():
        if name == "where" and value is not True:
            raise NoRule("keyword where=")
        if name in ("dtype", "sig", "signature") and value is not None and not is_float(value):
            raise NoRule(f"keyword {name}=")
        if name not in ("where", "dtype", "out", "casting", "order", "subok", "sig", "signature"):
            raise NoRule(f"keyword {name}=")


# ---- one operand ---------------------------------------------------------------------------------

#: function -> slope as a function of the argument x and the result y.
SLOPES: dict[Any, Slope] = {
    np.positive: lambda x, y: 1.0,
    np.negative: lambda x, y: -1.0,
    np.exp: lambda x, y: y,
    np.exp2: lambda x, y: y * LN2,
    np.expm1: lambda x, y: np.exp(x),
    np.log: lambda x, y: 1.0 / x,
    np.log2: lambda x, y: 1.0 / (x * LN2),
    np.log10: lambda x, y: 1.0 / (x * LN10),
    np.log1p: lambda x, y: 1.0 / (1.0 + x),
    np.sqrt: lambda x, y: 0.5 / y,
    np.cbrt: lambda x, y: 1.0 / (3.0 * y * y),
    np.square: lambda x, y: 2.0 * x,
    np.reciprocal: lambda x, y: -y * y,
    np.sin: lambda x, y: np.cos(x),
    np.cos: lambda x, y: -np.sin(x),
    np.tan: lambda x, y: 1.0 + y * y,
    np.arcsin: lambda x, y: 1.0 / np.sqrt((1.0 - x) * (1.0 + x)),
    np.arccos: lambda x, y: -1.0 / np.sqrt((1.0 - x) * (1.0 + x)),
    np.arctan: lambda x, y: 1.0 / (1.0 + x * x),
    np.sinh: lambda x, y: np.cosh(x),
    np.cosh: lambda x, y: np.sinh(x),
    np.tanh: lambda x, y: (1.0 - y) * (1.0 + y),
    np.arcsinh: lambda x, y: 1.0 / np.sqrt(x * x + 1.0),
    np.arccosh: lambda x, y: 1.0 / np.sqrt((x - 1.0) * (x + 1.0)),
    np.arctanh: lambda x, y: 1.0 / ((1.0 - x) * (1.0 + x)),
    np.degrees: lambda x, y: 180.0 / math.pi,
    np.rad2deg: lambda x, y: 180.0 / math.pi,
    np.radians: lambda x, y: math.pi / 180.0,
    np.deg2rad: lambda x, y: math.pi / 180.0,
    np.conjugate: lambda x, y: 1.0,
}

#: Constant wherever they are differentiable.
FLAT: tuple[Any, ...] = (np.sign, np.floor, np.ceil, np.trunc, np.rint)
#: Answers, which ``out=`` may put into an array of floats (a mask): flat likewise.
ANSWERS: tuple[Any, ...] = (
    np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal,
    np.logical_and, np.logical_or, np.logical_xor, np.logical_not,
    np.isfinite, np.isinf, np.isnan, np.signbit,
)  # fmt: skip


def slope_rule(function: Any, slope: Slope) -> Rule:
    """Make the rule ``x̄ = g · slope(x, y)`` of an elementwise function."""

    def rule(
        args: tuple[Any, ...], kwargs: dict[str, Any], out: Any, g: Any,
        wanted: Sequence[Path], tie: float,
    ) -> Pulled:  # fmt: skip
        if kwargs:
            _no_keywords(kwargs)
        x = double(args[0])
        exact = getattr(out, "dtype", None) == np.float64 and np.shape(out) == x.shape
        y = np.asarray(out) if exact else function(x)
        whole = chain(g, slope(x, y))
        return spread(whole, args, wanted)

    return rule


def tie_rule(slope: Callable[[Any, float], Any]) -> Rule:
    """Make the rule ``x̄ = g · slope(x, tie)`` of an elementwise function with a kink."""

    def rule(
        args: tuple[Any, ...], kwargs: dict[str, Any], out: Any, g: Any,
        wanted: Sequence[Path], tie: float,
    ) -> Pulled:  # fmt: skip
        if kwargs:
            _no_keywords(kwargs)
        return spread(chain(g, slope(double(args[0]), tie)), args, wanted)

    return rule


def spread(whole: Any, args: tuple[Any, ...], wanted: Sequence[Path]) -> Pulled:
    """Return the parts of the first argument's cotangent that the paths lead to."""
    result: Pulled = []
    for position, *rest in wanted:
        value = args[position]
        if rest:
            part = unbroadcast(whole, np.shape(value))[tuple(rest)]
            result.append(as_cotangent(part, at_path(value, tuple(rest))))
        else:
            result.append(as_cotangent(whole, value))
    return result


# ---- two operands --------------------------------------------------------------------------------


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
            _no_keywords(kwargs)
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


# ---- clip and its like ---------------------------------------------------------------------------


def _bounds(c: Call) -> tuple[Any, Any, Any]:
    low = getattr(c, "a_min", None)
    high = getattr(c, "a_max", None)
    low = c.min if low is None else low
    high = c.max if high is None else high
    a = double(c.a)
    return a, -np.inf if low is None else double(low), np.inf if high is None else double(high)


def _clip_a(c: Call) -> Any:
    """``min(max(a, low), high)``: 1 inside, `tie` on a bound, 0 outside."""
    a, low, high = _bounds(c)
    raised = np.maximum(a, low)
    share = np.where(a == low, c.tie, a > low) * np.where(raised == high, c.tie, raised < high)
    return c.g * share


def _clip_low(c: Call) -> Any:
    a, low, high = _bounds(c)
    raised = np.maximum(a, low)
    share = np.where(a == low, 1.0 - c.tie, a < low)
    return c.g * share * np.where(raised == high, c.tie, raised < high)


def _clip_high(c: Call) -> Any:
    a, low, high = _bounds(c)
    raised = np.maximum(a, low)
    return c.g * np.where(raised == high, 1.0 - c.tie, raised > high)


_CLIP: dict[str, Callable[[Call], Any]] = {
    "a": _clip_a, "a_min": _clip_low, "min": _clip_low, "a_max": _clip_high, "max": _clip_high,
}  # fmt: skip


def _nan_to_num(c: Call) -> Any:
    """Zero where a number was put in for NaN or ±∞."""
    return np.where(np.isfinite(double(c.x)), c.g, 0.0)


def _tuple_rule(slopes: Callable[..., list[Any]]) -> Rule:
    """Make the rule of an elementwise function whose result is a tuple."""

    def rule(
        args: tuple[Any, ...], kwargs: dict[str, Any], out: Any, g: Any,
        wanted: Sequence[Path], tie: float,
    ) -> Pulled:  # fmt: skip
        _no_keywords(kwargs)
        wholes = slopes(g, *[double(a) for a in args])
        return [
            None if wholes[path[0]] is None
            else as_cotangent(wholes[path[0]], args[path[0]])
            for path in wanted
        ]  # fmt: skip

    return rule


def _divmod(g: Any, x: Any, y: Any) -> list[Any]:
    """``(⌊x/y⌋, x − y ⌊x/y⌋)``: only the remainder varies."""
    return [None, None] if g[1] is None else [g[1], -g[1] * np.floor_divide(x, y)]


def _modf(g: Any, x: Any) -> list[Any]:
    """``(fraction, whole)``: only the fraction varies."""
    return [g[0]]


def _frexp(g: Any, x: Any) -> list[Any]:
    """``x = m 2ᵉ``: ``m̄ 2⁻ᵉ``."""
    return [None] if g[0] is None else [g[0] * np.ldexp(1.0, -np.frexp(x)[1])]


def _absolute(x: Array, tie: float) -> Any:
    return sign_at(x, tie)


RULES: dict[Any, Rule] = {
    **{function: slope_rule(function, slope) for function, slope in SLOPES.items()},
    **{function: pair_rule(pulls) for function, pulls in PULLS.items()},
    **{function: zero() for function in (*FLAT, *ANSWERS)},
    **{function.outer: outer_rule(function) for function in PULLS},
    np.divmod: _tuple_rule(_divmod),
    builtins.divmod: _tuple_rule(_divmod),
    np.modf: _tuple_rule(_modf),
    math.modf: _tuple_rule(_modf),
    np.frexp: _tuple_rule(_frexp),
    math.frexp: _tuple_rule(_frexp),
    np.absolute: tie_rule(_absolute),
    np.fabs: tie_rule(_absolute),
    np.clip: named("a a_min a_max !out min max", **_CLIP),
    Method("clip"): named("a min max !out", **_CLIP),
    np.nan_to_num: named("x copy nan posinf neginf", x=_nan_to_num),
    np.round: zero(),
    np.around: zero(),
    np.fix: zero(),
    Method("round"): zero(),
}
