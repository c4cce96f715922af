"""Sorting, medians, interpolation."""

from __future__ import annotations

import numpy as np

from tests.rules.cases import apart, case, normal

case(np.sort, apart(5))
case(np.sort, apart(3, 4))
case(np.sort, apart(3, 4), 0)
case(np.sort, apart(3, 4), axis=None)
case(np.sort, apart(3, 4), kind="stable")
case(np.partition, apart(7), 3)
case(np.partition, apart(3, 5), 2, axis=1)
case(np.median, apart(5))
case(np.median, apart(4))
case(np.median, apart(3, 4), axis=1)
case(np.median, apart(3, 4), axis=0, keepdims=True)
case(np.median, apart(2, 3, 4), axis=(0, 2))
case(np.quantile, apart(6), 0.3)
case(np.quantile, apart(3, 6), 0.3, axis=1, only=[(0,)])
case(np.percentile, apart(3, 6), [30, 70], axis=0, only=[(0,)])
case(np.percentile, apart(6), 50)
xp = np.array([0.0, 1, 2.5, 4])
case(np.interp, np.array([0.3, 1.7, 3.9, -1, 5]), xp, normal(4), only=[(0,), (2,)])
case(np.interp, 0.3, [0.0, 1.0, 2.0], [0.1, 0.2, 0.5], only=[(0,)])
