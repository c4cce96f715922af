"""How gradients reach the parameters: the checks that look at all judged steps of a run."""

from __future__ import annotations

from collections.abc import Sequence

from backproof.checks.clipped import Clipped
from backproof.checks.gradient import StepEvidence
from backproof.checks.growth import Growth
from backproof.checks.idle import unmoved
from backproof.checks.mismatch import Mismatch
from backproof.checks.moments import Moments
from backproof.checks.no_copy import NoCopy
from backproof.checks.normalised import Normalised
from backproof.checks.rates import Rates
from backproof.checks.reach import Reach
from backproof.checks.restarted import restarted
from backproof.checks.shapes import Shapes
from backproof.checks.swelling import Swelling
from backproof.checks.turned_round import TurnedRound
from backproof.checks.uneven import Uneven
from backproof.checks.unused import Unused
from backproof.checks.vacuous import Vacuous
from backproof.finding import Finding
from backproof.names import Names
from backproof.trace.site import SITES
from backproof.trace.tape import Tape
from backproof.updates import Update

Findings = dict[tuple[str, int], Finding]


class Arrival:
    """Fed with every judged step of a run, asked at its end."""

    def __init__(self) -> None:
        self.reach = Reach()
        self.rates = Rates()
        self.shapes = Shapes()
        self.normalised = Normalised()
        self.growth = Growth()
        self.mismatch = Mismatch()
        self.aside = Mismatch()
        self.reach_aside = Reach(few=True)
        """Of the steps of further trainings."""
        self.vacuous = Vacuous()
        self.unused = Unused()
        self.moments = Moments()
        self.uneven = Uneven()
        self.swelling = Swelling()
        self.clipped = Clipped()
        self.turned_round = TurnedRound()
        self.no_copy = NoCopy()
        self.unmoved: list[Finding] = []

    def look(self, evidence: StepEvidence, updates: Sequence[Update]) -> None:
        """Look at a judged step and all its updates."""
        self.reach.look(evidence, updates)
        self.rates.look(evidence)
        self.shapes.look(evidence)
        self.normalised.look(evidence)
        self.growth.look(evidence)
        self.mismatch.look(evidence)
        self.vacuous.look(evidence)
        self.unused.look(evidence)
        self.moments.look(evidence)
        self.uneven.look(evidence)
        self.swelling.look(evidence)
        self.clipped.look(evidence)
        self.turned_round.look(evidence)
        self.no_copy.look(evidence)

    def look_aside(self, evidence: StepEvidence, updates: Sequence[Update]) -> None:
        """Look at a judged step of a further training."""
        self.aside.look(evidence)
        self.reach_aside.look(evidence, updates)

    def idle(self, tape: Tape) -> None:
        """Look at a recording in which nothing is updated."""
        names = Names({site.file.path for site in SITES})
        self.unmoved = self.unmoved or unmoved(tape, names) or restarted(tape)

    def settle(self, findings: Findings) -> None:
        """Put what was found with the findings of a run."""
        self.reach.settle(findings)
        self.reach_aside.settle(findings)
        lines = {line for code, line in findings if code != "BP201"}
        for found in (
            *(self.unmoved if not self.reach.steps else ()),
            *self.rates.findings(),
            *self.mismatch.findings(),
            *self.aside.findings(),
            *self.vacuous.findings(),
            *self.unused.findings(),
            *self.moments.findings(),
            *self.uneven.findings(),
            *self.swelling.findings(),
            *self.clipped.findings(),
            *self.turned_round.findings(),
            *self.no_copy.findings(),
        ):
            if found.span.line not in lines:
                findings[found.code, found.span.line] = found
        # All gradients are right but for that, or are those of weights for each sample.
        if self.normalised.found is not None or self.shapes.explains:
            for key in [k for k, f in findings.items() if f.code.startswith("BP1")]:
                del findings[key]
        broadcast = (*self.shapes.findings(), *self.growth.findings(), *self.normalised.findings())
        shapes = {(f.code, f.span.line): f for f in broadcast}
        if shapes:  # first: it is behind whatever else is wrong
            others = dict(findings)
            findings.clear()
            findings.update({**shapes, **others})
