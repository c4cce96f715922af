"""Searches the training loop, while everything is recorded.

As soon as two iterations in a row of some loop change the same parameter, it is a candidate. It
waits for the loops around it to show whether they update more; then it is found.
"""

from __future__ import annotations

import ast
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from backproof.candidates import (
    Candidate,
    gathered,
    has_cost,
    overlapping,
    repeated_updates,
    sites_of,
    sweeps,
)
from backproof.clock import Clock
from backproof.source import tree_of
from backproof.trace.event import Event
from backproof.trace.loops import LoopInstance
from backproof.trace.recorder import Recorder
from backproof.trace.site import SITES
from backproof.trace.tape import Tape
from backproof.updates import Update

MOST_ENTRIES = 4
MOST_BYTES = 120_000_000
#: Events that a recognised loop waits for the loop around it to show whether it updates more.
PATIENCE = 20_000
#: Iterations that a loop must have begun before steps of several are looked for, and that are kept.
LEAST_GATHERED, MOST_MARKS = 8, 130
#: The same of a loop that none runs around: the moves of whole episodes.
MOST_OUTERMOST = 2_000
#: Looks at a loop after which it gets one for each doubling of its iterations.
MOST_ATTEMPTS = 60
#: Iterations after which a loop counts as training whether a cost is seen or not.
PATIENT = 500


@dataclass(frozen=True, slots=True)
class Found:
    """The training loop; `running` where one of its iterations has just begun."""

    candidate: Candidate
    running: bool = False


