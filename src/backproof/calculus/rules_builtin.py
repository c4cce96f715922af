"""Python's operators, builtins and `math`: Python floats first, arrays by NumPy's rules."""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from backproof.calculus import rules_elementwise, rules_linear
from backproof.calculus.rule import (
    NoRule,
    Path,
    Pulled,
    Rule,
    as_cotangent,
    at_path,
    double,
    unbroadcast,
    zero,
)
from backproof.calculus.rules_math import SCALAR_PAIRS, SCALAR_SLOPES
from backproof.calculus.rules_shape import optional
from backproof.trace import primitives
from backproof.trace.primitives import Method

Args = tuple[Any, ...]
Keywords = dict[str, Any]
NUMBERS = (float, int, np.floating, np.integer, np.bool_)


def scalar_rule(function: Any, otherwise: Rule | None = None) -> Rule:
    """Make the rule of a function of one Python float; other operands go to `otherwise`."""
    slope = SCALAR_SLOPES[function]

    def rule(
        args: Args, kwargs: Keywords, out: Any, g: Any, wanted: Sequence[Path], tie: float
    ) -> Pulled:
        x = args[0]
        if type(x) is float and type(g) is float and g:
            try:
                return [g * slope(x, out, tie)]
            except (ZeroDivisionError, OverflowError):
                return [g * math.inf]
        if otherwise is not None and not isinstance(x, NUMBERS):
            return otherwise(args, kwargs, out, g, wanted, tie)
        x = float(x)
        try:
            part = slope(x, float(out), tie)
        except (ZeroDivisionError, OverflowError):
            part = math.inf
        g = float(g)
        return [as_cotangent(g * part if g else 0.0, args[0])]

    return rule


def pair_of_scalars(function: Any, otherwise: Rule | None) -> Rule:
    """Make the rule of a function of two Python floats; other operands go to `otherwise`."""
    slopes = SCALAR_PAIRS[function]

    def rule(
        args: Args, kwargs: Keywords, out: Any, g: Any, wanted: Sequence[Path], tie: float
    ) -> Pulled:
        x, y = args
        if type(x) is float and type(y) is float and type(g) is float and g:
            try:
                return [g * slopes[path[0]](x, y, out) for path in wanted]
            except (ZeroDivisionError, OverflowError) as error:
                raise NoRule("an infinite derivative") from error
        if type(x) not in (float, int) or type(y) not in (float, int):
            if otherwise is not None:
                return otherwise(args, kwargs, out, g, wanted, tie)
            x, y = float(x), float(y)
        if len(args) != 2:
            raise NoRule("more than two operands")
        g = float(g)
        try:
            return [
                as_cotangent(g * slopes[path[0]](x, y, out) if g else 0.0, args[path[0]])
                for path in wanted
            ]
        except (ZeroDivisionError, OverflowError) as error:
            raise NoRule("an infinite derivative") from error

    return rule


# ---- np.matrix -----------------------------------------------------------------------------------


def _multiply(
    args: Args, kwargs: Keywords, out: Any, g: Any, wanted: Sequence[Path], tie: float
) -> Pulled:
    """``*``: elementwise, but the matrix product where an operand is a `np.matrix`."""
    if any(isinstance(a, np.matrix) for a in args) and all(np.ndim(a) for a in args):
        rows = tuple(np.atleast_2d(double(a)) for a in args)
        parts = rules_linear.RULES[np.dot](rows, {}, out, g, [(p[0],) for p in wanted], tie)
        return [
            as_cotangent(_inside(part, args, path), at_path(args, path))
            for part, path in zip(parts, wanted, strict=True)
        ]
    return rules_elementwise.RULES[np.multiply](args, kwargs, out, g, wanted, tie)


def _inside(part: Any, args: Args, path: Path) -> Any:
    return np.reshape(part, np.shape(args[path[0]]))[path[1:]]


def _power(
    args: Args, kwargs: Keywords, out: Any, g: Any, wanted: Sequence[Path], tie: float
) -> Pulled:
    """``**``: elementwise, but the power of a matrix where the base is a `np.matrix`."""
    if len(args) > 2 and args[2] is not None:
        raise NoRule("pow with a modulus")
    if isinstance(args[0], np.matrix):
        return [matrix_power_pull(double(args[0]), args[1], g) for _ in wanted]
    return rules_elementwise.RULES[np.power](args[:2], kwargs, out, g, wanted, tie)


