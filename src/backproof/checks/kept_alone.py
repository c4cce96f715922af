"""``=`` for ``+=`` where nothing is computed: ``self.grad = out.grad`` keeps one use's share.

A value that is used several times gets the sum of what comes back through each use. Where wrong
gradients are exactly what comes back through one, the statement that passes it on is at fault.
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
            return None
        places += found
    if len(places) < LEAST or len({site.function for site in places}) > 1:
        return None
    place = places[0]
    text = short(place.file.slice(place.statement))
    return Diagnosis(
        "BP101", "missing-term", place,
        f"of what comes back through several uses of a value, `{text}` keeps the last alone",
        "use `+=` in place of `=`, from zero on",
    )  # fmt: skip


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
