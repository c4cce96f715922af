"""A local derivative with a statement of its own: ``dh_dz = w1``, which a product multiplies by.

The chain rule is then written out in names, and what is wrong with a factor is wrong where it gets
its name, not in the product.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from backproof.arithmetic import MULTIPLY, is_in
from backproof.checks.assigned import at_assignment, only_assignment
from backproof.checks.claims import operand_texts
from backproof.checks.edits.slopes import factor_texts, factors
from backproof.checks.found import Found
from backproof.checks.search import StepSearch
from backproof.trace.site import Site
from backproof.trace.tape import Operation, Ref, refs_in

#: Edits that put another value in the place of one.
EXCHANGES = {"wrong-operand", "wrong-derivative"}
#: What a value that another name has already is called where it stands for a derivative.
DERIVATIVE = re.compile(r"^d(_|[A-Z])|^d\w*_d\w|grad|deriv|prime|partial|slope|jacob|local")


def named_partial(search: StepSearch, found: Found) -> Site | None:
    """Return the value of the statement that names the factor which an edit exchanges.

    The backward pass alone reads it by that name, it carries no error, and no right gradient is
    made of it elsewhere.
    """
    if found.edit.cause not in EXCHANGES:
        return None
    tape = search.tape
    places = {_place(search, tape.operations[i], new) for i, new in found.edited.items()}
    return places.pop() if len(places) == 1 else None


def _place(search: StepSearch, operation: Operation, edited: Operation) -> Site | None:
    where = operation.where
    exchanged = exchanged_operand(search, operation, edited)
    if exchanged is None:
        return None
    name, arg = exchanged
    node = arg.node if type(arg) is Ref else None
    if node is not None and search.scope.carries_error(node):
        return None
    bound = only_assignment(where.file, where.function, name)
    while bound is not None and isinstance(bound.value, ast.Name):
        first = only_assignment(where.file, where.function, bound.value.id)
        if first is None or first.lineno >= bound.lineno:
            break
        name, bound = bound.value.id, first
    if bound is None or bound.lineno == where.span.line:
        return None
    another = node is None or node in search.forward or search.tape.producer(node) is None
    if another and not DERIVATIVE.search(name):
        return None
    for other in search.tape.operations:
        if other.where.function == where.function and name in operand_texts(other):
            right = other.site != operation.site and other.out in search.sound
            if other.out in search.forward or right:
                return None
    return at_assignment(where, bound)


def exchanged_operand(
    search: StepSearch, operation: Operation, edited: Operation
) -> tuple[str, Any] | None:
    """Return the one named operand that an edit takes something else for, and its name."""
    dropped = [(text, arg) for text, arg in _operands(search, operation) if _drops(edited, arg)]
    return dropped[0] if len(dropped) == 1 and dropped[0][0].isidentifier() else None


def _operands(search: StepSearch, operation: Operation) -> list[tuple[str, Any]]:
    """Return what an operation reads, with its texts: of a product all factors."""
    if is_in(operation.function, MULTIPLY):
        leaves = factors(operation, search.scope)
        return list(zip(factor_texts(operation, search.scope), leaves, strict=False))
    return list(zip(operand_texts(operation), operation.args, strict=False))


def _drops(edited: Operation, arg: Any) -> bool:
    """Whether an edit takes something else for what an operation has read."""
    if type(arg) is Ref:
        return arg.node not in {node for _, node in refs_in(edited.args)}
    return type(arg) in (int, float) and not any(a is arg or a == arg for a in edited.args)
