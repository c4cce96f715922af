"""Reading and storing parts of arrays: subscripts, ``ufunc.at`` and views of memory."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from backproof.calculus.rule import Array, Call, NoRule, Rule, double, named, unbroadcast
from backproof.trace import primitives
from backproof.trace.primitives import Method


def is_basic(key: Any) -> bool:
    """Whether a subscript selects by integers, slices, … and None alone (no element twice)."""
    if isinstance(key, tuple):
        for k in key:
            if type(k) is not int and type(k) is not slice and not is_basic(k):
                return False
        return True
    return key is None or key is Ellipsis or isinstance(key, (int, np.integer, slice))


def put_back(shape: tuple[int, ...], key: Any, g: Any) -> Any:
    """Return zeros of `shape` with g added at `key`: the adjoint of ``x[key]``."""
    whole = np.zeros(shape)
    part = whole[key]
    if np.shape(part) == () and not isinstance(part, np.ndarray):
        whole[key] = np.sum(g)
    elif is_basic(key):
        part[...] = np.reshape(g, part.shape)
    elif isinstance(key, np.ndarray) and key.dtype == bool:
        whole[key] = np.reshape(g, part.shape)
    else:
        _add_at(whole, key, np.reshape(g, part.shape))
    return whole


def _add_at(whole: Array, key: Any, g: Any) -> None:
    if isinstance(key, np.ndarray) and key.dtype.kind in "iu" and whole.ndim == 1:
        index = np.where(key < 0, key + whole.size, key).ravel()
        whole += np.bincount(index, weights=np.ravel(g), minlength=whole.size)
    else:
        np.add.at(whole, key, g)


def _plain_key(key: Any) -> Any:
    """Return a subscript as it acts on an ndarray (one element of a `np.matrix` is not a row)."""
    if isinstance(key, np.matrix):
        return np.asarray(key)
    return tuple(_plain_key(k) for k in key) if isinstance(key, tuple) else key


def _getitem(c: Call) -> Any:
    key = _plain_key(c.key)
    if isinstance(c.x, np.matrix) and not is_basic(key):
        numbers = np.arange(c.x.size).reshape(c.x.shape).view(np.matrix)
        taken = np.asarray(numbers[c.key]).ravel()
        return np.bincount(taken, weights=np.asarray(c.g).ravel(), minlength=c.x.size).reshape(
            c.x.shape
        )
    return put_back(c.x.shape, key, np.asarray(c.g))


# ---- stores --------------------------------------------------------------------------------------


def _kept_outside(c: Call) -> Any:
    """What was not stored over goes through: g, with 0 at the stored elements."""
    whole = np.array(c.g, dtype=float)
    whole[_plain_key(c.key)] = 0.0
    return whole


def _stored(c: Call) -> Any:
    """``x[key] = v``: g at the stored elements; of one stored twice, only the last store counts."""
    g, key = np.asarray(c.g, dtype=float), _plain_key(c.key)
    if isinstance(c.x, np.matrix):
        part = np.reshape(g[key], np.shape(c.x[c.key]))
    elif is_basic(key) or (isinstance(key, np.ndarray) and key.dtype == bool):
        part = g[key]
    else:
        where = np.arange(g.size).reshape(g.shape)[key]
        last = np.full(g.size, -1)
        order = np.arange(where.size)
        np.maximum.at(last, where.ravel(), order)
        part = np.where(last[where] == order.reshape(where.shape), g[key], 0.0)
    shape = np.shape(c.value)
    while np.ndim(part) < len(shape) and shape[0] == 1:
        part = np.asarray(part)[None]
    return unbroadcast(part, shape)


def _at_rule(
    args: tuple[Any, ...], kwargs: dict[str, Any], out: Any, g: Any, wanted: Any, tie: float
) -> list[Any]:
    """``ufunc.at(x, index, v)`` for add, subtract, multiply, divide, maximum, minimum, negative.

    add: ``x̄ = g``, ``v̄ = g[index]``. The others on indices that do not repeat go through the
    elementwise rule; with repeated indices only add and subtract have one.
    """
    from backproof.calculus.rules_pairs import PULLS, pair_rule

    ufunc, x, index = args[:3]
    g = np.asarray(g, dtype=float)
    key = _plain_key(index)
    result: list[Any] = []
    if ufunc in (np.add, np.subtract):
        sign = 1.0 if ufunc is np.add else -1.0
        for path in wanted:
            if path == (1,):
                result.append(g)
            elif path[0] == 3:
                whole = unbroadcast(sign * g[key], np.shape(args[3]))
                result.append(whole[path[1:]] if len(path) > 1 else whole)
            else:
                raise NoRule("the derivative with respect to an index")
        return [
            _typed(part, _value_at(args, path)) for part, path in zip(result, wanted, strict=True)
        ]
    where = np.arange(g.size).reshape(g.shape)[key]
    if np.unique(where).size != where.size or len(args) != 4 or ufunc not in PULLS:
        raise NoRule(f"{ufunc.__name__}.at with repeated indices")
    parts = pair_rule(PULLS[ufunc])(
        (double(x)[key], args[3]), {}, np.asarray(out)[key], g[key], [(0,), (1,)], tie
    )
    for path in wanted:
        if path == (1,):
            whole = g.copy()
            whole[key] = parts[0]
            result.append(whole)
        elif path == (3,):
            result.append(parts[1])
        else:
            raise NoRule("the derivative with respect to a part of a list")
    return result


def _value_at(args: Any, path: Any) -> Any:
    for step in path:
        args = args[step]
    return args


def _typed(part: Any, value: Any) -> Any:
    return part if isinstance(value, np.ndarray) else float(np.sum(part))


# ---- views ---------------------------------------------------------------------------------------

VIEW = "owner offset shape strides owner_strides itemsize kind"


def _numbers(c: Call) -> tuple[Array, Array]:
    """Return which element of the owner each element of the view is, and the owner's numbers."""
    shape = np.shape(c.owner)
    numbers = np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
    view = primitives.strided_view(
        numbers, c.offset, c.shape, c.strides, c.owner_strides, c.itemsize, c.kind or "array"
    )
    return np.asarray(view), numbers


