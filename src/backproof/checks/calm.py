"""Judges a formula where its numbers are calm, when the recorded ones are not.

Where a sigmoid is within rounding of one, or the iterates diverge, a right gradient and the true
one differ for reasons of arithmetic: ``log(A + 1e-12)`` has no slope there, sums lose everything
but their largest term. Such a step says nothing against the formula; with the parameters scaled
down, the same step does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backproof.calculus.adjoint import is_differentiable
from backproof.checks.match import Fit, compare
from backproof.roles import Parameter
from backproof.trace.tape import Run, Tape

#: Exponentials beyond this (and below its inverse) leave a rounded one or nothing of their sums.
STRAINED = 1e7
#: Scales of all parameters that are tried; at last each is scaled to a largest entry of one.
SHARES = (0.3, 0.1, 0.03)


def strained(tape: Tape, run: Run) -> bool:
    """Whether a step works with numbers that a sum of them cannot hold."""
    for operation in tape.operations:
        value = run.env[operation.out]
        if type(value) is float:
            if not abs(value) < STRAINED:
                return True
        elif not is_differentiable(value) or not value.size:
            continue
        elif not np.abs(value).max() < STRAINED:
            return True
        if operation.function is np.exp and np.min(value) < 1 / STRAINED:
            return True
    return False


def calmed(best: Fit, tape: Tape, run: Run, params: Sequence[Parameter]) -> tuple[Fit, Run]:
    """Return the fit and the run at scaled-down parameters, if all gradients are right there.

    For a strained step; any other keeps its fit.
    """
    olds = [n for p in params for n in p.old]
    for share in (*SHARES, None):
        values: dict[int, Any] = {}
        for n in olds:
            moved = np.asarray(run.env[n], dtype=float)
            largest = float(np.max(np.abs(moved), initial=0.0))
            moved = moved * (share if share is not None else 1.0 / max(largest, 1.0))
            values[n] = float(moved) if type(run.env[n]) is float else moved
            if isinstance(run.env[n], np.matrix):
                values[n] = np.asmatrix(moved)
        again = tape.replay(values, double=True)
        fit = compare(tape, again, best.hypothesis, params, penalised=best.penalised)
        if fit is not None and not fit.wrong and len(fit.chosen) == len(params):
            return fit, again
    return best, run
