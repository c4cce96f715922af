"""At which level a wrong gradient is compared: in the scale that the others have."""

from __future__ import annotations

from collections import Counter

import numpy as np

from backproof.checks.match import Fit, author_value
from backproof.checks.scales import TOLERANCE, proportion
from backproof.trace.tape import Run

#: The direction of a wrong gradient, up to which its size is compared with the true one's.
ALIKE = 0.3


def in_scale(fit: Fit, run: Run) -> None:
    """Of the levels of a wrong gradient that differ by a factor, take that in the scale of all.

    Of one that points elsewhere the least multiple would be the nearest: there it is the level at
    which most others are right.
    """
    usual = Counter(level for level, _, _ in fit.chosen.values()).most_common(1)
    for index in fit.wrong:
        match = fit.matches[index]
        gaps: dict[tuple[int, float, float], float] = {}
        for level in range(len(match.parameter.levels)):
            own = author_value(run, match.parameter, level)
            if own is None or match.truth is None or own.shape != match.truth.shape:
                continue
            s, error = proportion(own, match.truth)
            if error <= (1 + TOLERANCE) * match.nearest[2]:
                gaps[level, s, error] = float(np.linalg.norm(own / fit.scale - match.truth))
        size = float(np.linalg.norm(match.truth)) if match.truth is not None else 0.0
        # What is right lies beneath the fault: the true gradient, times a factor too much.
        gaps = {entry: gap for entry, gap in gaps.items() if gap > TOLERANCE * size} or gaps
        there = [entry for entry in gaps if usual and entry[0] == usual[0][0]]
        if gaps and match.nearest[2] < ALIKE:
            match.nearest = min(gaps, key=lambda entry: gaps[entry])
        elif there:
            match.nearest = there[0]
