"""Gathers the judged steps of a run into verdicts and findings."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from backproof.checks.anchor import anchored
from backproof.checks.arrival import Arrival
from backproof.checks.blame.earliest import Blame
from backproof.checks.cause.attempts import diagnose
from backproof.checks.cause.diagnosis import Diagnosis, from_edit
from backproof.checks.direction import climbing
from backproof.checks.gradient import StepEvidence, confirmed, judge_step
from backproof.checks.match import author_value, is_natural
from backproof.checks.pairs import judge_pairs
from backproof.checks.search import StepSearch
from backproof.checks.state import StateFault, emptied, not_reset, stale_reads
from backproof.checks.training import TrainingHistory
from backproof.checks.unanchored import free_search
from backproof.clock import Clock
from backproof.finding import Finding, GradientReport, Related, Report, Status
from backproof.history import History, distinct
from backproof.names import Names
from backproof.options import RunOptions
from backproof.trace.event import Event
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Tape
from backproof.updates import Update
from backproof.witness import Witness

#: CPU seconds for the search of an edit, for all faults of a step.
SEARCH = 3.0


class Verdict:
    """The judge that the conductor calls, and what it has learnt so far."""

    def __init__(self, options: RunOptions) -> None:
        self.options = options
        self.clock = Clock()
        self.witness = Witness()
        self.histories: dict[str, History] = {}
        self.findings: dict[tuple[str, int], Finding] = {}
        self.warnings: list[str] = []
        self.cost: tuple[str, int] | None = None
        self.preferred: list[str] = []
        self.judged = 0
        self._unanchored: StepEvidence | None = None
        self.blamed: set[str] = set()
        self._named: dict[int, str] = {}
        self.training = TrainingHistory()
        self.arrival = Arrival()
        self.reason = ""
        self.observers: list[Callable[[StepEvidence], object]] = []
        """Called with each judged step; may raise `StopRun` to end the program there."""

    # ---- one step ------------------------------------------------------------------------------

    def judge(self, tape: Tape, updates: list[Update], step: int) -> None:
        """Judge a recorded step; never lets an error of ours reach the program."""
        try:
            self._judge(tape, updates, step)
        except Exception as error:
            if os.environ.get("BACKPROOF_TESTING"):
                raise
            self.warnings.append(
                f"step {step} could not be judged: {type(error).__name__}: {error}"
            )

    def judge_pairs(self, log: Sequence[Event]) -> None:
        """Judge what a program that updates nothing calls gradients, once."""
        if self.judged:
            return
        try:
            evidence = judge_pairs(log)
            if evidence is not None:
                self.judged += 1
                self.take(evidence, claimed=True)
                self.show(evidence)
        except Exception as error:
            if os.environ.get("BACKPROOF_TESTING"):
                raise
            self.warnings.append(f"gradients could not be judged: {type(error).__name__}: {error}")

    def _judge(self, tape: Tape, updates: list[Update], step: int) -> None:
        self.training.look(tape, updates, step)
        if not updates:
            self.arrival.idle(tape, Names({site.file.path for site in SITES}))
            return
        evidence = self._evidence(tape, updates, step)
        other = self._other_cost(evidence, updates)
        evidence.complete()
        self.judged += 1
        if other is not None:
            others = {u.old for p in other.params for u in p.updates}
            evidence = self._evidence(tape, [u for u in updates if u.old not in others], step)
            other.complete()
            self.take(other)
        with self.clock.apart():
            self.training.observe(evidence)
        self._named = {
            id(tape.nodes[u.old].obj): p.name for p in evidence.params for u in p.updates
        }
        self.take(evidence)
        self.arrival.look(evidence, updates)
        self.show(evidence)

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
            preferred=self.preferred, cost_name=self.options.cost, held=held,
        )  # fmt: skip

    def _other_cost(self, evidence: StepEvidence, updates: list[Update]) -> StepEvidence | None:
        """Judge gradients that are wrong under one cost under another one of the program.

        A step may train two networks, each with its own cost (a generator, a discriminator).
        """
        fit = evidence.fit
        if fit is None or fit.hypothesis.registered or len(fit.wrong) < 2 or not fit.chosen:
            return None
        mine = {u.old for i in fit.wrong for u in evidence.params[i].updates}
        held = frozenset(u.new for u in updates if u.old not in mine)
        their = [u for u in updates if u.old in mine]
        other = self._evidence(evidence.tape, their, evidence.step, held)
        found = other.fit
        if found is None or found.hypothesis.registered:
            return None
        one, two = fit.hypothesis.node, found.hypothesis.node
        if one in evidence.tape.ancestors([two]) or two in evidence.tape.ancestors([one]):
            return None  # a cost and a part of it are no two costs
        return other if len(found.chosen) >= 2 and is_natural(found.scale) else None

    def take(self, evidence: StepEvidence, *, claimed: bool = False, search: bool = False) -> None:
        """Add what a judged step says.

        `claimed` where no update of the program's is behind it; `search` where no cost fitted any
        gradient, in any step, and one edit may show which cost is meant.
        """
        self.reason = evidence.reason
        if evidence.fit is not None:
            title = evidence.fit.hypothesis.title
            if title not in self.preferred:
                self.preferred.insert(0, title)
            if self.cost is None or not evidence.fit.hypothesis.registered:
                self.cost = (title, evidence.fit.hypothesis.line)
        diagnosis = None
        anchored = evidence.fit is not None or bool(self.preferred)
        if evidence.fit is None and self.preferred and not evidence.unfaithful:
            self._accumulated(evidence)
        if not anchored and not evidence.unfaithful and self.options.diagnose and not search:
            if self._unanchored is None or (
                evidence.has_own_cost and not self._unanchored.has_own_cost
            ):
                evidence.keep()
                self._unanchored = evidence
        elif search:
            diagnosis = self._without_anchor(evidence)
        said = self.witness.ask(evidence)
        wrong = [i for i in range(len(evidence.params)) if self._note(evidence, i, said.get(i))]
        if evidence.fit is None:
            return
        if diagnosis is not None:
            self.blamed |= {evidence.params[i].name for i in wrong}
            self._add(evidence, diagnosis, tuple(wrong), ())
            return
        for found in () if claimed else climbing(evidence, self.findings.values()):
            self.findings.setdefault((found.code, found.span.line), found)
        names = {evidence.params[i].name for i in wrong}
        if names - self.blamed and self.options.diagnose:
            self.blamed |= names
            with self.clock.apart():
                self._explain(evidence, set(wrong))

    def _explain(self, evidence: StepEvidence, wrong: set[int]) -> None:
        """Find the faults behind the wrong gradients of a step."""
        for fault in (*stale_reads(evidence), *not_reset(evidence)):
            wrong -= set(fault.repaired)
            self._add_state(evidence, fault)
        if wrong:
            self._blame(evidence)

    def _without_anchor(self, evidence: StepEvidence) -> Diagnosis | None:
        """No gradient fits a cost: see whether one edit makes all of them fit the program's own."""
        names = evidence.params[0].name if evidence.params else ""
        if names in self.blamed:
            return None
        self.blamed.add(names)
        if self._accumulated(evidence):
            return None
        found = free_search(evidence, patience=SEARCH)
        if found is None:
            evidence.fit = anchored(evidence)
            self.blamed.discard(names)
            return None
        evidence.fit = found.fit
        return found.diagnosis

    def _accumulated(self, evidence: StepEvidence) -> bool:
        """See whether all gradients fit a cost of the program's once its accumulators are empty."""
        for fit in evidence.others:
            meant = fit.hypothesis.own or fit.hypothesis.title in self.preferred
            if not meant or any(match.reason for match in fit.matches):
                continue
            found = emptied(evidence, fit)
            if found is not None:
                evidence.fit = found
                return True
        return False

    def _add_state(self, evidence: StepEvidence, fault: StateFault) -> None:
        diagnosis = Diagnosis(
            fault.code, fault.cause, fault.site, fault.reason, fault.help, fault.overwrite
        )
        self._add(evidence, diagnosis, fault.repaired, ())

    def _note(self, evidence: StepEvidence, index: int, said: bool | None) -> bool:
        """Add one parameter of one step to its history; returns whether it is proven wrong.

        `said` is what the program's own differences say about the adjoint, if anything.
        """
        parameter = evidence.params[index]
        status, reason = evidence.status(index)
        history = self.histories.setdefault(parameter.name, History(parameter.name))
        fit = evidence.fit
        error = None
        if fit is not None and status in ("verified", "wrong"):
            match = fit.matches[index]
            if reason != "zero":
                agrees, _ = confirmed(evidence, index)
                if not agrees:
                    status, reason = "unverified", "differences and the adjoint disagree"
                history.hear(said, agrees)
                if history.contradicted:
                    status = "unverified"
            level, s, error = fit.chosen.get(index, match.nearest)
            if status == "wrong":
                own = author_value(evidence.run, parameter, level)
                if own is not None and match.truth is not None and own.size == match.truth.size:
                    norm = float(np.linalg.norm(match.truth)) or 1.0
                    error = float(np.linalg.norm(own / fit.scale - match.truth)) / norm
            if history.scale is None or status == "wrong":
                history.scale = abs(s) if np.isfinite(s) and s else None
            self._describe(evidence, index, level, history)
        else:
            self._describe(evidence, index, -1, history)
        if fit is None and self._cost_is_absent(evidence):
            history.reason = history.reason or reason
        elif reason == "zero":
            history.reason = history.reason or "the gradient is zero in every judged step"
        else:
            history.statuses.append(status)
            if error is not None and np.isfinite(error):
                history.errors.append(float(error))
            if reason:
                history.reason = reason
        return status == "wrong"

    def _cost_is_absent(self, evidence: StepEvidence) -> bool:
        """Whether a cost that fitted another step is not computed in this one."""
        known = set(self.preferred)
        return bool(known) and not any(f.hypothesis.title in known for f in evidence.others)

    def _describe(self, evidence: StepEvidence, index: int, level: int, history: History) -> None:
        """Name the gradient and its line."""
        parameter = evidence.params[index]
        tape = evidence.tape
        if history.line and history.gradient:
            return
        node = None
        levels = [lv for lv in parameter.levels if not lv.deep]
        named = [lv for lv in levels if _named(tape, lv.nodes[0])]
        if named:
            node = named[-1].nodes[0]
        elif levels:
            node = levels[-1].nodes[0]
        if node is None:
            node = parameter.updates[0].merges[-1][1]
        operation = tape.producer(node)
        if operation is None:
            return
        where = operation.where
        path = evidence.names.path(tape.nodes[node].obj)
        text = where.targets[0] if where.targets and where.is_value else ""
        text = text or where.text
        if operation.mutates and text.endswith("]"):
            text = text[: text.rindex("[")]
        shared = path is not None and ("." in path or "[" in path) and "(" not in path
        history.gradient = path if shared and path else text
        history.line = where.span.line

    def _blame(self, evidence: StepEvidence) -> None:
        """Find the expressions behind the wrong gradients of a step."""
        assert evidence.fit is not None
        search = StepSearch(evidence, evidence.fit, patience=SEARCH)
        wrong = tuple(evidence.fit.wrong)
        if len(wrong) > 1:
            # One slip that explains all that is wrong is likelier than several.
            found = search.best(search.in_order(), wrong)
            if found is not None and set(found.repaired) >= set(wrong):
                operations = search.groups.get(found.site.index, ())
                outs = tuple(operation.index for operation in operations)
                self._add(evidence, from_edit(search, found), wrong, outs)
                return
        blame = Blame(evidence)
        search = StepSearch(evidence, evidence.fit, patience=SEARCH)
        for fault in blame.faults():
            diagnosis = diagnose(blame, fault, search)
            self._add(evidence, diagnosis, fault.repaired, fault.operations)

    def _add(
        self, evidence: StepEvidence, diagnosis: Diagnosis, repaired: tuple[int, ...],
        operations: tuple[int, ...],
    ) -> None:  # fmt: skip
        """Keep a finding, unless one at the same line is there already."""
        line = diagnosis.site.span.line
        if any(line == known for _, known in self.findings):
            return
        self.findings[diagnosis.code, line] = self._finding(
            evidence, repaired, operations, diagnosis
        )

    def _finding(
        self, evidence: StepEvidence, repaired: tuple[int, ...], operations: tuple[int, ...],
        diagnosis: Diagnosis,
    ) -> Finding:  # fmt: skip
        site = diagnosis.site
        names = [evidence.params[i].name for i in repaired]
        shown = ", ".join(f"`{n}`" for n in names[:4]) + (" …" if len(names) > 4 else "")
        plural = "gradients of" if len(names) > 1 else "gradient of"
        verb = "are" if len(names) > 1 else "is"
        title = f"{plural} {shown} {verb} wrong: {diagnosis.reason}"
        notes = tuple(_numbers(evidence, i) for i in repaired[:4])
        related = [
            Related(span=s.span, role="consequence", expression=s.text, file=s.file.path)
            for s in _consequences(evidence, operations, site)
        ]
        if diagnosis.overwrite is not None:
            o = diagnosis.overwrite
            related.insert(0, Related(o.span, "overwrite", o.text, o.file.path))
        return Finding(
            code=diagnosis.code,
            cause=diagnosis.cause,
            severity="error",
            title=title,
            message=diagnosis.help or diagnosis.reason,
            file=site.file.path,
            span=site.span,
            expression=site.text,
            evidence={
                "parameters": names,
                "step": evidence.step,
                **diagnosis.evidence,
            },
            related=tuple(related),
            fix=None,
            confidence="proven",
            notes=notes,
        )

    def add_nonfinite(self, finding: Finding | None) -> None:
        """Add what was found about non-finite values; wrong gradients come first (triage)."""
        if finding is None:
            return
        if any(f.severity == "error" for f in self.findings.values()):
            finding = replace(finding, severity="warning")
        self.findings.setdefault((finding.code, finding.span.line), finding)

    def _upheld(self) -> list[Finding]:
        """Return the findings, without accusations that the program itself has contradicted.

        What a step before the first copy called by another name is known by its line.
        """
        lines = {h.line for h in self.histories.values() if h.contradicted} - {0}
        for history in self.histories.values():
            if history.line in lines and history.witness != "program":
                history.contradicted = True
        contradicted = {h.name for h in self.histories.values() if h.contradicted}
        return [
            f for f in self.findings.values()
            if not (named := set(f.evidence.get("parameters", ()))) or named - contradicted
        ]  # fmt: skip

    # ---- the end -------------------------------------------------------------------------------

    def report(
        self, *, target: str, steps: int, outcome: Any, too_long: bool, sources: dict[str, str]
    ) -> Report:
        """Put everything together."""
        if self._unanchored is not None and not self.preferred:
            self.take(self._unanchored, search=True)
        self.arrival.settle(self.findings)
        findings = self._upheld()
        parameters = distinct(h.verdict() for h in self.histories.values())
        statuses = {p.status for p in parameters}
        status: Status
        if "wrong" in statuses:
            status = "wrong"
        else:
            status = "verified" if statuses == {"verified"} else "unverified"
        reason = ""
        if not parameters:
            reason = "no parameter update was found in this program"
            if too_long:
                reason = "a step is too long to record (raise --max-events)"
        elif status == "unverified":
            reason = next((p.reason for p in parameters if p.reason), "") or ""
        cost = self.cost or (None, None)
        gradient = GradientReport(
            status=status, cost_expression=cost[0], cost_line=cost[1],
            parameters=parameters, reason=reason,
        )  # fmt: skip
        findings = self.training.triaged(findings, status, steps)
        return Report(
            script=target,
            status=outcome.status,
            steps=steps,
            gradient=gradient,
            findings=tuple(findings),
            script_exit=outcome.exit_status,
            sources=sources,
            warnings=(*outcome.warnings, *self.warnings, *self.witness.failures),
        )


