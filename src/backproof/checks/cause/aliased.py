"""A value that should not be read is read by another name: the statement that gives it that name.

``grad_bias = error`` computes nothing; what reads `grad_bias` reads what it should not.
"""

from __future__ import annotations

from collections.abc import Sequence

from backproof.checks.cause.partial import exchanged_operand
from backproof.checks.cause.passed_on import RENAMING
from backproof.checks.claims import operand_texts
from backproof.checks.found import Found
from backproof.checks.search import StepSearch
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Operation, Ref, Tape


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
    """Return the statement that gives a value its name, where nothing right reads it by that."""
    tape, named = search.tape, named_at(search.tape, operation, (name,), node)
    if named is None:
        return None
    event, place = named
    for user in (tape.operations[i] for i in tape.users[node]):
        if user.event > event and user.out in search.sound and name in operand_texts(user):
            return None
    return place


def named_at(
    tape: Tape, operation: Operation, names: Sequence[str], node: int
) -> tuple[int, int] | None:  # fmt: skip
    """Return event and site of the last statement before an operation that gives a value a name."""
    named = [
        (event, index) for event, index in tape.flows.get(node, ())
        if event < operation.event and SITES[index].targets[:1] in [(name,) for name in names]
        and RENAMING.match(SITES[index].file.slice(SITES[index].statement))
    ]  # fmt: skip
    return max(named, default=None)
