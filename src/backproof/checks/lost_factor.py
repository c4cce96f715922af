"""A derivative that stands alone: the gradient that comes in was left out, ``dz = a * (1 - a)``.

What it is used for may then carry no error at all, or takes it for a term that does. Where the
value, times one that carries the error, makes all wrong gradients right, the statement that gives
it its name is at fault, not what reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backproof.arithmetic import ADD, SUBTRACT, is_in
from backproof.checks.cause.diagnosis import Diagnosis
from backproof.checks.edits.edit import short
from backproof.checks.edits.renamed import MOST_TIMES, Renamed, factors, renamings
from backproof.checks.found import Executions
from backproof.checks.search import StepSearch
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Operation, Tape

#: Factors that are tried.
MOST_TRIES = 60


def lost_error(
    search: StepSearch, wrong: Sequence[int]
) -> tuple[Diagnosis, tuple[int, ...]] | None:
    """Return the statement at which the error is lost, if a value that carries it is missing."""
    if not search.errors:
        return None
    tape = search.tape
    carrying = tape.reach(search.errors)
    params = search.evidence.params
    bare = {
        i for i in wrong
        if carrying.isdisjoint(n for level in params[i].levels for n in level.nodes)
    }  # fmt: skip
    tries = 0
    for standing in _standing(search, carrying):
        readers = [tape.operations[i] for i in sorted(standing.readers)]
        if not all(_takes_for_error(search, o, carrying, bare) for o in readers):
            continue
        executions = Executions(standing.site, tuple(readers))
        for edit in factors(search.scope, tape, standing):
            if edit.derived is None or edit.derived not in carrying:
                continue
            tries += 1
            if search.late() or tries > MOST_TRIES:
                return None
            repaired = search.repairs(executions, edit, wrong)
            if set(repaired) >= set(wrong):
                return _told(SITES[standing.site], edit.expected), repaired
    return None


def _told(site: Site, factor: str) -> Diagnosis:
    statement = short(site.file.slice(site.statement))
    text = short(site.text)
    return Diagnosis(
        "BP101", "missing-factor", site,
        f"`{statement}` does not use the gradient that comes in, `{factor}`",
        f"use `{factor} * {text}`",
        evidence={"found": site.text, "expected": f"{factor} * {site.text}", "turned": True},
    )  # fmt: skip


def _takes_for_error(
    search: StepSearch, reader: Operation, carrying: set[int], bare: set[int]
) -> bool:
    """Whether a value without error is added to one with, or makes a gradient that has none."""
    if is_in(reader.function, (*ADD, *SUBTRACT)):
        return True
    return reader.out not in carrying and any(reader.out in search.needed[i] for i in bare)


def _standing(search: StepSearch, carrying: set[int]) -> Iterator[Renamed]:
    """Yield the statements that give a name to a value without error, and what reads it."""
    tape = search.tape
    found: dict[int, list[tuple[int, int]]] = {}
    index = {o.index for g in search.groups.values() for o in g}
    for operations in search.groups.values():
        for operation in operations:
            if operation.out in carrying:
                continue
            place = _named_at(tape, operation, index)
            if place is not None:
                found.setdefault(place.index, []).append((operation.out, operation.event))
    for site, values in found.items():
        if len(values) > MOST_TIMES:
            continue
        readers = {
            i: (number, node) for number, (node, _) in enumerate(values)
            for i in tape.users[node] if i in index
        }  # fmt: skip
        if readers:
            yield Renamed(site, values, readers)
    passed = [n for n in tape.flows if n not in carrying]
    yield from renamings(tape, search.groups, passed)


def _named_at(tape: Tape, operation: Operation, index: set[int]) -> Site | None:
    """Return the expression whose value an assignment names: its own, or the call it returns to."""
    where = operation.where
    if where.is_value and where.targets:
        return where
    call = tape.called_from(operation)
    if call is None or not (call.is_value and call.targets):
        return None
    left = [tape.operations[i].where.function for i in tape.users[operation.out] if i in index]
    return call if left and where.function not in left else None
