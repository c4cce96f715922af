"""A penalty that reaches other entries in the gradient than in the cost: the biases' column.

``grad = (delta + λ * theta) / m`` where the cost adds up ``theta[:, 1:] ** 2`` only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from backproof.arithmetic import ADD, SUBTRACT, is_in
from backproof.checks.cause.diagnosis import Diagnosis
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import author_value
from backproof.checks.multiples import multiples_in, multiples_of
from backproof.checks.scales import SAME, TOLERANCE
from backproof.roles import vector
from backproof.trace.site import Site

#: Entries that must tell the strength of a penalty.
LEAST_ENTRIES = 3

Array = np.ndarray[Any, Any]


def penalised_elsewhere(evidence: StepEvidence) -> list[tuple[Diagnosis, tuple[int, ...]]]:
    """Find gradients whose penalty has other entries than the cost's, by the place of its sum."""
    fit = evidence.fit
    assert fit is not None
    found: dict[tuple[int, str], tuple[Diagnosis, list[int]]] = {}
    for i in fit.wrong:
        penalty = _penalty(evidence, i)
        told = None if penalty is None else _difference(evidence, i, *penalty[1:])
        if penalty is None or told is None:
            continue
        site = penalty[0]
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


def _difference(
    evidence: StepEvidence, index: int, own_strength: float, count: int
) -> tuple[float, str, str] | None:
    """Return λ of the penalty that some entries have too much, and what these and the rest are.

    Of few entries any λ is right: there it must be the one that the author gives the others. Where
    the entries are those that the author penalises, the place is right, and the strength is not.
    """
    fit, run, parameter = evidence.fit, evidence.run, evidence.params[index]
    assert fit is not None
    match = fit.matches[index]
    if match.truth is None:
        return None
    w = vector(run.env[n] for n in parameter.old)
    for level in range(-1, len(parameter.levels)):
        own = author_value(run, parameter, level)
        if own is None or own.size != match.truth.size or w.size != own.size:
            continue
        for s in dict.fromkeys((fit.scale, *fit.scales)):
            gap = own / s - match.truth if s else np.zeros(0)
            differs = np.abs(gap) > TOLERANCE * np.max(np.abs(match.truth), initial=0.0)
            if not 0 < np.count_nonzero(differs) < differs.size or np.any(w[differs] == 0):
                continue
            if np.count_nonzero(differs) == count:
                continue
            strengths = gap[differs] / w[differs]
            strength = float(np.median(strengths))
            alike = strength and np.max(np.abs(strengths / strength - 1)) < SAME
            meant = abs(abs(strength) / own_strength - 1) < SAME
            if alike and (strengths.size >= LEAST_ENTRIES or meant):
                one = len(parameter.old) == 1
                shape = np.shape(run.env[parameter.old[0]]) if one else gap.shape
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


def _penalty(evidence: StepEvidence, index: int) -> tuple[Site, float, int] | None:
    """Return where a multiple of the parameter joins its gradient, if at one place, and which.

    The last is the number of entries that it reaches.
    """
    tape, parameter = evidence.tape, evidence.params[index]
    assert evidence.fit is not None
    forward = tape.ancestors([evidence.fit.hypothesis.node])
    merges = {i for update in parameter.updates for i, _ in update.merges}
    multiples = multiples_in(tape, set(parameter.old))
    feeding = tape.ancestors(parameter.new)
    found: dict[int, tuple[Site, float, int]] = {}
    for operation in tape.operations:
        if operation.index in merges or operation.out in forward or operation.out not in feeding:
            continue
        joined = [n for n in operation.inputs if n in multiples]
        sums = is_in(operation.function, ADD | SUBTRACT) and len(operation.inputs) > len(joined)
        if sums and len(joined) == 1 and multiples[joined[0]]:
            reached = int(np.count_nonzero(evidence.run.env[joined[0]]))
            found[operation.site] = operation.where, abs(multiples[joined[0]]), reached
    return next(iter(found.values())) if len(found) == 1 else None


def has_decay(evidence: StepEvidence, index: int) -> bool:
    """Whether a multiple of a parameter joins its gradient, or its update, at any place."""
    return bool(decays_of(evidence, index))


def decays_of(evidence: StepEvidence, index: int) -> list[float]:
    """Return the multiples of a parameter that join its gradient, or its update, at any place."""
    assert evidence.fit is not None
    cost = evidence.fit.hypothesis.node
    return multiples_of(evidence.tape, evidence.params[index], cost)
