"""Which samples to train on, which to validate with, and how much each weighs."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from backproof.nn.engine import Samples
from backproof.nn.mathematics import Array


def split(
    X: Any, y: Array, weight: Array | None, dtype: np.dtype[Any], *, share: float, random_state: Any
) -> tuple[Samples, Samples | None]:
    """Return the samples to train on, without those of weight zero, and the share for validation.

    Parameters
    ----------
    X : (n, n_features) array, memmap or CSR
        Never copied: the samples hold rows of it.
    y : (n,) array of 0 and 1
    weight : (n,) array of float64, or None
    share : float
        Of each class, for validation; 0 for none.
    """
    rows = None
    if weight is not None and not weight.all():
        rows = np.flatnonzero(weight)
    if not share:
        return chosen(X, y, weight, dtype, rows), None
    everything = np.arange(len(y)) if rows is None else rows
    kept, held_out = train_test_split(
        everything,
        test_size=share,
        random_state=check_random_state(random_state),
        stratify=y[everything],
    )
    return (
        chosen(X, y, weight, dtype, np.sort(kept)),
        chosen(X, y, weight, dtype, np.sort(held_out)),
    )


def chosen(
    X: Any, y: Array, weight: Array | None, dtype: np.dtype[Any], rows: Array | None = None
) -> Samples:
    """Return these rows as samples, with weights of mean one."""
    if rows is not None:
        y = y[rows]
        weight = None if weight is None else weight[rows]
    return Samples(X, y.astype(dtype), _mean_one(weight, dtype), rows)


def _mean_one(weight: Array | None, dtype: np.dtype[Any]) -> Array | None:
    """Scale weights so that they count as many samples as there are."""
    if weight is None:
        return None
    # Divided by the largest first: a sum of huge weights would overflow.
    weight = weight / weight.max()
    scaled: Array = (weight / weight.mean()).astype(dtype)
    return scaled
