"""Tries candidates by running the edited program under the debugger, the likeliest first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing

from backproof.costs import COSTS, is_registered
from backproof.finding import Finding, Report
from backproof.repair.accept import Judgement, judge
from backproof.repair.candidate import Candidate
from backproof.repair.trial import Trial
from backproof.repair.workshop import Edits, Files, Workshop
from backproof.source import Edit

#: Codes whose findings are faults of a gradient or its use.
REPAIRED = ("BP101", "BP102", "BP103", "BP104", "BP105", "BP106", "BP107", "BP108", "BP109")
#: Judged steps of a candidate's run.
JUDGED = 4
#: Steps after the first in which an optimiser's averages are looked at.
LATER = 3
#: Judged steps in which these are looked for.
AVERAGED = 12
#: Judged steps after which an edit that seems right is believed, and the seconds that a run of
#: few steps may have taken for one of so many.
HELD, SHORT = 12, 1.5
#: Candidates that are tried again under every cost that the program may have.
MOST_AGAIN = 3
#: Costs that may be meant by what the program computes between its steps.
MOST_COSTS = 2
#: Candidates that make some gradients right and are tried once more.
MOST_PARTS = 3


class Court:
    """Judges candidates for the faults of one program.

    Parameters
    ----------
    before : Trial
        The program without the edit.
    left : callable () -> float
        Seconds that are left.

    Attributes
    ----------
    fallback : (Candidate, Judgement) or None
        One that makes every gradient right up to a common factor.
    partial : list of (Candidate, Judgement)
        Those that make some gradients right and none wrong.
    """

    def __init__(
        self, workshop: Workshop, base: Files, before: Trial, left: Callable[[], float]
    ) -> None:
        self.workshop = workshop
        self.base = base
        self.before = before
        self.left = left
        self.fallback: tuple[Candidate, Judgement] | None = None
        self.partial: list[tuple[Candidate, Judgement]] = []
        self._refuted: set[tuple[Edit, ...]] = set()
        """Edits that seemed right for a few steps only."""
        wrong = [i for i, step in enumerate(before.steps) if step.wrong]
        self.least = max(2, wrong[0] + 1 if wrong else 0)
        self.judged = max(JUDGED, self.least + 1)
        told = [] if before.report is None else faults(before.report)
        self.cost = None if any(f.of_optimiser for f in told) else anchor(before)
        """The cost that candidates are judged under, if it is one only."""
        if any(f.of_optimiser for f in told):
            later = [i + 1 for i, step in enumerate(before.steps) if step.step and step.verified]
            self.judged = max([self.judged, *later[:LATER]])

    def first(self, candidates: Sequence[Candidate]) -> tuple[Candidate, Judgement] | None:
        """Return the first candidate that makes everything right, in the order given.

        Which of two it is does not depend on which run ended first.
        """
        candidates = [c for c in candidates if c.edits not in self._refuted]
        found = self._first(candidates, self.cost)
        if found is None and self.cost is not None and self.left() > 0:
            # Under the one cost that fits the program as it is some steps may not be judged.
            again = [c for c in candidates[:MOST_AGAIN] if c.edits not in self._refuted]
            found = self._first(again, None)
        return found

    def _first(
        self, candidates: Sequence[Candidate], cost: str | None
    ) -> tuple[Candidate, Judgement] | None:
        own = any(step.own_cost for step in self.before.steps)
        edits = [tuple((c.path, e) for e in c.edits) for c in candidates]
        waiting = ((i, e) for i, e in enumerate(edits) if self.left() > 0)
        results = self.workshop.try_all(
            waiting,
            self.base,
            judged=self.judged,
            least=self.least,
            strict=True,
            own=own,
            cost=cost,
        )
        known: dict[int, Judgement] = {}
        with closing(results):  # type: ignore[type-var]
            for index, tried in results:
                known[index] = self._judged(candidates[index], tried)
                if self._settled(known) is not None or self.left() <= 0:
                    break
        best = self._settled(known)
        done = [i for i in sorted(known) if known[i].complete]
        for index in [best] if best is not None else done[:1]:
            held = self._held(edits[index], known[index], own=own, cost=cost)
            if held is not None:
                return candidates[index], held
            self._refuted.add(candidates[index].edits)
            rest = [c for i, c in enumerate(candidates) if i > index]
            return self._first(rest, cost) if self.left() > 0 and rest else None
        return None

    def _held(
        self, edits: Edits, said: Judgement, *, own: bool, cost: str | None
    ) -> Judgement | None:
        """Return what is said of an edit after more steps, None if it is no longer right.

        What starts as 0 or 1 hides differences. A run that takes long is not made longer.
        """
        if said.trial.seconds > min(SHORT, 0.2 * self.left()):
            return said
        tried = self.workshop.try_one(
            self.base, edits, judged=HELD, strict=True, own=own, cost=cost
        )
        if not tried.steps or len(tried.steps) <= len(said.trial.steps):
            return said if tried.verified or not tried.steps else None
        longer = judge(tried, self.before)
        return longer if longer.complete else None

    def best_part(self) -> tuple[Candidate, Judgement] | None:
        """Return what repairs one fault of several, and leaves the forward pass as it is."""
        for candidate, _ in sorted(self.partial, key=lambda p: -p[1].gain)[:MOST_PARTS]:
            edits = tuple((candidate.path, e) for e in candidate.edits)
            said = judge(self.workshop.try_one(self.base, edits, judged=2), self.before)
            if said.better:
                return candidate, said
        return None

    def _judged(self, candidate: Candidate, tried: Trial) -> Judgement:
        judgement = judge(tried, self.before)
        if judgement.complete and not judgement.scaled:
            self.fallback = self.fallback or (candidate, judgement)
        elif judgement.better and not judgement.complete:
            self.partial.append((candidate, judgement))
        return judgement

    def _settled(self, known: dict[int, Judgement]) -> int | None:
        """Return the first that is complete, when all before it are known."""
        for index in range(len(known)):
            if index not in known:
                return None
            if known[index].complete and known[index].scaled:
                return index
        return None


def anchor(trial: Trial) -> str | None:
    """Return the cost under which some gradients are right: the program's own, or a known one."""
    telling = trial.telling
    titles = {step.cost_title for step in telling}
    anchored = all(
        (step.own_cost or is_registered(step.cost_title)) and len(step.wrong) < len(step.verdicts)
        for step in telling
    )
    return titles.pop() if anchored and len(titles) == 1 else None


