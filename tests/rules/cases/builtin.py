"""Python's builtins and math, and clip."""

from __future__ import annotations

import math
import operator

import numpy as np

from backproof.trace.primitives import Method, decided, stepped
from tests.rules.cases import apart, case, normal, unit

case(sum, [0.3, 0.4, 0.5])
case(sum, [normal(3), normal(3)])
case(sum, normal(3))
case(sum, normal(3, 2))
case(sum, [normal(3), 0.5])
case(sum, [0.3, 0.2], 0.7)
case(sum, [0.3, 0.2], start=0.7)
for f in (max, min):
    case(f, 0.3, 0.5)
    case(f, [0.3, 0.5, 0.1])
    case(f, 0, 0.3)
    case(f, [np.float64(0.3), 0.5])
    case(f, normal(4))
case(pow, 0.3, 0.4)
case(pow, 2.0, 3)
case(operator.pow, 0.3, 2)
case(operator.pow, 2, 0.3)
case(float, np.float64(0.3))
case(decided, 0.3, 0.7, 0.1)
case(stepped, 1.0, 0.7, 0.1)
case(int, np.float64(0.3))
case(np.float64, 0.3)
case(Method("astype"), normal(2, 3), float)
case(math.log, 0.3)
case(math.log, 0.3, 0.5)
case(math.log, 0.3, 2)
case(math.pow, 0.3, 0.5)
case(math.pow, 0.3, 2)
case(math.hypot, 0.3, 0.4, 0.5)
case(math.fsum, [0.3, 0.4])
case(math.fsum, normal(3))
case(math.prod, [0.3, 0.4, 0.2])
case(math.prod, normal(3))
case(math.prod, [0.3, 0.4], start=0.6)
case(math.dist, [0.3, 0.4], [0.5, 0.1])
case(math.dist, normal(3), normal(3))
x = 2 * apart(3, 4) - 1
case(np.clip, x, -0.5, 0.5)
case(np.clip, x, -0.5, unit(4) + 0.2)
case(np.clip, x, None, 0.5)
case(np.clip, x, a_min=-0.2, a_max=None)
case(np.clip, x, min=-0.3)
case(Method("clip"), x, -0.3, 0.4)
case(Method("clip"), x, 0)
case(Method("clip"), x, max=0.3)
case(np.clip, 0.3, 0.1, 0.2)
case(np.nan_to_num, np.array([1.0, 2.0]))
case(np.abs, normal(2, 3))
case(np.round, np.array([0.31, -1.28, 2.04]), 1)
case(np.sign, normal(3))
case(round, 0.3)
case(np.floor, unit(3))
case(Method("cumsum"), normal(2, 3), 1)
case(Method("trace"), normal(3, 3))
case(Method("repeat"), normal(2, 3), 2, 1)
case(Method("dot"), normal(2, 3), normal(3))
case(Method("squeeze"), normal(1, 3))
case(Method("swapaxes"), normal(2, 3), 0, 1)
case(Method("copy"), normal(3))
case(Method("diagonal"), normal(3, 3))
case(Method("__float__"), np.float64(0.3))
for kind in (np.float64, np.longdouble):
    case(kind, 0.3)
    case(kind, np.float64(0.3))
case(Method("round"), np.array([0.31, -1.28, 2.04]), 1)
for f in (np.round, np.around):
    case(f, np.array([0.31, -1.28, 2.04]), 1)
