"""What moves with the parameters, and is meant as data: target networks, targets, advantages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from backproof.arithmetic import (
    ADD,
    DIVIDE,
    JOINING,
    MULTIPLY,
    NEGATE,
    SPLITTING,
    SUBTRACT,
    is_in,
    keeps,
)
from backproof.entries import STORES
from backproof.hypotheses import Hypothesis
from backproof.roles import Parameter
from backproof.trace.primitives import Method
from backproof.trace.tape import Operation, Ref, Tape

LOGARITHMS: frozenset[Any] = frozenset({np.log, math.log})
#: What copies an array.
COPIES: frozenset[Any] = frozenset({Method("copy"), np.copy, np.array})


def constants(
    tape: Tape, params: Sequence[Parameter], hypotheses: Sequence[Hypothesis]
) -> Iterator[frozenset[int]]:
    """Yield sets of nodes that a program may hold constant, though parameters move them."""
    for found in (copies(tape, params), targets(tape, params, hypotheses),
                  advantages(tape, params)):  # fmt: skip
        if found:
            yield found


def copies(tape: Tape, params: Sequence[Parameter]) -> frozenset[int]:
    """Return the copies of parameters, which may be constants: the weights of a target network.

    Such a network has a copy of each; `out = np.copy(self.biases)` begins a sum.
    """
    olds = {n for p in params for n in p.old}
    of = {
        o.out: o.inputs[0] for o in tape.operations
        if is_in(o.function, COPIES) and o.inputs and o.inputs[0] in olds
    }  # fmt: skip
    return frozenset(of) if olds == set(of.values()) else frozenset()


def targets(
    tape: Tape, params: Sequence[Parameter], hypotheses: Sequence[Hypothesis]
) -> frozenset[int]:
    """Return the labels that a model's own outputs have a part in: ``r + gamma * max(q)``.

    An output less such a label is the last difference on the way to a cost. The label is a sum of
    outputs and data, or outputs among which data is stored; so a mean of the output is none.
    """
    moving = tape.reach(n for p in params for n in p.old)
    within = tape.ancestors(h.node for h in hypotheses if h.own and not h.after)
    last: int | None = None
    found = set()
    for operation in reversed(tape.operations):
        if operation.out not in within or not is_in(operation.function, SUBTRACT):
            continue
        if last not in (None, operation.site) or len(moving.intersection(operation.inputs)) != 2:
            continue
        last = operation.site
        labels = [n for n in operation.inputs if _is_mixed(tape, n, moving)]
        if len(labels) == 1:
            found.add(labels[0])
    return frozenset(found)


def advantages(tape: Tape, params: Sequence[Parameter]) -> frozenset[int]:
    """Return the weights of logarithms that a critic has a part in: ``(r - value) * log(p)``."""
    moving = tape.reach(n for p in params for n in p.old)
    found = set()
    for operation in tape.operations:
        if not is_in(operation.function, MULTIPLY) or len(operation.inputs) != 2:
            continue
        if not moving.issuperset(operation.inputs):
            continue
        for weight, other in (operation.inputs, operation.inputs[::-1]):
            made, logarithm = _behind(tape, weight), _behind(tape, other)
            if made is None or logarithm is None or not is_in(made.function, SUBTRACT):
                continue
            if is_in(logarithm.function, LOGARITHMS) and len(moving.intersection(made.inputs)) == 1:
                found.add(weight)
    return frozenset(found)


def _behind(tape: Tape, node: int) -> Operation | None:
    """Return what made a value, but for its sign and the entries that are read of it."""
    made = tape.producer(node)
    while made is not None and (is_in(made.function, NEGATE | SPLITTING) or keeps(made)):
        made = tape.producer(made.inputs[0]) if made.inputs else None
    return made


def _is_mixed(tape: Tape, node: int, moving: set[int]) -> bool:
    """Whether data is added to what moves, or stored in it."""
    pending, seen = [node], {node}
    while pending:
        made = tape.producer(pending.pop())
        if made is None:
            continue
        moved = [n for n in made.inputs if n in moving]
        if is_in(made.function, ADD) and len(moved) == 1 and len(made.inputs) == 2:
            return True
        if is_in(made.function, STORES) and _is_output(tape, made.args[0], moving):
            return True
        if keeps(made) or is_in(made.function, JOINING | SPLITTING | MULTIPLY | DIVIDE):
            pending += [n for n in moved if n not in seen]
            seen.update(moved)
    return False


def _is_output(tape: Tape, array: Any, moving: set[int]) -> bool:
    """Whether an array moves by itself, and not by what was stored in it before."""
    if type(array) is not Ref or array.node not in moving:
        return False
    made = tape.producer(array.node)
    return made is None or not is_in(made.function, STORES)
