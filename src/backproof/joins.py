"""The places where outputs first meet labels: the author's backward pass begins there."""

from __future__ import annotations

import operator
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from backproof.arithmetic import ADD, DIVIDE, MULTIPLY, NEGATE, SUBTRACT, is_in
from backproof.carries import dependence
from backproof.roles import Parameter
from backproof.trace.appended import append, is_appended, site_like
from backproof.trace.event import Chosen
from backproof.trace.primitives import set_item, strided_view
from backproof.trace.tape import Operation, Ref, Tape, map_refs, refs_in

#: Functions that make accumulators.
EMPTY = {np.zeros, np.zeros_like, np.empty, np.empty_like}
#: Operations that pick a part of the data.
VIEWS = {operator.getitem, strided_view, np.take}
#: What makes an array of a list, which may hold the labels.
GIVEN: frozenset[Any] = frozenset({np.array, np.asarray})
#: Comparisons of a margin with what it should be.
ORDERS = {operator.lt, operator.le, operator.gt, operator.ge}
#: Operations whose key says where, and is no value.
PLACES: frozenset[Any] = frozenset({operator.getitem, set_item})


@dataclass(frozen=True, slots=True)
class Join:
    """A place where data first meets a value of all parameters: ``A - Y``, ``Y / A``.

    `labels` is the node of the data. Where there is none, `given` holds them: an int, or
    the one-hot rows of class indices (``P[range(n), y] -= 1``). `written` is a number that the
    author has written there: a label (``a - 1``), or a part of a slope (``1 - a``).
    """

    output: int
    labels: int | None
    given: Any
    operation: int
    written: bool = False


def output_joins(tape: Tape, params: Sequence[Parameter], limit: int) -> list[Join]:
    """Return the places where labels meet the output; the author's backward pass begins there.

    Numbers count as labels only where they are subtracted (``target - output`` of one sample); they
    come last, and those that are written there after all others, since the derivative ``1 - a``
    looks the same.
    """
    bits, depends, counts, limits, full, heads = _facts(tape, params)
    if heads:
        return heads[:limit]
    found: list[Join] = []
    numbers: list[Join] = []
    added: list[Join] = []
    seen: set[tuple[int, int]] = set()
    merges = {index for p in params for u in p.updates for index, _ in u.merges}
    deltas = {delta for p in params for u in p.updates for _, delta in u.merges}
    for operation in tape.operations:
        if is_appended(operation):
            break
        if operation.index in merges:
            continue
        if operation.out in deltas and any(_is_share(tape, n) for n in operation.inputs):
            continue  # a velocity: ``momentum * v - rate * g``
        values = [n for n in operation.inputs if full and counts.get(n, 0) == full]
        if not values:
            continue
        listed = _listed(tape, operation, values) or _literal(tape, operation, values, depends)
        if listed is not None:
            found.append(listed)
            continue
        # What is added is a bias, mostly; what is in a key (``p[rows, y] -= 1``) is no value.
        adds = is_in(operation.function, ADD)
        for value in values if not is_in(operation.function, PLACES) else ():
            for labels in operation.inputs:
                if depends.get(labels) or (value, labels) in seen:
                    continue
                single = np.size(tape.nodes[value].obj) == 1
                if single and operation.out not in limits and not _compares(tape, operation, value):
                    continue
                if _is_penalty(tape, value, bits):
                    continue
                if single and _is_running_total(operation, labels):
                    continue
                # `w[action] @ state`: weights, whole or a part, are no output of their own.
                weights = beneath_views(tape, value) in bits
                if weights and not is_in(operation.function, SUBTRACT):
                    continue
                if _fits(tape, value, labels):
                    seen.add((value, labels))
                    number = tape.nodes[labels].obj
                    if type(number) is float and _is_written(operation, number):
                        if is_in(operation.function, SUBTRACT):  # not in `1.0 / (1 + e)`
                            numbers.append(Join(value, None, number, operation.index, True))
                    else:
                        (added if adds else found).append(Join(value, labels, 0.0, operation.index))
        single = np.size(tape.nodes[values[0]].obj) == 1
        if single and operation.function is operator.sub:
            for given in (float(a) for a in operation.args if type(a) is int):
                written = _is_written(operation, given)
                numbers.append(Join(values[0], None, given, operation.index, written))
        marked = _marked(tape, operation, values)
        if marked is not None:
            found.append(marked)
        if len(found) >= limit:
            break
    numbers.sort(key=lambda join: join.written)
    return [*found, *numbers][:limit] or added[:limit]


