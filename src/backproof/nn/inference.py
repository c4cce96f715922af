"""The logits of any number of samples, in pieces, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from backproof.nn.mathematics import ACTIVATIONS, Array, forward

# Entries of the largest array of a piece: 2 MB in float64, about what the caches hold.
PIECE: Final = 1 << 18


def logits(
    X: Any, W: Sequence[Array], b: Sequence[Array], activation: str, rows: Array | None = None
) -> Array:
    """Return z for each sample, shape (n,), in the dtype of W.

    Parameters
    ----------
    X : (N, n₀) array, memmap or CSR
        Of any dtype; cast piece by piece.
    W, b : sequences of arrays of shapes (n_{l-1}, n_l) and (n_l,)
    activation : str
    rows : (n,) array of int, optional
        Which rows of X; by default all.
    """
    n = X.shape[0] if rows is None else len(rows)
    dtype = W[0].dtype
    widths = [layer.shape[1] for layer in W]
    size = max(1, min(n, PIECE // max(len(W[0]), *widths)))
    Z = [np.empty((size, width), dtype) for width in widths]
    A = [np.empty_like(array) for array in Z[:-1]]
    z = np.empty(n, dtype)
    # Weights and inputs are finite; a product that overflows is an honest ±inf, a certain answer.
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, n, size):
            stop = min(start + size, n)
            piece = X[start:stop] if rows is None else X[rows[start:stop]]
            piece = piece.astype(dtype, copy=False)
            k = stop - start
            out = forward(
                [np.asarray(piece) if isinstance(piece, np.ndarray) else piece]
                + [array[:k] for array in A],
                [Z[0][:k], *(array[:k] for array in Z)],
                W,
                b,
                ACTIVATIONS[activation],
            )
            z[start:stop] = out[:, 0]
    return z