class LoopSearch:
    """The search for the training loop of one run.

    Parameters
    ----------
    known : (path, (line, column)), optional
        Where it begins, as an earlier run has found: no other loop is looked at.
    """

    def __init__(
        self, clock: Clock, *, max_events: int,
        known: tuple[str, tuple[int, int]] | None = None,
    ) -> None:  # fmt: skip
        self.clock = clock
        self.max_events = max_events
        self.known = known
        self.candidate: Candidate | None = None
        self.doubtful: tuple[Candidate, list[Event]] | None = None
        """A loop whose values change by themselves, at no cost that is known; and its events."""
        self.too_long = False
        self.attempts: dict[int, int] = {}
        self.partial: set[int] = set()
        """Loops whose iterations are only parts of steps."""
        self.recorded = 0
        """Events recorded and forgotten again."""
        self._weighed = 0
        self._bytes = 0
        self._begun: Counter[int] = Counter()
        """Iterations of each loop that have begun."""
        self._next: Counter[int] = Counter()
        """How many must have begun before a loop that was looked at often is looked at again."""

    def iteration(self, recorder: Recorder, loop: LoopInstance) -> Found | None:
        """Take note of an iteration that begins; returns the training loop if that is clear now."""
        log = recorder.log
        loop.count += 1
        self._begun[loop.site] += 1
        if loop.starts and loop.starts[-1] == len(log):
            return None  # the iteration before did nothing: `if j == i: continue`
        loop.starts.append(len(log))
        loop.marks.append(len(log))
        inside = len(recorder.loops) > 1
        del loop.starts[:-3], loop.marks[: -(MOST_MARKS if inside else MOST_OUTERMOST)]
        waiting = self.candidate
        if waiting is not None and loop.site == waiting.site and len(waiting.passed) < MOST_MARKS:
            waiting.passed.append(len(log))
        entered = waiting is not None and loop.site == waiting.site and loop.count == 2
        if waiting is not None and entered and len(waiting.later) < MOST_ENTRIES:
            number = self._begun[loop.site] - 2
            waiting.later.append((loop.starts[-2], loop.starts[-1], number))
        if len(loop.starts) == 3:
            found = self.attempt(recorder, loop)
            if found is not None:
                return found
            waiting = self.candidate
            if waiting is not None and loop is waiting.around[-1]:
                first, second, end = loop.starts
                if not self._sweeps(recorder, (first, second, end), waiting):
                    # The loop around had its chance and changes no parameter from turn to turn.
                    return Found(waiting)
                self.partial.add(waiting.site)
                self.candidate = waiting = None
        if waiting is not None and len(log) - waiting.bounds[2] > PATIENCE:
            return Found(waiting, running=loop.site == waiting.site)
        if len(log) > self.max_events or self._heavy(log):
            if waiting is not None:
                return Found(waiting, running=loop.site == waiting.site)
            self._drop(recorder, loop)
        return None

    def outermost(self, recorder: Recorder) -> None:
        """Forget what came before a loop outside any other: it cannot be part of a step."""
        self.recorded += len(recorder.log)
        recorder.log.clear()
        self._weighed = self._bytes = 0

    def attempt(
        self, recorder: Recorder, loop: LoopInstance, *, last: bool = False
    ) -> Found | None:
        """See whether the last two iterations of a loop change the same parameter."""
        known = self.candidate is not None and loop.site == self.candidate.site
        if len(loop.starts) < 3 or known or loop.site in self.partial:
            return None
        if self.known is not None and not self._is_known(loop.site):
            return None
        first, second, end = loop.starts[-3:]
        size = end - first
        seen = self.attempts.get(loop.site, 0)
        if end == second or (size * (1 + seen) > 20_000 + self.recorded + len(recorder.log)):
            return None
        if seen > 6 and not last and loop.count & (loop.count - 1):
            return None
        if seen > MOST_ATTEMPTS and self._begun[loop.site] < self._next[loop.site]:
            return None
        self._next[loop.site] = 2 * self._begun[loop.site]
        self.attempts[loop.site] = seen + 1
        with self.clock.analysing():
            tape, kept = repeated_updates(recorder.log, (first, second, end))
            over = None if kept else overlapping(tape, (first, second, end))
        kept = over or kept
        if kept:
            bounds = first, second, end
            return self._found(
                recorder, loop, bounds, tape, kept, overlaps=over is not None, last=last
            )
        if last or (loop.count >= LEAST_GATHERED and not loop.count & (loop.count - 1)):
            marks = [*loop.marks, end] if last else loop.marks
            for one, two, three, period in gathered(recorder.log, marks):
                with self.clock.analysing():
                    tape, kept = repeated_updates(recorder.log, (one, two, three))
                if kept:
                    bounds = one, two, three
                    return self._found(recorder, loop, bounds, tape, kept, period, last=last)
        return None

    def _found(
        self, recorder: Recorder, loop: LoopInstance, bounds: tuple[int, int, int], tape: Tape,
        kept: list[Update], period: int = 1, *, last: bool, overlaps: bool = False,
    ) -> Found | None:  # fmt: skip
        """Take a loop whose steps update the same parameters for a candidate."""
        count = self._begun[loop.site] - (not last)
        around = tuple(o for o in recorder.loops if o is not loop)
        found = Candidate(
            loop.site, bounds, sites_of(tape, kept), count, around, period=period, overlaps=overlaps
        )
        if self.known is not None:
            return Found(found, running=not last)
        if count < PATIENT and not self._is_plausible(recorder.log, found):
            return None
        return self._consider(recorder, loop, found, [u for u in kept if not u.repeated])

    def _is_known(self, site: int) -> bool:
        """Whether a loop is the one that an earlier run has found."""
        assert self.known is not None
        path, start = self.known
        where = SITES[site]
        return where.span.start == start and (
            where.file.path == path or os.path.realpath(where.file.path) == os.path.realpath(path)
        )

    def _is_plausible(self, log: Sequence[Event], found: Candidate) -> bool:
        """Whether a loop trains: what it updates has a cost. `y += h * f(y)` has none."""
        with self.clock.analysing():
            plausible = has_cost(log, found)
        if not plausible and self.doubtful is None:
            first, second, end = found.bounds
            moved = replace(found, bounds=(0, second - first, end - first), around=())
            self.doubtful = moved, list(log[first:end])
        return plausible

    def _consider(
        self, recorder: Recorder, loop: LoopInstance, found: Candidate, updates: Sequence[Update]
    ) -> Found | None:
        """Choose between a loop and one inside it that changes parameters as well.

        The inner loop's iterations are the steps, unless the outer updates parameters that it does
        not, or has made the forward pass for all of them.
        """
        inner = self.candidate
        if inner is None:
            self.candidate = found
            if not found.around:
                return Found(found, running=self._begun[found.site] > found.count)
        elif loop in inner.around:
            # What the inner loop runs as well is no parameter more: over two batches, a velocity
            # changes by what depends on itself.
            first, _, end = inner.bounds
            within = inner.sites.union(event[0] for event in recorder.log[first:end])
            beyond = [s for s in found.sites - within if not _is_in(s, inner.site)]
            more = bool(updates) and bool(beyond)  # a branch that was not taken is none
            more = more or self._sweeps(recorder, found.bounds, inner)
            return Found(found if more else inner)
        return None

    def _sweeps(self, recorder: Recorder, outer: tuple[int, int, int], inner: Candidate) -> bool:
        """Whether an inner loop only goes through the entries that a step of the outer updates."""
        with self.clock.analysing():
            entered = [(start, stop) for start, stop, _ in inner.later]
            return sweeps(recorder.log, outer, [inner.bounds[:2], *entered])

    def done(self, found: Found) -> int:
        """Return the steps of the training loop that are done: more came while it waited."""
        return max(found.candidate.count, self._begun[found.candidate.site] - found.running)

    def _heavy(self, log: list[Any]) -> bool:
        for event in log[self._weighed :]:
            held = event[4] if event[5] is None else event[5][2]
            self._bytes += getattr(held, "nbytes", 0)
        self._weighed = len(log)
        return self._bytes > MOST_BYTES

    def _drop(self, recorder: Recorder, loop: LoopInstance) -> None:
        """Forget all but the last iteration of the innermost running loop."""
        position = loop.starts[-2] if len(loop.starts) > 1 else loop.starts[-1]
        if len(recorder.log) - position > self.max_events:
            position = loop.starts[-1]
            self.too_long = True
        self.recorded += position
        recorder.trim(position)
        for other in recorder.loops:
            if other is not loop:
                other.starts = [s for s in other.starts if s > 0]
        self._weighed = self._bytes = 0
        loop.starts = [s for s in loop.starts if s >= 0]


def _is_in(site: int, loop: int) -> bool:
    """Whether an expression stands in the body of a loop."""
    one, whole = SITES[site], SITES[loop]
    return one.file is whole.file and any(
        isinstance(node, ast.For | ast.While) and node.lineno == whole.span.line
        and node.lineno < one.span.line <= (node.end_lineno or 0)
        for node in ast.walk(tree_of(one.file.text))
    )  # fmt: skip


def loop_place(site: int | None) -> tuple[str, tuple[int, int]] | None:
    """Return the file, line and column of a site that is a loop."""
    if site is None or SITES[site].kind != "loop":
        return None
    return SITES[site].file.path, SITES[site].span.start