#: Kinds of the numbers that outputs and labels are.
NUMERIC = "biuf"
#: What is known of the nodes of a tape: it is asked for many times, and takes long for scalars.
_Facts = tuple[
    dict[int, int], dict[int, int], dict[int, int], dict[int, float | None], int, list["Join"]
]
_FACTS: WeakKeyDictionary[Tape, tuple[object, _Facts]] = WeakKeyDictionary()


def _facts(tape: Tape, params: Sequence[Parameter]) -> _Facts:
    """Return bits of parameters, what depends on which and on how many, margins, and the heads."""
    updates = tuple((u.old, u.new) for p in params for u in p.updates)
    key = (len(tape.operations), updates, tuple((*p.old, *p.new) for p in params))
    known = _FACTS.get(tape)
    if known is None or known[0] != key:
        known = _FACTS[tape] = key, _found_out(tape, params)
    return known[1]


def _found_out(tape: Tape, params: Sequence[Parameter]) -> _Facts:
    # Neurons of numbers that one statement updates count as one: an output has its own weights.
    kinds: dict[object, int] = {}
    bits = {}
    for parameter in params:
        for update in parameter.updates:
            scalar = np.ndim(tape.nodes[update.old].obj) == 0
            kind = update.sites(tape) if scalar else update.old
            bits[update.old] = 1 << kinds.setdefault(kind, len(kinds))
    depends = dependence(tape, bits, 0, len(tape.operations))
    counts = {node: mask.bit_count() for node, mask in depends.items()}
    limits = margins(tape)
    feeding = tape.ancestors([*(n for p in params for n in p.new), *limits])
    full = max((counts.get(n, 0) for n in feeding - {n for p in params for n in p.new}), default=0)
    heads = _heads(tape, depends, full)
    return bits, depends, counts, limits, full, heads


def _is_share(tape: Tape, node: int) -> bool:
    """Whether a value is a number times what the step is given: a share of an old velocity."""
    made = tape.producer(node)
    if made is None or not is_in(made.function, MULTIPLY) or len(made.inputs) > 2:
        return False
    given = all(tape.nodes[n].operation is None for n in made.inputs)
    sizes = [np.size(tape.value(a.node)) if type(a) is Ref else 1 for a in made.args]
    return given and min(sizes) == 1


def _is_running_total(operation: Operation, node: int) -> bool:
    """Whether a number is what a statement adds to, or takes from: ``loss -= log(p)``."""
    where = operation.where
    first = operation.args[0] if operation.args else None
    if type(first) is not Ref or first.node != node:
        return False
    return where.kind.startswith("aug") or where.targets[:1] == where.operands[:1] != ()


def _is_written(operation: Operation, number: float) -> bool:
    """Whether an author has written a number as an operand: ``1.0 - a``."""
    return any(_is_number(text, number) for text in operation.where.operands)


def _is_number(text: str, value: float) -> bool:
    try:
        return float(text) == value
    except ValueError:
        return False


