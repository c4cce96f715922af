"""The kinds of edits, in the order in which they are tried: the likeliest slips first."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from backproof.checks.edits.edit import Edit
from backproof.checks.edits.layout import one_of_each, other_axes, other_layouts
from backproof.checks.edits.operands import other_constants, other_entries, other_operands
from backproof.checks.edits.operators import functions_of_operands, other_operators, other_sign
from backproof.checks.edits.parts import with_another_part, without_a_part
from backproof.checks.edits.slopes import other_slopes
from backproof.checks.scope import Scope
from backproof.trace.tape import Operation

#: Executions of a site above which only edits of its operator are tried (list programs).
MOST_EXECUTIONS = 64


def _in_place(operation: Operation, scope: Scope) -> Iterator[Edit]:
    """What needs no other value: another operator, layout, number, slope; a part less."""
    yield from other_operators(operation, scope)
    yield from other_layouts(operation, scope)
    yield from other_axes(operation, scope)
    yield from one_of_each(operation, scope)
    yield from without_a_part(operation, scope)
    yield from other_constants(operation, scope)
    yield from other_entries(operation, scope)
    yield other_sign(operation)
    yield from functions_of_operands(operation, scope)
    yield from other_slopes(operation, scope)


def _unused(operation: Operation, scope: Scope) -> Iterator[Edit]:
    """What the backward pass makes, names and never reads: its author had a use for it."""
    if scope.unused:
        yield from other_operands(operation, scope, scope.unused)
        yield from with_another_part(operation, scope, scope.unused)


#: Kinds of edits, and whether they are tried at statements that are executed very often: those of
#: which an operation has few are tried everywhere before those of which it has many.
ROUNDS: tuple[tuple[Callable[[Operation, Scope], Iterator[Edit]], bool], ...] = (
    (_unused, True), (_in_place, True), (other_operands, False), (with_another_part, False),
)  # fmt: skip
_, IN_PLACE, OPERANDS, PARTS = range(len(ROUNDS))


def edits_of(operation: Operation, executions: int, scope: Scope, number: int) -> Iterator[Edit]:
    """Yield the edits of an operation that belong to a round, the likeliest first."""
    kind, often = ROUNDS[number]
    if often or executions <= MOST_EXECUTIONS:
        yield from kind(operation, scope)
