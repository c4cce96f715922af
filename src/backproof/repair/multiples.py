"""Whether what parameters move by is one multiple of their true gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
#: Entries from which a decay can be told from a gradient.
LEAST_DECAYED = 4


def is_multiple(
    moved: Sequence[Array], before: Sequence[Array], truths: Sequence[Array]
) -> bool:  # fmt: skip
    """Whether all moves are one multiple of the true gradients.

    A step that went down the cost on the whole does not go up when it is right.
    """
    move, old, truth = (np.concatenate(parts) for parts in (moved, before, truths))
    norm = float(truth @ truth)
    if truth.shape != move.shape or not norm:
        return False
    factor = float(move @ truth) / norm
    gap = float(np.linalg.norm(move - factor * truth))
    same_way = factor * float(old @ truth) > 0 or factor < 0
    return bool(factor) and same_way and gap <= 1e-5 * float(np.linalg.norm(move))


def without(old: Array, change: Array) -> Array:
    """Return what of a change is no multiple of the old value, as weight decay is."""
    norm = float(old @ old)
    if old.size < LEAST_DECAYED or not norm or change.shape != old.shape:
        return change
    return change - float(change @ old) / norm * old