def _listed(tape: Tape, operation: Operation, values: Sequence[int]) -> Join | None:
    """Return the join of labels and a list of outputs: ``targets - [o1, o2]``."""
    if operation.function not in SUBTRACT or len(operation.args) != 2:
        return None
    for outputs, labels in (operation.args, operation.args[::-1]):
        if type(outputs) is list and all(type(a) is Ref and a.node in values for a in outputs):
            if type(labels) is not Ref or np.shape(tape.value(labels.node)) != (len(outputs),):
                continue
            known = _STACKS.setdefault(tape, {})
            if operation.index not in known:
                site = site_like(operation.site)
                known[operation.index] = append(tape, np.array, (outputs,), site)
            return Join(known[operation.index], labels.node, 0.0, operation.index)
    return None


def _literal(
    tape: Tape, operation: Operation, values: Sequence[int], depends: dict[int, int]
) -> Join | None:
    """Return the join of an output and a list of labels: ``[0, 1] - output``."""
    if operation.function not in SUBTRACT or len(operation.args) != 2:
        return None
    for output, labels in (operation.args, operation.args[::-1]):
        if type(labels) not in (list, tuple) or type(output) is not Ref:
            continue
        if output.node not in values or any(depends.get(n) for _, n in refs_in(labels)):
            continue
        try:
            given = np.array(map_refs(labels, lambda ref: tape.value(ref.node)), dtype=float)
        except (TypeError, ValueError):
            continue
        if given.shape == np.shape(tape.nodes[output.node].obj):
            return Join(output.node, None, given, operation.index)
    return None


#: The arrays that lists of outputs make, by the operation that reads the list.
_STACKS: WeakKeyDictionary[Tape, dict[int, int]] = WeakKeyDictionary()


def _heads(tape: Tape, depends: dict[int, int], full: int) -> list[Join]:
    """Return the joins of outputs that depend on some parameters each, and together on all.

    None where an output depends on all of them: then there is one head, and what meets data before
    it (a normalisation, a mask) is no output.
    """
    found: list[tuple[int, Join]] = []
    below: set[int] = set()
    for operation in tape.operations:
        if is_appended(operation):
            break
        if any(n in below for n in operation.inputs):
            below.add(operation.out)
            continue
        values = [n for n in operation.inputs if depends.get(n, 0)]
        if not values:
            continue
        mask = depends[values[0]]
        join = _marked(tape, operation, values)
        if join is None and operation.function in SUBTRACT:
            labels = next((n for n in operation.inputs if not depends.get(n)), None)
            if (
                labels is not None
                and np.ndim(tape.nodes[labels].obj)
                and _fits(tape, values[0], labels)
            ):
                join = Join(values[0], labels, 0.0, operation.index)
        if join is not None:
            if mask.bit_count() == full:
                return []
            found.append((mask, join))
            below.add(operation.out)
    masks = {mask for mask, _ in found}
    together = 0
    for mask in masks:
        together |= mask
    return [join for _, join in found] if together.bit_count() == full and len(masks) > 1 else []


def _marked(tape: Tape, operation: Operation, values: Sequence[int]) -> Join | None:
    """Return the join where the entries of the classes lose one: ``P[range(n), y] -= 1``."""
    if operation.function not in ADD and operation.function not in SUBTRACT:
        return None
    if not any(_is_one(tape, a) for a in operation.args):
        return None
    picked = tape.producer(values[0])
    if picked is None or picked.function is not operator.getitem or not picked.inputs:
        return None
    output = picked.inputs[0]
    made = tape.producer(output)
    if made is not None and made.function in NEGATE:
        output = made.inputs[0]
    classes = np.zeros(np.shape(tape.nodes[output].obj))
    key = map_refs(picked.args[1], lambda ref: tape.value(ref.node))
    try:
        classes[key] = 1.0
    except (IndexError, TypeError, ValueError):
        return None
    whole = np.count_nonzero(classes) == classes.size
    return None if classes.ndim == 0 or whole else Join(output, None, classes, operation.index)


def _is_one(tape: Tape, value: Any) -> bool:
    if type(value) is Ref and tape.nodes[value.node].operation is None:
        value = tape.nodes[value.node].obj
    return type(value) in (int, float) and value == 1


