"""Steps up a known cost that a number of the data turns round: the reward of an action is negative.

``theta += rate * G[i] * grad_log_pi`` goes up the cross-entropy of the action that was taken where
it was a bad one.
"""

from __future__ import annotations

import operator

import numpy as np

from backproof.arithmetic import ADD, DIVIDE, MULTIPLY, NEGATE, SUBTRACT, is_in, keeps
from backproof.calculus.adjoint import is_differentiable
from backproof.roles import Parameter
from backproof.trace.primitives import strided_view
from backproof.trace.tape import Tape

SCALES = MULTIPLY | DIVIDE | NEGATE
#: What picks or makes a number of data.
GIVES = frozenset({operator.getitem, strided_view, *ADD, *SUBTRACT})
#: Operations between an update and its gradient that are looked through.
MOST = 30


def is_rewarded(tape: Tape, parameter: Parameter) -> bool:
    """Whether a negative number that is made of data scales the steps of a parameter.

    Steps that are numbers themselves are multiplied by errors.
    """
    deltas = (delta for update in parameter.updates for _, delta in update.merges)
    return any(np.size(tape.nodes[d].obj) > 1 and _is_turned(tape, d) for d in deltas)


def _is_turned(tape: Tape, node: int) -> bool:
    stack, seen = [node], 0
    while stack and seen < MOST:
        made, seen = tape.producer(stack.pop()), seen + 1
        if made is None or not (is_in(made.function, SCALES) or keeps(made)):
            continue
        for other in made.inputs:
            if np.size(tape.nodes[other].obj) == 1 and _is_negative(tape, other):
                made_of = (tape.producer(n) for n in (other, *tape.ancestors([other])))
                if any(o is not None and is_in(o.function, GIVES) for o in made_of):
                    return True
        stack += made.inputs
    return False


def _is_negative(tape: Tape, node: int) -> bool:
    value = tape.value(node)
    return is_differentiable(value) and bool(np.all(np.asarray(value) < 0))
