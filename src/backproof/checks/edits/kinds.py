"""The kinds of edits, in the order in which they are tried: the likeliest slips first."""

from __future__ import annotations

from collections.abc import Iterator

from backproof.checks.edits.edit import Edit
from backproof.checks.edits.layout import other_axes, other_layouts
from backproof.checks.edits.operands import other_constants, other_operands
from backproof.checks.edits.operators import functions_of_operands, other_operators, other_sign
from backproof.checks.edits.parts import with_another_part, without_a_part
from backproof.checks.edits.slopes import other_slopes
from backproof.checks.scope import Scope
from backproof.trace.tape import Operation

#: Executions of a site above which only edits of its operator are tried (list programs).
MOST_EXECUTIONS = 64


def edits_of(operation: Operation, executions: int, scope: Scope) -> Iterator[Edit]:
    """Yield the edits of an operation, the likeliest first."""
    yield from other_operators(operation, scope)
    yield from other_layouts(operation, scope)
    yield from other_axes(operation, scope)
    yield from without_a_part(operation, scope)
    yield from other_constants(operation, scope)
    yield other_sign(operation)
    yield from functions_of_operands(operation, scope)
    yield from other_slopes(operation, scope)
    if executions <= MOST_EXECUTIONS:
        yield from other_operands(operation, scope)
        yield from with_another_part(operation, scope)
