"""A data term that has another size than the cost's, beside a penalty that has the right one.

``dscores /= N`` forgotten, and ``dW += reg * W`` as the cost has it: the biases are N times too
large, and under that scale the penalties seem N times too small. They are not: with the scale that
these have one factor is missing, from what all gradients are made of.
"""

from __future__ import annotations

import numpy as np

from backproof.checks.match import Fit, author_value
from backproof.checks.multiples import multiples_of
from backproof.checks.scales import SAME, TOLERANCE, holds, is_natural, is_plausible
from backproof.roles import vector
from backproof.trace.tape import Run, Tape

#: Entries that must tell two factors.
LEAST_ENTRIES = 3


def undivided(fit: Fit, tape: Tape, run: Run) -> bool:
    """Take the scale of the penalties where only the data terms have another.

    Returns whether they have: then no gradient is right.
    """
    levels = {level for level, _, _ in fit.chosen.values()}
    if not fit.hypothesis.own or not fit.wrong or len(levels) != 1:
        return False
    level = levels.pop()
    right = [fit.matches[i].parameter for i in fit.chosen]
    if any(multiples_of(tape, parameter, fit.hypothesis.node) for parameter in right):
        return False  # a penalty has the scale of the rest
    offers = [_offers(fit, tape, run, i, level) for i in fit.wrong]
    shared = [s for s in offers[0] if all(holds(s, others) for others in offers[1:])]
    if not shared:
        return False
    fit.chosen, fit.scale, fit.anchored = {}, shared[0], True
    return True


def _offers(fit: Fit, tape: Tape, run: Run, index: int, level: int) -> list[float]:
    """Return what r may be in a gradient ``s·(truth - λ·w) + r·λ·w``, with the λ of its penalty.

    The scale s of what is right otherwise must be a multiple of it, by a size.
    """
    match = fit.matches[index]
    parameter = match.parameter
    own = author_value(run, parameter, level) if level < len(parameter.levels) else None
    w = vector(run.env[n] for n in parameter.old)
    if own is None or match.truth is None or not own.shape == match.truth.shape == w.shape:
        return []
    if own.size < LEAST_ENTRIES or not np.all(np.isfinite(own)):
        return []
    basis = np.stack([match.truth, w], axis=1)
    (scale, rest), *_ = np.linalg.lstsq(basis, own, rcond=None)
    if np.linalg.norm(own - basis @ [scale, rest]) > TOLERANCE * np.linalg.norm(own):
        return []
    if abs(scale / fit.scale - 1) > SAME:
        return []
    known = multiples_of(tape, parameter, fit.hypothesis.node)
    offers = [fit.scale + sign * rest / abs(k) for k in known if k for sign in (1, -1)]
    return [
        r for r in offers
        if r * fit.scale > 0 and is_plausible(r) and is_natural(fit.scale / r)
        and abs(fit.scale / r - 1) > SAME
    ]  # fmt: skip
