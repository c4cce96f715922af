"""SciPy's functions."""

from __future__ import annotations

import operator

import numpy as np
import scipy.linalg as sl
import scipy.sparse as ss
import scipy.special as sp
import scipy.stats as st

from backproof.calculus import rules_scipy
from tests.rules.cases import case, normal, regular, unit

for n in list(rules_scipy.SPECIAL):
    f = getattr(sp, n)
    case(f, unit(2, 3))
    case(f, 0.4)
    case(f, unit(3).astype(np.float32).astype(float))
case(sp.exprel, np.array([1e-3, -2e-3, 0.009, 0.011, 0.0]))
case(sp.expit, np.array([40.0, -40, 0]))
case(sp.log_ndtr, np.array([-30.0, 3]))
for n in rules_scipy.SPECIAL_PAIRS:
    f = getattr(sp, n)
    case(f, unit(2, 3), unit(3))
    case(f, 0.4, unit(2, 1))
    case(f, 0.3, 0.5)
for k in ({}, {"axis": 1}, {"axis": 0}):
    case(sp.softmax, normal(2, 3), **k)
    case(sp.log_softmax, normal(2, 3), **k)
    case(sp.logsumexp, normal(2, 3), **k)
    case(sp.logsumexp, normal(2, 3), b=unit(2, 3), **k)
case(sp.logsumexp, normal(2, 3), axis=1, keepdims=True)
case(sp.logsumexp, normal(2, 3), axis=1, b=unit(3))
case(sp.logsumexp, [0.3, 0.4])
case(sp.logsumexp, [0.3, np.float64(0.4)])
case(sl.inv, regular(3))
case(sl.det, regular(3))
for lo in (True, False):
    for tr in (0, 1, "T"):
        case(sl.solve_triangular, regular(3) + 3 * np.eye(3), normal(3), trans=tr, lower=lo)
        case(sl.solve_triangular, regular(3), normal(3, 2), trans=tr, lower=lo, unit_diagonal=True)
spd = regular(3) @ regular(3).T + 9 * np.eye(3)
spd = spd + spd.T
for lo in (True, False):
    case(sl.cholesky, spd, lower=lo)
    case(sl.cho_factor, spd, lower=lo)
    for rhs in (normal(3), normal(3, 2)):
        case(sl.cho_solve, (sl.cho_factor(spd, lower=lo)[0], lo), rhs)
case(sl.solve, regular(3), normal(3))
case(sl.solve, regular(3), normal(3, 2))
case(np.cross, normal(3), normal(3))
case(np.cross, normal(2, 3), normal(3))
case(np.cross, normal(3, 2), normal(3, 2), axis=0)
case(np.gradient, normal(5))
case(np.sinc, normal(3))
case(np.unwrap, unit(4))
case(sp.polygamma, 1, unit(3) + 1)
case(sp.beta, unit(3) + 1, unit(3) + 1)
case(sp.gammainc, 2, unit(3) + 1)
case(sp.i1, normal(3))
case(sp.j1, normal(3))
case(sp.multigammaln, 5.3, 2)
case(np.i0, unit(3))
case(sp.ellipk, unit(3))
case(np.spacing, unit(2))
for f in (sp.gammaincc, sp.iv, sp.ive, sp.jn, sp.yn):
    case(f, 2, unit(3) + 1)
case(sp.betainc, 2.0, 3.0, unit(3), only=[(2,)])
for f in (sp.y0, sp.y1):
    case(f, unit(3) + 1)
symmetric = regular(3)
case(sl.sqrtm, symmetric @ symmetric.T, tolerance=1e-5)
case(sl.solve_sylvester, regular(3), regular(2), normal(3, 2), tolerance=1e-6)

counts = ss.csr_matrix([[0.0, 2.0, 0.0], [1.0, 0.0, 3.0]])
for x in (normal(3), normal(3, 4)):
    case(counts.dot, x)
    case(operator.matmul, counts, x)
    case(operator.mul, counts, x)
    case(operator.matmul, ss.csr_array(counts), x)
case(operator.matmul, normal(2), counts)
case(operator.sub, counts, normal(2, 3))
case(operator.sub, normal(2, 3), counts)
case(operator.add, counts, normal(2, 3))
case(operator.matmul, normal(4, 2), counts)
for law in (st.norm, st.logistic):
    for n in ("cdf", "sf", "logcdf", "logsf", "pdf", "logpdf"):
        f = getattr(law, n)
        case(f, normal(2, 3))
        case(f, normal(2, 3), normal(3), unit(2, 1))
        case(f, 0.3, loc=0.1, scale=0.7)
    case(law.ppf, unit(3))
    case(law.ppf, unit(3), scale=2.0, only=[(0,)])
case(st.gumbel_r.cdf, normal(3))
