"""Gradients that are formed with a step size of 0: ``W -= rate * X.T @ d``.

They are zero whatever else they are, and say nothing of the backward pass.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from backproof.arithmetic import MULTIPLY, is_in
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import Fit, author_value
from backproof.roles import Parameter
from backproof.trace.tape import Ref


def excuse_no_rate(evidence: StepEvidence) -> None:
    """Leave open what is zero at every level because a number is that multiplies it."""
    fit = evidence.fit
    for i in [] if fit is None else fit.wrong:
        parameter = evidence.params[i]
        own = [author_value(evidence.run, parameter, n) for n in range(-1, len(parameter.levels))]
        if fit is not None and not any(value is None or np.any(value) for value in own):
            rate = next(_zeros(evidence, fit, parameter), None)
            if rate is not None:
                fit.matches[i].reason = f"it is multiplied by `{rate}`, which is 0"


def _zeros(evidence: StepEvidence, fit: Fit, parameter: Parameter) -> Iterator[str]:
    """Yield the numbers that are 0 and multiply what leads to a parameter's update."""
    tape, env = evidence.tape, evidence.run.env
    deltas = [delta for update in parameter.updates for _, delta in update.merges]
    backward = tape.ancestors(deltas) - tape.ancestors([fit.hypothesis.node])
    moving = tape.reach(n for p in evidence.params for n in p.old)
    for made in tape.makers(backward):
        if not is_in(made.function, MULTIPLY):
            continue
        for arg, text in zip(made.args, made.where.operands, strict=False):
            number = type(arg) is Ref and arg.node not in moving and np.size(env[arg.node]) == 1
            if number and not np.any(env[arg.node]):
                yield text
