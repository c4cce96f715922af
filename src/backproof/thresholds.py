"""Outputs that a threshold makes of a score: ``1 if w @ x + b > 0 else 0``, ``np.sign(z)``.

They have no slope. What a perceptron adds up, ``(t - output) * x``, is the gradient of another
cost: of the *perceptron criterion*, the score itself, times the error that its sign makes.
"""

from __future__ import annotations

import math
from collections.abc import Container
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, MULTIPLY, SUBTRACT, is_in, keeps
from backproof.joins import ORDERS
from backproof.trace.primitives import stepped
from backproof.trace.tape import Operation, Tape

#: Operations between a score and the number that a threshold makes of it: ``2 * (z > 0) - 1``.
MOST_OPERATIONS = 6
COMPARISONS: frozenset[Any] = frozenset(
    ORDERS | {np.less, np.less_equal, np.greater, np.greater_equal}
)
SIGNS: frozenset[Any] = frozenset({np.sign, np.heaviside, math.copysign})
#: What gives numbers for truth values.
NUMBERS: frozenset[Any] = frozenset({int, float, np.where})


def score_of(tape: Tape, node: int) -> int | None:
    """Return the score, of the same shape, that a threshold makes a value of; None of others."""
    shape = np.shape(tape.nodes[node].obj)
    for _ in range(MOST_OPERATIONS):
        made = tape.producer(node)
        if made is None or not made.inputs:
            return None
        if is_in(made.function, COMPARISONS) or made.function is stepped:
            computed = [n for n in made.inputs if tape.nodes[n].operation is not None]
            same = [n for n in computed if np.shape(tape.nodes[n].obj) == shape]
            return same[0] if len(same) == 1 else None
        if is_in(made.function, SIGNS):
            score = made.inputs[0]
            return score if np.shape(tape.nodes[score].obj) == shape else None
        if not _passes(made):
            return None
        node = made.inputs[0]
    return None


def is_only_compared(tape: Tape, node: int, feeding: Container[int]) -> bool:
    """Whether all that the updates read of a value is on which side of a threshold it is."""
    users = [tape.operations[i] for i in tape.users[node]]
    users = [user for user in users if user.out in feeding]
    return bool(users) and all(
        is_in(user.function, COMPARISONS | SIGNS) or user.function is stepped for user in users
    )


def _passes(made: Operation) -> bool:
    """Whether a value is a number for each truth value of its one input."""
    number = is_in(made.function, NUMBERS | ADD | SUBTRACT | MULTIPLY) or keeps(made)
    return number and len(made.inputs) == 1
