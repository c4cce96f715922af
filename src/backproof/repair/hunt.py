"""Searches the edits that make every gradient right, each tried by running the edited program."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain

from backproof.finding import Finding, Report
from backproof.placeholders import NOTHING
from backproof.repair.accept import Judgement, judge
from backproof.repair.candidate import Candidate, Code
from backproof.repair.court import JUDGED, Court, faults, nearest, shows
from backproof.repair.generate import propose
from backproof.repair.patch import CannotPatch, changed_lines
from backproof.repair.pool import BUSY
from backproof.repair.screen import UNSCREENED, Screen, source_of
from backproof.repair.sketch import sketch
from backproof.repair.squared import aligned
from backproof.repair.trial import Trial
from backproof.repair.workshop import Edits, Files, Workshop
from backproof.report.place import document
from backproof.source import SourceFile, Span

#: Edits tried where the diagnosis is sure of the expression, of an average, or of the very edit.
FEW, AVERAGES, TOLD = 6, 40, 6
MOST_FAULTS = 4
#: Seconds after which gradients right up to a common factor will do, where none was right as it is.
BETTER = 8.0
#: Candidates that are probed and tried together, the likeliest first.
STAGES = (400, 1_200, 3_000)
#: Seconds, beside those of a run, that the search for a further fault needs.
LEAST_LEFT = 0.7


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
    cause: str = ""
    """The slug of the slip that the edits undo."""


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
        Seconds of CPU for all of it, and `BUSY` times as many on the wall.
    progress : callable (runs) -> object, optional
    report : Report, optional
        What a run of the program has said already; else it is run for that.
    brief : bool
        A candidate's own run, in which every gradient came out right, will do; else the program
        with all edits is run again for as many steps as the original, to compare their effect.
    """

    def __init__(
        self, workshop: Workshop, *, budget: float = 60.0,
        progress: Callable[[int], object] | None = None, report: Report | None = None,
        brief: bool = False,
    ) -> None:  # fmt: skip
        self.workshop, self.budget = workshop, budget
        self.progress, self.report, self.brief = progress, report, brief
        self._start()
        workshop.know_loop(None if report is None else report.loop)
        self.shapes: dict[str, str] = {}
        """For each gradient, as the program calls it, its parameter."""

    def _start(self) -> None:
        self.started = time.monotonic(), time.process_time() + self.workshop.spent

    def spent(self) -> float:
        """Return the seconds that have gone by, waiting for the processor left out."""
        wall, used = self.started
        wall, used = time.monotonic() - wall, time.process_time() + self.workshop.spent - used
        return max(min(wall, used), wall / BUSY)

    def late(self) -> bool:
        """Whether the time is over."""
        return self.left() <= 0

    def left(self) -> float:
        """Return the seconds that are left."""
        return self.budget - self.spent()

    def diagnosed(self, judged: int | None = None) -> Trial:
        """Run the program as `backproof run` does."""
        return self._mapped(self.workshop.try_one(diagnose=True, judged=judged))

    def repair(self) -> Repair:
        """Run the program, and search until every gradient is right or the time is over."""
        self._start()
        if self.report is None:
            trial = self.diagnosed()
            self.workshop.know_loop(None if trial.report is None else trial.report.loop)
        else:
            tried = sketch(self.workshop, {}, self.report)
            trial = tried if tried.report is None else replace(tried, report=self.report)
        repair = Repair(trial)
        self._search(repair, trial)
        repair.runs = self.workshop.count
        repair.seconds = self.spent()
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
                elif trial.report.gradient.status == "verified" and (
                    judge(trial, repair.original).complete
                ):
                    # The whole run judges more steps than a trial, and says what it does of others.
                    repair.verified, repair.fixed, repair.reason = True, trial, ""
                else:
                    repair.reason = repair.reason or "no edit that was tried is right at every step"
                return
            if not shows(trial):
                repair.reason = "the step in which it is wrong is not reached in a short run"
                return
            best = self._one(trial, findings, repair.files)
            if best is None:
                late = " in the time given" if self.late() else ""
                repair.reason = repair.reason or f"no edit that was tried makes it right{late}"
                return
            candidate, judgement = best
            edits = tuple((candidate.path, e) for e in candidate.edits)
            repair.found.append(self._found(findings, candidate, judgement, repair))
            repair.files = self.workshop.edited(edits, repair.files)
            if judgement.complete:
                fixed = judgement.trial if self.brief else self.workshop.try_one(repair.files)
                repair.fixed = fixed = self._mapped(fixed)
                status = fixed.report.gradient.status if fixed.report is not None else ""
                if self.brief and status != "verified":
                    # Where only some steps compute the cost, the others need the known costs.
                    fixed = self._mapped(self.workshop.try_one(repair.files, judged=JUDGED))
                    repair.fixed = fixed
                    status = fixed.report.gradient.status if fixed.report is not None else ""
                if judge(fixed, repair.original).complete and status == "verified":
                    repair.verified = True
                    if not self.brief:
                        repair.deterministic = self._is_deterministic(repair.original)
                    return
                trial = fixed
            if self.late() or (self.brief and self.left() < LEAST_LEFT + trial.seconds):
                repair.reason = "no edit that was tried makes it right in the time given"
                return
            trial = self._mapped(self.workshop.try_one(repair.files, diagnose=True))
            repair.fixed = trial
        repair.reason = "there are more faults than one run repairs"

    def _one(
        self, trial: Trial, findings: list[Finding], base: Files
    ) -> tuple[Candidate, Judgement] | None:
        """Return the best candidate for a program's faults, if any makes progress."""
        assert trial.report is not None
        self.shapes = {p.gradient: p.name for p in trial.report.gradient.parameters}
        known = trial
        if trial.expected is None and (base or self.report is None):
            known = sketch(self.workshop, base, trial.report)
        lines = {*known.suspects, *((path, span.line) for path, span in known.meant.values)}
        suspects = {(self.workshop.original_of(path), line) for path, line in lines}
        several = len(findings) > 1
        screen = Screen(self.workshop, base, known, self.left, self.shapes, several=several)
        court = Court(self.workshop, base, trial, self.left)
        if met := [f for f in findings if "labels" in f.evidence]:
            codes = [_code(trial.report, path) for path in dict.fromkeys(f.file for f in met)]
            shaped = [c for code in codes if code is not None for c in aligned(code, met)]
            return court.first(self._few(shaped, base)) or court.best_part()
        if findings[0].of_optimiser:
            return court.first(self._few(self._candidates(trial.report, findings), base, AVERAGES))
        shown = [f for f in findings if f.evidence.get("turned")]
        if shown:
            # What it computes, or what stands beside it, shows the place.
            there = self._candidates(trial.report, shown[:1], suspects, only=True)
            whole = court.first(self._few(there, base))
            if whole is not None:
                return whole
        if (proven := findings[0].cause) in ("mutated-value", "not-reset"):
            # It is proven what changes too early, or never begins anew: no other value is sought.
            found = self._candidates(trial.report, findings, suspects)
            whole = court.first(self._few((c for c in found if c.cause == proven), base))
            if whole is not None and whole[1].scaled:
                return whole
        if faulty := screen.meant.faults:
            # Where a name only hands on what another statement has made wrong, that one is named.
            faulty = [*((f.file, f.span.line) for f in findings), *faulty]
            found = self._candidates(trial.report, findings, suspects, faulty, only=True)
            near = sorted(found, key=lambda c: c.price)
            # The very exchange that the diagnosis names comes before other ways to its value.
            told = screen.passing([c for c in near[:TOLD] if c.price < 0])
            for promising in chain(told, screen.meeting(near)):
                whole = court.first(promising)
                if whole is not None and whole[1].scaled:
                    return whole
        candidates = sorted(
            self._candidates(trial.report, findings, suspects, faulty), key=lambda c: c.price
        )
        grows = findings[0].code == "BP108"
        if findings[0].evidence.get("forward") or grows or not trial.steps:
            # Another forward pass has other gradients, what broadcasts other shapes: only a run
            # of its own tells.
            whole = court.first(candidates[:UNSCREENED])
            if whole is not None:
                return whole
        said = screen.passing([c for c in candidates[:TOLD] if c.price < 0], sift=False)
        for promising in chain(said, screen.meeting(candidates)):
            whole = court.first(promising)
            if whole is not None and whole[1].scaled:
                return whole
        start = 0
        for size in STAGES:
            stage = candidates[start : start + size]
            start += size
            if not stage or self.late():
                break
            for promising in screen.passing(stage):
                whole = court.first(promising)
                if whole is not None and whole[1].scaled:
                    return whole
                if self.late() or (several and court.partial):
                    break
            if court.fallback is not None and self.spent() > BETTER:
                return court.fallback
            if court.partial and several:
                break
        if court.fallback is None and not court.partial and not self.late():
            for promising in screen.doubtful():
                whole = court.first(promising)
                if whole is not None or self.late():
                    break
        if court.fallback is not None:
            return court.fallback
        return court.best_part()

    def _few(
        self, candidates: Iterable[Candidate], base: Files, most: int = FEW
    ) -> list[Candidate]:  # fmt: skip
        """Return the likeliest edits, of those that make the same program one."""
        few: dict[tuple[bytes, ...], Candidate] = {}
        for candidate in sorted(candidates, key=lambda c: c.price):
            edits = tuple((candidate.path, e) for e in candidate.edits)
            with suppress(CannotPatch, ValueError):
                few.setdefault(tuple(self.workshop.edited(edits, base).values()), candidate)
            if len(few) == most:
                break
        return list(few.values())

    def _candidates(
        self, report: Report, findings: list[Finding],
        suspects: Collection[tuple[str, int]] = (), faulty: Collection[tuple[str, int]] = (),
        *, only: bool = False,
    ) -> Iterator[Candidate]:  # fmt: skip
        """Propose edits in every file that the findings name, or that suspects are in."""
        paths: list[str] = []
        for finding in findings:
            paths += [finding.file, *(r.file for r in finding.related)]
        untrained = [
            str(name) for f in findings if f.code == "BP107" and f.cause != "update-direction"
            and (f.label != NOTHING or f.expression == "pass")  # else there is a statement for it
            for name in f.evidence.get("parameters", ())
        ]  # fmt: skip
        formed = {p.name: p.line for p in report.gradient.parameters if p.status == "wrong"}
        real = {os.path.realpath(path): path for path in report.sources}
        lines: dict[str, list[int]] = {}
        for path, line in suspects:
            lines.setdefault(real.get(os.path.realpath(path), path), []).append(line)
        for path in dict.fromkeys([*paths, *lines]):
            code = _code(report, path)
            if code is None:
                continue
            own = [f for f in findings if f.file == path or any(r.file == path for r in f.related)]
            there = [
                line for name, line in faulty if real.get(os.path.realpath(name), name) == path
            ]
            yield from propose(
                code, own, untrained, formed, lines.get(path, ()), dict.fromkeys(there), only=only
            )

    def _found(
        self, findings: list[Finding], candidate: Candidate, judgement: Judgement, repair: Repair
    ) -> Found:
        """Word one repair: the line as it was and as it is."""
        finding = nearest(findings, candidate)
        name, cell = document(candidate.path)
        data = repair.files.get(name) or self.workshop.read(name)
        before = source_of(candidate.path, data, cell)
        edits = tuple((candidate.path, e) for e in candidate.edits)
        files = self.workshop.edited(edits, repair.files)
        after = source_of(candidate.path, files[name], cell)
        old, new = changed_lines(before.lines, after.lines)
        return Found(finding, edits, old, new, judgement.trial, candidate.statement,
                     judgement.complete, candidate.cause)  # fmt: skip

    def _mapped(self, trial: Trial) -> Trial:
        """Return a trial whose report names the user's files instead of the copy's."""
        report = trial.report
        if report is None:
            return trial
        place = self.workshop.original_of
        if trial.loop is not None:
            trial = replace(trial, loop=(place(trial.loop[0]), trial.loop[1]))
        findings = tuple(
            replace(
                finding,
                file=place(finding.file),
                related=tuple(replace(r, file=place(r.file)) for r in finding.related),
            )
            for finding in report.findings
        )
        sources = {place(path): text for path, text in report.sources.items()}
        loop = None if report.loop is None else (place(report.loop[0]), report.loop[1])
        script = self.workshop.program.target
        report = replace(report, script=script, findings=findings, sources=sources, loop=loop)
        return replace(trial, report=report)

    def _is_deterministic(self, original: Trial) -> bool:
        """Whether the program comes to the same costs when nothing seeds its random numbers."""
        other = self.workshop.try_one(judged=1, seed=1)
        known = {(s.step, s.cost_title): s.cost for s in original.steps}
        return all(known.get((s.step, s.cost_title), s.cost) == s.cost for s in other.steps)


def _code(report: Report, path: str) -> Code | None:
    """Return a file of the program, None where it cannot be read."""
    text = report.sources.get(path)
    if text is None:
        return None
    try:
        return Code.of(SourceFile(path, text, document(path)[1]))
    except (SyntaxError, ValueError):
        return None
