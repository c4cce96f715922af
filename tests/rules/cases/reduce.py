"""Reductions and running sums."""

from __future__ import annotations

import numpy as np

from backproof.trace.primitives import Method
from tests.rules.cases import apart, case, matrix, normal, unit

for f in (
    np.sum,
    np.mean,
    np.max,
    np.min,
    np.prod,
    np.var,
    np.std,
    np.ptp,
    np.nansum,
    np.nanmean,
    np.nanmax,
    np.nanmin,
    np.amax,
    np.amin,
    np.nanvar,
    np.nanstd,
    np.nanprod,
):
    for k in (
        {},
        {"axis": 0},
        {"axis": -1},
        {"axis": (0, 2)},
        {"axis": 1, "keepdims": True},
        {"keepdims": True},
    ):
        case(f, apart(2, 3, 4), **k)
    case(f, apart(3), 0)
    case(f, apart(2, 3).tolist())
    case(f, np.float64(0.3))
for n in ("sum", "mean", "max", "min", "prod", "var", "std"):
    for a in ((), (0,), (-1,)):
        case(Method(n), normal(2, 3), *a)
    case(Method(n), matrix(2, 3), 1)
    case(Method(n), matrix(2, 3))
case(np.var, normal(2, 3), ddof=1, axis=1)
case(np.std, normal(2, 3), ddof=1)
case(np.std, normal(2, 3), 0, None, None, 1)
case(np.var, normal(2, 3), correction=1)
for k in ({}, {"axis": 0}, {"axis": 1}):
    for f in (np.cumsum, np.cumprod):
        case(f, normal(3, 2), **k)
case(np.average, normal(2, 3))
case(np.average, normal(2, 3), weights=unit(2, 3))
case(np.average, normal(2, 3), axis=1, weights=unit(3))
case(np.average, normal(2, 3), axis=0, weights=unit(2), keepdims=True)
case(np.average, normal(2, 3, 4), axis=(2, 0), weights=unit(4, 2))
case(np.average, normal(2, 3, 4), axis=(0, 2), weights=unit(2, 4))
case(np.average, normal(3), weights=[0.1, 0.2, 0.5])
case(np.diff, normal(2, 4))
case(np.diff, normal(2, 4), 2)
case(np.diff, normal(4, 2), axis=0)
case(np.trace, normal(3, 4))
case(np.trace, normal(3, 4), 1)
case(np.trace, normal(3, 4, 2), -1)
case(np.trace, normal(2, 3, 4), 0, 1, 2)
case(np.trace, normal(2, 3, 4), 0, 2, 0)
for f in (np.add, np.multiply, np.maximum, np.minimum, np.logaddexp):
    case(f.reduce, normal(3, 2))
    case(f.reduce, normal(3, 2), 1)
    case(f.reduce, normal(3, 2), axis=1, keepdims=True)
case(np.add.reduce, normal(3, 2), axis=None)
for n in ("cumsum", "cumprod"):
    case(Method(n), normal(2, 3))
    case(Method(n), normal(2, 3), 1)
    case(Method(n), normal(2, 3), axis=0)
for f in (np.add, np.multiply, np.maximum, np.minimum):
    case(f.accumulate, apart(4))
    case(f.accumulate, apart(3, 2))
    case(f.accumulate, apart(2, 4), axis=1)
for f in (np.prod, np.cumprod):
    case(f, np.array([0.3, 0.0, 0.7]))
    case(f, np.array([0.3, 0.0, 0.7, 0.0]))
    case(f, np.array([[0.3, 0.0], [0.7, 0.2]]), axis=1)
holed = np.where(unit(3, 4) > 0.6, np.nan, apart(3, 4))
holed[0] = unit(4)
for f in (np.nansum, np.nanmean, np.nanmax, np.nanmin, np.nanvar, np.nanstd, np.nanprod):
    case(f, holed)
    case(f, holed, axis=0)
case(np.nanvar, holed, axis=0, ddof=0.5, only=[(0,)])
case(np.var, normal(3), ddof=0.5)
case(np.sum, normal(3), initial=2)
