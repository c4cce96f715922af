"""Slopes of the functions of Python floats: operators, builtins and `math`."""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable
from typing import Any

LN2, LN10 = math.log(2.0), math.log(10.0)

#: function -> slope at (x, y, tie), for one Python float.
SCALAR_SLOPES: dict[Any, Callable[[float, float, float], float]] = {
    operator.neg: lambda x, y, tie: -1.0,
    operator.pos: lambda x, y, tie: 1.0,
    builtins.float: lambda x, y, tie: 1.0,
    builtins.abs: lambda x, y, tie: math.copysign(1.0, x) if x else 2 * tie - 1,
    math.fabs: lambda x, y, tie: math.copysign(1.0, x) if x else 2 * tie - 1,
    math.exp: lambda x, y, tie: y,
    math.exp2: lambda x, y, tie: y * LN2,
    math.expm1: lambda x, y, tie: math.exp(x),
    math.log2: lambda x, y, tie: 1.0 / (x * LN2),
    math.log10: lambda x, y, tie: 1.0 / (x * LN10),
    math.log1p: lambda x, y, tie: 1.0 / (1.0 + x),
    math.sqrt: lambda x, y, tie: 0.5 / y if y else math.inf,
    math.cbrt: lambda x, y, tie: 1.0 / (3.0 * y * y) if y else math.inf,
    math.sin: lambda x, y, tie: math.cos(x),
    math.cos: lambda x, y, tie: -math.sin(x),
    math.tan: lambda x, y, tie: 1.0 + y * y,
    math.asin: lambda x, y, tie: 1.0 / math.sqrt((1.0 - x) * (1.0 + x)),
    math.acos: lambda x, y, tie: -1.0 / math.sqrt((1.0 - x) * (1.0 + x)),
    math.atan: lambda x, y, tie: 1.0 / (1.0 + x * x),
    math.sinh: lambda x, y, tie: math.cosh(x),
    math.cosh: lambda x, y, tie: math.sinh(x),
    math.tanh: lambda x, y, tie: (1.0 - y) * (1.0 + y),
    math.asinh: lambda x, y, tie: 1.0 / math.sqrt(x * x + 1.0),
    math.acosh: lambda x, y, tie: 1.0 / math.sqrt((x - 1.0) * (x + 1.0)),
    math.atanh: lambda x, y, tie: 1.0 / ((1.0 - x) * (1.0 + x)),
    math.degrees: lambda x, y, tie: 180.0 / math.pi,
    math.radians: lambda x, y, tie: math.pi / 180.0,
    math.erf: lambda x, y, tie: 2.0 / math.sqrt(math.pi) * math.exp(-x * x),
    math.erfc: lambda x, y, tie: -2.0 / math.sqrt(math.pi) * math.exp(-x * x),
}

#: function -> the two slopes at (x, y, out), for two Python floats.
SCALAR_PAIRS: dict[Any, tuple[Callable[..., float], Callable[..., float]]] = {
    operator.add: (lambda x, y, out: 1.0, lambda x, y, out: 1.0),
    operator.sub: (lambda x, y, out: 1.0, lambda x, y, out: -1.0),
    operator.mul: (lambda x, y, out: y, lambda x, y, out: x),
    operator.truediv: (lambda x, y, out: 1.0 / y, lambda x, y, out: -out / y),
    operator.mod: (lambda x, y, out: 1.0, lambda x, y, out: -float(x // y)),
    math.fmod: (lambda x, y, out: 1.0, lambda x, y, out: -float(math.trunc(x / y))),
    math.copysign: (
        lambda x, y, out: 1.0 if math.copysign(1.0, x) == math.copysign(1.0, y) else -1.0,
        lambda x, y, out: 0.0,
    ),
    math.atan2: (
        lambda x, y, out: y / (x * x + y * y),
        lambda x, y, out: -x / (x * x + y * y),
    ),
    math.hypot: (
        lambda x, y, out: x / out if out else 0.0,
        lambda x, y, out: y / out if out else 0.0,
    ),
}
