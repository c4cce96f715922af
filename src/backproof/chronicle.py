"""What the judged steps say of each parameter, one after another."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from backproof.checks.covered import Open
from backproof.checks.gradient import StepEvidence, confirmed
from backproof.checks.match import author_value
from backproof.checks.stories import Stories
from backproof.finding import Finding, GradientReport, ParameterVerdict, Status
from backproof.history import History, distinct
from backproof.trace.tape import Tape


class Chronicle:
    """The histories of a run's parameters, by name."""

    def __init__(self) -> None:
        self.histories: dict[str, History] = {}
        self.stories = Stories()

    def note(
        self, evidence: StepEvidence, index: int, said: bool | None, *, absent: bool,
        proof: bool = True,
    ) -> bool:  # fmt: skip
        """Add one parameter of one step to its history; returns whether it is proven wrong.

        Without `proof` what is wrong is not held against differences: none will be told of it.

        `said` is what the program's own differences say about the adjoint, if anything;
        `absent` says that no cost fits, and one that fitted another step is not computed in this.
        """
        parameter = evidence.params[index]
        status, reason = evidence.status(index)
        history = self.histories.setdefault(parameter.name, History(parameter.name))
        fit = evidence.fit
        error = None
        if fit is not None and status in ("verified", "wrong"):
            match = fit.matches[index]
            if reason != "zero" and (proof or status != "wrong"):
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
        if absent:
            history.reason = history.reason or reason
        elif reason == "zero":
            history.reason = history.reason or "the gradient is zero in every judged step"
        else:
            history.statuses.append(status)
            self.stories.note(evidence, parameter.name, status)
            if error is not None and np.isfinite(error):
                history.errors.append(float(error))
            if reason:
                history.reason = reason
        return status == "wrong"

    def contradict(self, name: str) -> None:
        """Note that the program's own differences contradict the adjoint of its cost."""
        self.histories.setdefault(name, History(name)).contradicted = True

    def accuse(self, names: Iterable[str]) -> None:
        """Note what several steps together call wrong, and none of them alone."""
        for name in names:
            history = self.histories.setdefault(name, History(name))
            history.statuses.append("wrong")
            history.errors.clear()

    def leave_open(self, *found: Open) -> None:
        """Note what speaks against steps that verify some parameters."""
        for one, name in ((each, name) for each in found for name in each.names):
            self.histories.setdefault(name, History(name)).elsewhere = one.reason

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

    def upheld(self, findings: Iterable[Finding]) -> list[Finding]:
        """Return the findings, without accusations that the program itself has contradicted.

        Nor those of steps that others contradict. What a step before the first copy called by
        another name is known by its line.
        """
        untrue = self.stories.untrue()
        for name in set().union(*untrue.values()):
            statuses = self.histories[name].statuses
            told = sum(name in names for names in untrue.values())
            if statuses.count("wrong") == told < len(statuses):
                self.histories[name].statuses = [s for s in statuses if s != "wrong"]
        lines = {h.line for h in self.histories.values() if h.contradicted} - {0}
        for history in self.histories.values():
            if history.line in lines and history.witness != "program":
                history.contradicted = True
        contradicted = {h.name for h in self.histories.values() if h.contradicted}
        return [
            f for f in findings
            if not untrue.get(f.evidence.get("step", -1), set()).intersection(
                f.evidence.get("parameters", ())
            ) and (not (named := set(f.evidence.get("parameters", ()))) or named - contradicted)
        ]  # fmt: skip

    def verdicts(self) -> tuple[ParameterVerdict, ...]:
        """Return the verdict over all steps on each parameter."""
        return distinct(h.verdict() for h in self.histories.values())

    def report(
        self, cost: tuple[str, int] | None, *, too_long: bool, reason: str
    ) -> GradientReport:
        """Return what is known of all gradients, as those of a cost (its expression and line).

        `reason` is why nothing is known, where that is so.
        """
        parameters = self.verdicts()
        statuses = {p.status for p in parameters}
        status: Status
        if "wrong" in statuses:
            status = "wrong"
        else:
            status = "verified" if statuses == {"verified"} else "unverified"
        if parameters:
            reasons = (p.reason for p in parameters if p.reason and status == "unverified")
            reason = next(reasons, "")
        elif too_long:
            reason = "a step is too long to record (raise --max-events)"
        else:
            reason = reason or "no parameter update was found in this program"
        expression, line = cost or (None, None)
        return GradientReport(
            status=status, cost_expression=expression, cost_line=line,
            parameters=parameters, reason=reason,
        )  # fmt: skip


def _named(tape: Tape, node: int) -> bool:
    operation = tape.producer(node)
    if operation is None:
        return False
    where = operation.where
    return bool(where.targets) and where.is_value
