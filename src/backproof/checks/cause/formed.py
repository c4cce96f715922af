"""What is missing where a rate is multiplied is missing where the gradient was formed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backproof.arithmetic import DIVIDE, MULTIPLY, is_in, keeps
from backproof.checks.blame.trust import is_constant
from backproof.checks.found import Found
from backproof.checks.scope import without_ones
from backproof.checks.search import StepSearch
from backproof.trace.site import Site
from backproof.trace.tape import Operation, Ref

#: Statements on the way from an update to the gradient.
MOST_STATEMENTS = 4


def formed_at(search: StepSearch, found: Found) -> Site | None:
    """Return the statement that made what an update only multiplies by a number.

    In ``w -= rate * dw`` a factor is never forgotten, nor exchanged for the rate; no right gradient
    may be made of the value.
    """
    if found.edit.cause != "missing-factor" and not _takes_the_rate(search, found):
        return None
    tape = search.tape
    place = None
    current = [tape.operations[index] for index in found.edited]
    for _ in range(MOST_STATEMENTS):
        made = [_scaled(search, operation) for operation in current]
        makers = [m for m in made if m is not None and m.out not in search.forward | search.sound]
        sites = {m.where.statement for m in makers}
        if not makers or len(makers) < len(current) or len(sites) != 1:
            break
        if sites == {o.where.statement for o in current}:
            current = makers
            continue
        place, current = makers[0].where, makers
    return place


def handed_in(search: StepSearch, operations: Sequence[Operation]) -> Site | None:
    """Return the statement that made what operations only give another layout, if one did.

    In ``np.atleast_2d(deltas[i])`` nothing is missing that the delta has not lacked before; no
    right gradient may be made of it.
    """
    tape, run = search.tape, search.run
    sites: dict[int, Site] = {}
    for operation in operations:
        made = operation
        while keeps(made) and made.inputs and type(made.args[0]) is Ref:
            below = tape.producer(made.args[0].node)
            if below is None or without_ones(run.env[below.out]) != without_ones(
                run.env[operation.out]
            ):
                return None
            made = below
        if made.out in search.sound:
            continue  # recognised there as well, as what needs no factor
        sites[made.site] = made.where
    if len(sites) != 1:
        return None
    (place,) = sites.values()
    return None if place.statement == operations[0].where.statement else place


def _scaled(search: StepSearch, operation: Operation) -> Operation | None:
    """Return what makes the one value that an operation multiplies by a number, or divides."""
    divides = is_in(operation.function, DIVIDE)
    if not (divides or is_in(operation.function, MULTIPLY)) or len(operation.args) != 2:
        return None
    values = [a for a in operation.args if type(a) is Ref and not _is_rate(search, a.node)]
    if len(values) != 1 or (divides and operation.args[0] is not values[0]):
        return None
    return search.tape.producer(values[0].node)


def _is_rate(search: StepSearch, node: int) -> bool:
    """Whether a value is a number that is given, and that the forward pass does not read."""
    given = is_constant(search.tape, node) and np.size(search.run.env[node]) == 1
    return given and node not in search.forward


def _takes_the_rate(search: StepSearch, found: Found) -> bool:
    """Whether an edit puts a multiple of the number there in its place: ``rate * delta``."""
    tape = search.tape
    if found.edit.cause != "wrong-operand":
        return False
    for index, edited in found.edited.items():
        old, new = tape.operations[index].args, edited.args
        exchanged = [(a, b) for a, b in zip(old, new, strict=False) if a is not b]
        if len(exchanged) != 1:
            return False
        (one, other) = exchanged[0]
        made = tape.producer(other.node) if type(other) is Ref else None
        if type(one) is not Ref or not _is_rate(search, one.node) or made is None:
            return False
        if not is_in(made.function, MULTIPLY) or one.node not in made.inputs:
            return False
    return True
