"""Gradients of which parts are clipped before they are added up: ``dW += np.clip(g, -1, 1)``.

Their sum is no multiple of the gradient where a limit is reached. Without the clipping the same
program must come to the gradient; then it is left open, with the line of the clipping.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backproof.arithmetic import is_in
from backproof.checks.clipped import limits_of
from backproof.checks.edited import right_with
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import Fit
from backproof.trace.operations import Operation
from backproof.trace.tape import Ref

#: Costs that are tried where none fits.
MOST = 3


def excuse_clipping(evidence: StepEvidence) -> None:
    """Leave open what is right once nothing is clipped between the cost and the updates."""
    fits = [evidence.fit] if evidence.fit is not None else evidence.others
    for fit in [f for f in fits if f.wrong and not f.hypothesis.after][:MOST]:
        clips = _clips_after(evidence, fit)
        plain = {
            o.index: replace(o, function=np.positive, args=o.args[:1], kwargs={}) for o in clips
        }
        right = right_with(evidence, fit, plain) if clips else set()
        if not right or (evidence.fit is None and right != set(fit.wrong)):
            continue
        evidence.fit = fit
        lines = sorted({o.where.span.line for o in clips})
        where = f"line{'s' if lines[1:] else ''} {', '.join(map(str, lines))}"
        for i in right:
            fit.matches[i].reason = f"it is right but for parts of it that are clipped in {where}"
        return


def _clips_after(evidence: StepEvidence, fit: Fit) -> list[Operation]:
    """Return the calls of `np.clip` between a cost and the updates that have changed something."""
    tape = evidence.tape
    news = [n for i in fit.wrong for n in evidence.params[i].new]
    backward = tape.ancestors(news) - tape.ancestors([fit.hypothesis.node])
    return [o for o in tape.makers(backward) if _has_cut(evidence, o)]


def _has_cut(evidence: StepEvidence, operation: Operation) -> bool:
    """Whether a call of `np.clip` has changed something, between limits around zero."""
    if not is_in(operation.function, {np.clip}) or type(operation.args[0]) is not Ref:
        return False
    limits = limits_of(evidence, operation)
    given, made = evidence.run.env[operation.args[0].node], evidence.run.env[operation.out]
    return limits is not None and limits[0] < 0 < limits[1] and not np.array_equal(given, made)
