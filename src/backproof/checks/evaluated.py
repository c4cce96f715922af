"""Costs that a program computes outside its steps: between epochs, or after the training.

They are held against gradients that fit a registered cost. Which one the program computes is told
by its slope where the output meets labels, or a logarithm.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from backproof.arithmetic import SUBTRACT, is_in
from backproof.calculus.adjoint import adjoints, is_differentiable
from backproof.carries import dependence
from backproof.checks.reported import is_called_loss
from backproof.checks.scales import SAME
from backproof.checks.unpenalised import penalties
from backproof.costs import Array
from backproof.trace.site import Site
from backproof.trace.tape import Operation, Tape

SQUARED = "squared error"
#: Costs of shares, by their titles: one is not told from another.
ENTROPIES = {
    "cross-entropy", "softmax cross-entropy", "sigmoid cross-entropy from logits",
}  # fmt: skip
LOGARITHMS = {np.log, math.log}
#: Statements whose scalars are looked at, and entries of which slopes are compared at least.
MOST_SCALARS, LEAST_ENTRIES = 8, 4


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A cost that the program computes for the reader: what it is called, and which it is."""

    title: str
    kind: str
    site: Site
    penalties: Mapping[tuple[int, ...], float] = field(default_factory=dict)
    """λ of its terms λ/2·‖W‖², by the shape of W."""

    def differs(self, title: str) -> bool:
        """Whether gradients of a registered cost are those of another one than this."""
        return title in ENTROPIES if self.kind == SQUARED else title == SQUARED


def evaluated(tape: Tape, parameters: Collection[int]) -> list[Evaluated]:
    """Return the costs that an evaluation computes and the program calls a loss.

    `parameters` are the leaves that the training updates.
    """
    depends = set(dependence(tape, dict.fromkeys(parameters, 1), 0, len(tape.operations)))
    kinds = [
        (operation, kind_of(tape, operation.out, depends)) for operation in _losses(tape, depends)
    ]
    return [
        Evaluated(_title(o), kind, o.where, penalties(tape, o, parameters, depends))
        for o, kind in kinds if kind
    ]  # fmt: skip


def _losses(tape: Tape, depends: Collection[int]) -> Iterator[Operation]:
    """Yield the scalars that are called a loss, the last of each statement."""
    seen: set[int] = set()
    for operation in reversed(tape.operations):
        obj = tape.nodes[operation.out].obj
        if operation.out not in depends or operation.site in seen:
            continue
        if np.size(obj) != 1 or not is_differentiable(obj):
            continue
        if not is_called_loss(tape, operation, _title(operation)):
            continue
        seen.add(operation.site)
        if len(seen) > MOST_SCALARS:
            return
        yield operation


def _title(operation: Operation) -> str:
    where = operation.where
    if where.file.slice(where.statement).startswith("return "):
        return where.function.rpartition(".")[2]
    return where.targets[0] if where.targets and where.is_value else where.text


def kind_of(tape: Tape, cost: int, depends: set[int]) -> str:
    """Return which cost a scalar is by its slopes: an entropy, a squared error, or neither ("")."""
    within = tape.ancestors([cost]) & depends
    run = tape.replay(double=True)
    value = run.env[cost]
    if value is None or not np.all(np.isfinite(value)):
        return ""
    slopes = adjoints(tape, run, {cost: 1.0 if type(value) is float else np.ones(np.shape(value))},
                      within=within)  # fmt: skip
    if slopes.cut:
        return ""
    entropy = False
    errors: dict[int, list[tuple[Array, Array]]] = {}
    for operation in tape.operations:
        g = slopes.of.get(operation.out)
        if operation.out not in within or g is None or np.size(g) == 0:
            continue
        of_outputs = [n for n in operation.inputs if n in depends]
        if is_in(operation.function, LOGARITHMS):
            share = run.env[of_outputs[0]]
            if np.any(np.asarray(share) > 1) or np.any(np.asarray(g) > 0):
                return ""
            entropy = True
        elif is_in(operation.function, SUBTRACT) and len(of_outputs) == 1:
            error = np.asarray(run.env[operation.out], dtype=float).reshape(-1)
            slope = np.asarray(g, dtype=float).reshape(-1)
            errors.setdefault(operation.site, []).append((error, slope))
    if entropy:
        return "cross-entropy"
    for parts in errors.values():
        error, slope = (np.concatenate(part) for part in zip(*parts, strict=True))
        factor = float(error @ slope) / (float(error @ error) or 1.0)
        gap = np.linalg.norm(slope - factor * error)
        if error.size >= LEAST_ENTRIES and factor > 0 and gap < SAME * np.linalg.norm(slope):
            return SQUARED
    return ""
