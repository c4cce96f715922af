"""Functions that move elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from backproof.trace import primitives as P
from backproof.trace.primitives import Attribute, Method, Mutated
from tests.rules.cases import case, matrix, normal

#: Functions that came with NumPy 2, or went.
OPTIONAL: dict[str, tuple[Any, ...]] = {
    "matrix_transpose": (normal(2, 3, 4),),
    "permute_dims": (normal(2, 3, 4), (2, 0, 1)),
    "unstack": (normal(3, 2),),
    "astype": (normal(3), float),
}

case(np.reshape, normal(2, 3), (3, 2))
case(np.reshape, normal(2, 3), -1, order="F")
case(Method("reshape"), normal(2, 3), 3, 2)
case(Method("reshape"), normal(2, 3), (3, 2), order="F")
case(np.ravel, np.asfortranarray(normal(2, 3)), "K")
case(np.ravel, np.asfortranarray(normal(2, 3)), order="A")
case(Method("flatten"), normal(2, 3), "F")
case(Method("ravel"), normal(2, 3))
case(np.squeeze, normal(1, 3, 1))
case(np.squeeze, normal(1, 3, 1), 0)
case(np.expand_dims, normal(2, 3), 1)
case(np.transpose, normal(2, 3, 4))
case(np.transpose, normal(2, 3, 4), (1, 2, 0))
case(np.transpose, normal(2, 3, 4), (1, -1, 0))
case(Method("transpose"), normal(2, 3, 4), 1, 2, 0)
case(Method("transpose"), normal(2, 3, 4), (1, 2, 0))
case(Method("transpose"), normal(2, 3))
for a in ("T", "real"):
    case(Attribute(a), normal(2, 3))
case(Attribute("mT"), normal(2, 3, 4))
case(Attribute("A1"), matrix(2, 3))
case(Attribute("A"), matrix(2, 3))
case(Attribute("H"), matrix(2, 3))
case(Attribute("T"), matrix(2, 3))
case(np.array, [[0.3, 0.5], [0.1, 0.7]])
case(np.array, [normal(3), normal(3)])
case(np.array, [[0.3, np.float64(0.5)], [normal(1)[0], 1]])
case(np.array, normal(2, 3))
case(np.array, 0.5)
case(np.array, [normal(2, 3)], dtype=float)
case(np.asarray, [[normal(2), normal(2)], [normal(2), normal(2)]])
case(np.array, [0.3, 0.4], ndmin=2)
case(np.concatenate, [normal(2, 3), normal(1, 3)])
case(np.concatenate, (normal(2, 3), normal(2, 1)), 1)
case(np.concatenate, [normal(2, 3), normal(1, 3)], axis=None)
case(np.concatenate, [normal(2, 3), np.ones((2, 2), int)], axis=-1)
case(np.concatenate, normal(2, 3, 2))
for f in (np.stack, np.vstack, np.hstack, np.dstack, np.column_stack):
    case(f, [normal(2, 3), normal(2, 3)])
    case(f, (normal(3), normal(3)))
case(np.stack, [normal(2, 3), normal(2, 3)], axis=1)
case(np.stack, [0.3, np.float64(0.2)])
case(np.block, [[normal(2, 2), normal(2, 1)], [normal(1, 2), normal(1, 1)]])
case(np.append, normal(2, 3), normal(2))
case(np.append, normal(2, 3), normal(1, 3), 0)
case(np.append, normal(3), 0.5)
case(np.insert, normal(5), 2, 0.5)
case(np.insert, normal(2, 3), [1, 2], normal(2, 2), axis=1)
case(np.insert, normal(2, 3), 1, 0.3, axis=0)
case(np.delete, normal(5), [1, 2])
case(np.delete, normal(3, 2), 1, axis=0)
case(np.split, normal(4, 2), 2)
case(np.split, normal(4, 2), [1, 3])
case(np.array_split, normal(5), 3)
case(np.hsplit, normal(2, 4), 2)
case(np.vsplit, normal(4, 2), 2)
case(np.dsplit, normal(2, 2, 4), 2)
case(np.swapaxes, normal(2, 3, 4), 0, 2)
case(np.moveaxis, normal(2, 3, 4), 0, -1)
case(np.rollaxis, normal(2, 3, 4), 2)
case(np.atleast_2d, normal(3))
case(np.atleast_1d, 0.3)
case(np.atleast_3d, normal(2, 3))
case(np.atleast_2d, normal(2), normal(3))
case(np.broadcast_to, normal(3), (2, 3))
case(np.broadcast_arrays, normal(3), normal(2, 1))
case(np.meshgrid, normal(3), normal(2))
case(np.meshgrid, normal(3), normal(2), indexing="ij")
case(np.flip, normal(2, 3))
case(np.flip, normal(2, 3), 0)
case(np.fliplr, normal(2, 3))
case(np.flipud, normal(2, 3))
case(np.rot90, normal(2, 3))
case(np.rot90, normal(2, 3), k=-1)
case(np.roll, normal(2, 3), 2)
case(np.roll, normal(2, 3), 1, axis=1)
case(np.tile, normal(2, 3), 2)
case(np.tile, normal(3), (2, 2))
case(np.repeat, normal(2, 3), 2)
case(np.repeat, normal(2, 3), 2, axis=1)
case(np.repeat, normal(2, 3), [1, 2], axis=0)
case(np.repeat, 0.4, 3)
case(np.resize, normal(3), (2, 4))
for f in (np.diag, np.tril, np.triu, np.diagonal):
    case(f, normal(3, 3))
    case(f, normal(3, 4), 1)
case(np.diag, normal(3))
case(np.diag, normal(3), -1)
case(np.diagflat, normal(2, 2))
case(np.lib.stride_tricks.sliding_window_view, normal(6), 3)
case(np.lib.stride_tricks.sliding_window_view, normal(4, 5), (2, 2))
case(np.take, normal(4, 3), [0, 2, 2])
case(np.take, normal(4, 3), np.array([[0, 1]]), axis=0)
case(np.take, normal(4), 7, mode="wrap")
case(Method("take"), normal(4, 3), [0, 2, 2], 1)
case(np.take_along_axis, normal(3, 4), np.array([[0], [1], [1]]), 1)
case(np.compress, [True, False, True], normal(3, 2), axis=0)
case(Method("compress"), normal(3), [True, False, True])
case(np.extract, np.array([True, False]), normal(2))
case(np.choose, np.array([0, 1, 1]), [normal(3), normal(3)])
case(np.choose, np.array([0, 1, 1]), [0.5, normal(3)])
case(
    np.select,
    [np.array([True, False, False]), np.array([True, True, False])],
    [normal(3), normal(3)],
)
case(np.select, [np.array([True, False, False])], [normal(3)], 0.5)
case(np.where, np.array([True, False]), normal(2), normal(2))
case(np.where, np.array([[True], [False]]), normal(2), 0.5)
case(np.where, True, normal(2, 1), normal(3))
case(np.where, [1, 0], 0.3, normal(2))
case(P.overwrite, normal(2, 3), normal(3))
case(P.overwrite, normal(2, 3), 0.5)
for f, a in (
    (np.put, (normal(4), [0, 2], normal(2))),
    (np.put, (normal(2, 2), [0, 3, 1], 0.5)),
    (np.place, (normal(4), np.array([1, 0, 1, 1], bool), normal(2))),
    (np.putmask, (normal(4), np.array([1, 0, 1, 1], bool), normal(4))),
    (np.fill_diagonal, (normal(3, 3), 0.3)),
    (np.fill_diagonal, (normal(3, 3), normal(3))),
    (np.put_along_axis, (normal(2, 3), np.array([[1], [0]]), normal(2, 1), 1)),
):
    case(Mutated(f), *a)
for name in ("copy", "__copy__", "conj", "conjugate"):
    case(Method(name), normal(2, 3))
case(Method("__deepcopy__"), normal(2, 3), None)
for f in (np.copy, np.real, np.imag, np.real_if_close):
    case(f, normal(2, 3))
case(Attribute("imag"), normal(2, 3))
for f in (np.asanyarray, np.ascontiguousarray, np.asfortranarray, np.asarray_chkfinite):
    case(f, normal(2, 3))
    case(f, [normal(2), normal(2)])
for f in (np.asmatrix, np.matrix):
    case(f, normal(2, 3))
    case(f, [[0.3, 0.4], [0.5, np.float64(0.6)]])
case(np.linspace, 0.3, 1.7, 5)
case(np.linspace, 0.3, 1.7, 5, endpoint=False)
case(np.linspace, normal(2), normal(3, 1), 4)
case(np.linspace, normal(2), 0.5, 4, axis=1)
case(np.linspace, normal(2), 0.5, 4, axis=-1)
case(np.full, (2, 3), 0.3)
case(np.full, (2, 3), normal(3))
case(np.full, 3, fill_value=0.4)
case(np.full_like, normal(2, 3), 0.3)
case(np.full_like, normal(2, 3), fill_value=normal(3))
for f in (np.zeros_like, np.ones_like):
    case(f, normal(2, 3))
case(np.lib.stride_tricks.as_strided, normal(6), (4, 3), (8, 8))
case(np.lib.stride_tricks.as_strided, normal(3, 4).T, (2, 2), (16, 8))
case(np.lib.stride_tricks.as_strided, normal(6), shape=(2, 2), strides=(24, 8))
case(Method("choose"), np.array([0, 1, 1]), [normal(3), 0.4])
for f, args in OPTIONAL.items():
    if f in np.__all__:
        case(getattr(np, f), *args)
case(np.where, np.array([1.0, 0.0]), normal(2), 0.5)
case(np.compress, np.array([1.0, 0.0, 1.0]), normal(3), only=[(1,)])
case(np.extract, np.array([1.0, 0.0]), normal(2), only=[(1,)])
