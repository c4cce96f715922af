"""A gradient that holds λ times its parameter: weight decay, or the gradient of a penalty."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from backproof.checks.scales import SAME, TOLERANCE, is_plausible
from backproof.roles import Parameter, vector
from backproof.trace.tape import Run

#: Entries that have no penalty, and as many that have one, that prove both.
LEAST_ALIKE = 4
#: Entries that have a penalty: of one alone any number is right.
LEAST_PENALISED = 2
#: Entries that say something of either: two have both factors, whatever they are.
LEAST_TELLING = 3
#: Entries that there must be beyond the numbers that are fitted to them.
SPARE = 2
#: How much larger a penalty is than what it leaves unexplained. Weights that have come from zero by
#: small steps are nearly a multiple of what the gradient has changed by, as velocities are.
EXACT = 1e5
#: Normal equations are asked first where the two directions differ by this much, and leave no more
#: than this to an exact solution.
SINGULAR, NEAR = 1e-6, 1e-4
#: Entries whose ratio to the truth is tried as that of all.
MOST_RATIOS = 200

Array = np.ndarray[Any, Any]


def penalty_in(
    run: Run, parameter: Parameter, x: np.ndarray[Any, Any], truth: np.ndarray[Any, Any]
) -> tuple[float, float] | None:
    """Return (s, λ) where ``x = s·(truth + λ·parameter)`` exactly, λ ≠ 0."""
    w = vector(run.env[n] for n in parameter.old)
    if truth.size < 3 or w.size != x.size:
        return None
    shape = np.shape(run.env[parameter.old[0]]) if len(parameter.old) == 1 else w.shape
    for mask in _masks(shape):
        part = w * mask
        if not _is_near(truth, part, x):
            continue
        telling = np.count_nonzero((truth != 0) | (part != 0))
        if np.count_nonzero(part) < LEAST_PENALISED or telling < LEAST_TELLING:
            continue
        basis = np.stack([truth, part], axis=1)
        solution, *_ = np.linalg.lstsq(basis, x, rcond=None)
        rest = float(np.linalg.norm(x - basis @ solution))
        s, decay = float(solution[0]), float(solution[1])
        share = abs(decay) * float(np.linalg.norm(part))
        if s and rest <= TOLERANCE * float(np.linalg.norm(x)) and share >= EXACT * rest:
            return s, decay / s
    return None


def penalty_on_sizes(
    run: Run, parameter: Parameter, x: Array, truth: Array
) -> tuple[float, float] | None:
    """Return (s, λ) where ``x = s·(truth + λ·sign(w) + μ·w)`` exactly, λ > 0 and μ ≥ 0.

    The lasso's penalty, and that of the elastic net.
    """
    w = vector(run.env[n] for n in parameter.old)
    if w.size != x.size or np.ptp(np.abs(w)) == 0.0:
        return None
    size = float(np.linalg.norm(x))
    for others in ((), (w,)):
        basis = np.stack([truth, np.sign(w), *others], axis=1)
        if np.count_nonzero(np.any(basis, axis=1)) < basis.shape[1] + SPARE:
            return None
        solution, *_ = np.linalg.lstsq(basis, x, rcond=None)
        rest = float(np.linalg.norm(x - basis @ solution))
        s, *strengths = (float(v) for v in solution)
        share = abs(strengths[0]) * float(np.sqrt(np.count_nonzero(w)))
        if s and min(strengths) / s > 0 and rest <= TOLERANCE * size and share >= EXACT * rest:
            return s, strengths[0] / s
    return None


def _is_near(one: Array, other: Array, x: Array) -> bool:
    """Whether a vector may lie in the plane of two, by the normal equations: most do not."""
    a, b, c = float(one @ one), float(one @ other), float(other @ other)
    determinant = a * c - b * b
    if not math.isfinite(determinant):
        return False
    if determinant <= SINGULAR * a * c:
        return True
    p, q = float(one @ x), float(other @ x)
    rest = x - ((c * p - b * q) / determinant) * one - ((a * q - b * p) / determinant) * other
    return float(rest @ rest) <= NEAR**2 * float(x @ x)


def penalty_on_some(
    run: Run, parameter: Parameter, x: np.ndarray[Any, Any], truth: np.ndarray[Any, Any],
    tolerance: float,
) -> tuple[float, float] | None:  # fmt: skip
    """Return (s, λ) as `penalty_in` where a step changes some entries of a parameter only."""
    touched = (x != 0) | (truth != 0)
    count = int(np.count_nonzero(touched))
    if not 2 <= count < x.size or not tolerance < SAME:
        return None
    w = vector(run.env[n] for n in parameter.old)[touched]
    basis = np.stack([truth[touched], w], axis=1)
    solution, *_ = np.linalg.lstsq(basis, x[touched], rcond=None)
    rest = float(np.linalg.norm(x[touched] - basis @ solution))
    s, decay = float(solution[0]), float(solution[1])
    if not s or not decay or rest > tolerance * float(np.linalg.norm(x)):
        return None
    few = count < 4 and not (is_plausible(s) and is_plausible(decay / s))
    return None if few else (s, decay / s)


def penalty_on_part(
    run: Run, parameter: Parameter, x: Array, truth: Array
) -> tuple[float, float] | None:
    """Return (s, λ) as `penalty_in` where some entries have a penalty, others none.

    The weights in a vector of all parameters, but not the biases.
    """
    w = vector(run.env[n] for n in parameter.old)
    known = np.abs(truth) > 1e-9 * np.max(np.abs(truth), initial=0.0)
    if np.count_nonzero(known) < 2 * LEAST_ALIKE or w.size != x.size:
        return None
    ratios = x[known] / truth[known]
    ratios = np.sort(ratios[np.isfinite(ratios)])
    tried = ratios[ratios != 0][:: max(1, ratios.size // MOST_RATIOS)]
    reach = 1e-9 * np.abs(tried)
    counts = np.searchsorted(ratios, tried + reach) - np.searchsorted(ratios, tried - reach)
    if np.max(counts, initial=0) < LEAST_ALIKE:
        return None
    s = float(tried[int(np.argmax(counts))])
    alike = known & (np.abs(x - s * truth) <= TOLERANCE * np.abs(s * truth))
    if np.count_nonzero(alike) < LEAST_ALIKE:
        return None
    s = float(np.median(x[alike] / truth[alike]))
    rest = ~alike & (w != 0)
    strengths = (x[rest] / s - truth[rest]) / w[rest]
    if strengths.size < LEAST_ALIKE or not np.isfinite(strengths).all():
        return None
    lam = float(np.median(strengths))
    gap = float(np.linalg.norm(x[rest] - s * (truth[rest] + lam * w[rest])))
    exact = gap <= TOLERANCE * float(np.linalg.norm(x[rest]))
    return (s, lam) if lam and exact and np.all(alike | rest | (x == s * truth)) else None


@functools.lru_cache(maxsize=32)
def _masks(shape: tuple[int, ...]) -> tuple[Array, ...]:
    """Return the parts of a parameter that penalties reach: all, or all but the biases in it."""
    whole = np.ones(shape)
    found = [whole.reshape(-1)]
    for axis in range(min(len(shape), 2)):
        for place in (0, -1):
            part = whole.copy()
            np.moveaxis(part, axis, 0)[place] = 0.0
            if 0 < np.count_nonzero(part) < part.size:
                found += [part.reshape(-1), 1.0 - part.reshape(-1)]
    return tuple(found)
