"""A penalty that reaches other entries in the gradient than in the cost: the biases' column.

``grad = (delta + λ * theta) / m`` where the cost adds up ``theta[:, 1:] ** 2`` only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from backproof.arithmetic import ADD, DIVIDE, MULTIPLY, SUBTRACT, is_in, keeps
from backproof.checks.cause.diagnosis import Diagnosis
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import author_value
from backproof.checks.scales import SAME, TOLERANCE
from backproof.joins import VIEWS
from backproof.roles import vector
from backproof.trace.site import Site
from backproof.trace.tape import Tape

#: Entries that must tell the strength of a penalty.
LEAST_ENTRIES = 3

Array = np.ndarray[Any, Any]


def penalised_elsewhere(evidence: StepEvidence) -> list[tuple[Diagnosis, tuple[int, ...]]]:
    """Find gradients whose penalty has other entries than the cost's, by the place of its sum."""
    fit = evidence.fit
    assert fit is not None
    found: dict[tuple[int, str], tuple[Diagnosis, list[int]]] = {}
    for i in fit.wrong:
        told = _difference(evidence, i)
        site = _penalty(evidence, i) if told is not None else None
        if told is None or site is None:
            continue
        strength, part, rest = told
        extra, name = strength > 0, evidence.params[i].name
        entries = f"`{name}{part}`" if part else "some entries"
        diagnosis = Diagnosis(
            "BP101", "cost-mismatch" if extra else "missing-term", site,
            f"its penalty reaches {entries}, which the cost does not penalise" if extra
            else f"its penalty leaves out {entries}, which the cost penalises",
            f"penalise {f'`{name}{rest}`' if rest else 'the others'} only" if extra
            else f"penalise {entries} as well, or leave {'it' if part else 'them'} out of the cost",
            evidence={"rest": rest},
        )  # fmt: skip
        found.setdefault((site.index, part), (diagnosis, []))[1].append(i)
    return [(diagnosis, tuple(members)) for diagnosis, members in found.values()]


def _difference(evidence: StepEvidence, index: int) -> tuple[float, str, str] | None:
    """Return λ of the penalty that some entries have too much, and what these and the rest are."""
    fit, run, parameter = evidence.fit, evidence.run, evidence.params[index]
    assert fit is not None
    match = fit.matches[index]
    if match.truth is None:
        return None
    w = vector(run.env[n] for n in parameter.old)
    for level, s, _ in match.penalties:
        own = author_value(run, parameter, level)
        if abs(s / fit.scale - 1) > SAME or own is None or own.size != match.truth.size:
            continue
        gap = own / s - match.truth
        differs = np.abs(gap) > TOLERANCE * np.max(np.abs(match.truth), initial=0.0)
        count = int(np.count_nonzero(differs & (w != 0)))
        if count < LEAST_ENTRIES or count == np.count_nonzero(w) or w.size != gap.size:
            continue
        strengths = gap[differs & (w != 0)] / w[differs & (w != 0)]
        strength = float(np.median(strengths))
        if strength and np.max(np.abs(strengths / strength - 1)) < SAME:
            shape = np.shape(run.env[parameter.old[0]]) if len(parameter.old) == 1 else gap.shape
            return strength, *_part(differs.reshape(shape))
    return None


def _part(mask: Array) -> tuple[str, str]:
    """Return the index of a part of an array, and of the rest: ``[:, 0]`` and ``[:, 1:]``."""
    for axis in range(mask.ndim):
        before = ":, " * axis
        for place, first, rest in ((0, "0", "1:"), (-1, "-1", ":-1")):
            part = np.zeros_like(mask)
            np.moveaxis(part, axis, 0)[place] = True
            if np.array_equal(mask, part):
                return f"[{before}{first}]", f"[{before}{rest}]"
    return "", ""


def _penalty(evidence: StepEvidence, index: int) -> Site | None:
    """Return where a multiple of the parameter joins its gradient, if at one place."""
    tape, parameter = evidence.tape, evidence.params[index]
    assert evidence.fit is not None
    forward = tape.ancestors([evidence.fit.hypothesis.node])
    merges = {i for update in parameter.updates for i, _ in update.merges}
    multiples = _multiples(tape, set(parameter.old), forward)
    sums = [
        operation for operation in tape.operations
        if is_in(operation.function, ADD | SUBTRACT) and operation.index not in merges
        and operation.out not in forward
        and len(multiples.intersection(operation.inputs)) == 1 < len(operation.inputs)
    ]  # fmt: skip
    feeding = tape.ancestors(parameter.new)
    sites = {o.site: o.where for o in sums if o.out in feeding}
    return next(iter(sites.values())) if len(sites) == 1 else None


def _multiples(tape: Tape, olds: set[int], forward: set[int]) -> set[int]:
    """Return the values that are a parameter, or entries of it, times a number."""
    found = set(olds)
    for operation in tape.operations:
        if found.isdisjoint(operation.inputs):
            continue
        scaled = is_in(operation.function, MULTIPLY | DIVIDE) and all(
            n in found or np.size(tape.nodes[n].obj) == 1 for n in operation.inputs
        )
        if scaled or is_in(operation.function, VIEWS) or keeps(operation):
            found.add(operation.out)
    return found
