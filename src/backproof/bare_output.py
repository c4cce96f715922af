"""The output of a step over one sample, whose cost a program does not compute."""

from __future__ import annotations

import operator
from collections.abc import Sequence

import numpy as np

from backproof.calculus.adjoint import is_differentiable
from backproof.carries import dependence
from backproof.hypotheses import Hypothesis, title_of
from backproof.joins import Join
from backproof.roles import Parameter
from backproof.thresholds import is_only_compared
from backproof.trace.tape import Tape


def bare_output(tape: Tape, params: Sequence[Parameter]) -> Hypothesis | None:
    """Return the one number that a step over one sample puts out, where it has no cost of its own.

    Whatever the cost is, its gradients are one factor times those of the output.
    """
    bits = {u.old: 1 << i for i, p in enumerate(params) for u in p.updates}
    depends = dependence(tape, bits, 0, len(tape.operations))
    feeding = tape.ancestors([n for p in params for n in p.new])
    for operation in tape.operations:
        out = operation.out
        if out not in feeding or depends.get(out, 0).bit_count() < len(params):
            continue
        if np.size(tape.nodes[out].obj) != 1 or not is_differentiable(tape.nodes[out].obj):
            return None
        if is_only_compared(tape, out, feeding) or operation.function is operator.getitem:
            return None  # of an entry alone any step is a multiple of the gradient
        return Hypothesis(
            f"a cost of {title_of(operation)}", out, (Join(out, None, 0.0, operation.index),),
            line=operation.where.span.line, any_cost=True,
        )  # fmt: skip
    return None
