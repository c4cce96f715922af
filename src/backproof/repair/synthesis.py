"""Puts together what is missing from an expression, where it is known what it should come to.

The difference is looked for among the values at hand and their products, up to a factor that the
program has a name for: ``dvar * (x - mean) * 2 / N``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
#: Entries of a value, from a few (else anything fits) to what is quickly multiplied.
LEAST_ENTRIES, MOST_ENTRIES = 4, 40_000
#: CPU seconds for one expression.
PATIENCE = 0.3
#: Relative error up to which a product is the difference.
EXACT = 1e-7
#: Factors that need no name.
PLAIN = (1.0, -1.0, 2.0, -2.0, 0.5, -0.5)
MOST_FOUND = 3


def terms(rest: Array, values: Mapping[str, Any], sizes: Sequence[tuple[str, float]]) -> list[str]:
    """Return texts of terms that come to `rest`: values, and products of two.

    Parameters
    ----------
    rest : array
        NaN where any value will do.
    values : dict of text to value
        What stands in the function, atomic or in brackets.
    sizes : sequence of (text, value)
        What a program divides by.
    """
    known = ~np.isnan(rest)
    if not known.sum() >= LEAST_ENTRIES or rest.size > MOST_ENTRIES or not np.any(rest[known]):
        return []
    deadline = time.process_time() + PATIENCE
    found: list[str] = []
    for text, value in _products(rest.shape, values):
        factor = _factor(rest, value, known)
        if factor is not None and (term := _named(factor, text, sizes)):
            found.append(term)
        if len(found) >= MOST_FOUND or time.process_time() > deadline:
            break
    return found


def _products(shape: tuple[int, ...], values: Mapping[str, Any]) -> Iterator[tuple[str, Array]]:
    """Yield the values and products that have a shape, as text and value."""
    arrays = {t: np.asarray(v) for t, v in values.items() if _is_usable(v)}
    fitting = {t: v for t, v in arrays.items() if _spreads(v.shape, shape)}
    yield from fitting.items()
    for (a, x), (b, y) in combinations_with_replacement(fitting.items(), 2):
        if np.broadcast_shapes(x.shape, y.shape) == shape:
            yield f"{a} * {b}", x * y
    matrices = [
        (t, v) for text, value in arrays.items() if value.ndim == 2
        for t, v in ((text, value), (f"{text}.T", value.T))
    ]  # fmt: skip
    if len(shape) == 1:
        for a, x in matrices:
            for b, y in arrays.items():
                if y.ndim == 1 and x.shape == (*shape, y.size):
                    yield f"{a} @ {b}", x @ y
    if len(shape) != 2:
        return
    for a, x in matrices:
        for b, y in matrices:
            if x.shape[1] == y.shape[0] and (x.shape[0], y.shape[1]) == shape:
                yield f"{a} @ {b}", x @ y


def _is_usable(value: Any) -> bool:
    if not isinstance(value, np.ndarray) or isinstance(value, np.matrix):
        return False
    return value.dtype.kind == "f" and 1 < value.size <= MOST_ENTRIES


def _spreads(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    pairs = zip(shape[::-1], to[::-1], strict=False)
    return len(shape) <= len(to) and all(n in (1, m) for n, m in pairs)


def _factor(rest: Array, value: Array, known: Array) -> float | None:
    """Return the number by which a value is the one that is looked for."""
    value, rest = np.broadcast_to(value, rest.shape)[known], rest[known]
    size = float(np.vdot(value, value))
    if not size or not np.isfinite(size):
        return None
    factor = float(np.vdot(value, rest)) / size
    gap = np.linalg.norm(rest - factor * value)
    return factor if gap <= EXACT * np.linalg.norm(rest) else None


def _named(factor: float, text: str, sizes: Sequence[tuple[str, float]]) -> str | None:
    """Return a text times a factor, as a program would write it; None where that has no name."""
    for plain in PLAIN:
        lead = "" if plain == 1 else "-" if plain == -1 else f"{plain:g} * "
        if abs(factor / plain - 1) < 1e-6:
            return f"{lead}{text}"
        for name, size in sizes:
            if size and abs(factor * size / plain - 1) < 1e-6:
                grouped = f"({text})" if "@" in text else text
                return f"{lead}{grouped} / {name}"
            if size and size != 1 and abs(factor / size / plain - 1) < 1e-6:
                grouped = f"({text})" if "@" in text else text
                return f"{lead}{grouped} * {name}"
    return None