def matrix_power_pull(a: Any, exponent: Any, g: Any) -> Any:
    """``Aⁿ``: ``Ā = Σ_k (Aᵏ)ᵀ g (Aⁿ⁻¹⁻ᵏ)ᵀ``."""
    if not isinstance(exponent, (int, np.integer)):
        raise NoRule("a matrix to a power that is not an integer")
    n, g = int(exponent), np.asarray(g, dtype=float)
    base = a if n >= 0 else np.linalg.inv(a)
    powers = [np.broadcast_to(np.eye(a.shape[-1]), a.shape)]
    for _ in range(1, abs(n)):
        powers.append(powers[-1] @ base)
    flipped = [p.swapaxes(-1, -2) for p in powers]
    whole = np.zeros(a.shape)
    for k in range(abs(n)):
        whole = whole + flipped[k] @ g @ flipped[abs(n) - 1 - k]
    if n < 0:
        t = base.swapaxes(-1, -2)
        whole = -t @ whole @ t
    return whole


def _scalar_power(
    args: Args, kwargs: Keywords, out: Any, g: Any, wanted: Sequence[Path], tie: float
) -> Pulled:
    """``x ** y`` of Python floats: ``y x^(y−1)`` and ``x^y log x``."""
    x, y = args[:2]
    if type(x) not in (float, int) or type(y) not in (float, int) or len(args) > 2:
        return _power(args, kwargs, out, g, wanted, tie)
    result: Pulled = []
    for path in wanted:
        if not g:
            slope = 0.0
        elif path[0] == 0:
            try:
                slope = y * x ** (y - 1) if y else 0.0
            except (ZeroDivisionError, OverflowError):
                slope = math.inf
        elif x > 0:
            slope = out * math.log(x)
        else:
            slope = 0.0 if x == 0 and y > 0 else math.nan
        result.append(g * slope if g else 0.0)
    return result


# ---- builtins over collections -------------------------------------------------------------------


def _builtin_sum(
    args: Args, kwargs: Keywords, out: Any, g: Any, wanted: Sequence[Path], tie: float
) -> Pulled:
    """``sum(xs, start)``: every element, and the start, gets g."""
    if set(kwargs) - {"start"}:
        raise NoRule("keywords of sum")
    result: Pulled = []
    for path in wanted:
        value = kwargs["start"] if path[0] == "start" else at_path(args, path)
        if path == (0,):
            result.append(as_cotangent(np.broadcast_to(g, np.shape(value)), value))
        elif type(g) is float:
            result.append(g)
        else:
            result.append(as_cotangent(unbroadcast(g, np.shape(value)), value))
    return result


def _builtin_extreme(
    args: Args, kwargs: Keywords, out: Any, g: Any, wanted: Sequence[Path], tie: float
) -> Pulled:
    """``max(xs)`` and ``max(x, y, …)``: the largest gets g (ties as in ``np.max``)."""
    if kwargs:
        raise NoRule("keywords of max and min")
    items = args[0] if len(args) == 1 else args
    depth = 2 if len(args) == 1 else 1
    values = [float(item) for item in items] if not isinstance(items, np.ndarray) else items
    winners = np.equal(values, float(out))
    if tie == 0:
        winners = np.arange(len(winners)) == int(np.argmax(winners))
    share = winners * (1.0 / max(1, int(winners.sum())) if tie == 0.5 else 1.0)
    result: Pulled = []
    for path in wanted:
        if len(path) == depth:
            result.append(as_cotangent(float(g) * share[path[-1]], at_path(args, path)))
        else:
            result.append(as_cotangent(float(g) * share, at_path(args, path)))
    return result


def _math_sum(
    args: Args, kwargs: Keywords, out: Any, g: Any, wanted: Sequence[Path], tie: float
) -> Pulled:
    """``math.fsum(xs)``."""
    return _builtin_sum(args, kwargs, out, float(g), wanted, tie)


def _math_prod(
    args: Args, kwargs: Keywords, out: Any, g: Any, wanted: Sequence[Path], tie: float
) -> Pulled:
    """``math.prod(xs, start=s)``: the product of all others."""
    values = [float(v) for v in args[0]]
    start = float(kwargs.get("start", 1.0))
    result: Pulled = []
    for path in wanted:
        if path[0] == "start":
            result.append(as_cotangent(g * math.prod(values), kwargs["start"]))
        elif len(path) == 2:
            others = math.prod(values[: path[1]] + values[path[1] + 1 :])
            result.append(as_cotangent(g * start * others, at_path(args, path)))
        else:
            whole = [start * math.prod(values[:i] + values[i + 1 :]) for i in range(len(values))]
            result.append(as_cotangent(g * np.array(whole), args[0]))
    return result


