"""``=`` for ``+=`` where nothing is computed: ``self.grad = out.grad`` keeps one use's share.

A value that is used several times gets the sum of what comes back through each use. Where wrong
gradients are exactly what comes back through one, the statement that passes it on is at fault. So
it is where it gives a value within the network one share, and nobody makes the sum.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backproof.checks.blame.cotangents import Cotangents
from backproof.checks.cause.diagnosis import Diagnosis
from backproof.checks.edits.edit import short
from backproof.checks.gradient import StepEvidence
from backproof.trace.site import SITES, Site

#: Entries that must be the share of one use to be no chance.
LEAST = 3
EXACT = 1e-9


def kept_alone(evidence: StepEvidence, wrong: Sequence[int]) -> Diagnosis | None:
    """Return the statement that keeps the share of one use alone, in all wrong gradients."""
    tape = evidence.tape
    olds = [n for i in wrong for n in evidence.params[i].old]
    if not olds or any(type(tape.nodes[n].obj) is not float for n in olds):
        return None
    cotangents = Cotangents(evidence)
    places: list[Site] = []
    for i in wrong:
        found = _of_parameter(evidence, cotangents, i)
        if not found:
            return _within(evidence, cotangents)
        places += found
    if len(places) < LEAST or len({site.function for site in places}) > 1:
        return None
    return _told(places[0])


def _told(place: Site) -> Diagnosis:
    text = short(place.file.slice(place.statement))
    return Diagnosis(
        "BP101", "missing-term", place,
        f"of what comes back through several uses of a value, `{text}` keeps the last alone",
        "use `+=` in place of `=`, from zero on",
    )  # fmt: skip


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
            return _told(SITES[index])
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
        sites = [site for _, site in tape.flows.get(operation.out, ())]
        for index in {*sites, *([operation.site] if where.is_value else ())}:
            if _replaces(SITES[index]):
                found.setdefault(index, []).append(operation.out)
    return {i: nodes for i, nodes in found.items() if _attribute(SITES[i].targets[0]) in summed}


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


def _of_parameter(evidence: StepEvidence, cotangents: Cotangents, index: int) -> list[Site]:
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
            uses = [np.sum(g) for _, g in cotangents.parts.get(old, ())]
            passed = [SITES[site] for _, site in tape.flows.get(node, ()) if SITES[site].targets]
            shares = (level.turn * cotangents.scale * g for g in uses)
            if not passed or not any(_same(own, share) for share in shares):
                found = []
                break
            found.append(passed[-1])
        if found:
            return found
    return []


def _same(a: float, b: float) -> bool:
    return abs(a - b) <= EXACT * abs(b)
