"""Sorting, medians, interpolation."""

from __future__ import annotations

import numpy as np

from tests.rules.cases import case, normal

case(np.sort, normal(5))
case(np.sort, normal(3, 4))
case(np.sort, normal(3, 4), 0)
case(np.sort, normal(3, 4), axis=None)
case(np.sort, normal(3, 4), kind="stable")
case(np.partition, normal(7), 3)
case(np.partition, normal(3, 5), 2, axis=1)
case(np.median, normal(5))
case(np.median, normal(4))
case(np.median, normal(3, 4), axis=1)
case(np.median, normal(3, 4), axis=0, keepdims=True)
case(np.median, normal(2, 3, 4), axis=(0, 2))
case(np.quantile, normal(6), 0.3)
case(np.quantile, normal(3, 6), 0.3, axis=1, only=[(0,)])
case(np.percentile, normal(3, 6), [30, 70], axis=0, only=[(0,)])
case(np.percentile, normal(6), 50)
xp = np.array([0.0, 1, 2.5, 4])
case(np.interp, np.array([0.3, 1.7, 3.9, -1, 5]), xp, normal(4), only=[(0,), (2,)])
case(np.interp, 0.3, [0.0, 1.0, 2.0], [0.1, 0.2, 0.5], only=[(0,)])
