"""A step whose gradients are not those of the program's own cost, which others fit exactly.

Of one output of one sample all gradients are a multiple of any cost's, and those of two costs may
be equal for some labels: a wrong output error shows by a factor that no program has, in those steps
alone in which it is wrong. What is at fault must be found for it to count.
"""

from __future__ import annotations

from backproof.checks.accusation import SEARCH, Accusation
from backproof.checks.choice import is_full
from backproof.checks.gradient import StepEvidence
from backproof.checks.scales import is_plausible
from backproof.checks.unanchored import search_under


class Dissent:
    """Fed with every judged step of a run; keeps the first that dissents."""

    def __init__(self) -> None:
        self._proven: set[str] = set()
        self.evidence: StepEvidence | None = None

    def look(self, evidence: StepEvidence) -> None:
        """Learn which costs fit, and see whether one of them does not fit this step."""
        fit = evidence.fit
        if fit is not None and not fit.hypothesis.registered:
            if fit.hypothesis.own and is_full(fit) and is_plausible(fit.scale):
                self._proven.add(fit.hypothesis.title)
            return
        if self.evidence is None and any(
            f.hypothesis.own and f.hypothesis.title in self._proven and is_full(f)
            for f in evidence.others
        ):
            evidence.keep()
            self.evidence = evidence

    def accusations(self) -> tuple[Accusation, ...]:
        """Return what explains the step that dissents, under the cost that fits the others."""
        evidence = self.evidence
        if evidence is None:
            return ()
        fits = [f for f in evidence.others if f.hypothesis.title in self._proven]
        found = search_under(evidence, fits, patience=SEARCH)
        if found is None:
            return ()
        evidence.fit = found.fit
        return tuple(Accusation(*one) for one in found.diagnoses)
