"""Inverses, determinants, norms and factorisations."""

from __future__ import annotations

import numpy as np

from backproof.trace.primitives import Attribute
from tests.rules.cases import case, matrix, normal, regular

case(np.linalg.inv, regular(3))
case(np.linalg.inv, normal(2, 3, 3) + 3 * np.eye(3))
case(np.linalg.solve, regular(3), normal(3))
case(np.linalg.solve, regular(3), normal(3, 2))
case(np.linalg.solve, normal(2, 3, 3) + 3 * np.eye(3), normal(2, 3, 1))
case(np.linalg.solve, normal(2, 3, 3) + 3 * np.eye(3), normal(3))
case(np.linalg.solve, regular(3), normal(2, 3, 2))
case(np.linalg.det, regular(3))
case(np.linalg.det, normal(2, 3, 3))
case(np.linalg.det, np.outer([1.0, 2], [3.0, 4]))
case(np.linalg.det, normal(1, 1))
case(np.linalg.slogdet, regular(3))
case(np.linalg.slogdet, normal(2, 3, 3) + 2 * np.eye(3))
S = regular(3)
S = S @ S.T
case(np.linalg.cholesky, S)


def lowS(n=3):
    a = normal(n, n)
    return a + a.T + np.diag(np.arange(n) * 3.0)


case(np.linalg.eigvalsh, lowS())
case(np.linalg.eigvalsh, lowS(), "U")
case(np.linalg.eigh, lowS(), tolerance=1e-5)
case(np.linalg.svd, normal(3, 2), compute_uv=False)
case(np.linalg.qr, normal(3, 2) + 2 * np.eye(3, 2))
case(np.linalg.qr, regular(3))
case(np.linalg.pinv, normal(3, 2))
case(np.linalg.pinv, normal(2, 4))
case(np.linalg.pinv, regular(3))
for o in (None, 2, 1, np.inf, -np.inf, 3, 2.5):
    case(np.linalg.norm, normal(4), o)
    case(np.linalg.norm, normal(2, 3), o, axis=1)
    case(np.linalg.norm, normal(2, 3), ord=o, axis=0, keepdims=True)
for o in ("fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf, None):
    case(np.linalg.norm, normal(2, 3), o, h=1e-4, tolerance=1e-6)
case(np.linalg.norm, normal(2, 2, 3), axis=(1, 2))
case(np.linalg.norm, normal(2, 2, 3), "nuc", axis=(1, 2), h=1e-4, tolerance=1e-6)
case(np.linalg.norm, normal(2, 2, 3))
case(np.linalg.norm, normal(2, 3), keepdims=True)
case(np.linalg.matrix_power, regular(3), 3)
case(np.linalg.matrix_power, regular(3), -2)
case(np.linalg.matrix_power, regular(2), 1)
case(np.linalg.multi_dot, [normal(2, 3), normal(3, 4), normal(4, 2)])
case(np.linalg.multi_dot, [normal(3), normal(3, 4), normal(4)])
case(Attribute("I"), regular(3).view(np.matrix))
case(Attribute("I"), matrix(3, 2))
