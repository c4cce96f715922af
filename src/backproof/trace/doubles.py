"""Values computed again in float64: which are, which become so, and whether they are the same."""

from __future__ import annotations

from typing import Any

import numpy as np

#: How programs name the floats that are computed in float64.
SMALL_FLOATS = (np.float16, np.float32, "float16", "float32", "f2", "f4")


def is_truth(obj: object) -> bool:
    """Whether an object is what a branch asks about: one truth value, in an array or not."""
    if isinstance(obj, np.ndarray):
        return obj.dtype == bool and obj.size == 1
    return isinstance(obj, bool | np.bool_)


def agrees(a: Any, b: Any) -> bool:
    """Whether a replayed value equals the recorded one, up to the rounding of the BLAS."""
    if type(a) is float and type(b) is float:
        return a == b or (a != a and b != b) or abs(a - b) <= 1e-9 * abs(b)
    x, y = np.asarray(a), np.asarray(b)
    if x.shape != y.shape:
        return False
    if np.array_equal(x, y):
        return True
    if x.dtype.kind not in "fc":
        return False
    tolerance = 1e-4 if y.dtype.itemsize <= 4 else 1e-9
    with np.errstate(all="ignore"):
        scale = np.max(np.abs(y), initial=0.0, where=np.isfinite(y))
        return bool(np.allclose(x, y, rtol=tolerance, atol=tolerance * scale, equal_nan=True))


#: What values are computed in.
DOUBLE = np.dtype(float)


def is_double(value: Any) -> bool:
    """Whether a value is a number, or an array of numbers, in float64 as they are."""
    kind = type(value)
    return kind is float or kind is np.float64 or (kind is np.ndarray and value.dtype is DOUBLE)


def is_small_float(value: Any) -> bool:
    """Whether a value is float16 or float32."""
    kept = isinstance(value, (np.ndarray, np.floating)) and value.dtype.kind == "f"
    return kept and value.dtype.itemsize < 8


def as_double(value: Any) -> Any:
    """Return a float16/32 value in float64, anything else as it is."""
    if isinstance(value, (np.ndarray, np.floating)) and value.dtype.kind == "f":
        return value if value.dtype.itemsize == 8 else value.astype(np.float64)
    return value


def widened(value: Any) -> Any:
    """Return float64 for a smaller type of float that values are cast to."""
    if isinstance(value, (type, str, np.dtype)) and value in SMALL_FLOATS:
        return np.float64
    return value