def _named(tape: Tape, node: int) -> bool:
    operation = tape.producer(node)
    if operation is None:
        return False
    where = operation.where
    return bool(where.targets) and where.is_value


def _numbers(evidence: StepEvidence, index: int) -> str:
    """Say how wrong a gradient is, with its worst entry."""
    fit = evidence.fit
    assert fit is not None
    parameter, match = evidence.params[index], fit.matches[index]
    own = author_value(evidence.run, parameter, match.nearest[0])
    if own is None or match.truth is None or own.shape != match.truth.shape:
        return f"{parameter.name}: the shape differs from the true gradient's"
    own = own / fit.scale
    gap = np.abs(own - match.truth)
    worst = int(np.argmax(gap))
    shape = np.shape(evidence.run.env[parameter.old[0]]) if len(parameter.old) == 1 else gap.shape
    place = ",".join(str(int(i)) for i in np.unravel_index(worst, shape)) if shape else ""
    error = float(np.linalg.norm(own - match.truth)) / (float(np.linalg.norm(match.truth)) or 1.0)
    entry = f", worst [{place}]" if place else ""
    return (
        f"{parameter.name}: relative error {error:.2g} over {gap.size} entries{entry}: "
        f"yours {own[worst]:.4g}, true {match.truth[worst]:.4g} (float64, step {evidence.step})"
    )


def _consequences(evidence: StepEvidence, operations: tuple[int, ...], site: Site) -> list[Site]:
    """Statements that only inherit the error."""
    tape = evidence.tape
    outs = [tape.operations[i].out for i in operations]
    reached = tape.reach(outs)
    lines: dict[int, Site] = {}
    for operation in tape.operations:
        where = operation.where
        if operation.out in reached and where.is_value and where.targets:
            line = where.span.line
            if line != site.span.line and where.file is site.file and line not in lines:
                lines[line] = where
    return list(lines.values())[:6]
