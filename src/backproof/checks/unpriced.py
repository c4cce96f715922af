"""Terms of a gradient whose cost no step computes: the divergence of a variational autoencoder.

Where a program computes no cost, its output error says which one it minimises, but not what else is
part of it. What is left of a gradient where all errors are zero, and moves with the parameters, may
be the gradient of such a part: of that nothing is known, and nothing is claimed.
"""

from __future__ import annotations

import numpy as np

from backproof.checks.gradient import StepEvidence
from backproof.checks.match import author_value
from backproof.checks.scales import SAME, TOLERANCE, proportion
from backproof.checks.sense import is_called_a_cost
from backproof.roles import vector
from backproof.trace.tape import Run

REASON = "it has a term besides that of the output error, and the program computes no cost"
#: By how much parameters are moved to see whether a term moves with them.
MOVE = 1e-3
#: Entries of which a term is a multiple by no chance.
LEAST = 3


def excuse_unpriced(evidence: StepEvidence) -> None:
    """Leave open what is right but for a term of the values inside a network without a cost."""
    fit = evidence.fit
    if fit is None or not fit.hypothesis.registered or not (fit.wrong and fit.chosen):
        return
    if any(f.hypothesis.own and is_called_a_cost(evidence, f) for f in evidence.others):
        return
    errors = {evidence.tape.operations[join.operation].out for join in fit.hypothesis.joins}
    alone, moved = _without(evidence, errors, 0.0), _without(evidence, errors, MOVE)
    for i in fit.wrong:
        parameter, match = evidence.params[i], fit.matches[i]
        for level in range(len(parameter.levels)):
            own, term, other = (
                author_value(run, parameter, level) for run in (evidence.run, alone, moved)
            )
            if own is None or term is None or other is None or match.truth is None:
                continue
            if own.shape != match.truth.shape or not np.any(term):
                continue
            norm = float(np.linalg.norm(own))
            right = np.linalg.norm(own - term - fit.scale * match.truth) <= TOLERANCE * norm
            if right and np.linalg.norm(other - term) > SAME * np.linalg.norm(term):
                weights = vector(evidence.run.env[n] for n in parameter.old)
                strength, error = proportion(term / fit.scale, weights)
                # (A penalty that lets weights grow is none.)
                grows = weights.size >= LEAST and strength < 0 and error < TOLERANCE
                match.reason = "" if grows else REASON
                break


def _without(evidence: StepEvidence, errors: set[int], move: float) -> Run:
    """Compute a step again with output errors of zero, at parameters that are moved a little."""
    tape, run = evidence.tape, evidence.run
    replace = {n: np.zeros_like(run.env[n]) if np.ndim(run.env[n]) else 0.0 for n in errors}
    if move:
        for parameter in evidence.params:
            replace |= {n: run.env[n] * (1 + move) + move for n in parameter.old}
    dirty = tape.reach(replace) | set(replace)
    return tape.replay(base=run, dirty=dirty, replace=replace, double=True)
