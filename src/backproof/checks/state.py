"""Faults of update and state: values read after their update, accumulators that are not reset."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from dataclasses import replace as replaced
from typing import Any

import numpy as np

from backproof.arithmetic import SUBTRACT, is_in, keeps
from backproof.carries import carries_of
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import Fit, rematch
from backproof.checks.scales import is_plausible
from backproof.entries import earlier_reads
from backproof.joins import VIEWS, beneath_views
from backproof.roles import Parameter
from backproof.trace.primitives import set_item
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Operation, Tape

#: Accumulators of which each is told; more are forgotten together.
MOST_SEPARATE = 2


@dataclass(slots=True)
class StateFault:
    """A fault of state: `site` is where the wrong value is read, `overwrite` what changed it."""

    code: str
    cause: str
    site: Site
    reason: str
    help: str
    repaired: tuple[int, ...]
    overwrite: Site | None = None


def gradient_nodes(evidence: StepEvidence, index: int) -> list[int]:
    """Return the nodes of a parameter's outermost level."""
    parameter = evidence.params[index]
    if parameter.levels:
        return list(parameter.levels[0].nodes)
    return [delta for update in parameter.updates for _, delta in update.merges]


def repaired(evidence: StepEvidence, replace: dict[int, Any], wrong: list[int]) -> tuple[int, ...]:
    """Return the wrong parameters that a replacement makes right."""
    tape, fit = evidence.tape, evidence.fit
    assert fit is not None
    run = tape.replay(double=True, base=evidence.run, dirty=tape.reach(replace), replace=replace)
    again = rematch(run, fit)
    if not fit.keeps(again):
        return ()
    return tuple(i for i in wrong if i in again.chosen)


def stale_reads(evidence: StepEvidence) -> list[StateFault]:
    """Gradients that were computed with an already updated parameter (BP105)."""
    tape, fit = evidence.tape, evidence.fit
    assert fit is not None
    readers = [
        i for i in fit.wrong
        if tape.ancestors(gradient_nodes(evidence, i))
        & {n for p in evidence.params for n in p.new}
    ]  # fmt: skip
    old = {u.new: evidence.run.env[u.old] for p in evidence.params for u in p.updates}
    fixed = repaired(evidence, old, readers) if readers else ()
    found: list[StateFault] = list(_stale_entries(evidence, fit.wrong)) if not fixed else []
    remaining = set(fixed)
    for parameter in evidence.params:
        mine = [
            i for i in fixed
            if i in remaining and tape.ancestors(gradient_nodes(evidence, i)) & set(parameter.new)
        ]  # fmt: skip
        if not mine:
            continue
        remaining -= set(mine)
        merge = tape.operations[parameter.updates[-1].merges[-1][0]].where
        feeding = tape.ancestors(n for i in mine for n in gradient_nodes(evidence, i))
        first = _first_read(tape, set(parameter.new), feeding).where
        found.append(_stale(parameter, first, merge, tuple(mine)))
    return found


def _stale_entries(evidence: StepEvidence, wrong: list[int]) -> Iterator[StateFault]:
    """Yield what reads entries of a parameter that a loop over them has already updated."""
    tape = evidence.tape
    for parameter in evidence.params:
        merges = {i for u in parameter.updates for i, _ in u.merges if len(u.merges) > 1}
        late = earlier_reads(tape, evidence.run, {tape.operations[i].out for i in merges})
        for index in wrong if late else ():
            feeding = tape.ancestors(gradient_nodes(evidence, index))
            mine = {n: value for n, value in late.items() if n in feeding}
            if mine and repaired(evidence, mine, [index]):
                first = tape.operations[min(tape.nodes[n].operation or 0 for n in mine)]
                merge = tape.operations[min(merges)].where
                yield _stale(parameter, first.where, merge, (index,))


def _stale(parameter: Parameter, read: Site, merge: Site, members: tuple[int, ...]) -> StateFault:
    return StateFault(
        "BP105", "mutated-value", read,
        f"`{parameter.name}` is read here after its update on line {merge.span.line}; "
        "the chain rule needs the value that the forward pass used",
        f"update `{parameter.name}` after its last use, or keep a copy of the old value",
        members, merge,
    )  # fmt: skip


def _first_read(tape: Tape, new: set[int], feeding: set[int]) -> Operation:
    """Return the first operation that computes with updated values, else what hands them on."""
    forms = set(new)
    last = None
    for operation in tape.operations:
        if operation.out not in feeding or forms.isdisjoint(operation.inputs):
            continue
        last = operation
        if not (keeps(operation) or is_in(operation.function, VIEWS)):
            return operation
        forms.add(operation.out)
    assert last is not None
    return last


