"""Searches the edits that make every gradient right, each tried by running the edited program."""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from backproof.finding import Finding, Report
from backproof.repair.accept import Judgement, judge
from backproof.repair.candidate import Candidate, Code, targets_of, value_of
from backproof.repair.generate import propose
from backproof.repair.patch import CannotPatch
from backproof.repair.probe import NAME, Probe, sieve
from backproof.repair.trial import Trial
from backproof.repair.workshop import Edits, Files, Workshop
from backproof.report.place import document
from backproof.source import Edit, SourceFile, Span

#: Codes whose findings are faults of a gradient or its use.
REPAIRED = ("BP101", "BP102", "BP103", "BP104", "BP105", "BP106", "BP107", "BP108", "BP109")
#: Judged steps of a candidate's first run.
JUDGED = 3
MOST_FAULTS = 4
#: Seconds after which gradients right up to a common factor will do, where none was right as it is.
BETTER = 8.0
#: Candidates that are probed and tried together, the likeliest first.
STAGES = (250, 500, 1_000, 2_000)


@dataclass(frozen=True, slots=True)
class Found:
    """One fault with the edits that repair it (in the program with the earlier ones repaired)."""

    finding: Finding
    edits: Edits
    before: str
    after: str
    trial: Trial
    statement: Span
    complete: bool


@dataclass(slots=True)
class Repair:
    """What a search has come to.

    Attributes
    ----------
    original, fixed : Trial or None
        The program as it is, and with all edits, run for as many steps.
    verified : bool
        Every gradient of the edited program is right on every judged step.
    reason : str
        Why there is no verified fix.
    """

    original: Trial
    fixed: Trial | None = None
    found: list[Found] = field(default_factory=list)
    files: Files = field(default_factory=dict)
    verified: bool = False
    reason: str = ""
    runs: int = 0
    seconds: float = 0.0
    deterministic: bool = True

    @property
    def report(self) -> Report | None:
        """What the first run said."""
        return self.original.report


