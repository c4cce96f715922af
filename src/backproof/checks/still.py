"""Runs of which no judged step changes anything, though their cost has a gradient.

Nothing arrives at the parameters, as in an engine one of whose operations sends nothing back; or
what arrives is multiplied by a step size of 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from backproof.arithmetic import MULTIPLY, is_in
from backproof.checks.accusation import Accusation, accusations
from backproof.checks.advice import advise, rate_place
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import Fit, author_value
from backproof.checks.mismatch import is_reported
from backproof.checks.places import first_assignment
from backproof.finding import Finding
from backproof.roles import Parameter
from backproof.trace.tape import Ref, Tape

#: Steps that must stand still.
LEAST = 2


class Still:
    """Fed with every step that changes nothing, asked at the end of a run."""

    def __init__(self) -> None:
        self.evidence: StepEvidence | None = None
        """The first of the steps in which the program's own cost has a gradient."""
        self.stood = self.steps = 0
        """How many steps stood still, and of how many the cost has a gradient."""
        self.rate: Finding | None = None

    def look(self, evidence: StepEvidence) -> None:
        """Look at a step that changes nothing."""
        self.stood += 1
        if own_cost(evidence) is None:
            return
        self.steps += 1
        if self.evidence is None:
            evidence.keep()
            self.evidence = evidence
            found = (_without_rate(evidence, p) for p in evidence.params)
            self.rate = next((f for f in found if f is not None), None)

    def explained(self, judged: int) -> tuple[tuple[Accusation, ...], Finding | None]:
        """Say what keeps all gradients from the parameters, or from moving them.

        Returns
        -------
        (accusations, finding)
            What explains the zeros, or a step size of 0; neither where some step of all that were
            `judged` has moved a parameter, or its cost has no gradient.
        """
        evidence = self.evidence
        if evidence is None or self.stood < judged or self.steps < LEAST:
            return (), None
        fit = own_cost(evidence)
        if self.rate is not None or fit is None or evidence.fit is not None:
            return (), self.rate
        fit.scale, fit.anchored, evidence.fit = 1.0, True, fit
        return tuple(accusations(evidence, set(fit.wrong))), None


def own_cost(evidence: StepEvidence) -> Fit | None:
    """Return the cost that a program reports or starts from, if it has a gradient in a step."""
    tape, names = evidence.tape, evidence.names
    for fit in (*([] if evidence.fit is None else [evidence.fit]), *evidence.others):
        begins = names is not None and names.is_seeded(tape.nodes[fit.hypothesis.node].obj)
        known = fit.hypothesis.own and (begins or is_reported(tape, fit))
        truths = [m.truth for m in fit.matches if m.truth is not None and not m.reason]
        if known and any(np.any(truth) for truth in truths):
            return fit
    return None


def _without_rate(evidence: StepEvidence, parameter: Parameter) -> Finding | None:
    """Say that the step size is 0, where a gradient that is none is multiplied by it."""
    values = [author_value(evidence.run, parameter, n) for n in range(len(parameter.levels))]
    for above, value in zip(parameter.levels, values[1:], strict=False):
        made = evidence.tape.producer(above.nodes[0])
        if made is None or value is None or not np.any(value):
            continue
        if not is_in(made.function, MULTIPLY) or len(made.where.operands) != len(made.args):
            continue
        for text, arg in zip(made.where.operands, made.args, strict=True):
            if _is_zero(evidence.tape, arg):
                place = first_assignment(text, made.where.file)
                return advise(
                    "BP302", "learning-rate-too-low",
                    place or rate_place(text, 0.0, made.where),
                    f"the step size `{text}` is 0: no step changes anything",
                    "compute it as a float: `//` and `int` round down, and 0 is what is left"
                    if type(arg) is int else "give it a value above 0",
                    {"rate": 0.0, "step": evidence.step}, confidence="proven",
                )  # fmt: skip
    return None


def _is_zero(tape: Tape, arg: Any) -> bool:
    value = tape.nodes[arg.node].obj if type(arg) is Ref else arg
    return np.size(value) == 1 and not isinstance(value, bool) and float(np.ravel(value)[0]) == 0
