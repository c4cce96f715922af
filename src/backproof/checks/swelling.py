"""Weight decay with the wrong sign: an update that makes the weights larger by a factor (BP104).

``w = (1 + eta * lam) * w - eta * dw``: the gradient is right, and each step is one up the penalty.
"""

from __future__ import annotations

from collections.abc import Iterator

from backproof.arithmetic import DIVIDE, MULTIPLY, is_in
from backproof.carries import carries_of
from backproof.checks.advice import advise
from backproof.checks.gradient import StepEvidence
from backproof.checks.places import Place, place_of, statement_of
from backproof.finding import Finding
from backproof.updates import Update

#: What a factor must be more than 1 by: less is rounding.
LEAST = 1e-12
#: Judged steps that must show it.
LEAST_STEPS = 2


class Swelling:
    """Fed with every judged step of a run, asked for findings at its end."""

    def __init__(self) -> None:
        self.seen: dict[Place, tuple[Place, dict[str, float], int]] = {}

    def look(self, evidence: StepEvidence) -> None:
        """Note the factors above 1 by which parameters with right gradients are multiplied."""
        fit = evidence.fit
        found: dict[Place, tuple[Place, dict[str, float]]] = {}
        for index in () if fit is None else fit.chosen:
            parameter = evidence.params[index]
            for update, factor in zip(parameter.updates, parameter.decay, strict=False):
                places = _scaling(evidence, update) if factor > 1 + LEAST else None
                if places is not None:
                    found.setdefault(places[0], (places[1], {}))[1][parameter.name] = factor
        for place, (whole, factors) in found.items():
            _, _, count = self.seen.get(place, (whole, factors, 0))
            self.seen[place] = whole, factors, count + 1

    def findings(self) -> Iterator[Finding]:
        """Say which weights grow."""
        for place, (whole, factors, count) in self.seen.items():
            if count < LEAST_STEPS:
                continue
            names, factor = list(factors), max(factors.values())
            shown = ", ".join(f"`{name}`" for name in names[:4]) + (" …" if names[4:] else "")
            yield advise(
                "BP104", "wrong-sign", whole,
                f"`{place.text}` makes {shown} larger in every step: weight decay with the wrong "
                "sign",
                "decay multiplies weights by a number below 1",
                {"parameters": names, "factor": factor, "steps": count, "rule": "swelling"},
                severity="error", confidence="proven", label=f"times {factor:.6g}",
            )  # fmt: skip


def _scaling(evidence: StepEvidence, update: Update) -> tuple[Place, Place] | None:
    """Return where an old value is multiplied, and the statement, if nothing else is carried on.

    ``w + beta * (w - previous)`` has a factor above 1, too: what it keeps of others is taken away.
    """
    tape = evidence.tape
    carries = carries_of(tape)
    if set(carries.carry.get(update.new, {})) - {update.old}:
        return None
    for index in tape.users[update.old]:
        operation = tape.operations[index]
        if is_in(operation.function, MULTIPLY | DIVIDE) and operation.out in carries.carry:
            return place_of(operation.where), statement_of(operation.where)
    return None
