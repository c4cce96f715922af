"""Steps whose gradients are taken where the step has moved the parameters to before (SAM).

``here + ρ·g/‖g‖`` is no parameter of its own; the gradient there is not the one at `here`, and is
not meant to be.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backproof.carries import carries_of
from backproof.checks.match import Fit, Match, fill
from backproof.checks.one_scale import common_scale
from backproof.roles import Parameter, vector
from backproof.trace.tape import Run, Tape


def right_elsewhere(fit: Fit, tape: Tape, run: Run, params: Sequence[Parameter]) -> bool:
    """Whether all gradients are right at the values that the step gives its parameters first."""
    if fit.adjoint is None or fit.hypothesis.after:
        return False
    carries = carries_of(tape)
    forward = tape.ancestors([fit.hypothesis.node])
    again = Fit(fit.hypothesis, [])
    for parameter in params:
        truths = []
        for update in parameter.updates:
            moved = [
                n for n in forward & carries.merged
                if n not in (update.old, update.new)
                and abs(carries.carry.get(n, {}).get(update.old, 0.0) - 1.0) < 1e-9
                and fit.adjoint.of.get(n) is not None
            ]  # fmt: skip
            if not moved:
                return False
            truths.append(np.asarray(fit.adjoint.of[max(moved)], dtype=float))
        truth = vector(truths)
        if truth.size != sum(np.size(run.env[n]) for n in parameter.old):
            return False
        match = Match(parameter, truth)
        fill(run, match, False)
        again.matches.append(match)
    common_scale(again)
    return bool(again.chosen) and not again.wrong
