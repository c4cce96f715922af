"""Products of vectors, matrices and tensors."""

from __future__ import annotations

import operator

import numpy as np

from tests.rules.cases import case, matrix, normal, regular

for a, b in [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3, 4)),
    ((), (2, 3)),
    ((2, 3), ()),
    ((4, 2, 3), (3,)),
    ((3,), (4, 3, 2)),
    ((4, 2, 3), (5, 3, 2)),
    ((2, 3), (5, 3, 2)),
    ((5, 4, 2, 3), (3, 2)),
]:
    case(np.dot, normal(*a), normal(*b))
    if (len(a), len(b)) in ((1, 1), (2, 1), (1, 2), (2, 2)):
        case(operator.matmul, normal(*a), normal(*b))
for a, b in [
    ((4, 2, 3), (4, 3, 2)),
    ((1, 2, 3), (4, 3, 2)),
    ((4, 2, 3), (1, 3, 2)),
    ((5, 1, 2, 3), (4, 3, 2)),
    ((5, 4, 2, 3), (3, 2)),
    ((2, 3), (4, 3, 5)),
    ((3,), (4, 3, 5)),
    ((4, 5, 3), (3,)),
]:
    case(np.matmul, normal(*a), normal(*b))
case(operator.mul, matrix(2, 3), matrix(3, 2))
case(operator.mul, matrix(2, 3), normal(3, 2))
case(operator.mul, normal(2, 3), matrix(3, 2))
case(operator.mul, matrix(2, 3), 0.5)
case(operator.mul, normal(2), matrix(2, 3))
case(operator.pow, matrix(3, 3), 3)
case(operator.pow, matrix(3, 3), 0)
case(operator.pow, regular(3).view(np.matrix), -2)
case(np.multiply, matrix(2, 3), matrix(2, 3))
case(operator.add, matrix(2, 3), matrix(1, 3))
case(np.dot, matrix(2, 3), matrix(3, 1))
case(operator.matmul, matrix(2, 3), matrix(3, 1))
for a, b in [((3,), (3,)), ((2, 3), (4, 3)), ((2, 3), ()), ((2, 5, 3), (4, 3)), ((), (3,))]:
    case(np.inner, normal(*a), normal(*b))
case(np.outer, normal(3), normal(4))
case(np.outer, normal(2, 3), normal(4))
case(np.outer, 0.5, normal(4))
case(np.vdot, normal(2, 3), normal(3, 2))
case(np.vdot, normal(3), normal(3))
for axes, a, b in [
    (1, (2, 3, 4), (4, 2)),
    (2, (2, 3, 4), (3, 4, 2)),
    (0, (2, 3), (2,)),
    (([1, 2], [0, 1]), (2, 3, 4), (3, 4, 2)),
    (([2, 1], [0, 1]), (2, 3, 4), (4, 3, 2)),
    (([2, 0], [1, 2]), (2, 3, 4), (3, 4, 2)),
    ((2, 1), (2, 3, 4), (3, 4)),
    (([-1], [-2]), (2, 3), (3, 2)),
]:
    case(np.tensordot, normal(*a), normal(*b), axes)
case(np.tensordot, normal(2, 3, 4), normal(3, 4, 2))
case(np.tensordot, normal(2, 3, 4), normal(4, 3), axes=((1, 2), (1, 0)))
for a, b in [((3,), (2,)), ((2, 3), (3, 2)), ((2,), (2, 3)), ((2, 2, 2), (2,)), ((), (3,))]:
    case(np.kron, normal(*a), normal(*b))
for s, *sh in [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ij->", (2, 3)),
    ("ij->j", (2, 3)),
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("ij,ij->i", (2, 3), (2, 3)),
    ("i,j->ij", (2,), (3,)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 2)),
    ("...ij,...jk->...ik", (2, 3, 4), (4, 2)),
    ("i...,i...", (3, 2), (3, 2)),
    ("...i->...", (2, 3)),
    ("ij,kl->", (2, 3), (2, 2)),
    ("ijk,jl,kl->il", (2, 3, 4), (3, 2), (4, 2)),
    ("ba", (2, 3)),
    ("ij,j->i", (2, 1), (3,)),
    ("iij->j", (3, 3, 2)),
    ("i , i->i", (3,), (1,)),
    ("...,...->...", (2, 3), (3,)),
    ("b...->...", (2, 3)),
    ("ij,ij,ij->j", (2, 3), (2, 3), (2, 3)),
]:
    case(np.einsum, s, *[normal(*x) for x in sh])
case(np.einsum, normal(2, 3), [0, 1], normal(3, 4), [1, 2], [0, 2])
case(np.einsum, normal(2, 3), [0, 1], normal(3, 4), [1, 2])
case(np.einsum, normal(2, 3), [0, 1])
case(np.einsum, "ij,j", normal(2, 3), normal(3), optimize=True)
case(np.einsum, normal(2, 3), [Ellipsis, 1], normal(3, 4), [1, 2], [Ellipsis, 2])
