"""Clipping that lets no gradient through: ``np.clip(dW, 5, 5)`` for ``np.clip(dW, -5, 5)`` (BP101).

Limits that leave small gradients as they are lie on both sides of zero. All others make one number
of every gradient, or turn the sign of some.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from backproof.arithmetic import is_in
from backproof.checks.advice import advise
from backproof.checks.gradient import StepEvidence
from backproof.checks.places import Place, place_of
from backproof.finding import Finding
from backproof.trace.operations import map_refs
from backproof.trace.tape import Operation

#: Judged steps that must show it.
LEAST_STEPS = 2


class Clipped:
    """Fed with every judged step of a run, asked for findings at its end."""

    def __init__(self) -> None:
        self.seen: dict[Place, tuple[tuple[float, float], dict[str, None], set[int]]] = {}

    def look(self, evidence: StepEvidence) -> None:
        """Note the limits, on one side of zero, between a right gradient and its parameter."""
        tape, fit = evidence.tape, evidence.fit
        for index in () if fit is None else fit.chosen:
            parameter = evidence.params[index]
            for node in (n for level in parameter.levels for n in level.nodes):
                made = tape.producer(node)
                limits = None if made is None else limits_of(evidence, made)
                if made is None or limits is None or limits[0] <= 0 <= limits[1]:
                    continue
                found = self.seen.setdefault(place_of(made.where), (limits, {}, set()))
                found[1][parameter.name] = None
                found[2].add(evidence.step)

    def findings(self) -> Iterator[Finding]:
        """Say which limits leave nothing of a gradient."""
        for place, ((low, high), named, steps) in self.seen.items():
            if len(steps) < LEAST_STEPS:
                continue
            names = list(named)
            shown = ", ".join(f"`{name}`" for name in names[:4]) + (" …" if names[4:] else "")
            yield advise(
                "BP101", "wrong-operand", place,
                f"`{place.text}` lets no gradient through to {shown}: its limits are {low:.6g} and "
                f"{high:.6g}",
                "clip between a negative and a positive limit: small gradients stay as they are",
                {"parameters": names, "limits": [low, high], "steps": sorted(steps)},
                severity="error", confidence="proven", label="zero is not between the limits",
            )  # fmt: skip


def limits_of(evidence: StepEvidence, operation: Operation) -> tuple[float, float] | None:
    """Return the lower and the upper limit of a call of `np.clip`, where both are numbers."""
    if not is_in(operation.function, {np.clip}):
        return None
    env = evidence.run.env

    def given(position: int, *names: str) -> Any:
        found = [operation.kwargs[name] for name in names if name in operation.kwargs]
        found += operation.args[position : position + 1]
        return map_refs(found[0], lambda ref: env[ref.node]) if found else None

    low, high = given(1, "a_min", "min"), given(2, "a_max", "max")
    if np.ndim(low) or np.ndim(high) or low is None or high is None:
        return None
    return float(low), float(high)