def accumulators(evidence: StepEvidence, index: int) -> dict[int, Any]:
    """Return what earlier steps left in a gradient's accumulators, with nothing in its place."""
    tape = evidence.tape
    carries = carries_of(tape)
    olds = {n for p in evidence.params for n in p.old}
    nodes = {n for level in evidence.params[index].levels for n in level.nodes}
    sources = {
        s for n in nodes for s, factor in carries.carry.get(n, {}).items()
        if s not in olds and factor == 1.0
        and not any(
            s in tape.ancestors([delta]) or _takes_back(tape, delta)
            for _, delta in carries.merges(n, s)
        )
    }  # fmt: skip
    found: dict[int, Any] = {}
    for s in sources:
        value = evidence.run.env[s]
        if tape.nodes[s].operation is None and np.any(np.asarray(value)):
            found[s] = 0.0 if type(value) is float else np.zeros_like(value)
    return found


def _takes_back(tape: Tape, delta: int) -> bool:
    """Whether what is added is a difference to what was added before: ``g - table[i]``.

    The total of a table of gradients is kept, and not to be emptied (SAG).
    """
    made = tape.producer(delta)
    if made is None or not is_in(made.function, SUBTRACT) or len(made.inputs) != 2:
        return False
    table = beneath_views(tape, made.inputs[1])
    stores = (tape.operations[i] for i in tape.users[table])
    return tape.producer(table) is None and any(o.function is set_item for o in stores)


def once_emptied(evidence: StepEvidence, preferred: Collection[str]) -> Fit | None:
    """Return a cost of the program's that all gradients fit once its accumulators are empty."""
    for fit in evidence.others:
        meant = fit.hypothesis.own or fit.hypothesis.title in preferred
        if meant and not any(match.reason for match in fit.matches):
            found = emptied(evidence, fit)
            if found is not None:
                return found
    return None


def emptied(evidence: StepEvidence, fit: Fit) -> Fit | None:
    """Return a cost's fit with the scale that all gradients have once accumulators are empty.

    None where they do not all fit then.
    """
    tape = evidence.tape
    replace: dict[int, Any] = {}
    for i in range(len(evidence.params)):
        replace.update(accumulators(evidence, i))
    if not replace:
        return None
    run = tape.replay(double=True, base=evidence.run, dirty=tape.reach(replace), replace=replace)
    again = rematch(run, fit)
    if again.wrong or not again.chosen or not is_plausible(again.scale):
        return None
    fit.scale, fit.chosen, fit.anchored = again.scale, {}, True
    return fit


def not_reset(evidence: StepEvidence) -> list[StateFault]:
    """Gradients that still hold what an earlier step left in their accumulator (BP106)."""
    tape, fit = evidence.tape, evidence.fit
    assert fit is not None
    grouped: dict[int, list[int]] = {}
    values: dict[int, Any] = {}
    for i in fit.wrong:
        nodes = {n for level in evidence.params[i].levels for n in level.nodes}
        replace = accumulators(evidence, i)
        if replace and repaired(evidence, replace, [i]):
            values.update(replace)
            for s in replace:
                grouped.setdefault(_adding_site(evidence, s, nodes), []).append(i)
    found = []
    for index, members in grouped.items():
        where = tape.operations[index].where
        found.append(
            StateFault(
                "BP106", "not-reset", where,
                "its accumulator still holds the gradient of earlier steps",
                "set the accumulator to zero at the start of each step", tuple(members),
            )
        )  # fmt: skip
    if len(found) <= MOST_SEPARATE:
        return found
    everyone = tuple(sorted({i for fault in found for i in fault.repaired}))
    reason = "their accumulators still hold the gradients of earlier steps"
    help = "set the accumulators to zero at the start of each step"
    place = _backward_call(evidence, list(grouped), everyone) or found[0].site
    return [replaced(found[0], site=place, reason=reason, help=help, repaired=everyone)]


def _backward_call(
    evidence: StepEvidence, adding: list[int], members: tuple[int, ...]
) -> Site | None:
    """Return the call beside the update from which an engine adds: ``loss.backward()``.

    There several functions add, or one does for all numbers.
    """
    tape = evidence.tape
    functions = {tape.operations[index].where.function for index in adding}
    numbers = any(len(evidence.params[i].old) > 1 for i in members)
    if len(functions) < 2 and not numbers:
        return None
    chains, calls = tape.chains(), tape.calls
    merge = evidence.params[0].updates[-1].merges[-1][0]
    around = [SITES[calls[call][1]].function for call in reversed(chains[merge])]
    for function in (tape.operations[merge].where.function, *around):
        beside = {
            calls[call][1] for index in adding for call in chains[index]
            if SITES[calls[call][1]].function == function
        }  # fmt: skip
        if beside:
            return SITES[max(beside, key=lambda site: SITES[site].span.line)]
    return None


def _adding_site(evidence: StepEvidence, source: int, nodes: set[int]) -> int:
    """Return the operation that first adds to an old accumulator."""
    tape = evidence.tape
    users = [i for i in tape.users[source] if tape.operations[i].out in tape.ancestors(nodes)]
    return users[0] if users else tape.nodes[next(iter(nodes))].operation or 0
