"""The samples of a step that computes with single numbers: lists of weights, sums in loops.

A neuron is a sum of products ``w * x`` of parameters and data. What the first neuron's weights
multiply is a sample; what is subtracted from the output is its label.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, MULTIPLY, SUBTRACT, is_in
from backproof.calculus.slices import Slice
from backproof.checks.drawn import drawn_from
from backproof.checks.places import Place, statement_of
from backproof.joins import output_joins
from backproof.roles import Parameter
from backproof.trace.site import Site
from backproof.trace.tape import Operation, Ref, Run, Tape

#: Operations of a step, and places where output and labels meet, that are looked through.
MOST_OPERATIONS, MOST_JOINS, MOST_REACH = 12_000, 512, 24
#: Additions between a product and the sum that it ends in.
MOST_SUMMANDS = 400
#: Where an activation has come to its ends.
FAR = 40.0
SUMS = ADD | {sum, operator.iadd}


@dataclass(frozen=True, slots=True)
class Listed:
    """Samples × features, and samples × outputs where labels were met."""

    inputs: Any
    nodes: Any
    """The nodes of the inputs, -1 for whole numbers."""
    labels: Any
    output: Any
    reach: tuple[float, float] | None
    """The ends of what the outputs' activation can give, if it has two."""
    inputs_place: Place | None
    labels_place: Place | None
    """Where the data was made that the step takes its samples from."""


def listed(tape: Tape, run: Run, params: Sequence[Parameter], ends: Sequence[int]) -> Listed | None:
    """Return the samples of a step whose parameters are single numbers."""
    olds = {n for p in params for n in p.old}
    if len(tape.operations) > MOST_OPERATIONS or any(np.ndim(tape.nodes[n].obj) for n in olds):
        return None
    rows = _inputs(tape, run, olds, tape.reach(olds) & tape.ancestors(ends))
    if not rows:
        return None
    inputs = np.array([[f.value for f in row] for row in rows])
    nodes = np.array([[f.node for f in row] for row in rows])
    labels, output, joined, ends = _labels(tape, run, params, len(inputs))
    return Listed(
        inputs,
        nodes,
        labels,
        output,
        _reach(tape, run, olds, ends),
        _made(rows[0][0].where, rows[0][0].text),
        None
        if joined is None
        else (_made(joined.where, _other(tape, joined)) or statement_of(joined.where)),
    )


@dataclass(frozen=True, slots=True)
class Factor:
    """What a weight multiplies."""

    weight: int
    node: int
    value: float
    where: Site
    text: str


def _made(site: Site, text: str) -> Place | None:
    return drawn_from(text, site.file)


def _inputs(tape: Tape, run: Run, olds: set[int], forward: set[int]) -> list[list[Factor]]:
    neurons: dict[int, list[Factor]] = {}
    """Sum that products end in -> what is multiplied in each."""
    moving = tape.reach(olds)
    for operation in tape.operations:
        if operation.out not in forward or not is_in(operation.function, MULTIPLY):
            continue
        for position in (0, 1) if len(operation.args) == 2 else ():
            one, other = operation.args[position], operation.args[1 - position]
            if type(one) is not Ref or one.node not in olds:
                continue
            node = other.node if type(other) is Ref else -1
            value = run.env[node] if node >= 0 else other
            if node in moving or np.ndim(value) or value is None:
                continue
            texts = operation.where.operands
            text = texts[1 - position] if len(texts) == 2 else ""
            neurons.setdefault(_sum(tape, operation, forward), []).append(
                Factor(one.node, node, float(value), operation.where, text)
            )
            break
    rows = list(neurons.values())
    weights = [tuple(f.weight for f in row) for row in rows]
    return [row for row, own in zip(rows, weights, strict=True) if own == weights[0]]


def _sum(tape: Tape, product: Operation, forward: set[int]) -> int:
    """Return the sum that a product ends in."""
    node = product.out
    for _ in range(MOST_SUMMANDS):
        users = [tape.operations[i] for i in tape.users[node]]
        adds = [o for o in users if o.out in forward and is_in(o.function, SUMS)]
        if len(adds) != 1:
            break
        node = adds[0].out
    return node


def _labels(
    tape: Tape, run: Run, params: Sequence[Parameter], count: int
) -> tuple[Any, Any, Operation | None, list[int]]:
    """Return labels and outputs, samples × outputs, where they meet, and the outputs' nodes."""
    met: dict[int, float] = {}
    joined: Operation | None = None
    for join in output_joins(tape, params, limit=MOST_JOINS):
        where = tape.operations[join.operation].where
        if (
            join.written
            or where.kind.startswith("aug")
            or not is_in(tape.operations[join.operation].function, SUBTRACT)
        ):
            continue
        label = join.given if join.labels is None else run.env[join.labels]
        if np.ndim(label) == 0 and np.ndim(run.env[join.output]) == 0:
            met.setdefault(join.output, float(label))
            joined = joined or tape.operations[join.operation]
    if not met or len(met) % count:
        return None, None, None, []
    outputs = sorted(met, key=lambda n: tape.nodes[n].event)
    return (
        np.array([met[n] for n in outputs]).reshape(count, -1),
        np.array([float(run.env[n]) for n in outputs]).reshape(count, -1),
        joined, outputs,
    )  # fmt: skip


def _reach(
    tape: Tape, run: Run, olds: set[int], outputs: Sequence[int]
) -> tuple[float, float] | None:
    """Return the ends of what the activation of the outputs can give, if it has two."""
    ends: set[tuple[float, float]] = set()
    moving = tape.reach(olds)
    for output in outputs[:MOST_REACH]:
        z = _argument(tape, moving, output)
        if z is None:
            return None
        activation = Slice(tape, run, [z], [output])
        found = [activation({z: far})[0] for far in (-FAR, -FAR / 2, FAR / 2, FAR)]
        if any(v is None or np.ndim(v) or not np.isfinite(v) for v in found):
            return None
        a, b, c, d = (float(v) for v in found)
        if abs(a - b) > 1e-3 or abs(c - d) > 1e-3:
            return None
        ends.add((round(min(a, d), 3), round(max(a, d), 3)))
    low, high = ends.pop() if len(ends) == 1 else (0.0, 0.0)
    return (low, high) if low < high else None


def _argument(tape: Tape, moving: set[int], output: int) -> int | None:
    """Return the sum that an output is a function of, and of nothing else that moves."""
    node = before = output
    for _ in range(MOST_SUMMANDS):
        made = tape.producer(node)
        given = {n for n in made.inputs if n in moving} if made is not None else set()
        if made is None or not given:
            product = tape.producer(before)  # of the one weight there is
            alone = product is not None and is_in(product.function, MULTIPLY)
            return before if alone and before != output else None
        if len(given) > 1:
            return node if node != output and is_in(made.function, SUMS) else None
        before, (node,) = node, given
    return None


def _other(tape: Tape, joined: Operation) -> str:
    """Return the text of the label that an output meets."""
    texts = joined.where.operands
    depends = [type(a) is Ref and tape.nodes[a.node].operation is not None for a in joined.args]
    return texts[depends.index(False)] if len(texts) == len(depends) and False in depends else ""
