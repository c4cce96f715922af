"""What a parameter may come to with its true gradient: put in at each level, at each scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from backproof.checks.gradient import StepEvidence
from backproof.checks.match import Fit
from backproof.roles import Level, Parameter, vector
from backproof.trace.tape import Operation, Run

Array = np.ndarray[Any, Any]
#: Levels of a parameter that the true gradient is put in at.
MOST_LEVELS = 6
MOST_SCALES = 4


def options_of(
    evidence: StepEvidence, base: Run, index: int, fit: Fit, truth: Array | None
) -> list[Array]:
    """Return what the parameter becomes with its true gradient in place of the wrong one.

    It takes the place at which the right gradients have their common scale: before or behind the
    learning rate. Where that is not known, each level of the update is a possible place.
    """
    if truth is None:
        return []
    parameter = evidence.params[index]
    found = []
    old = vector(base.env[n] for n in parameter.old)
    scales = [fit.scale] if evidence.fit is None else evidence.fit.scales_of(index)
    gradients = _penalised(evidence.fit, truth, old)
    levels, whole = places(evidence, parameter)
    if whole and old.size == truth.size and len(parameter.decay) == len(parameter.updates):
        decays = vector(
            np.full(np.size(base.env[u.old]), c)
            for u, c in zip(parameter.updates, parameter.decay, strict=True)
        )
        found += [decays * old + scale * g for scale in scales for g in gradients]
    for level, scale in shared_levels(evidence, index):
        for g in gradients:
            placed = placed_in(base, parameter, level.nodes, scale * g)
            found += [] if placed is None else _come_to(evidence, base, parameter, placed)
    if old.size == truth.size:
        found += [old + scale * g for scale, g in _as_others_change(evidence.fit, truth, old)]
    trials = product(levels[-MOST_LEVELS:], scales[:MOST_SCALES], gradients)
    for level, scale, g in trials:
        replaced = placed_in(base, parameter, level.nodes, level.turn * scale * g)
        if replaced is not None:
            found += _come_to(evidence, base, parameter, replaced)
    return [x for x in found if np.all(np.isfinite(x))]


def _come_to(
    evidence: StepEvidence, base: Run, parameter: Parameter, replaced: dict[int, Any]
) -> list[Array]:
    """Return what a parameter comes to with other values in the place of some."""
    tape = evidence.tape
    run = tape.replay(base=base, dirty=tape.reach(replaced), replace=replaced)
    values = [run.env[n] for n in parameter.new]
    return [] if any(v is None for v in values) else [vector(values)]


def shared_levels(evidence: StepEvidence, index: int) -> list[tuple[Level, float]]:
    """Return the levels at which all right gradients have one scale, with it, the deepest first.

    Of a gradient that an optimiser uses twice (Adam's two moments) only the deepest will do.
    """
    fit = evidence.fit
    if fit is None or not fit.chosen:
        return []
    levels = evidence.params[index].levels
    rights = [i for i in fit.chosen if len(evidence.params[i].levels) == len(levels)]
    if not rights:
        levels = _of_the_others(evidence, index, fit)
        rights = list(fit.chosen) if levels else []
    found = []
    for number in range(len(levels) - 1, -1, -1):
        scales = [
            [scale for n, scale, _ in fit.matches[i].scales if n == number] for i in rights
        ]  # fmt: skip
        if not scales or not all(scales):
            continue
        first = scales[0][0]
        if all(any(abs(s / first - 1) < 1e-6 for s in row) for row in scales):
            found.append((levels[number], first))
    return found[:2]


def _of_the_others(evidence: StepEvidence, index: int, fit: Fit) -> list[Level]:
    """Return the values that statements make for a parameter where they make others' levels.

    Of a gradient that stays zero not much is known by itself.
    """
    tape, parameter = evidence.tape, evidence.params[index]
    first = evidence.params[next(iter(fit.chosen))].levels
    if any(len(evidence.params[i].levels) != len(first) for i in fit.chosen):
        return []
    within = tape.ancestors([delta for u in parameter.updates for _, delta in u.merges])
    within.update(delta for u in parameter.updates for _, delta in u.merges)
    sizes = [int(np.size(tape.nodes[n].obj)) for n in parameter.old]
    found: list[Level] = []
    above: tuple[Operation, Operation] | None = None
    for level in first:
        made = tape.producer(level.nodes[0])
        nodes = [
            o.out for o in tape.operations
            if made is not None and o.site == made.site and o.out in within
            and [int(np.size(tape.nodes[o.out].obj))] == sizes
        ][-1:]  # fmt: skip
        if not nodes and above is not None and level.nodes[0] in above[0].inputs:
            # Made elsewhere, as each gradient is: what the shared statement reads in its place.
            nodes = list(above[1].inputs[above[0].inputs.index(level.nodes[0]) :][:1])
        own = tape.producer(nodes[0]) if nodes else None
        if not nodes:
            break
        found.append(replace(level, nodes=tuple(nodes), keys=()))
        above = None if made is None or own is None else (made, own)
    return found


def places(evidence: StepEvidence, parameter: Parameter) -> tuple[list[Level], bool]:
    """Return the levels at which the true gradient belongs, and whether it may be the change."""
    shallow = [level for level in parameter.levels if not level.deep]
    fit = evidence.fit
    if fit is None or not fit.chosen:
        return shallow, True
    factors, whole = set(), False
    for index, (number, _, _) in fit.chosen.items():
        if number < 0:
            whole = True
        else:
            factors.add(evidence.params[index].levels[number].factor)
    alike = [
        level for level in shallow
        if any(
            level.factor == f or (level.factor and f and abs(level.factor / f - 1) < 1e-9)
            for f in factors
        )
    ]  # fmt: skip
    return (alike, whole) if alike or whole else (shallow, True)


def placed_in(
    base: Run, parameter: Parameter, nodes: Sequence[int], truth: Array
) -> dict[int, Any] | None:
    """Cut a gradient into the values of a level's nodes."""
    shape = np.shape(base.env[parameter.old[0]]) if len(parameter.old) == 1 else None
    if parameter.rows is not None:
        truth = truth[parameter.rows]
    placed: dict[int, Any] = {}
    at = 0
    for node in nodes:
        value = base.env[node]
        if value is None:
            return None
        size = int(np.size(value))
        own = np.shape(value)
        if len(nodes) == 1 and size != truth.size and shape is not None:
            own, size = shape, truth.size  # a scalar, or a sum over the wrong axis
        part = truth[at : at + size]
        at += size
        if part.size != size:
            return None
        if shape is not None and len(own) == 2 and own != shape and own[::-1] == shape:
            part = part.reshape(shape).T
        part = part.reshape(own)
        if isinstance(value, np.matrix):
            placed[node] = np.asmatrix(part)
        elif type(value) is float:
            placed[node] = float(part)
        else:
            placed[node] = part.astype(getattr(value, "dtype", float))
    return placed if at == truth.size else None


def _as_others_change(
    fit: Fit | None, truth: Array, old: Array
) -> Iterator[tuple[float, Array]]:  # fmt: skip
    """Yield scale and gradient of a whole change that is like that of a right parameter.

    A wrong expression may have no value at the place where the right gradients are: where
    ``lr * (e * q - lam) * p`` stands for ``lr * (e * q - lam * p)``, none but the change is left.
    """
    whole: dict[str, tuple[float, float]] = {}
    rights = [] if fit is None else [fit.matches[index] for index in fit.chosen]
    for match in rights:
        for number, scale, lam in match.penalties:
            if number == -1:
                whole[f"{scale:.8g} {lam:.8g}"] = scale, lam
        for number, scale, _ in match.scales:
            if number == -1:
                whole[f"{scale:.8g}"] = scale, 0.0
    touched = (truth != 0).astype(float)
    for scale, lam in list(whole.values())[:MOST_SCALES]:
        yield scale, truth + lam * old
        if lam and not touched.all():
            yield scale, truth + lam * old * touched


def _penalised(fit: Fit | None, truth: Array, old: Array) -> list[Array]:
    """Return a gradient alone, and with the weight decay that right gradients have."""
    if fit is None or not fit.decayed or old.shape != truth.shape:
        return [truth]
    strengths = {lam for i in fit.chosen for _, _, lam in fit.matches[i].penalties if lam > 0}
    touched = [np.ones(old.shape), (truth != 0).astype(float)]
    return [truth, *(truth + lam * old * t for lam in sorted(strengths)[:2] for t in touched)]
