"""``np.c_[a, b]`` and ``np.r_[a, b]`` as the function calls that they stand for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

#: Types of `np.r_` and `np.c_`.
JOINERS: frozenset[type] = frozenset({type(np.r_), type(np.c_)})


def joined(joiner: Any, key: Any) -> tuple[Callable[..., Any], tuple[Any, ...]] | None:
    """Return (function, arguments) that give ``joiner[key]``, or None where there are no such.

    Slices, strings and mixed dimensions are left out.
    """
    items = key if type(key) is tuple else (key,)
    if any(isinstance(item, (slice, str)) for item in items):
        return None
    ranks = {np.ndim(item) for item in items}
    if joiner is np.c_ and ranks <= {1, 2}:
        return np.column_stack, (list(items),)
    if joiner is np.r_ and ranks <= {0, 1}:
        return np.hstack, (list(items),)
    if joiner is np.r_ and len(ranks) == 1:
        return np.concatenate, (list(items),)
    return None
