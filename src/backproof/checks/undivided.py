"""A data term that has another size than the cost's, beside a penalty that has the right one.

``dscores /= N`` forgotten, and ``dW += reg * W`` as the cost has it: the biases are N times too
large, and under that scale the penalties seem N times too small. They are not: with scale 1 one
factor is missing, from what all gradients are made of.
"""

from __future__ import annotations

import numpy as np

from backproof.checks.match import Fit, author_value
from backproof.checks.multiples import multiples_of
from backproof.checks.scales import SAME, TOLERANCE, is_natural
from backproof.roles import vector
from backproof.trace.tape import Run, Tape

#: Entries that must tell two factors.
LEAST_ENTRIES = 3


def undivided(fit: Fit, tape: Tape, run: Run) -> bool:
    """Take scale 1 where only the data terms have another; returns whether they have."""
    levels = {level for level, _, _ in fit.chosen.values()}
    odd = abs(abs(fit.scale) - 1) > SAME and is_natural(fit.scale)
    if not fit.hypothesis.own or not fit.wrong or len(levels) != 1 or not odd:
        return False
    level = levels.pop()
    if not all(_is_apart(fit, tape, run, i, level) for i in fit.wrong):
        return False
    fit.chosen, fit.scale, fit.anchored = {}, float(np.sign(fit.scale)), True
    return True


def _is_apart(fit: Fit, tape: Tape, run: Run, index: int, level: int) -> bool:
    """Whether a gradient is ``s·(truth - λ·w) + λ·w``, with the λ that its penalty has."""
    match = fit.matches[index]
    parameter = match.parameter
    own = author_value(run, parameter, level) if level < len(parameter.levels) else None
    w = vector(run.env[n] for n in parameter.old)
    if own is None or match.truth is None or not own.shape == match.truth.shape == w.shape:
        return False
    if own.size < LEAST_ENTRIES or not np.all(np.isfinite(own)):
        return False
    basis = np.stack([match.truth, w], axis=1)
    (scale, rest), *_ = np.linalg.lstsq(basis, own, rcond=None)
    if np.linalg.norm(own - basis @ [scale, rest]) > TOLERANCE * np.linalg.norm(own):
        return False
    strength = rest / (1 - fit.scale)
    known = multiples_of(tape, parameter, fit.hypothesis.node)
    same = abs(scale / fit.scale - 1) < SAME
    return same and any(abs(abs(strength) / abs(k) - 1) < SAME for k in known if k)
