"""``=`` for ``+=`` where nothing is computed: ``self.grad = out.grad`` keeps one use's share.

A value that is used several times gets the sum of what comes back through each use. Where wrong
gradients are exactly what comes back through one, the statement that passes it on is at fault. So
it is where it gives a value within the network one share, and nobody makes the sum; and so are all
of an engine's rules where every gradient is what came back along a single path.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backproof.calculus.adjoint import adjoints
from backproof.checks.blame.cotangents import Cotangents
from backproof.checks.cause.diagnosis import Diagnosis
from backproof.checks.edits.edit import short
from backproof.checks.gradient import StepEvidence
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Tape

#: Entries that must be the share of one use to be no chance.
LEAST = 3
EXACT = 1e-9
#: Paths to a number that are told apart, and the operations of a step in which they are followed.
MOST_PATHS = 64
MOST_OPERATIONS = 60_000


def kept_alone(evidence: StepEvidence, wrong: Sequence[int]) -> Diagnosis | None:
    """Return the statement that keeps the share of one use alone, in all wrong gradients."""
    tape = evidence.tape
    olds = [n for i in wrong for n in evidence.params[i].old]
    if not olds or any(type(tape.nodes[n].obj) is not float for n in olds):
        return None
    cotangents = Cotangents(evidence)
    shares = {node: [float(np.sum(g)) for _, g in cotangents.parts.get(node, ())] for node in olds}
    places = _passing(evidence, cotangents, wrong, shares)
    if len(places) >= LEAST and len({site.function for site in places}) == 1:
        return _told(places[:1])
    within = _within(evidence, cotangents)
    if within is not None:
        return within
    places = _passing(evidence, cotangents, wrong, _along_paths(evidence))
    if len(places) < LEAST or not all(_replaces(site) for site in places):
        return None
    return _told(sorted(set(places), key=lambda site: site.span.line))


def _told(places: Sequence[Site]) -> Diagnosis:
    first, *others = places
    text = short(first.file.slice(first.statement))
    lines = ", ".join(str(site.span.line) for site in others)
    too = f"; so {'do lines' if len(others) > 1 else 'does line'} {lines}" if others else ""
    return Diagnosis(
        "BP101", "missing-term", first,
        f"of what comes back through several uses of a value, `{text}` keeps the last alone{too}",
        f"use `+=` in place of `=`{' there, too' if others else ''}, from zero on",
    )  # fmt: skip


def _passing(
    evidence: StepEvidence, cotangents: Cotangents, wrong: Sequence[int],
    shares: dict[int, list[float]],
) -> list[Site]:  # fmt: skip
    """Return what passes on each wrong entry, where all are shares; empty if one is none."""
    places: list[Site] = []
    for i in wrong:
        found = _of_parameter(evidence, cotangents, i, shares)
        if not found:
            return []
        places += found
    return places


def _along_paths(evidence: StepEvidence) -> dict[int, list[float]]:
    """Return what comes back to each number of the forward pass along single paths."""
    fit, tape = evidence.fit, evidence.tape
    assert fit is not None
    assert fit.run is not None
    seeds = fit.hypothesis.seeds(fit.run)
    parts: dict[int, list[tuple[int, Any]]] = {}
    if seeds is None or len(tape.operations) > MOST_OPERATIONS:
        return {}
    whole = adjoints(tape, fit.run, seeds, parts=parts)
    found = {node: [float(np.sum(g))] for node, g in seeds.items()}
    for node in sorted(parts, reverse=True):
        here: dict[float, None] = {}
        for index, g in parts[node]:
            out = tape.operations[index].out
            total = whole.of.get(out)
            if total is None or not np.sum(total) or isinstance(g, list):
                continue
            slope = float(np.sum(g) / np.sum(total))
            here.update(dict.fromkeys(slope * value for value in found.get(out, ())))
        found[node] = list(here)[:MOST_PATHS]
    return found


def _within(evidence: StepEvidence, cotangents: Cotangents) -> Diagnosis | None:
    """Return the statement of an engine that gives shares for sums which nobody makes."""
    tape, run, scale = evidence.tape, evidence.run, cotangents.scale
    shares: list[tuple[float, float]] = []
    for node, uses in cotangents.parts.items():
        whole = cotangents.of[node]
        if len(uses) > 1 and np.size(whole) == 1:
            shares += [(scale * float(np.sum(g)), scale * float(np.sum(whole))) for _, g in uses]
    if not shares:
        return None
    parts, wholes = np.array(sorted(shares)).T
    made = np.sort([
        float(v) for o in tape.operations
        if o.out not in cotangents.forward and np.size(v := run.env[o.out]) == 1 and v is not None
    ])  # fmt: skip
    for index, nodes in _assigned(evidence, cotangents).items():
        lost = 0
        for value in {float(run.env[n]) for n in nodes if run.env[n]}:
            there = _equal_to(parts, value)
            alone = [w for w in wholes[there] if not _same(w, value)]
            lost += bool(alone) and all(_equal_to(made, w) == slice(0, 0) for w in alone)
        if lost >= LEAST:
            return _told([SITES[index]])
    return None


def _assigned(evidence: StepEvidence, cotangents: Cotangents) -> dict[int, list[int]]:
    """Return what statements put in the place of an attribute to which others add."""
    tape = evidence.tape
    summed: set[str] = set()
    found: dict[int, list[int]] = {}
    for operation in tape.operations:
        if operation.out in cotangents.forward:
            continue
        where = operation.where
        if where.kind == "aug_attr":
            summed |= {_attribute(target) for target in where.targets}
        for index in {site.index for site in _stored(tape, operation.out) if _replaces(site)}:
            found.setdefault(index, []).append(operation.out)
    return {i: nodes for i, nodes in found.items() if _attribute(SITES[i].targets[0]) in summed}


def _stored(tape: Tape, node: int) -> list[Site]:
    """Return the statements that give a value a place, in the order of time."""
    made = tape.producer(node)
    whole = [made.where] if made is not None and made.where.is_value else []
    return whole + [SITES[site] for _, site in tape.flows.get(node, ())]


def _replaces(site: Site) -> bool:
    """Whether a statement puts a value in a place: ``x.grad = g``, not ``x.grad += g``."""
    target = site.targets[0] if len(site.targets) == 1 else ""
    statement = site.file.slice(site.statement)
    return bool(target) and statement.removeprefix(target).lstrip().startswith("=")


def _attribute(target: str) -> str:
    return target.rpartition(".")[2] if "." in target else ""


def _equal_to(values: np.ndarray, value: float) -> slice:
    """Return where sorted values are one value; an empty slice if nowhere."""
    width = EXACT * abs(value)
    first = int(np.searchsorted(values, value - width))
    last = int(np.searchsorted(values, value + width, side="right"))
    return slice(first, last) if first < last else slice(0, 0)


def _of_parameter(
    evidence: StepEvidence, cotangents: Cotangents, index: int, shares: dict[int, list[float]]
) -> list[Site]:
    """Return what passes on each wrong entry of a gradient; empty if one is something else."""
    tape, run, parameter = evidence.tape, evidence.run, evidence.params[index]
    for level in parameter.levels:
        if level.keys or len(level.nodes) != len(parameter.old):
            continue
        found: list[Site] = []
        for node, old in zip(level.nodes, parameter.old, strict=True):
            own, whole = run.env[node], cotangents.of.get(old)
            if own is None or whole is None:
                found = []
                break
            if _same(own, level.turn * cotangents.scale * np.sum(whole)):
                continue
            passed = [site for site in _stored(tape, node) if site.targets]
            turn = level.turn * cotangents.scale
            if not passed or not any(_same(own, turn * share) for share in shares.get(old, ())):
                found = []
                break
            found.append(passed[-1])
        if found:
            return found
    return []


def _same(a: float, b: float) -> bool:
    return abs(a - b) <= EXACT * abs(b)