def _viewed(c: Call) -> Any:
    """Add g up at the elements that the view shows."""
    view, numbers = _numbers(c)
    whole = np.bincount(view.ravel(), weights=np.ravel(np.asarray(c.g)), minlength=numbers.size)
    return whole.reshape(numbers.shape)


def _patched_owner(c: Call) -> Any:
    view, numbers = _numbers(c)
    whole = np.array(c.g, dtype=float).reshape(-1)
    whole[view.ravel()] = 0.0
    return whole.reshape(numbers.shape)


def _patched_value(c: Call) -> Any:
    view, _ = _numbers(c)
    if np.unique(view).size != view.size:
        raise NoRule("a store into a view that shows elements twice")
    return unbroadcast(np.ravel(np.asarray(c.g))[view], np.shape(c.value))


RULES: dict[Any, Rule] = {
    operator.getitem: named("x key", x=_getitem),
    Method("__getitem__"): named("x key", x=_getitem),
    Method("item"): named(
        "x *index",
        x=lambda c: put_back(
            np.shape(c.x),
            _item_key(c),
            np.asarray(c.g),
        ),
    ),
    primitives.set_item: named("x key value", x=_kept_outside, value=_stored),
    primitives.ufunc_at: _at_rule,
    primitives.strided_view: named(VIEW, owner=_viewed),
    primitives.patch_view: named(VIEW + " value", owner=_patched_owner, value=_patched_value),
}


def _item_key(c: Call) -> Any:
    """Turn the arguments of ``x.item(…)`` (none, a flat index, or one for each axis) into a key."""
    shape = np.shape(c.x)
    index = c.index
    if len(index) == 1 and isinstance(index[0], tuple):
        index = index[0]
    if not index:
        return (0,) * len(shape)
    if len(index) == 1 and len(shape) != 1:
        flat = int(index[0])
        return np.unravel_index(flat + (int(np.prod(shape)) if flat < 0 else 0), shape)
    return tuple(index)
