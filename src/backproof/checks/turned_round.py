"""Updates that take the old value away from the step: ``w = eta * dw - w`` (BP104).

Such a value changes its sign in every step. It is none of the parameters that a step shows, since
these keep their old value; the cost depends on it all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from backproof.arithmetic import SUBTRACT, is_in
from backproof.carries import carries_of
from backproof.checks.advice import advise
from backproof.checks.gradient import StepEvidence
from backproof.checks.places import Place, statement_of
from backproof.finding import Finding
from backproof.trace.site import Site
from backproof.trace.tape import Operation, Ref

#: Judged steps that must show it.
LEAST_STEPS = 2


class TurnedRound:
    """Fed with every judged step of a run, asked for findings at its end."""

    def __init__(self) -> None:
        self.seen: dict[Place, tuple[str, set[int]]] = {}

    def look(self, evidence: StepEvidence) -> None:
        """Note the statements that turn what the cost depends on."""
        fit = evidence.fit
        if fit is None or fit.adjoint is None:
            return
        tape = evidence.tape
        moving = tape.reach(n for p in evidence.params for n in p.old)
        for operation in tape.operations:
            source = _turned(evidence, operation)
            if source is None or not np.any(fit.adjoint.of.get(source, 0.0)):
                continue
            step = operation.args[0]
            if type(step) is Ref and step.node in moving | tape.reach([source]):
                place = statement_of(operation.where)
                name = operation.where.targets[0]
                self.seen.setdefault(place, (name, set()))[1].add(evidence.step)

    def findings(self) -> Iterator[Finding]:
        """Say which values are turned."""
        for place, (name, steps) in self.seen.items():
            if len(steps) >= LEAST_STEPS:
                yield advise(
                    "BP104", "wrong-sign", place,
                    f"`{place.text}` turns the sign of `{name}` in every step: the old value is "
                    "taken away",
                    "take the step away from the old value, not the old value from the step",
                    {"parameters": [name], "steps": len(steps), "rule": "turned round"},
                    severity="error", confidence="proven",
                )  # fmt: skip


def _turned(evidence: StepEvidence, operation: Operation) -> int | None:
    """Return the value that a statement takes away, and puts the result in the place of."""
    tape = evidence.tape
    if not is_in(operation.function, SUBTRACT) or len(operation.args) != 2:
        return None
    if not _is_stored_back(operation.where):
        return None
    carries = carries_of(tape)
    kept, carried = (carries.of(arg) for arg in operation.args)
    olds = {n for p in evidence.params for n in p.old}
    if olds & set(kept) or len(carried) != 1 or carries.carry.get(operation.out) is None:
        return None
    ((source, factor),) = carried.items()
    whole = np.shape(tape.nodes[source].obj) == np.shape(tape.nodes[operation.out].obj)
    return source if factor == 1.0 and whole and source not in olds else None


def _is_stored_back(where: Site) -> bool:
    """Whether a statement puts a difference in the place of what it reads.

    ``w = d - w``, ``bs = [d - b for b in bs]``: of ``w = w - a * (h - y)`` the whole only.
    """
    if len(where.targets) != 1:
        return False
    _, _, value = where.file.slice(where.statement).partition("=")
    element = rf"\[\s*{re.escape(where.text)}\s+for\b"
    if value.strip() != where.text and re.match(element, value.strip()) is None:
        return False
    return re.search(rf"(?<![\w.]){re.escape(where.targets[0])}(?!\w)", value) is not None
