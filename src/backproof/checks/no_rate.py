"""Gradients that are formed with a step size of 0: ``W -= rate * X.T @ d``.

They are zero whatever else they are, and say nothing of the backward pass.
"""

from __future__ import annotations

import numpy as np

from backproof.arithmetic import MULTIPLY, is_in
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import author_value
from backproof.trace.tape import Ref


def excuse_no_rate(evidence: StepEvidence) -> None:
    """Leave open what is zero at every level because a number is that multiplies it."""
    fit, env = evidence.fit, evidence.run.env
    for i in [] if fit is None else fit.wrong:
        parameter = evidence.params[i]
        own = [author_value(evidence.run, parameter, n) for n in range(-1, len(parameter.levels))]
        if any(value is None or np.any(value) for value in own):
            continue
        deltas = [d for u in parameter.updates for _, d in u.merges]
        moving = evidence.tape.reach(n for p in evidence.params for n in p.old)
        assert fit is not None
        forward = evidence.tape.ancestors([fit.hypothesis.node])
        for made in evidence.tape.makers(evidence.tape.ancestors(deltas) - forward):
            named = zip(made.args, made.where.operands, strict=False)
            if not is_in(made.function, MULTIPLY):
                continue
            for arg, text in named:
                numbers = type(arg) is Ref and arg.node not in moving
                if numbers and np.size(env[arg.node]) == 1 and not np.any(env[arg.node]):
                    fit.matches[i].reason = f"it is multiplied by `{text}`, which is 0"
