"""Gathers the judged steps of a run into verdicts and findings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from backproof.aliases import Aliases
from backproof.checks.accusation import SEARCH, Accusation, accusations
from backproof.checks.arrival import Arrival
from backproof.checks.blind import blind, blinded, wider
from backproof.checks.covered import Covered, says_nothing, stands_still, tells_less, tells_little
from backproof.checks.direction import Uphill, climbing, is_meant_to_descend
from backproof.checks.dissent import Dissent
from backproof.checks.excuses import excuse
from backproof.checks.gradient import StepEvidence, judge_step
from backproof.checks.inherited import without_inherited
from backproof.checks.later import without_cost_of
from backproof.checks.local_rules import without_factor, wrong_rule
from backproof.checks.one_output import OneOutput
from backproof.checks.pairs import judge_pairs
from backproof.checks.parts import by_parts
from backproof.checks.second import SecondCost, Shown
from backproof.checks.state import once_emptied
from backproof.checks.still import Still
from backproof.checks.training import TrainingHistory
from backproof.checks.unanchored import free_search
from backproof.checks.under_one import under_anchor, under_own_cost
from backproof.chronicle import Chronicle
from backproof.clock import Clock
from backproof.earlier import MOST_EVENTS
from backproof.finding import Finding, Report
from backproof.known import KnownCosts
from backproof.names import Names
from backproof.options import RunOptions
from backproof.trace.event import Event
from backproof.trace.site import SITES
from backproof.trace.tape import Tape, build
from backproof.updates import Update
from backproof.witness import Witness

#: Steps in which gradients are compared with those of all samples as well.
MOST_LAST = 3
#: Steps that tell less, for which others are waited for.
MOST_FAINT = 4


class Verdict:
    """The judge that the conductor calls, and what it has learnt so far."""

    def __init__(self, options: RunOptions) -> None:
        self.options = options
        self.clock = Clock()
        self.witness = Witness()
        self.chronicle = Chronicle()
        self.findings: dict[tuple[str, int], Finding] = {}
        self.warnings: list[str] = []
        self.known = KnownCosts()
        self.judged = 0
        self._unanchored: StepEvidence | None = None
        self._faint: StepEvidence | None = None
        """The first step of which some true gradients are zero: it tells less than others."""
        self._faints = 0
        self._searched_aside = False
        self.still = Still()
        self.second = SecondCost(self.clock, self._evidence, self._aside)
        self.blamed: set[str] = set()
        self._named: dict[int, str] = {}
        self.training = TrainingHistory()
        self.arrival = Arrival()
        self.covered = Covered()
        self.dissent = Dissent()
        self.uphill = Uphill()
        self.aliases = Aliases()
        self.one_output = OneOutput()
        self.reason = ""
        self.observers: list[Callable[[StepEvidence], object]] = []
        """Called with each judged step; may raise `StopRun` to end the program there."""

    def judge(self, tape: Tape, updates: list[Update], step: int) -> bool:
        """Judge a recorded step; False where it says nothing: it changes no parameter."""
        says = True
        with self.guarded(f"step {step}"):
            says = self._judge(tape, updates, step)
        return says

    def judge_aside(self, tape: Tape, updates: list[Update], step: int) -> None:
        """Judge a step of a further training loop, where some of its gradients fit a cost."""
        with self.guarded(f"step {step}"):
            evidence = self._evidence(tape, updates, step) if updates else None
            if evidence is None:
                return
            evidence.complete()
            shown = self._aside(evidence)
            fit = evidence.fit
            if fit is not None and (fit.chosen or fit.anchored or shown):
                self.take(evidence, claimed=not is_meant_to_descend(evidence), shown=shown)
                self.arrival.look_aside(evidence, updates)
            elif evidence.fit is None and evidence.has_own_cost:
                if self.blamed.isdisjoint(p.name for p in evidence.params):
                    merge = tape.operations[updates[0].merges[-1][0]].where
                    self.warnings.append(
                        f"a further training loop (line {merge.span.line}) is not verified: no "
                        "cost of its steps fits its gradients"
                    )
            else:
                return
            self.show(evidence)

    def judge_pairs(self, log: Sequence[Event]) -> None:
        """Judge what a program that updates nothing calls gradients, once."""
        if self.judged or len(log) > MOST_EVENTS:
            return
        with self.guarded("gradients"):
            if (evidence := judge_pairs(build(log, 0, len(log)))) is not None:
                self.judged += 1
                self.take(evidence, claimed=True)
                self.show(evidence)

    def look_idle(self, log: Sequence[Event]) -> None:
        """Look for steps that are computed and kept nowhere."""
        with self.guarded("steps"):
            self.arrival.idle(build(log, max(0, len(log) - MOST_EVENTS), len(log)))

    @contextmanager
    def guarded(self, what: str) -> Iterator[None]:
        """Turn an error of ours into a warning that `what` could not be judged."""
        try:
            yield
        except Exception as error:
            if os.environ.get("BACKPROOF_TESTING"):
                raise
            self.warnings.append(f"{what} could not be judged: {type(error).__name__}: {error}")

    def _judge(self, tape: Tape, updates: list[Update], step: int) -> bool:
        self.training.look(tape, updates, step)
        if not updates:
            self.arrival.idle(tape)
            return True
        evidence = self._evidence(tape, updates, step)
        self.one_output.settle(evidence)
        other, shown = self.second.cost_of(evidence, updates)
        evidence.complete()
        self.judged += 1
        if other is not None:
            others = {u.old for p in other.params for u in p.updates}
            evidence = self._evidence(tape, [u for u in updates if u.old not in others], step)
            other.complete()
            self.take(other, shown=shown)
            without_cost_of(evidence, other)
            shown = self._aside(evidence)
        else:
            excuse(evidence)
        if self.options.diagnose and stands_still(evidence):
            self.still.look(evidence)
        if evidence.fit is None and says_nothing(evidence, known=bool(self.known.titles)):
            self.reason = self.reason or "no step that was judged changes a parameter"
            return self.options.diagnose and self.training.observe_standing(evidence)
        evidence, blind_ones = self._with_blind(evidence, updates)
        shown = shown or blind_ones
        elsewhere = self.covered.look(evidence)
        if elsewhere is not None:
            shown = shown or self._aside(evidence)
            if evidence.fit is None:
                self.chronicle.leave_open(elsewhere)
        if self.options.diagnose:
            with self.clock.apart():
                self.training.observe(evidence)
        self._named = {
            id(tape.nodes[u.old].obj): p.name for p in evidence.params for u in p.updates
        }
        self.aliases.look(evidence)
        self.take(evidence, shown=shown)
        self.arrival.look(evidence, updates)
        self.dissent.look(evidence)
        self.show(evidence)
        return True

    def show(self, evidence: StepEvidence) -> None:
        """Let the observers see a judged step."""
        for observe in self.observers:
            observe(evidence)

    def _evidence(
        self, tape: Tape, updates: list[Update], step: int, held: frozenset[int] = frozenset()
    ) -> StepEvidence:
        names = Names({site.file.path for site in SITES}, self._named)
        return judge_step(
            tape, updates, step, names,
            preferred=self.known.titles, cost_name=self.options.cost, held=held,
            trained=self.chronicle.histories,
        )  # fmt: skip

    def _with_blind(
        self, evidence: StepEvidence, updates: list[Update]
    ) -> tuple[StepEvidence, Shown]:
        """Judge what is stepped without any gradient as a parameter, too."""
        right = {n for n, h in self.chronicle.histories.items() if "verified" in h.statuses}
        more = blind(evidence, updates, right)
        found = wider(evidence, [*updates, *more]) if more else None
        return (evidence, ()) if found is None else (found, blinded(found, more))

    def take(
        self, evidence: StepEvidence, *, claimed: bool = False, search: bool = False,
        shown: Shown = (), said: dict[int, bool] | None = None,
    ) -> None:  # fmt: skip
        """Add what a judged step says.

        `claimed` where no update down the cost is behind it; `search` where no cost fitted any
        gradient, in any step, and an edit may show which cost is meant, as those do that are
        `shown`; `said` what differences have said of the gradients, where they were asked for.
        """
        self.reason = evidence.reason
        if not claimed:
            without_factor(evidence)
        self.known.learn(evidence)
        anchored = evidence.fit is not None or self.known.is_known(evidence)
        if evidence.fit is None and self.known.titles and not evidence.unfaithful:
            self._accumulated(evidence)
        open_case = not anchored and not evidence.unfaithful and not evidence.reason
        if open_case and self.options.diagnose and not search:
            known = self._unanchored
            if known is None or (
                evidence.has_own_cost
                and (not known.has_own_cost or (tells_little(known) > tells_little(evidence)))
            ):
                evidence.keep()
                self._unanchored = evidence
        elif search:
            shown = self._without_anchor(evidence)
            self.known.name(evidence)
        elif self.options.diagnose and not claimed and not shown:
            shown = self._under_own_cost(evidence)
        if evidence.fit is None:
            self._confront(evidence)
        said = self.witness.ask(evidence) if said is None else said
        absent = evidence.fit is None and self.known.is_absent(evidence)
        how = {"absent": absent, "proof": self.options.diagnose}
        wrong = [
            i for i in range(len(evidence.params))
            if self.chronicle.note(evidence, i, said.get(i), **how)
        ]  # fmt: skip
        together = self.one_output.look(evidence)
        if together is not None:
            self.findings.setdefault((together.code, together.span.line), together)
            self.chronicle.accuse(together.evidence["parameters"])
        if evidence.fit is None:
            return
        if shown:
            self.blamed |= {evidence.params[i].name for i in wrong}
            for one in shown:
                explained = tuple(i for i in one.repaired if i in wrong)
                if explained:
                    self._add(evidence, replace(one, repaired=explained))
            return
        uphill = None if claimed else self.uphill.look(evidence)
        found = [] if claimed else climbing(evidence, self.findings.values())
        for finding in found if uphill is None else [*found, uphill]:
            self.findings.setdefault((finding.code, finding.span.line), finding)
        self.findings = {k: f for k, f in self.findings.items() if not self.uphill.excuses(f)}
        names = {evidence.params[i].name for i in wrong}
        if names - self.blamed and self.options.diagnose:
            if self._faints < MOST_FAINT and tells_less(evidence):
                self._faints += 1
                if self._faint is None:
                    evidence.keep()
                    self._faint = evidence
            else:
                self._accuse(evidence, wrong)

    def _confront(self, evidence: StepEvidence) -> None:
        """Ask the program about the adjoint of its own cost, where no gradient fits that.

        What is searched when the run is over can be asked about no more.
        """
        own = (f for f in evidence.others if f.hypothesis.own and not f.hypothesis.after)
        first = next(own, None)
        if first is not None and not evidence.unfaithful:
            for index, said in self.witness.ask(replace(evidence, fit=first)).items():
                if not said:
                    self.chronicle.contradict(evidence.params[index].name)

    def _accuse(self, evidence: StepEvidence, wrong: Sequence[int]) -> None:
        """Find what is at fault for wrong gradients."""
        self.blamed |= {evidence.params[i].name for i in wrong}
        broken = None if evidence.fit is None else wrong_rule(evidence, evidence.fit)
        if broken is not None:
            self._add(evidence, broken)
            return
        with self.clock.apart():
            closer = by_parts(evidence)
            if closer is not evidence and closer.fit is not None:
                evidence, wrong = closer, closer.fit.wrong
            for accusation in accusations(evidence, set(wrong)):
                self._add(evidence, accusation)

    def _without_anchor(self, evidence: StepEvidence, *, anchors: bool = True) -> Shown:
        """No gradient fits a cost: see whether one edit makes all of them fit the program's own."""
        names = evidence.params[0].name if evidence.params else ""
        known = names in self.blamed
        self.blamed.add(names)
        if known or self._accumulated(evidence):
            return ()
        found = free_search(evidence, patience=SEARCH)
        if found is None:
            self.blamed.discard(names)
            return under_anchor(evidence) if anchors else ()
        evidence.fit = found.fit
        return tuple(Accusation(*one) for one in found.diagnoses)

    def _aside(self, evidence: StepEvidence) -> Shown:
        """Search the edit that makes the gradients of another training right, once in a run."""
        searches = self.options.diagnose and evidence.fit is None and evidence.has_own_cost
        if not searches or self._searched_aside:
            return ()
        self._searched_aside = True
        evidence.complete()
        with self.clock.apart():
            return self._without_anchor(evidence, anchors=False)

    def _under_own_cost(self, evidence: StepEvidence) -> Shown:
        """See whether one edit makes all gradients right under a cost of the program's."""
        if self.blamed or evidence.unfaithful:
            return ()
        with self.clock.apart():
            return under_own_cost(evidence, last=self.judged <= MOST_LAST)

    def _accumulated(self, evidence: StepEvidence) -> bool:
        """See whether all gradients fit a cost of the program's once its accumulators are empty."""
        found = once_emptied(evidence, self.known.titles)
        evidence.fit = found or evidence.fit
        return found is not None

    def _add(self, evidence: StepEvidence, accusation: Accusation) -> None:
        """Keep a finding, unless one about gradients is at the same line already."""
        diagnosis = accusation.diagnosis
        line = diagnosis.site.span.line
        if any(line == known and code.startswith("BP1") for code, known in self.findings):
            return
        self.findings[diagnosis.code, line] = accusation.finding(evidence)

    def add_nonfinite(self, finding: Finding | None) -> None:
        """Add what was found about non-finite values; wrong gradients come first (triage)."""
        if finding is None:
            return
        if any(f.severity == "error" for f in self.findings.values()):
            finding = replace(finding, severity="warning")
        self.findings.setdefault((finding.code, finding.span.line), finding)

    def _settle(self) -> None:
        """Look again at the steps whose gradients fitted no cost, now that all are known."""
        self.chronicle.leave_open(*self.covered.before(), *self.known.by_chance())
        open_one = self._unanchored
        rising = [k for k, f in self.findings.items() if f.code == "BP104" and not self.blamed]
        if open_one is not None:
            # (Others may say nothing: a dead hinge.)
            meant = not self.known.is_known(open_one) or bool(rising)
            own = {k: self.findings.pop(k) for k in rising}
            if meant or self._accumulated(open_one) or self.known.is_wrong(open_one):
                self.take(open_one, search=meant or open_one.fit is None)
            if open_one.fit is None:  # else what fitted later, uphill, were saturated outputs
                self.findings = {**own, **self.findings}
        shown, found = self.still.explained(self.judged)
        if shown and self.still.evidence is not None:
            self.take(self.still.evidence, shown=shown)
        elif found is not None:
            self.findings.setdefault((found.code, found.span.line), found)
        if self._faint is not None and self._faint.fit is not None and not self.blamed:
            self._accuse(self._faint, self._faint.fit.wrong)
        if not self.blamed and self.dissent.evidence is not None:
            shown = self.dissent.accusations()
            if shown:
                self.take(self.dissent.evidence, shown=shown)

    def report(
        self, *, target: str, steps: int, outcome: Any, too_long: bool, sources: dict[str, str]
    ) -> Report:
        """Put everything together."""
        with self.guarded("the gradients that fit no cost"):
            self._settle()
        self.arrival.settle(self.findings)
        findings = self.chronicle.upheld(without_inherited(self.findings.values()))
        gradient = self.chronicle.report(self.known.reported, too_long=too_long, reason=self.reason)
        findings = self.training.triaged(findings, gradient.status, steps)
        return Report(
            script=target,
            status=outcome.status,
            steps=steps,
            gradient=gradient,
            findings=tuple(findings),
            script_exit=outcome.exit_status,
            sources=sources,
            warnings=(*outcome.warnings, *self.warnings, *self.witness.failures),
            aliases=self.aliases.known(),
        )
