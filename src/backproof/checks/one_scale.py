"""The one scale that the gradients of all parameters share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from backproof.checks.scales import SAME, is_natural, is_plausible
from backproof.roles import Parameter

if TYPE_CHECKING:
    from backproof.checks.match import Fit

#: Entries that gradients equal to those of the program's own cost must have to decide its scale.
LEAST_EXACT = 3

Offer = tuple[float, int, tuple[int, float, float]]


def _offers(fit: Fit, *, deep: bool) -> list[Offer]:
    """Return the scales that parameters offer, above the first division by a size or beneath."""
    return [
        (s, i, (level, s, error))
        for i, match in enumerate(fit.matches) for level, s, error in match.scales
        if s and deep == (level >= 0 and match.parameter.levels[level].deep)
    ]  # fmt: skip


def _most_alike(
    offers: Sequence[Offer], scale: float, sizes: Sequence[int]
) -> tuple[dict[int, tuple[int, float, float]], float]:
    """Return the entries of the scale that most parameters share, and that scale.

    A single number, of the `sizes` of all, is a multiple of any other; the weights of one unit are
    of what they should be, by a number that no program has.
    """
    best: dict[int, tuple[int, float, float]] = {}
    best_key: tuple[int, int, bool, float] = (0, 0, False, -np.inf)
    for s, _, _ in offers:
        members: dict[int, tuple[int, float, float]] = {}
        for other, i, entry in offers:
            same = abs(other / s - 1) < SAME
            if same and (i not in members or entry[0] >= members[i][0]):
                members[i] = entry
        several = sum(sizes[i] for i in members) > 1
        says = 2 * (is_natural(s) or (several and is_plausible(s))) + several
        key = (len(members), says, s > 0, -abs(float(np.log(abs(s)))))
        if key > best_key:
            best, best_key, scale = members, key, s
    return best, scale


def _size(parameter: Parameter) -> float:
    """Return the product of the sizes that divide a gradient on its way, to nine digits."""
    factors = [(level.factor, level.deep) for level in parameter.levels if level.factor]
    shallow = [f for f, deep in factors if not deep]
    below = [f for f, deep in factors if deep]
    return float(f"{below[-1] / shallow[-1]:.9g}") if below and shallow else 0.0


def common_scale(fit: Fit) -> None:
    """Choose one scale that as many parameters as possible share.

    A parameter offers the scales of its levels down to the last that no size factor precedes; the
    whole change counts as a level, so equal rates with any factor folded in agree there.
    """
    if fit.hypothesis.exact:
        fit.chosen = {
            i: entry for i, match in enumerate(fit.matches) for entry in match.scales
            if entry[0] == 0 and abs(entry[1] - 1) < 1e-5
        }  # fmt: skip
        return
    offers = _offers(fit, deep=False)
    sizes = [match.size for match in fit.matches]
    best, fit.scale = _most_alike(offers, fit.scale, sizes)
    judged = sum(not m.vacuous and not m.reason for m in fit.matches)
    if len(best) < judged and len({_size(m.parameter) for m in fit.matches}) == 1:
        # All are divided by one size, and clipped by entry before: right beneath both.
        below = _offers(fit, deep=True)
        beneath, scale = _most_alike(below, fit.scale, sizes)
        if len(beneath) > len(best):
            best, fit.scale, offers = beneath, scale, below
    if fit.hypothesis.own and abs(fit.scale - 1) > 1e-5 and len(best) < judged:
        # What is exactly the gradient of the program's own cost is right, few as it may be.
        exact = {i: entry for s, i, entry in offers if abs(s - 1) < 1e-5}
        # (But not less right: a change that has no gradient of its own has the rate in it.)
        if sum(fit.matches[i].size for i in exact) > LEAST_EXACT and not set(exact) < set(best):
            best, fit.scale = exact, 1.0
    entries = sum(fit.matches[i].size for i in best)
    fit.chosen = best if entries > 1 or is_natural(fit.scale) else {}
