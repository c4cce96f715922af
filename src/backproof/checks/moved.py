"""Steps whose gradients are taken where the step has moved the parameters to before (SAM, turns).

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


#: Why a gradient is not judged whose forward pass is another than the cost's.
ALTERNATES = "it is computed anew from values that the step has updated before"


def excuse_turns(fit: Fit, tape: Tape, params: Sequence[Parameter]) -> None:
    """Leave out of the verdict what is computed at other values than the cost."""
    for i in fit.wrong:
        if alternates(tape, params, i):
            fit.matches[i].reason = ALTERNATES


def alternates(tape: Tape, params: Sequence[Parameter], index: int) -> bool:
    """Whether a gradient is computed anew, forward pass and all, after others were updated.

    Where factors take turns, each sees the new values of the other, and nothing of its old ones;
    what reads both has come too late.
    """
    mine = params[index]
    deltas = [delta for update in mine.updates for _, delta in update.merges]
    others = [p for p in params if p is not mine]
    behind = tape.ancestors(deltas, stop={n for p in others for n in p.new})
    late = [p for p in others if not behind.isdisjoint(p.new)]
    return bool(late) and all(behind.isdisjoint(p.old) for p in late)
