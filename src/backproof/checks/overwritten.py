"""``=`` for ``+=``: of several values that belong to one sum, the last alone is kept.

The others are computed, given a name, and never read. Where their sum makes wrong gradients right,
that is the fault, and the statement that gives the name its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backproof.checks.cause.diagnosis import Diagnosis, from_edit
from backproof.checks.edits.edit import Edit, short
from backproof.checks.found import Executions, Found
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import Fit, compare
from backproof.checks.search import StepSearch
from backproof.hypotheses import summed
from backproof.trace.appended import evaluate, is_appended
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Operation, Ref, Tape

#: Executions of one statement above which it is not looked at.
MOST = 3_000
#: CPU seconds for looking at all of them.
PATIENCE = 1.2


def overwritten(search: StepSearch, wrong: Sequence[int]) -> Found | None:
    """Return the statement that keeps one of several values, if their sum is what is meant."""
    best: Found | None = None
    places: dict[int, list[Lost]] = {}
    for lost in _lost(search):
        known = places.setdefault(_place(search, lost).index, [])
        live = {o.index for other in known for o in other.live}
        if live.isdisjoint(o.index for o in lost.live):
            known.append(lost)
    for index, found in places.items():
        place = SITES[index]
        text = short(place.file.slice(place.statement) if place.targets else place.text)
        edit = Edit(
            "missing-term", f"of {1 + len(found[0].dead) // len(found[0].live)} values that belong "
            f"to a sum, `{text}` keeps the last alone", "use `+=` in place of `=`, from zero on",
            _summing(found), 1.0,
        )  # fmt: skip
        operations = sorted((o for lost in found for o in lost.live), key=lambda o: o.index)
        repaired = search.repairs(Executions(index, tuple(operations)), edit, wrong)
        if repaired and (best is None or len(repaired) > len(best.repaired)):
            best = Found(edit, place, repaired, search.scale, edit.cost, search.edited)
    return best


def last_alone(evidence: StepEvidence) -> tuple[Fit, Diagnosis] | None:
    """See whether gradients are those of the last sample's cost, since the others are lost.

    They are right under this execution of the cost; under the sum of all they are once nothing is
    overwritten.
    """
    fit, tape = evidence.fit, evidence.tape
    made = None if fit is None else tape.producer(fit.hypothesis.node)
    if fit is None or made is None or fit.hypothesis.registered or fit.wrong or not fit.chosen:
        return None
    chains = tape.chains()
    entered = [tape.calls[c][1] for c in chains[made.index] if c >= 0]
    # What another call computes belongs to no sum with it: an attack asks for the cost as well.
    members = [
        o.out for o in tape.operations if o.site == made.site
        and [tape.calls[c][1] for c in chains[o.index] if c >= 0] == entered
    ]  # fmt: skip
    if not 1 < len(members) <= MOST or fit.hypothesis.after:
        return None
    evidence.complete()
    if any(evidence.run.env[node] is None for node in members):
        return None  # lists, or what only one of several costs needs
    total = summed(tape, fit.hypothesis, members)
    evaluate(tape, evidence.run, total.node)
    whole = compare(tape, evidence.run, total, evidence.params)
    if whole is None or whole.chosen:
        return None
    for scale in (fit.scale, -fit.scale):  # a likelihood is taken from its total
        whole.scale, whole.anchored = scale, True
        search = StepSearch(evidence, whole, patience=PATIENCE)
        found = overwritten(search, whole.wrong)
        if found is not None and len(found.repaired) == len(whole.wrong):
            return whole, from_edit(search, found)
    return None


@dataclass(frozen=True, slots=True)
class Lost:
    """Executions of a statement whose values are used, and those before whose values are not."""

    live: Sequence[Operation]
    dead: Sequence[Operation]


def _lost(search: StepSearch) -> Iterator[Lost]:
    """Find the statements of which some values are used, and nobody reads the others."""
    tape, chains = search.tape, search.tape.chains()
    used = set().union(*search.needed.values()) if search.needed else set()
    groups: dict[Any, list[Operation]] = {}
    for operation in tape.operations:
        if (
            operation.out not in search.forward
            and not operation.mutates
            and not is_appended(operation)
        ):
            key = operation.site, np.shape(tape.nodes[operation.out].obj)
            groups.setdefault(key, []).append(operation)
    for members in groups.values():
        if len(members) > MOST or all(o.out in used for o in members):
            continue
        calls: dict[int, list[Operation]] = {}
        for operation in members:
            calls.setdefault((chains[operation.index] or (-1,))[-1], []).append(operation)
        # Within each call of a function, or of its calls the last alone.
        found = [lost for call in calls.values() for lost in _split(tape, call, used)]
        yield from found or _split(tape, members, used)
    yield from _renamed(search, used)


def _renamed(search: StepSearch, used: set[int]) -> Iterator[Lost]:
    """Find the values that take the name of another one which nobody has read: ``d = a; d = b``."""
    tape, chains = search.tape, search.tape.chains()
    names: dict[Any, list[Operation]] = {}
    for operation in tape.operations:
        where, out = operation.where, operation.out
        if where.is_value and len(where.targets) == 1 and out not in search.forward:
            call = (chains[operation.index] or (-1,))[-1]
            key = call, where.function, where.targets[0], np.shape(tape.nodes[out].obj)
            names.setdefault(key, []).append(operation)
    for members in names.values():
        if len({o.site for o in members}) < 2 or len(members) > MOST:
            continue
        live = [o for o in members if o.out in used]
        dead = [o for o in members if o.out not in used and not _is_read(tape, o.out)]
        alone = len(live) == 1 and bool(dead) and dead[-1].index < live[0].index
        # In a loop each is lost to the next.
        turns = len(dead) == len(live) == len(members) / 2 and all(
            one.index < other.index for one, other in zip(dead, live, strict=True)
        )
        if alone or turns:
            yield Lost(live, dead)


def _split(tape: Tape, members: Sequence[Operation], used: set[int]) -> list[Lost]:
    """Return what is lost to which value: turn by turn, where each keeps its last one."""
    live = [o for o in members if o.out in used]
    dead = [o for o in members if o.out not in used and not _is_read(tape, o.out)]
    if not live or not dead or len(members) > len(live) + len(dead):
        return []
    if dead[-1].index < live[0].index:
        return [] if len(dead) % len(live) else [Lost(live, dead)]
    found: list[Lost] = []
    lost: list[Operation] = []
    for operation in members:
        if operation.out not in used:
            lost.append(operation)
        elif lost:
            found.append(Lost([operation], lost))
            lost = []
    return [] if lost else found


def _is_read(tape: Tape, node: int) -> bool:
    """Whether the program makes anything of a value."""
    return not all(is_appended(tape.operations[i]) for i in tape.users[node])


def _summing(found: Sequence[Lost]) -> Any:
    """Return the change that adds to each value the lost ones: those at its place in each turn."""
    lost = {
        o.index: [d.out for d in each.dead[number :: len(each.live)]]
        for each in found for number, o in enumerate(each.live)
    }  # fmt: skip

    def change(operation: Operation, _: int) -> Operation:
        function, count, more = operation.function, len(operation.args), lost[operation.index]

        def total(*args: Any, **kwargs: Any) -> Any:
            return sum(args[count:], start=function(*args[:count], **kwargs))

        return replace(
            operation, function=total, args=(*operation.args, *map(Ref, more)),
            inputs=(*operation.inputs, *more),
        )  # fmt: skip

    return change


def _place(search: StepSearch, lost: Lost) -> Site:
    """Return the statement that takes the place of a lost value.

    The one that gives what is kept the name that the lost one had last; of several calls that
    return one each, what puts the last in its place; else the one that makes it.
    """
    tape, made = search.tape, lost.dead[-1]
    if made.site != lost.live[0].site:
        return lost.live[0].where
    passed = _passed(tape, made)
    if passed:
        taking = [s for s in _passed(tape, lost.live[0]) if s.targets == passed[-1].targets]
        return (taking or passed)[-1]
    chains = tape.chains()
    for one, other in zip(chains[made.index], chains[lost.live[0].index], strict=False):
        if one != other:
            call = SITES[tape.calls[other][1]]
            return _handing_on(tape, call) or call
    return made.where


def _passed(tape: Tape, operation: Operation) -> list[Site]:
    """Return the statements that pass a value on under a name, in order of time."""
    sites = [SITES[site] for _, site in sorted(tape.flows.get(operation.out, ()))]
    return [site for site in sites if site.targets] or sites


def _handing_on(tape: Tape, call: Site) -> Site | None:
    """Return the next statement that reads what a call returns, and computes nothing of it."""
    names = set(re.findall(r"\w+", " ".join(call.targets)))
    computing = {o.where.statement for o in tape.operations if o.where.file is call.file}
    found = [
        site for site in SITES
        if site.file is call.file and site.function == call.function
        and site.statement.line > call.statement.line and site.statement not in computing
        and site.targets and names & set(re.findall(r"\w+", site.file.slice(site.statement)))
    ]  # fmt: skip
    return min(found, key=lambda site: site.statement.line, default=None)
