"""The multiples of a parameter in a step: what weight decay and the penalty of a cost add."""

from __future__ import annotations

from typing import Any

import numpy as np

from backproof.arithmetic import ADD, DIVIDE, MULTIPLY, SUBTRACT, is_in, keeps
from backproof.joins import VIEWS
from backproof.roles import Parameter
from backproof.trace.tape import Ref, Tape


def multiples_of(tape: Tape, parameter: Parameter, cost: int) -> list[float]:
    """Return the multiples of a parameter that are added up on its way back from a cost."""
    multiples = multiples_in(tape, set(parameter.old))
    feeding = tape.ancestors(parameter.new) - tape.ancestors([cost])
    return [
        multiples[n] * (1 if is_in(operation.function, ADD) or n == operation.inputs[0] else -1)
        for operation in tape.operations
        if operation.out in feeding and is_in(operation.function, ADD | SUBTRACT)
        for n in operation.inputs if multiples.get(n, 1.0) != 1.0
    ]  # fmt: skip


def multiples_in(tape: Tape, olds: set[int]) -> dict[int, float]:
    """Return the values that are a parameter, or entries of it, times a number, with the number."""
    found = dict.fromkeys(olds, 1.0)
    for operation in tape.operations:
        held = [n for n in operation.inputs if n in found]
        if not held or operation.out in found:
            continue
        if is_in(operation.function, MULTIPLY | DIVIDE) and len(held) == 1:
            others = [
                _number(tape, a) for a in operation.args
                if not (type(a) is Ref and a.node == held[0])
            ]  # fmt: skip
            if len(others) == 1 and others[0]:
                divides = is_in(operation.function, DIVIDE)
                found[operation.out] = found[held[0]] * (1 / others[0] if divides else others[0])
        elif is_in(operation.function, VIEWS) or keeps(operation):
            found[operation.out] = found[held[0]]
    return found


def _number(tape: Tape, value: Any) -> float | None:
    obj = tape.nodes[value.node].obj if type(value) is Ref else value
    return float(obj) if np.size(obj) == 1 and isinstance(obj, (int, float, np.generic)) else None
