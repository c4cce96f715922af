"""A step whose gradients are not those of the program's own cost, which others fit exactly.

Of one output of one sample all gradients are a multiple of any cost's, and those of two costs may
be equal for some labels: a wrong output error shows by a factor that no program has, in those steps
alone in which it is wrong. So does a wrong slope where no cost is computed: by another factor in
every step. What is at fault must be found for it to count.
"""

from __future__ import annotations

from backproof.checks.accusation import SEARCH, Accusation
from backproof.checks.choice import is_full
from backproof.checks.direction import is_single
from backproof.checks.gradient import StepEvidence
from backproof.checks.scales import is_plausible
from backproof.checks.unanchored import search_slopes, search_under

#: Steps whose factors no program has that leave no doubt.
ENOUGH = 4


class Dissent:
    """Fed with every judged step of a run; keeps the first that dissents."""

    def __init__(self) -> None:
        self._proven: set[str] = set()
        self._odd: list[float] = []
        """The factors of single samples that no program has; empty once one is plausible."""
        self._even = False
        self._sample: StepEvidence | None = None
        self._evidence: StepEvidence | None = None

    @property
    def evidence(self) -> StepEvidence | None:
        """The step that dissents, or one of many that are the multiple of nothing known."""
        odd = not self._even and len(set(self._odd)) >= ENOUGH
        return self._sample if self._evidence is None and odd else self._evidence

    def look(self, evidence: StepEvidence) -> None:
        """Learn which costs fit, and see whether one of them does not fit this step."""
        fit = evidence.fit
        if fit is not None and not fit.hypothesis.registered:
            if fit.hypothesis.own and is_full(fit) and is_plausible(fit.scale):
                self._proven.add(fit.hypothesis.title)
            return
        if fit is not None and not evidence.has_own_cost and is_full(fit) and is_single(evidence):
            self._multiple(evidence, [f.scale for f in (fit, *evidence.others) if is_full(f)])
        if self._evidence is None and any(
            f.hypothesis.own and f.hypothesis.title in self._proven and is_full(f)
            for f in evidence.others
        ):
            evidence.keep()
            self._evidence = evidence

    def _multiple(self, evidence: StepEvidence, scales: list[float]) -> None:
        """Note by which factors the gradients of a sample are those of the usual costs."""
        if any(map(is_plausible, scales)):
            self._even = True
        elif not self._even:
            self._odd.append(round(scales[0], 9))
            if self._sample is None:
                evidence.keep()
                self._sample = evidence

    def accusations(self) -> tuple[Accusation, ...]:
        """Return what explains the step that dissents, under the cost that fits the others."""
        evidence = self.evidence
        if evidence is None:
            return ()
        if evidence is self._sample:
            found = search_slopes(evidence, patience=SEARCH)
        else:
            fits = [f for f in evidence.others if f.hypothesis.title in self._proven]
            found = search_under(evidence, fits, patience=SEARCH)
        if found is None:
            return ()
        evidence.fit = found.fit
        return tuple(Accusation(*one) for one in found.diagnoses)
