"""Elementwise functions: one row each, the function beside its slope.

A cotangent is ``g · slope``, summed over the axes along which the operand was broadcast.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backproof.calculus import rules_pairs
from backproof.calculus.rule import (
    Array,
    Call,
    Path,
    Pulled,
    Rule,
    as_cotangent,
    at_path,
    chain,
    double,
    named,
    no_keywords,
    unbroadcast,
    zero,
)
from backproof.trace.primitives import Method

Slope = Callable[[Any, Any], Any]

LN2, LN10 = math.log(2.0), math.log(10.0)


def sign_at(x: Any, tie: float) -> Any:
    """Return the slope of |x|: its sign, and ``2·tie − 1`` at 0."""
    return np.where(np.equal(x, 0), 2 * tie - 1, np.sign(x))


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
            no_keywords(kwargs)
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
            no_keywords(kwargs)
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
        no_keywords(kwargs)
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
    **rules_pairs.RULES,
    **{function: zero() for function in (*FLAT, *ANSWERS)},
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
