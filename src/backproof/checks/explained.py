"""How much of a step's gradients a cost explains."""

from __future__ import annotations

from backproof.checks.choice import FEW
from backproof.checks.match import Fit, Match
from backproof.checks.scales import is_plausible

#: Single numbers that have one scale by no chance.
LEAST_NUMBERS = 4
#: A cost that differs by an epsilon in its logarithm has nearly the same gradient.
NEAR = 0.02


def explained(fit: Fit) -> int:
    """Return how many gradients of several entries are a multiple of those under a cost.

    By a factor that programs have: two entries of opposite sign are a multiple of any such two. Of
    single numbers alone those count that have one scale.
    """
    if all(m.size == 1 for m in fit.matches):
        return len(fit.chosen) if len(fit.chosen) > 1 and is_plausible(fit.scale) else 0
    return sum(
        any(is_plausible(s) for _, s, _ in m.scales) or bool(m.penalties or m.reason)
        for m in fit.matches if m.size > 1
    )  # fmt: skip


def is_no_chance(fit: Fit) -> bool:
    """Whether more than a single number or a few have the scale that a cost gives them."""
    return any(m.size > 1 for m in fit.matches) or len(fit.chosen) >= LEAST_NUMBERS


def is_near(match: Match) -> bool:
    """Whether a gradient differs from the one under a cost by what an epsilon explains."""
    _, scale, error = match.nearest
    alike = any(abs(scale / usual - 1) < NEAR for usual in (0.5, 1.0, 2.0))
    return error < NEAR and match.size > FEW and alike
