"""Elementwise functions, with every kind of broadcasting."""

from __future__ import annotations

import builtins
import math
import operator
from typing import Any

import numpy as np

from backproof.calculus import rules_elementwise as E
from backproof.calculus import rules_pairs
from backproof.calculus.rules_math import SCALAR_PAIRS, SCALAR_SLOPES
from tests.rules.cases import apart, case, normal, unit

SHAPES = [
    ((2, 3), (2, 3)),
    ((3,), (2, 3)),
    ((2, 1), (1, 3)),
    ((), (2, 3)),
    ((2, 3), ()),
    ((4, 1, 3), (2, 1)),
    ((1, 1), (3,)),
    ((0, 3), (3,)),
]


def separate(x_shape: tuple[int, ...], y_shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Draw operands of which no quotient is near a whole number: far from every jump and kink."""
    x, y = apart(*x_shape), apart(*y_shape)
    return np.round(x, 2) + 0.003, np.round(y, 2) + 0.011


for f in E.SLOPES:
    x = unit(2, 3) + (1 if f is np.arccosh else 0)
    case(f, x)
    case(f, x.T)
    case(f, float(x[0, 0]))
    case(f, np.float64(x[0, 0]))
    case(f, [float(x[0, 0]), x[0, 1]])
for f in rules_pairs.PULLS:
    for x_shape, y_shape in SHAPES:
        x, y = separate(x_shape, y_shape)
        y = np.ones(y_shape, int) if f is np.ldexp else y
        case(f, x, y, h=1e-4)
    if f is np.ldexp:
        case(f.outer, unit(2, 3), np.array([1, 2]))
        continue
    case(f, 0.3, 0.501)
    case(f, 0.301, unit(3) + 0.5, h=1e-4)
    case(f, unit(3) + 0.5, 0.45, h=1e-4)
    case(f, [0.3, np.float64(0.25)], 0.401)
    case(f.outer, *separate((2, 3), (2,)), h=1e-4)
    case(f.outer, 0.3, 0.401 + np.arange(2.0), h=1e-4)
for f in SCALAR_SLOPES:
    case(f, 0.3 if f is not math.acosh else 1.7)
    case(f, np.float64(0.3) if f is not math.acosh else np.float64(1.7))
for f in SCALAR_PAIRS:
    case(f, 0.3, 0.6)
    case(f, np.float64(0.3), 0.6)
    case(f, 1.7, 0.6)
    case(f, 2, 0.6)
    case(f, 0.4, 3)
for f in (
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.pow,
    operator.mod,
    operator.floordiv,
):
    case(f, *separate((2, 3), (3,)), h=1e-4)
    case(f, 0.5, np.array([0.31, 0.22, 0.83]))
    case(f, np.array([0.31, 0.22, 0.83]), 2)
    case(f, 3, np.array([0.31, 0.22, 0.83]), h=1e-4)
    case(f, np.array([0.31, 0.22, 0.83]), 2.0)
    case(f, np.float64(0.31), np.float64(0.45))
for f in (operator.neg, operator.pos, builtins.abs):
    case(f, normal(2, 3))
    case(f, -0.3)
for f in (*E.FLAT, np.fix, np.absolute, np.fabs):
    case(f, unit(2, 3))
    case(f, -0.3)
for f in E.ANSWERS:
    case(f, unit(2, 3), *([unit(2, 3) + 2] if f.nin == 2 else []))
for f in (np.divmod, builtins.divmod):
    case(f, *separate((2, 3), (3,)), h=1e-4)
    case(f, 0.7, 0.3)
for f in (np.modf, np.frexp):
    case(f, unit(3) + 1.3)
for f in (math.modf, math.frexp):
    case(f, 1.3)
