"""Another operand: a number for one that is written down, a value for one that is named."""

from __future__ import annotations

import operator
from collections.abc import Callable, Container, Iterator
from dataclasses import replace
from typing import Any

from backproof.arithmetic import ADD, MULTIPLY, POWERS, SUBTRACT, is_in
from backproof.calculus.adjoint import is_differentiable
from backproof.checks.claims import is_number, operand_texts
from backproof.checks.edits.edit import LARGE, Edit, short
from backproof.checks.edits.operators import COMPARISONS
from backproof.checks.scope import Scope
from backproof.checks.selection import in_loop_order
from backproof.trace.tape import Operation, Ref

#: What another number costs for one that has a name: ``m`` in ``2 / m``.
NAMED = 1.8
#: What a second difference between two operands costs.
TWICE = 0.6
#: What it costs that the value has the same name: that of another layer or step.
ALIKE = 0.5
#: What it costs to exchange two indices: ``x[j, i]`` within ``for i … for j``.
EXCHANGED = 1.2
#: What it costs to take data for a factor: most factors are errors and derivatives.
FOR_DATA = 0.5


def other_constants(operation: Operation, scope: Scope) -> Iterator[Edit]:
    """Another number in place of one that is written down."""
    function = operation.function
    text = short(operation.where.text)
    texts = operand_texts(operation)
    for i, written in enumerate(operation.args):
        literal = i < len(texts) and is_number(texts[i])
        arg = scope.value(written.node) if literal and type(written) is Ref else written
        if type(arg) not in (int, float):
            continue
        others: tuple[Any, ...] = (2 * arg, 0.5 * arg, *scope.constants)
        price = 1.4 if literal else NAMED
        if is_in(function, POWERS):
            others, price = (2, 3, 1, -1, 0.5, -0.5, -1.5, -2), 1.2
        elif is_in(function, ADD) or is_in(function, SUBTRACT):
            others = (1, 0, 2, 0.5)
        elif function is operator.getitem and type(arg) is int:
            others, price = (arg + 1, arg - 1), 2.2
        for other in others:
            if other == arg:
                continue

            def change(
                operation: Operation,
                _: int,
                position: int = i,
                own: Any = written,
                number: Any = other,
            ) -> Operation | None:
                args = list(operation.args)
                if len(args) <= position or type(args[position]) is not type(own):
                    return None
                args[position] = number
                return replace(operation, args=tuple(args))

            yield Edit("wrong-operand" if function is operator.getitem else "wrong-derivative",
                       f"`{arg:g}` stands in `{text}` where `{other:g}` is meant",
                       f"use `{other:g}` in place of `{arg:g}`", change, price)  # fmt: skip


def other_entries(operation: Operation, scope: Scope) -> Iterator[Edit]:
    """The entry before or after, or the others: ``y[:, i]`` for ``y[:, i + 1]``, ``d[1:]``."""
    if operation.function is not operator.getitem or len(operation.args) != 2:
        return
    key, text = operation.args[1], short(operation.where.text)
    parts = key if type(key) is tuple else (key,)
    for axis in range(len(parts) - 1):
        kinds = {type(part) for part in parts[axis : axis + 2]}
        if kinds in ({int}, {slice}) and not in_loop_order(operation.where, axis):
            reason = f"the indices of `{text}` are in the wrong order"
            help = f"exchange the indices of `{text}`"
            yield Edit("wrong-operand", reason, help, _exchanged(axis), EXCHANGED)
    for axis, part in enumerate(parts):
        kind = type(part)
        for other, reason, help in _moved(part, type(key) is tuple or _is_entry(operation, scope)):

            def change(
                execution: Operation, _: int, axis: int = axis, kind: Any = kind, other: Any = other
            ) -> Operation | None:
                index = execution.args[1]
                places = list(index) if type(index) is tuple else [index]
                if len(places) <= axis or type(places[axis]) is not kind:
                    return None
                places[axis] = places[axis] + other if kind is int else other
                moved = tuple(places) if type(index) is tuple else places[0]
                return replace(execution, args=(execution.args[0], moved))

            yield Edit("wrong-operand", f"`{text}` {reason}", help, change, 2.0)


def _exchanged(axis: int) -> Callable[[Operation, int], Operation | None]:
    """Return a change that reads ``x[j, i]`` for ``x[i, j]``."""

    def change(execution: Operation, _: int) -> Operation | None:
        key = execution.args[1]
        if type(key) is not tuple or len(key) < axis + 2:
            return None
        moved = (*key[:axis], key[axis + 1], key[axis], *key[axis + 2 :])
        return replace(execution, args=(execution.args[0], moved))

    return change


def _is_entry(operation: Operation, scope: Scope) -> bool:
    """Whether a single number is read from a vector or a row, by an index that is computed."""
    texts = operand_texts(operation)
    return not scope.ndim(operation.out) and len(texts) == 2 and not texts[1].isdecimal()


def _moved(part: Any, several: bool) -> Iterator[tuple[Any, str, str]]:
    """Yield what an index may be exchanged for: an offset, or another slice of the same length."""
    if type(part) is int and several:
        yield -1, "reads one entry too far", "read the entry before it"
        yield 1, "reads one entry too early", "read the entry after it"
    if part == slice(1, None):
        yield slice(None, -1), "leaves out the first entry, the last is meant", "use `:-1`"
    elif part == slice(None, -1):
        yield slice(1, None), "leaves out the last entry, the first is meant", "use `1:`"


def _differs_twice(used: str, right: str) -> bool:
    """Whether both the name and the index are other ones: ``h[:, t]``, ``z[:, t + 1]``."""
    one, other = used.partition("["), right.partition("[")
    return bool(one[2] and other[2]) and one[0] != other[0] and one[2] != other[2]


def other_operands(
    operation: Operation, scope: Scope, among: Container[int] | None = None
) -> Iterator[Edit]:
    """Another value of the same shape in place of one operand; one of some (`among`), if given."""
    if scope.size(operation.out) > LARGE:
        return
    for i, arg in enumerate(operation.args):
        if type(arg) is not Ref or not is_differentiable(scope.run.env[arg.node]):
            continue
        used = scope.text(arg.node)
        for node in scope.alternatives(arg.node, operation.index):
            if among is not None and node not in among:
                continue
            right = scope.text(node)
            price = 1.0 if scope.is_named(node) else 3.0
            if is_in(operation.function, COMPARISONS):
                price += 1.0  # yes or no: much fits by chance
            price += TWICE * _differs_twice(used, right) + ALIKE * (used == right)
            if is_in(operation.function, MULTIPLY) and scope.is_data(node):
                price += FOR_DATA
            for sense in scope.senses(node):

                def change(
                    execution: Operation, _: int, position: int = i, own: int = arg.node,
                    other: int = node, sense: int = sense,
                ) -> Operation | None:  # fmt: skip
                    there = execution.args[position] if position < len(execution.args) else None
                    if type(there) is not Ref:
                        return None
                    found = scope.counterpart(own, other, there.node, sense)
                    if found is None or scope.made_after(found, execution.index):
                        return None
                    args = list(execution.args)
                    args[position] = Ref(found)
                    return replace(execution, args=tuple(args), inputs=(*execution.inputs, found))

                cause = "mutated-value" if scope.is_version(arg.node, node) else "wrong-operand"
                if used == right:
                    right = f"{right} of another layer or step"
                yield Edit(
                    cause, f"`{used}` stands where `{right}` is meant",
                    f"use `{right}` in place of `{used}`", change, price, used, right,
                )  # fmt: skip