class Hunt:
    """One search.

    Parameters
    ----------
    workshop : Workshop
    budget : float
        Seconds for all of it.
    progress : callable (runs) -> object, optional
    """

    def __init__(
        self, workshop: Workshop, *, budget: float = 60.0,
        progress: Callable[[int], object] | None = None,
    ) -> None:  # fmt: skip
        self.workshop = workshop
        self.budget = budget
        self.progress = progress
        self.started = time.monotonic()
        self.shapes: dict[str, str] = {}
        """For each gradient, as the program calls it, its parameter."""

    def late(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() - self.started > self.budget

    def repair(self) -> Repair:
        """Run the program, and search until every gradient is right or the time is over."""
        self.started = time.monotonic()
        trial = self.workshop.try_one(diagnose=True)
        repair = Repair(trial)
        trial = self._mapped(trial)
        repair.original = trial
        self._search(repair, trial)
        repair.runs = self.workshop.count
        repair.seconds = time.monotonic() - self.started
        return repair

    def _search(self, repair: Repair, trial: Trial) -> None:
        for _ in range(MOST_FAULTS):
            if trial.report is None:
                repair.reason = trial.failure
                return
            findings = faults(trial.report)
            if not findings:
                if not repair.found:
                    repair.reason = "there is no wrong gradient to repair"
                return
            best = self._one(trial, findings, repair.files)
            if best is None:
                late = " in the time given" if self.late() else ""
                repair.reason = repair.reason or f"no edit that was tried makes it right{late}"
                return
            candidate, judgement = best
            edits = tuple((candidate.path, e) for e in candidate.edits)
            repair.found.append(
                self._found(trial.report, findings[0], candidate, judgement, repair)
            )
            repair.files = self.workshop.edited(edits, repair.files)
            if judgement.complete:
                fixed = self._mapped(self.workshop.try_one(repair.files))
                repair.fixed = fixed
                status = fixed.report.gradient.status if fixed.report is not None else ""
                if judge(fixed, repair.original).complete and status == "verified":
                    repair.verified = True
                    repair.deterministic = self._is_deterministic(repair.original)
                    return
                trial = fixed
            trial = self._mapped(self.workshop.try_one(repair.files, diagnose=True))
            repair.fixed = trial
        repair.reason = "there are more faults than one run repairs"

    def _one(
        self, trial: Trial, findings: list[Finding], base: Files
    ) -> tuple[Candidate, Judgement] | None:
        """Return the best candidate for a program's faults, if any makes progress."""
        assert trial.report is not None
        self.shapes = {p.gradient: p.name for p in trial.report.gradient.parameters}
        candidates = sorted(self._candidates(trial.report, findings), key=lambda c: c.price)
        partial: list[tuple[Candidate, Judgement]] = []
        fallback: tuple[Candidate, Judgement] | None = None
        start = 0
        for size in STAGES:
            stage = candidates[start : start + size]
            start += size
            if not stage or self.late():
                break
            whole = self._stage(self._sifted(stage, base), trial, base, partial)
            if whole is not None and whole[1].scaled:
                return whole
            fallback = fallback or whole
            if fallback is not None and time.monotonic() - self.started > BETTER:
                return fallback
            if partial and len(findings) > 1:
                break
        if fallback is not None:
            return fallback
        # What repairs one fault of several leaves the forward pass as it is.
        for candidate, judgement in sorted(partial, key=lambda p: -p[1].gain)[:3]:
            edits = tuple((candidate.path, e) for e in candidate.edits)
            tried = self.workshop.try_one(base, edits, judged=2)
            if judge(tried, trial).better:
                return candidate, judgement
        return None

    def _stage(
        self, candidates: list[Candidate], trial: Trial, base: Files,
        partial: list[tuple[Candidate, Judgement]],
    ) -> tuple[Candidate, Judgement] | None:  # fmt: skip
        """Try some candidates; return the first that makes everything right.

        Trials run beside each other: what ends early waits for those that stand before it.
        """
        whole: tuple[Candidate, Judgement] | None = None
        best: tuple[int, Judgement] | None = None
        running: set[int] = set()

        def queue() -> Iterator[tuple[int, Edits]]:
            for number, candidate in enumerate(candidates):
                if best is not None or self.late():
                    return
                running.add(number)
                yield number, tuple((candidate.path, edit) for edit in candidate.edits)

        own = any(step.own_cost for step in trial.steps)
        results = self.workshop.try_all(
            queue(), base, judged=JUDGED, strict=True, own=own, cost=anchor(trial)
        )
        with closing(results):  # type: ignore[type-var]
            for number, tried in results:
                if self.progress is not None:
                    self.progress(self.workshop.count)
                running.discard(number)
                candidate, judgement = candidates[number], judge(tried, trial)
                if judgement.complete and judgement.scaled:
                    if best is None or number < best[0]:
                        best = number, judgement
                elif judgement.complete and whole is None:
                    whole = (candidate, judgement)
                elif judgement.better:
                    partial.append((candidate, judgement))
                if best is not None and min(running, default=best[0]) >= best[0]:
                    break
        return whole if best is None else (candidates[best[0]], best[1])

    def _candidates(self, report: Report, findings: list[Finding]) -> Iterator[Candidate]:
        """Propose edits in every file that the findings name."""
        paths: list[str] = []
        for finding in findings:
            paths += [finding.file, *(r.file for r in finding.related)]
        untrained = [
            str(name) for f in findings if f.code == "BP107"
            for name in f.evidence.get("parameters", ())
        ]  # fmt: skip
        formed = {p.name: p.line for p in report.gradient.parameters if p.status == "wrong"}
        for path in dict.fromkeys(paths):
            text = report.sources.get(path)
            if text is None:
                continue
            try:
                code = Code.of(SourceFile(path, text, document(path)[1]))
            except (SyntaxError, ValueError):
                continue
            own = [f for f in findings if f.file == path or any(r.file == path for r in f.related)]
            yield from propose(code, own, untrained, formed)

    def _sifted(self, candidates: list[Candidate], base: Files) -> list[Candidate]:
        """Leave out what the values in the program show to be no candidate."""
        groups: dict[tuple[str, Span], list[str]] = {}
        places: list[tuple[int, int] | None] = []
        for candidate in candidates:
            if not candidate.value:
                places.append(None)
                continue
            key = (candidate.path, candidate.statement)
            texts = groups.setdefault(key, [])
            places.append((list(groups).index(key), len(texts)))
            texts.append(candidate.value)
        if not groups:
            return sorted(candidates, key=lambda c: c.price)
        own = [self._own_value(path, span, base) for path, span in groups]
        probe = Probe([(*o, others) for o, others in zip(own, groups.values(), strict=True)])
        edits = tuple(
            (path, Edit(_point(span), f"{NAME}({number}, globals(), locals()); "))
            for number, (path, span) in enumerate(groups)
        )
        try:
            trial = self.workshop.try_one(base, edits, judged=1, probe=probe)
        except CannotPatch:
            return sorted(candidates, key=lambda c: c.price)
        if trial.gathered is None or not any(trial.gathered[0]):
            return sorted(candidates, key=lambda c: c.price)
        counts, status, prints = trial.gathered
        return sieve(candidates, counts, status, prints, places)

    def _own_value(self, path: str, span: Span, base: Files) -> tuple[str, str]:
        """Return the text of a statement's value, and of what has the shape it should have."""

        name, cell = document(path)
        data = base.get(name) or self.workshop.read(name)
        file = source_of(path, data, cell)
        code = Code.of(file)
        statement = code.statement_at(span.line, span.column)
        value = None if statement is None else value_of(statement)
        target = ""
        if statement is not None and value is not None:
            targets = targets_of(statement)
            if len(targets) == 1:
                text = code.text(targets[0])
                target = self.shapes.get(text, "") or (
                    text if isinstance(statement, ast.AugAssign) else ""
                )
        return ("None" if value is None else code.text(value)), target

    def _found(
        self, report: Report, finding: Finding, candidate: Candidate, judgement: Judgement,
        repair: Repair,
    ) -> Found:  # fmt: skip
        """Word one repair: the line as it was and as it is."""
        name, cell = document(candidate.path)
        data = repair.files.get(name) or self.workshop.read(name)
        before = source_of(candidate.path, data, cell)
        edits = tuple((candidate.path, e) for e in candidate.edits)
        files = self.workshop.edited(edits, repair.files)
        after = source_of(candidate.path, files[name], cell)
        old, new = _changed_lines(before.lines, after.lines)
        return Found(finding, edits, old, new, judgement.trial, candidate.statement,
                     judgement.complete)  # fmt: skip

    def _mapped(self, trial: Trial) -> Trial:
        """Return a trial whose report names the user's files instead of the copy's."""
        report = trial.report
        if report is None:
            return trial
        place = self.workshop.original_of
        findings = tuple(
            replace(
                finding,
                file=place(finding.file),
                related=tuple(replace(r, file=place(r.file)) for r in finding.related),
            )
            for finding in report.findings
        )
        sources = {place(path): text for path, text in report.sources.items()}
        report = replace(
            report, script=self.workshop.program.target, findings=findings, sources=sources
        )
        return replace(trial, report=report)

    def _is_deterministic(self, original: Trial) -> bool:
        """Whether the program comes to the same costs when nothing seeds its random numbers."""
        other = self.workshop.try_one(judged=1, seed=1)
        known = {(s.step, s.cost_title): s.cost for s in original.steps}
        return all(
            known.get((s.step, s.cost_title), s.cost) == s.cost for s in other.steps
        )  # fmt: skip


def anchor(trial: Trial) -> str | None:
    """Return the cost of the program under which some gradients are right; others are no cost."""
    telling = trial.telling
    titles = {step.cost_title for step in telling}
    anchored = all(step.own_cost and len(step.wrong) < len(step.verdicts) for step in telling)
    return titles.pop() if anchored and len(titles) == 1 else None


def faults(report: Report) -> list[Finding]:
    """Return the findings that an edit may repair, those proven first."""
    errors = [f for f in report.findings if f.code in REPAIRED and f.severity == "error"]
    if errors or report.gradient.status != "wrong":
        return errors
    return [f for f in report.findings if f.code in REPAIRED and f.severity == "warning"]


def source_of(path: str, data: bytes, cell: int | None) -> SourceFile:
    """Return a file, or a notebook's cell, as the debugger reads it."""
    if cell is None:
        return SourceFile.decode(path, data)
    from backproof.trace.notebook import code_cells

    notebook = document(path)[0]
    return next(c for c in code_cells(notebook, data.decode("utf-8")) if c.cell == cell)


def _point(span: Span) -> Span:
    return Span(span.line, span.column, span.line, span.column)


def _changed_lines(old: Sequence[str], new: Sequence[str]) -> tuple[str, str]:
    """Return the lines in which two texts differ."""
    first = 0
    while first < min(len(old), len(new)) and old[first] == new[first]:
        first += 1
    last = 0
    while last < min(len(old), len(new)) - first and old[-1 - last] == new[-1 - last]:
        last += 1
    before = "\n".join(old[first : len(old) - last])
    return before, "\n".join(new[first : len(new) - last])
