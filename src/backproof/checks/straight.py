"""Gradients that go straight through a rounding: estimators, which no difference confirms.

The derivative of ``np.round(w)`` is zero wherever it exists; who trains rounded weights takes it
for one, and who trains spikes, ``(u > 1).astype(float)``, a smooth one of his own. Such a gradient
is no gradient of the cost, and no slip either.
"""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from backproof.arithmetic import is_in
from backproof.checks.match import Fit
from backproof.roles import Parameter
from backproof.trace.primitives import Method
from backproof.trace.tape import Tape

#: What makes steps of a slope.
ROUNDS: frozenset[Any] = frozenset({
    np.round, np.around, np.rint, np.floor, np.ceil, np.trunc, np.fix, np.sign, builtins.round,
    math.floor, math.ceil, math.trunc, Method("round"),
})  # fmt: skip
#: What makes steps, or chooses, by its argument alone.
DECIDES = ROUNDS | {
    operator.gt, operator.ge, operator.lt, operator.le, operator.eq, operator.ne, np.greater,
    np.greater_equal, np.less, np.less_equal, np.equal, np.heaviside, np.argmax, np.argmin,
    np.argsort, np.digitize, np.searchsorted, Method("argmax"), Method("argmin"), Method("argsort"),
}  # fmt: skip
#: Why gradients are not judged where one of them has nothing to do with the cost that fits others.
ANOTHER_COST = "the cost that fits other gradients is not all that is trained"
STRAIGHT = "it goes straight through a rounding: the derivative of that is zero"


def reasons(fit: Fit, tape: Tape, params: Sequence[Parameter]) -> dict[int, str]:
    """Say why wrong gradients are none of a cost that does not vary with their parameters."""
    wrong = {i: params[i] for i in fit.wrong}
    if not wrong:
        return {}
    cost = fit.hypothesis.node
    within = tape.ancestors([cost])
    cut = [i for i, p in wrong.items() if is_cut(tape, p.old, cost)]
    elsewhere = any(within.isdisjoint((*p.old, *p.new)) for p in wrong.values())
    if elsewhere or 0 < len(cut) < len(wrong):
        return dict.fromkeys(wrong, ANOTHER_COST)
    return {i: STRAIGHT for i, p in wrong.items() if i in cut or is_rounded(tape, p.old, within)}


def is_rounded(tape: Tape, nodes: Sequence[int], within: set[int]) -> bool:
    """Whether what a cost is computed from, `within`, rounds what depends on some nodes."""
    reached = tape.reach(nodes) & within
    return any(
        operation.out in reached and not reached.isdisjoint(operation.inputs)
        and is_in(operation.function, ROUNDS)
        for operation in tape.operations
    )  # fmt: skip


def is_cut(tape: Tape, nodes: Sequence[int], cost: int) -> bool:
    """Whether nodes reach a cost, and by comparisons and roundings alone."""
    if cost not in tape.reach(nodes):
        return False
    reached = set(nodes)
    for operation in tape.operations:
        if not reached.isdisjoint(operation.inputs) and not is_in(operation.function, DECIDES):
            reached.add(operation.out)
    return cost not in reached
