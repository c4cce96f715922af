"""Subscripts, stores and views."""

from __future__ import annotations

import operator

import numpy as np

from backproof.trace import primitives as P
from backproof.trace.primitives import Method
from tests.rules.cases import apart, case, matrix, normal

x = normal(4, 5)
for key in (
    0,
    -1,
    (1, 2),
    slice(1, 3),
    (slice(None), 2),
    (Ellipsis, 0),
    (None, slice(None)),
    [0, 2, 0],
    np.array([[0, 1], [1, 1]]),
    x > 0,
    (slice(None), [0, 0]),
    ([0, 1, 1], [2, 3, 3]),
    (np.arange(4), np.array([0, 1, 2, 1])),
    (slice(None, None, -2),),
    (slice(None), None, [1, 0]),
    np.array([True, False, True, True]),
    (np.array([True, False, True, True]), 0),
):
    case(operator.getitem, normal(4, 5), key)
    o = normal(4, 5)[key]
    if isinstance(key, list) or (
        isinstance(key, tuple) and any(isinstance(k, (list)) for k in key)
    ):
        pass
    case(P.set_item, normal(4, 5), key, 0.5)
    case(P.set_item, normal(4, 5), key, normal(*np.shape(o)))
    if np.ndim(o) == 2:
        case(P.set_item, normal(4, 5), key, normal(1, o.shape[1]))
        case(P.set_item, normal(4, 5), key, normal(o.shape[1]))
    case(P.ufunc_at, np.add, normal(4, 5), key, 0.5)
    case(P.ufunc_at, np.subtract, normal(4, 5), key, normal(*np.shape(o)))
case(operator.getitem, normal(4), np.array([0, -1, 2, -1]))
case(operator.getitem, matrix(3, 4), 0)
case(operator.getitem, matrix(3, 4), (slice(None), 1))
case(operator.getitem, matrix(3, 4), (1, 2))
case(operator.getitem, matrix(3, 4), [0, 1])
case(operator.getitem, matrix(3, 4), ([0, 1], [1, 1]))
case(P.set_item, matrix(3, 4), 0, normal(4))
case(P.set_item, matrix(3, 4), (slice(None), 1), normal(3, 1))
case(P.set_item, matrix(3, 4), 0, matrix(1, 4))
case(P.set_item, normal(3, 4), (slice(None), 1), matrix(1, 3))
m = matrix(3, 4)
case(operator.getitem, m, m > 0)
case(operator.getitem, m, (0, slice(1, 3)))
case(P.ufunc_at, np.multiply, normal(4), [0, 2], normal(2))
case(P.ufunc_at, np.maximum, apart(4), [0, 2], apart(2))
case(Method("item"), normal(1))
case(Method("item"), normal(2, 3), 4)
case(Method("item"), normal(2, 3), -1)
case(Method("item"), normal(2, 3), 1, 2)
case(Method("item"), normal(2, 3), (1, 2))
case(Method("item"), np.float64(0.3))
o = normal(4, 6)
v = o[1:, ::2].T
case(P.strided_view, o, *P.view_spec(o, v))
case(P.patch_view, o, *P.view_spec(o, v), normal(3, 3))
case(P.patch_view, np.asfortranarray(o), *P.view_spec(o, v), 0.3)
s = normal(6)
w = np.lib.stride_tricks.sliding_window_view(s, 3)
case(P.strided_view, s, *P.view_spec(s, w))
case(Method("__getitem__"), normal(3, 4), (slice(None), 1))
case(operator.getitem, normal(3, 4).T, [0, 1, 0])
case(P.set_item, normal(5), [1, 1, 3], normal(3))
case(P.set_item, normal(3, 4), ([0, 0, 1], [1, 1, 2]), normal(3))
case(P.set_item, np.asfortranarray(normal(3, 4)), (slice(None), 1), normal(3))
case(P.ufunc_at, np.add, normal(4), [1, 1, 3], normal(3))
case(P.ufunc_at, np.add, normal(4, 2), [1, 1, 3], normal(3, 2))
case(P.ufunc_at, np.add, normal(4, 2), [1, 1, 3], normal(2))
case(P.ufunc_at, np.add, normal(4), [1, 1], [0.3, 0.4])
