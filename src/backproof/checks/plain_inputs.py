"""Inputs that no weight matrix multiplies: of a slope that is one number, of a single neuron."""

from __future__ import annotations

import operator
from collections.abc import Sequence

import numpy as np

from backproof.arithmetic import is_in
from backproof.checks.layers import PRODUCTS, source_parameter
from backproof.roles import Parameter
from backproof.trace.tape import Tape


def scalar_inputs(tape: Tape, params: Sequence[Parameter]) -> int | None:
    """Return the array that a scalar parameter multiplies: ``slope * x``."""
    olds = {n for p in params for n in p.old}
    moving = tape.reach(olds)
    for operation in tape.operations:
        if operation.function not in (operator.mul, np.multiply) or len(operation.inputs) != 2:
            continue
        for one, other in (operation.inputs, operation.inputs[::-1]):
            x = tape.nodes[other].obj
            scales = one in olds and other not in moving and np.size(tape.nodes[one].obj) == 1
            if scales and isinstance(x, np.ndarray) and 1 < x.size == max(x.shape):
                return other
    return None


def neuron_inputs(tape: Tape, params: Sequence[Parameter]) -> int | None:
    """Return the one sample that a neuron's weights multiply: ``np.dot(w, x)`` of two vectors."""
    olds = {n: i for i, p in enumerate(params) for n in p.old}
    moving = tape.reach(olds)
    for operation in tape.operations:
        if not is_in(operation.function, PRODUCTS) or len(operation.inputs) != 2:
            continue
        for one, other in (operation.inputs, operation.inputs[::-1]):
            x = tape.nodes[other].obj
            vector = isinstance(x, np.ndarray) and x.ndim == 1 and other not in moving
            if vector and source_parameter(tape, one, olds) is not None:
                return other
    return None
