"""The samples of a recorded step: which rows of which arrays meet in it as inputs and labels.

Rows are followed by number: the array that the data comes from is replaced by its own row numbers,
and what reaches the first layer (or the cost) then says which sample it is.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, DIVIDE, MULTIPLY, NEGATE, is_in
from backproof.calculus.effort import Meter
from backproof.calculus.slices import Slice, StepMap
from backproof.carries import dependence
from backproof.checks.layers import Layer
from backproof.checks.origin import name_of
from backproof.checks.places import Place
from backproof.checks.plain_inputs import neuron_inputs, scalar_inputs
from backproof.joins import output_joins
from backproof.roles import Parameter
from backproof.trace import primitives
from backproof.trace.site import Site
from backproof.trace.tape import Ref, Run, Tape

#: Samples that are looked at.
MOST_SAMPLES = 5_000
#: Bytes of an array of data whose contents are kept: a program may shuffle it in place.
MOST_BYTES = 2_000_000
SUBTRACTION = (operator.sub, np.subtract, operator.isub)


@dataclass(frozen=True, slots=True)
class Join:
    """Where the output of the network meets the labels."""

    output: int
    labels: int
    classes: bool = False
    """Whether the labels are indices of classes: ``P[range(n), y]``."""
    alike: bool = True
    """Whether the output is meant to equal the labels; a weight of the sample may multiply it."""


@dataclass(slots=True)
class Samples:
    """The data of one step, samples × features; `rows` are row numbers in the arrays they are of.

    ``source`` is such an array as the program has it, ``then`` what it held in the step.

    ``retry`` gives the step as a map for other data: ``retry({node: array})``.
    """

    inputs: Any = None
    inputs_leaf: int | None = None
    inputs_source: Any = None
    inputs_then: Any = None
    inputs_rows: Any = None
    inputs_axis: int = 0
    executions: list[tuple[int | None, Any, int]] = field(default_factory=list)
    """Of steps that run the first layer several times: leaf, samples and node of each."""
    inputs_nodes: Any = None
    """The nodes of inputs that are single numbers, -1 for whole ones."""
    inputs_place: Place | None = None
    labels_place: Place | None = None
    reach: tuple[float, float] | None = None
    """Of outputs that are single numbers the ends of their range."""
    """Where lists of single numbers were made, as far as the source tells."""
    labels: Any = None
    labels_leaf: int | None = None
    labels_source: Any = None
    labels_then: Any = None
    labels_rows: Any = None
    labels_axis: int = 0
    classes: bool = False
    alike: bool = True
    output: Any = None
    answer: Callable[[Any], Any] | None = None
    """The output, samples × columns, for other contents of the array of the inputs."""
    retry: Callable[[dict[int, Any]], StepMap] | None = None


def find_join(tape: Tape, params: Sequence[Parameter], state: Collection[int] = ()) -> Join | None:
    """Return where output and labels meet: ``A - Y`` before ``Y * log(A)``, ``P[range(n), y]``.

    What an optimiser carries on, its `state`, is no label: ``v = 0.9 * v - rate * g``.
    """
    carried = tape.reach(state) if state else set()
    joins = [
        (j.output, j.labels, j.operation)
        for j in output_joins(tape, params, limit=4)
        if j.labels is not None and j.labels not in carried
    ]
    for output, labels, index in joins:
        if tape.operations[index].function in SUBTRACTION and _is_output(tape, labels):
            return Join(output, labels)
    for output, labels, _ in joins:
        made = tape.producer(output)
        if made is None or name_of(made.function) != "log" or type(made.args[0]) is not Ref:
            continue
        labels = _unscaled(tape, labels)
        given = tape.producer(labels)
        if given is not None and is_in(given.function, {*SUBTRACTION, *MULTIPLY}):
            continue  # 1 − Y, beside log(1 − A); w * Y, with a weight for each sample
        return Join(_without_offset(tape, made.args[0].node), labels)
    return (
        indexed_join(tape, params)
        or _difference(tape, params, carried)
        or (Join(joins[0][0], _unscaled(tape, joins[0][1]), alike=False) if joins else None)
    )


def _without_offset(tape: Tape, output: int) -> int:
    """Return the output that a logarithm takes with an epsilon, however large: ``log(P + 0.5)``."""
    made = tape.producer(output)
    if made is not None and is_in(made.function, ADD) and len(made.args) == 2:
        computed = [n for n in made.inputs if tape.nodes[n].operation is not None]
        given = [tape.nodes[a.node].obj if type(a) is Ref else a for a in made.args]
        if len(computed) == 1 and sum(np.size(v) > 1 for v in given) == 1:
            return computed[0]
    return output


def _unscaled(tape: Tape, labels: int) -> int:
    """Return the labels of which a cost takes a multiple: ``-Y * log(A)``, ``2 * Y * log(A)``."""
    while (made := tape.producer(labels)) is not None:
        arrays = [n for n in made.inputs if np.size(tape.nodes[n].obj) > 1]
        if not is_in(made.function, NEGATE | MULTIPLY | DIVIDE) or not made.inputs:
            break
        if len(made.inputs) == 1:
            labels = made.inputs[0]
        elif len(arrays) == 1:
            labels = arrays[0]
        else:
            break
    return labels


def _difference(tape: Tape, params: Sequence[Parameter], carried: Collection[int]) -> Join | None:
    """Return the first difference between a value of parameters and data of its size."""
    moving = tape.reach(n for p in params for n in p.old)
    for operation in tape.operations:
        if operation.function not in SUBTRACTION or len(operation.inputs) != 2:
            continue
        a, b = operation.inputs
        if (a in moving) == (b in moving):
            continue
        output, labels = (a, b) if a in moving else (b, a)
        size = np.size(tape.nodes[output].obj)
        sizes = {size, np.size(tape.nodes[labels].obj), np.size(tape.nodes[operation.out].obj)}
        if size > 1 and len(sizes) == 1 and labels not in carried and _is_output(tape, labels):
            return Join(output, labels)
    return None


def _is_output(tape: Tape, labels: int) -> bool:
    """Whether a difference to this value is one to labels: not to a mean, a maximum, a one."""
    made = tape.producer(labels)
    return made is None or name_of(made.function) not in ("ones_like", "zeros_like", "ones")


def indexed_join(tape: Tape, params: Sequence[Parameter]) -> Join | None:
    """Return where class indices pick from an output: ``P[range(n), y]``, ``P[y]``."""
    bits = {n: 1 << i for i, p in enumerate(params) for n in p.old}
    depends = dependence(tape, bits, 0, len(tape.operations))
    for operation in tape.operations:
        if operation.function not in (operator.getitem, primitives.set_item):
            continue
        base, key = operation.args[0], operation.args[1]
        if type(base) is not Ref or not depends.get(base.node, 0):
            continue
        if type(key) is not tuple or len(key) != 2 or np.ndim(tape.nodes[base.node].obj) != 2:
            continue
        shape = np.shape(tape.nodes[base.node].obj)
        for position in (1, 0):
            y = key[position]
            if type(y) is not Ref or depends.get(y.node, 0):
                continue
            value = tape.nodes[y.node].obj
            if getattr(getattr(value, "dtype", None), "kind", "") not in "iu":
                continue
            if np.shape(value) == (shape[1 - position],) and not _is_range(tape, y.node, value):
                return Join(base.node, y.node, True)
    return None


def _is_range(tape: Tape, node: int, value: Any) -> bool:
    made = tape.producer(node)
    return (made is not None and made.function is np.arange) or (
        value.size > 2 and bool(np.array_equal(value, np.arange(value.size)))
    )


def gather(
    tape: Tape, run: Run, params: Sequence[Parameter], layers: Sequence[Layer], join: Join | None,
    cost: Callable[[Run], Any] | None, meter: Meter | None = None,
) -> Samples:  # fmt: skip
    """Return the samples of a step."""
    found = Samples()
    olds = {n for p in params for n in p.old}
    first = next((la for la in layers if not tape.ancestors([la.inputs]) & olds), None)
    count = 0
    plain = scalar_inputs(tape, params) if first is None else None
    single = neuron_inputs(tape, params) if first is None and plain is None else None
    if single is not None:
        found.inputs, count = np.asarray(run.env[single], dtype=float).reshape(1, -1).copy(), 1
        found.inputs_leaf = source_leaf(tape, single)
        if found.inputs_leaf is not None:
            found.inputs_source = tape.nodes[found.inputs_leaf].obj
            found.inputs_then = _kept(run.env[found.inputs_leaf])
            found.inputs_rows, found.inputs_axis = row_numbers(
                tape, run, found.inputs_leaf, single, False
            )
    if plain is not None:
        found.inputs = np.asarray(run.env[plain], dtype=float).reshape(-1, 1)[:MOST_SAMPLES].copy()
        count, found.inputs_leaf = int(np.size(run.env[plain])), source_leaf(tape, plain)
        if found.inputs_leaf is not None:
            found.inputs_source = tape.nodes[found.inputs_leaf].obj
            found.inputs_rows, found.inputs_axis = row_numbers(
                tape, run, found.inputs_leaf, plain, False
            )
    if first is not None:
        x = np.asarray(run.env[first.inputs], dtype=float)
        if x.ndim == 1:
            found.inputs = x.reshape(1, -1)
        elif x.ndim == 2:
            found.inputs = (x.T if first.axis == 0 else x)[:MOST_SAMPLES].copy()
        if found.inputs is not None:
            count = x.shape[1 if first.axis == 0 else 0] if x.ndim == 2 else 1
            leaf = source_leaf(tape, first.inputs)
            found.inputs_leaf = leaf
            if leaf is not None:
                found.inputs_source = tape.nodes[leaf].obj
                found.inputs_then = _kept(run.env[leaf])
                found.inputs_rows, found.inputs_axis = row_numbers(
                    tape, run, leaf, first.inputs, first.axis == 0
                )
        found.executions = _executions(tape, run, olds, layers, first)
    if join is not None and count:
        y = np.asarray(run.env[join.labels], dtype=float)
        rows = _as_rows(y, count)
        if rows is not None:
            found.labels = rows[:MOST_SAMPLES].copy()
            found.classes, found.alike = join.classes, join.alike
            leaf = source_leaf(tape, join.labels)
            found.labels_leaf = leaf
            if leaf is not None:
                found.labels_source = tape.nodes[leaf].obj
                found.labels_then = _kept(run.env[leaf])
                across = y.ndim == 2 and y.shape[0] != count
                found.labels_rows, found.labels_axis = row_numbers(
                    tape, run, leaf, join.labels, across
                )
        out = _as_rows(np.asarray(run.env[join.output], dtype=float), count)
        found.output = None if out is None else out[:MOST_SAMPLES].copy()
        if found.inputs_leaf is not None and found.inputs_rows is not None:
            part = Slice(tape, run, [found.inputs_leaf], [join.output])
            leaf = found.inputs_leaf

            def answer(array: Any) -> Any:
                (value,) = part({leaf: array})
                return None if value is None else _as_rows(np.asarray(value, dtype=float), count)

            found.answer = answer
    if cost is not None:
        old = [n for p in params for n in p.old]
        new = [n for p in params for n in p.new]

        def retry(values: dict[int, Any]) -> StepMap:
            again = tape.replay(
                values, replace=values, double=True, base=run, dirty=tape.reach(values)
            )
            return StepMap(tape, again, old, new, cost(again), meter)

        found.retry = retry
    return found


def _executions(
    tape: Tape, run: Run, olds: set[int], layers: Sequence[Layer], first: Layer
) -> list[tuple[int | None, Any, int]]:
    """Return the samples of each execution of the first layer, with the array they come from."""
    found: list[tuple[int | None, Any, int]] = []
    for layer in layers:
        x = np.asarray(run.env[layer.inputs], dtype=float)
        if layer.weight != first.weight or x.ndim > 2 or tape.ancestors([layer.inputs]) & olds:
            continue
        rows = x.reshape(1, -1) if x.ndim == 1 else x.T if layer.axis == 0 else x
        found.append((source_leaf(tape, layer.inputs), rows[:MOST_SAMPLES].copy(), layer.inputs))
    return found if len(found) > 1 else []


def _kept(array: Any) -> Any:
    return array.copy() if isinstance(array, np.ndarray) and array.nbytes <= MOST_BYTES else array


def _as_rows(value: Any, count: int) -> Any:
    """Return an array as samples × columns."""
    if value.ndim == 0:
        return value.reshape(1, 1) if count == 1 else None
    if value.ndim == 1:
        if value.shape[0] == count:
            return value.reshape(-1, 1)
        return value.reshape(1, -1) if count == 1 else None
    if value.ndim != 2:
        return None
    if value.shape[0] == count:
        return value
    return value.T if value.shape[1] == count else None


def source_leaf(tape: Tape, node: int) -> int | None:
    """Return the array that was there before the step and that a value is a part of.

    One that a step makes of a list, of a line of a file, is a part of no other array.
    """
    for _ in range(12):
        made = tape.producer(node)
        if made is None:
            return node if isinstance(tape.nodes[node].obj, np.ndarray) else None
        arrays = [
            n for n in made.inputs
            if np.size(tape.nodes[n].obj) > 1 and name_of(made.function) not in ("eye", "ones")
        ]  # fmt: skip
        if not arrays:
            return node if any(map(_is_listed, made.args)) else None
        node = max(arrays, key=lambda n: np.size(tape.nodes[n].obj))
    return None


def _is_listed(value: Any) -> bool:
    plain = type(value) is list and all(type(v) in (str, int, float) for v in value)
    return plain and np.size(value) > 1


def row_numbers(tape: Tape, run: Run, leaf: int, node: int, across: bool) -> tuple[Any, int]:
    """Return (row number of each sample in the array that it comes from, axis of that array)."""
    array = np.asarray(run.env[leaf])
    if not 1 <= array.ndim <= 2 or array.dtype.kind not in "fiubc":
        return None, 0
    part = Slice(tape, run, [leaf], [node]) if node != leaf else None
    for axis in range(array.ndim):
        count = array.shape[axis]
        if array.ndim > 1 and count == 1:
            continue
        shape = [1] * array.ndim
        shape[axis] = count
        numbers = np.broadcast_to(np.arange(count).reshape(shape), array.shape)
        found: list[Any] = []
        # What is computed from numbers, not chosen among them, does not turn round with them.
        for given in (numbers, count - 1 - numbers):
            data = np.ascontiguousarray(given).astype(array.dtype)
            if not np.array_equal(data, given):
                return None, 0
            value = part({leaf: data})[0] if part is not None else data
            found.append(None if value is None else _numbers_of(value, across, array.ndim))
        one, other = found
        if one is None or other is None or not np.array_equal(count - 1 - one, other):
            continue
        if np.all((one >= 0) & (one < count)):
            return one, axis
    return None, 0


def _numbers_of(value: Any, across: bool, dimensions: int) -> Any:
    """Return the whole number that each sample consists of, or None."""
    out = np.asarray(value, dtype=float)
    if out.ndim == 2:
        rows = out.T if across else out
        # A column of ones for the bias stands beside the row numbers.
        varying = [c for c in range(rows.shape[1]) if np.any(rows[:, c] != rows[0, c])]
        column = rows[:, varying[0] if varying else 0]
        if any(not np.array_equal(rows[:, c], column) for c in varying):
            return None
        if not varying and len(rows) > 1:
            return None  # numbered along the features
        out = column
    elif out.ndim == 0:
        out = out.reshape(1)
    elif out.ndim == 1 and dimensions == 2 and out.size > 1 and np.all(out == out[0]):
        out = out[:1]
    whole = np.rint(out).astype(int)
    return whole if np.array_equal(whole, out) else None


def taken_at(tape: Tape, leaf: int | None) -> Site | None:
    """Return where rows of an array are chosen."""
    for index in tape.users[leaf] if leaf is not None else ():
        if tape.operations[index].function is operator.getitem:
            return tape.operations[index].where
    return None