def shows(trial: Trial) -> bool:
    """Whether a trial came to what is wrong: else every edit would seem to mend it."""
    assert trial.report is not None
    wrong = any(step.wrong or step.ascends for step in trial.steps)
    return wrong or trial.report.gradient.status != "wrong"


def nearest(findings: list[Finding], candidate: Candidate) -> Finding:
    """Return the finding that an edit is for: the one at its statement, else the first."""
    lines = range(candidate.statement.line, candidate.statement.end_line + 1)
    at = [f for f in findings if f.file == candidate.path and f.span.line in lines]
    return (at or findings)[0]


def faults(report: Report) -> list[Finding]:
    """Return the findings that an edit may repair, those proven first."""
    found = [f for f in report.findings if f.code in REPAIRED]
    errors = [f for f in found if f.severity == "error" or f.of_optimiser]
    if errors or report.gradient.status != "wrong":
        return errors
    return [f for f in found if f.severity == "warning"]


def other_cost(report: Report) -> Finding | None:
    """Return the finding that the gradients are those of another cost, if that is all there is."""
    if any(f.severity == "error" or f.of_optimiser for f in report.findings):
        return None
    found = [f for f in report.findings if f.code == "BP103" and f.cause == "cost-mismatch"]
    return found[0] if len(found) == 1 and costs_of(found[0]) else None


def costs_of(finding: Finding) -> list[str]:
    """Return the costs, as `RunOptions.cost` names them, that may be the reported one."""
    kind, title = finding.evidence.get("kind"), finding.evidence.get("reported")
    if kind:
        return [cost.title for cost in COSTS if cost.title.endswith(str(kind))][:MOST_COSTS]
    return [str(title)] if title else []


def unpenalised(report: Report) -> list[Finding]:
    """Return the findings that a gradient lacks the penalty of the loss, or of the others."""
    if any(f.severity == "error" or f.of_optimiser for f in report.findings):
        return []
    return [f for f in report.findings if "strength" in f.evidence]