def _compares(tape: Tape, operation: Operation, value: int) -> bool:
    """Whether an operation of single numbers joins output and label: no rate times a gradient."""
    if operation.function in SUBTRACT:
        return True
    if operation.function in DIVIDE:
        return operation.inputs[0] != value  # ``y / a``
    made = tape.producer(value)
    name = getattr(made.function, "__name__", "") if made is not None else ""
    return operation.function in MULTIPLY and name == "log"


def margins(tape: Tape) -> dict[int, float | None]:
    """Return the products of an output and a label ±1 that are compared: ``y * f(x) < 1``.

    With the number that each is compared with, if it is one.
    """
    found: dict[int, float | None] = {}
    for operation in tape.operations:
        for node in operation.inputs if is_in(operation.function, ORDERS) else ():
            made = tape.producer(node)
            if made is None or not is_in(made.function, MULTIPLY):
                continue
            values = [tape.nodes[n].obj for n in made.inputs]
            values += [a for a in made.args if type(a) is int]  # a label in a list of numbers
            if any(isinstance(v, np.number | float | int) and abs(v) == 1 for v in values):
                others = [a for a in operation.args if type(a) is not Ref or a.node != node]
                given = [tape.value(a.node) if type(a) is Ref else a for a in others]
                numbers = [float(v) for v in given if np.ndim(v) == 0]
                found[node] = numbers[0] if numbers else None
    return found


def compared(tape: Tape) -> set[int]:
    """Return the values that nothing is made of but margins: these are no costs."""
    found = set(margins(tape))
    for operation in reversed(tape.operations) if found else ():
        users = [tape.operations[index] for index in tape.users[operation.out]]
        if users and all(u.out in found for u in users):
            found.add(operation.out)
    return found


def _is_penalty(tape: Tape, value: int, olds: Container[int]) -> bool:
    """Whether a value is a parameter times a number, ``2 * lam * W``, and no output of a model."""
    scaled = False
    for _ in range(4):
        made = tape.producer(value)
        if made is None:
            return scaled and value in olds
        if not (is_in(made.function, MULTIPLY) or is_in(made.function, DIVIDE)):
            return False
        arrays = [n for n in made.inputs if np.ndim(tape.nodes[n].obj)]
        if len(arrays) != 1:
            return False
        value, scaled = arrays[0], True
    return False


def beneath_views(tape: Tape, node: int) -> int:
    """Return the array of which a value is a part."""
    while (made := tape.producer(node)) is not None and made.inputs and is_in(made.function, VIEWS):
        node = made.inputs[0]
    return node


def _fits(tape: Tape, value: int, labels: int) -> bool:
    a, y = tape.nodes[value].obj, tape.nodes[labels].obj
    if not isinstance(y, (np.ndarray, np.generic, float, Chosen)):
        return False
    if any(getattr(v, "dtype", np.dtype(float)).kind not in NUMERIC for v in (a, y)):
        return False
    made = tape.producer(labels)
    if made is not None and not made.inputs and not is_in(made.function, GIVEN):
        return False
    made = tape.producer(beneath_views(tape, labels))
    if made is not None and is_in(made.function, EMPTY):
        return False
    if np.shape(a) == np.shape(y) or np.size(a) == np.size(y) == 1:
        return True
    # A row of labels of the single sample: (1, k) and (k,).
    return np.size(a) == np.size(y) and 1 in np.shape(a)[:1] and np.shape(y) == np.shape(a)[1:]


def source_of(tape: Tape, node: int, moving: set[int]) -> int:
    """Return what a value is made of, one entry of one: ``log(p)`` and ``log(1 - p)`` of one p.

    Of ``p[y]`` that is p.
    """
    while (made := tape.producer(node)) is not None:
        parents = moving.intersection(made.inputs)
        parent = next(iter(parents), node)
        part = made.function is operator.getitem
        alike = np.size(tape.nodes[parent].obj) == np.size(tape.nodes[node].obj)
        if len(parents) != 1 or not (part or alike):
            break
        node = parent
    return node
