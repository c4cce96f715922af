"""Gradients that go straight through a rounding: estimators, which no difference confirms.

The derivative of ``np.round(w)`` is zero wherever it exists; who trains rounded weights takes it
for one. Such a gradient is no gradient of the cost, and no slip either.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from backproof.arithmetic import is_in
from backproof.trace.primitives import Method
from backproof.trace.tape import Tape

#: What makes steps of a slope.
ROUNDS: frozenset[Any] = frozenset({
    np.round, np.around, np.rint, np.floor, np.ceil, np.trunc, np.fix, np.sign, builtins.round,
    math.floor, math.ceil, math.trunc, Method("round"),
})  # fmt: skip
STRAIGHT = "it goes straight through a rounding: the derivative of that is zero"


def is_rounded(tape: Tape, nodes: Sequence[int], within: set[int]) -> bool:
    """Whether what a cost is computed from, `within`, rounds what depends on some nodes."""
    reached = tape.reach(nodes) & within
    return any(
        operation.out in reached and not reached.isdisjoint(operation.inputs)
        and is_in(operation.function, ROUNDS)
        for operation in tape.operations
    )  # fmt: skip
