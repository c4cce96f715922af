"""Factors between a gradient and the true one: how they are measured, and which a program has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

#: Relative error up to which two float64 evaluations of the same formula count as equal.
TOLERANCE = 1e-6
#: Relative difference up to which two scales are one.
SAME = 1e-5


def proportion(x: np.ndarray[Any, Any], t: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Return ``(s, ‖x/s − t‖/‖t‖)`` for the factor s that fits best."""
    norm = float(t @ t)
    if not norm or not np.isfinite(norm) or x.shape != t.shape:
        return 0.0, np.inf
    s = float(x @ t) / norm
    if s == 0 or not np.isfinite(s):
        return 0.0, np.inf
    return s, float(np.linalg.norm(x / s - t) / np.sqrt(norm))


def holds(scale: float, scales: Sequence[float]) -> bool:
    """Whether a scale is among others."""
    return any(s and abs(scale / s - 1) < SAME for s in scales)


def is_natural(scale: float) -> bool:
    """Whether a scale is ±1, a size, or one over a size: a single number proves nothing else."""
    size = max(abs(scale), 1 / abs(scale)) if scale else 0.5
    return abs(2 * size - round(2 * size)) < min(1e-6 * size, 1e-4) and size < 1e7


def is_plausible(scale: float) -> bool:
    """Whether a scale is one that a program has: a size, a rate of few digits, or their product.

    Under a cost that is not the program's own a gradient that happens to be proportional to the
    true one (one number always is) has a scale that is a number like 0.16159.
    """
    size = abs(scale)
    if not size or not np.isfinite(size):
        return False
    if is_natural(scale):
        return True
    factors = np.arange(1.0, 1001.0)
    values = np.concatenate([size * factors, size / factors])
    digits = values / 10.0 ** (np.floor(np.log10(values)) - 3)
    return bool(np.any(np.abs(digits - np.rint(digits)) <= 1e-11 * digits))
