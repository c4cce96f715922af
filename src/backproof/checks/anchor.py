"""Finds out which cost is meant where no gradient is right as a whole: by the entries that are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backproof.checks.match import Fit, Match, author_value
from backproof.checks.scales import SAME, TOLERANCE, is_plausible
from backproof.trace.tape import Run

#: Entries of one gradient that must agree to show which cost is meant, and that it must have.
LEAST_ALIKE, LEAST_MIXED = 3, 8
#: Entries of one ratio that are a majority.
LEAST_MAJORITY = 4
#: Entries, and their share, that have one scale by no chance, whatever it is.
LEAST_SURE, SURE = 12, 0.7
#: Relative difference of an entry that is right by no chance.
EXACT = 1e-11
#: Entries whose ratio is tried.
MOST_RATIOS = 30


def anchored_by_entries(fits: Sequence[Fit], run: Run) -> Fit | None:
    """Return the program's own cost under which some entries of a gradient are right.

    Where one statement updates all weights there is one parameter, and no other to tell which cost
    is meant: a scalar engine, a flat vector. Entries of another layer tell it as well.
    """
    for fit in fits:
        if not fit.hypothesis.own or fit.chosen or any(match.reason for match in fit.matches):
            continue
        for match in fit.matches:
            scale = _shared_ratio(match, run)
            if scale is not None:
                fit.scale, fit.anchored = scale, True
                return fit
    return None


def anchored_by_majority(fits: Sequence[Fit], run: Run) -> Fit | None:
    """Return a cost under which most entries of the gradients are right, but not all of one.

    The program's own, with all that is right exactly its gradient; or a known one of a single
    output: whatever the cost of one number is, all gradients are the same multiple of its.
    """
    for fit in fits:
        if fit.chosen or any(match.reason for match in fit.matches):
            continue
        ratios = [_ratios(match, run) for match in fit.matches]
        if any(ratio is None for ratio in ratios):
            continue
        known = np.concatenate([r for r in ratios if r is not None])
        tried = known[known != 0][:MOST_RATIOS]
        alike = [np.abs(known / ratio - 1) < SAME for ratio in tried]
        best = max(alike, key=np.count_nonzero, default=np.zeros(0, bool))
        count = int(np.count_nonzero(best))
        scale = float(known[best][0]) if count else 0.0
        sure = count >= LEAST_SURE and count >= SURE * known.size
        natural = is_plausible(scale) and (not fit.hypothesis.own or sure or abs(scale - 1) < SAME)
        if LEAST_MAJORITY <= count < known.size < 2 * count and natural:
            mixed = any(
                r is not None and 0 < np.count_nonzero(np.abs(r / scale - 1) < SAME) < r.size
                for r in ratios
            )
            if mixed:
                fit.scale, fit.anchored = scale, True
                return fit
    return None


def exact_entries(fit: Fit, run: Run) -> int:
    """Return how many entries of gradients are exactly those of a cost."""
    ratios = [r for match in fit.matches if (r := _ratios(match, run)) is not None]
    return sum(int(np.count_nonzero(np.abs(r - 1) < EXACT)) for r in ratios)


def _ratios(match: Match, run: Run) -> np.ndarray | None:
    """Return the ratios of the entries of a gradient to the true ones, where these are not zero."""
    truth, parameter = match.truth, match.parameter
    shallow = [i for i, level in enumerate(parameter.levels) if not level.deep]
    own = author_value(run, parameter, shallow[-1] if shallow else -1)
    if own is None or truth is None or own.shape != truth.shape:
        return None
    known = np.abs(truth) > 1e-9 * np.max(np.abs(truth), initial=0.0)
    found: np.ndarray = own[known] / truth[known]
    return found


def _shared_ratio(match: Match, run: Run) -> float | None:
    """Return the plausible ratio that many entries of a gradient have to the true ones."""
    truth = match.truth
    if truth is None or truth.size < LEAST_MIXED:
        return None
    for level in range(len(match.parameter.levels) - 1, -1, -1):
        own = author_value(run, match.parameter, level)
        if own is None or own.shape != truth.shape or match.parameter.levels[level].deep:
            continue
        known = np.abs(truth) > 1e-9 * np.max(np.abs(truth))
        ratios = own[known] / truth[known]
        tried = ratios[:: max(1, ratios.size // MOST_RATIOS)]
        for ratio in (1.0, *tried[tried != 0]):
            alike = np.abs(ratios / ratio - 1) < TOLERANCE
            enough = np.count_nonzero(alike) >= max(LEAST_ALIKE, 0.1 * alike.size)
            # Layers of one statement may have rates of their own: then all ratios are such numbers.
            rest = np.unique(ratios[~alike].round(12))[:MOST_RATIOS]
            shows = ratio == 1.0 or not all(is_plausible(r) for r in rest if r) or not rest.any()
            if enough and shows and is_plausible(ratio):
                return float(ratio)
    return None
