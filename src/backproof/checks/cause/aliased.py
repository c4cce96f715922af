"""A value that should not be read is read by another name: the statement that gives it that name.

``grad_bias = error`` computes nothing; what reads `grad_bias` reads what it should not.
"""

from __future__ import annotations

from backproof.checks.cause.partial import exchanged_operand
from backproof.checks.cause.passed_on import RENAMING
from backproof.checks.claims import operand_texts
from backproof.checks.found import Found
from backproof.checks.search import StepSearch
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Operation, Ref


def aliased(search: StepSearch, found: Found) -> Site | None:
    """Return the statement that gives an error the name by which an edit finds it misread.

    Nothing else that is right may read it by that name.
    """
    if found.edit.cause != "wrong-operand":
        return None
    places: set[int | None] = set()
    for index, edited in found.edited.items():
        operation = search.tape.operations[index]
        name, arg = exchanged_operand(search, operation, edited) or ("", None)
        node = arg.node if isinstance(arg, Ref) and search.scope.carries_error(arg.node) else None
        places.add(None if node is None else _named_at(search, operation, name, node))
    place = places.pop() if len(places) == 1 else None
    return None if place is None else SITES[place]


def _named_at(search: StepSearch, operation: Operation, name: str, node: int) -> int | None:
    """Return the last statement before an operation that gives a value its name there."""
    tape = search.tape
    named = [
        (event, index) for event, index in tape.flows.get(node, ())
        if event < operation.event and SITES[index].targets == (name,)
        and RENAMING.match(SITES[index].file.slice(SITES[index].statement))
    ]  # fmt: skip
    if not named:
        return None
    event, place = max(named)
    for user in (tape.operations[i] for i in tape.users[node]):
        if user.event > event and user.out in search.sound and name in operand_texts(user):
            return None
    return place