def _math_dist(
    args: Args, kwargs: Keywords, out: Any, g: Any, wanted: Sequence[Path], tie: float
) -> Pulled:
    """``math.dist(p, q) = |p − q|``: ``(p − q) / |p − q|``, 0 where they meet."""
    p, q = double(args[0]), double(args[1])
    unit = (p - q) / out if out else np.zeros(p.shape)
    result: Pulled = []
    for path in wanted:
        whole = g * unit * (1.0 if path[0] == 0 else -1.0)
        result.append(as_cotangent(whole[path[1:]], at_path(args, path)))
    return result


def _math_log(
    args: Args, kwargs: Keywords, out: Any, g: Any, wanted: Sequence[Path], tie: float
) -> Pulled:
    """``log(x)`` and ``log(x, base)``: ``1/(x ln b)`` and ``−out/(b ln b)``."""
    base = float(args[1]) if len(args) > 1 else math.e
    lnb = math.log(base) if len(args) > 1 else 1.0
    slopes = (1.0 / (float(args[0]) * lnb), -float(out) / (base * lnb))
    return [as_cotangent(float(g) * slopes[path[0]], args[path[0]]) for path in wanted]


def _math_hypot(
    args: Args, kwargs: Keywords, out: Any, g: Any, wanted: Sequence[Path], tie: float
) -> Pulled:
    """``hypot(x, y, …)``: ``x / out``."""
    scale = float(g) / out if out else 0.0
    return [as_cotangent(scale * float(args[path[0]]), args[path[0]]) for path in wanted]


def _math_pow(
    args: Args, kwargs: Keywords, out: Any, g: Any, wanted: Sequence[Path], tie: float
) -> Pulled:
    floats = (float(args[0]), float(args[1]))
    parts = _scalar_power(floats, {}, float(out), float(g), wanted, tie)
    return [as_cotangent(part, args[path[0]]) for part, path in zip(parts, wanted, strict=True)]


def _cast(
    args: Args, kwargs: Keywords, out: Any, g: Any, wanted: Sequence[Path], tie: float
) -> Pulled:
    """``float(x)``, ``np.float64(x)``, ``x.astype(float)``: g, whatever the precision."""
    return [as_cotangent(np.reshape(g, np.shape(args[0])), args[0]) for _ in wanted]


def _decided(
    args: Args, kwargs: Keywords, out: Any, g: Any, wanted: Sequence[Path], tie: float
) -> Pulled:
    """``z if z > 0 else 0``: g to what was chosen, nothing to what was compared."""
    return [
        as_cotangent(np.reshape(g, ()) if path[0] == 0 else np.zeros(()), args[path[0]])
        for path in wanted
    ]


_array = rules_elementwise.RULES

RULES: dict[Any, Rule] = {
    operator.add: pair_of_scalars(operator.add, _array[np.add]),
    operator.sub: pair_of_scalars(operator.sub, _array[np.subtract]),
    operator.mul: pair_of_scalars(operator.mul, _multiply),
    operator.truediv: pair_of_scalars(operator.truediv, _array[np.divide]),
    operator.mod: pair_of_scalars(operator.mod, _array[np.remainder]),
    operator.floordiv: zero(),
    operator.pow: _scalar_power,
    operator.matmul: rules_linear.RULES[np.matmul],
    operator.neg: scalar_rule(operator.neg, _array[np.negative]),
    operator.pos: scalar_rule(operator.pos, _array[np.positive]),
    builtins.abs: scalar_rule(builtins.abs, _array[np.absolute]),
    builtins.pow: _scalar_power,
    builtins.sum: _builtin_sum,
    builtins.max: _builtin_extreme,
    builtins.min: _builtin_extreme,
    builtins.float: _cast,
    builtins.int: zero(),
    primitives.decided: _decided,
    primitives.stepped: _decided,
    builtins.round: zero(),
    math.fmod: pair_of_scalars(math.fmod, None),
    math.copysign: pair_of_scalars(math.copysign, None),
    math.atan2: pair_of_scalars(math.atan2, None),
    math.hypot: _math_hypot,
    math.pow: _math_pow,
    math.log: _math_log,
    math.fsum: _math_sum,
    math.prod: _math_prod,
    math.dist: _math_dist,
    np.float64: _cast,
    np.float32: _cast,
    np.float16: _cast,
    np.longdouble: _cast,
    Method("astype"): _cast,
    **optional("astype", _cast),
    Method("__float__"): _cast,
}
RULES.update({
    function: scalar_rule(function) for function in SCALAR_SLOPES if function not in RULES
})  # fmt: skip
