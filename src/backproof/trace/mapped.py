"""Calls that apply a function of the program's to each element, or each row, of an array.

`np.vectorize` and `np.apply_along_axis` hand copies to it and copy what it returns: the events say
which element each copy is, and that the result is made of what was returned.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from backproof.trace.event import freeze

#: Elements above which such a call is opaque: each makes events of its own.
MOST_ELEMENTS = 20_000

#: Makes the hook of a call that is recorded as nothing is known of it.
Otherwise = Callable[..., Any]


def vectorized(
    append: Callable[[Any], None], call: Callable[[int, Any], Any], site: int, f: np.vectorize,
    otherwise: Otherwise,
) -> Callable[..., Any]:  # fmt: skip
    """Make the hook of ``np.vectorize(function)(*arrays)``."""

    def called(*args: Any, **kwargs: Any) -> Any:
        arrays = [np.asarray(a) for a in args]
        sizes = [a.size for a in arrays]
        special = kwargs or f.excluded or f.signature is not None or f.cache
        if special or not sizes or not 0 < max(sizes) <= MOST_ELEMENTS:
            return otherwise(*args, **kwargs)
        if any(a.dtype.kind not in "biuf" for a in arrays):
            return otherwise(*args, **kwargs)
        order: list[tuple[int, ...]] = []

        def note(*elements: int) -> int:
            order.append(elements)
            return len(order) - 1

        # In which order the elements come depends on how the arrays lie in memory.
        numbers = [_numbers(a) for a in arrays]
        positions = np.asarray(np.frompyfunc(note, len(arrays), 1)(*numbers))
        probing = f.otypes is None  # by a first call more
        returned: list[Any] = []

        def function(*elements: Any) -> Any:
            turn = len(returned) - probing
            for number, element, arg, a in zip(
                order[max(turn, 0)], elements, args, arrays, strict=True
            ):
                if element is not arg:
                    _take(append, site, arg, np.unravel_index(number, a.shape), element)
            returned.append(call(site, f.pyfunc)(*elements))
            return returned[-1]

        out = np.vectorize(function, otypes=f.otypes)(*args)
        values = [returned[int(i) + probing] for i in positions.reshape(-1)]
        if isinstance(out, np.ndarray) and all(np.ndim(v) == 0 for v in values):
            flat = np.array(values, dtype=out.dtype)
            append((site, np.array, (values,), {"dtype": out.dtype}, flat, None))
            if probing:  # no value of its own: a number that nothing is made of may be a cost
                first, flat = flat, flat.copy()
                append((site, np.where, (True, first, returned[0]), None, flat, None))
            append((site, np.reshape, (flat, out.shape), None, out, None))
        return out

    return called


def along_axis(
    append: Callable[[Any], None], call: Callable[[int, Any], Any], site: int,
    otherwise: Otherwise,
) -> Callable[..., Any]:  # fmt: skip
    """Make the hook of ``np.apply_along_axis(function, axis, array)``."""

    def called(function: Any, axis: Any, array: Any, *args: Any, **kwargs: Any) -> Any:
        if type(array) is not np.ndarray or not 0 < array.size <= MOST_ELEMENTS:
            return otherwise(function, axis, array, *args, **kwargs)
        returned: list[Any] = []

        def noted(row: Any, *args: Any, **kwargs: Any) -> Any:
            returned.append(call(site, function)(row, *args, **kwargs))
            return returned[-1]

        out = np.apply_along_axis(noted, axis, array, *args, **kwargs)
        rows = [np.asanyarray(r) for r in returned]
        if type(out) is not np.ndarray or any(r.shape != rows[0].shape for r in rows):
            return out
        axis = axis % array.ndim
        rest = array.shape[:axis] + array.shape[axis + 1 :]
        stacked = np.array(returned)
        spread = stacked.reshape(rest + rows[0].shape)
        # The axes of what a row became stand where the row's own axis was.
        here, there = len(rest), rows[0].ndim
        axes = (*range(axis), *range(here, here + there), *range(axis, here))
        append((site, np.array, (freeze(returned),), None, stacked, None))
        append((site, np.reshape, (stacked, spread.shape), None, spread, None))
        append((site, np.transpose, (spread, axes), None, out, None))
        return out

    return called


def _numbers(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return an array laid out in memory like another, of the numbers of its elements."""
    numbers = np.empty_like(array, dtype=object)
    numbers[...] = np.arange(array.size).reshape(array.shape)
    return numbers


def _take(
    append: Callable[[Any], None], site: int, array: Any, index: tuple[Any, ...], element: Any
) -> None:
    """Record the copy of an element."""
    if isinstance(array, np.ndarray) and isinstance(element, (float, np.floating)):
        key = tuple(int(i) for i in index)
        append((site, operator.getitem, (array, key), None, element, None))
