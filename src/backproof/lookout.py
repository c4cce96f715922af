"""Watches for the first non-finite value, however late it comes.

Recorded steps are looked at directly. Between them the program runs plainly; about once a second
its variables are scanned, and a checkpoint is made while they are all finite. When they are not
any more, the last checkpoint is woken: it records every step until it meets the operation that
made the value, and sends the finding back.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from types import FrameType, TracebackType
from typing import Any

from backproof.checks.nonfinite import Prehistory, explain, sinks
from backproof.checks.raised import explain_exception
from backproof.finding import Finding
from backproof.trace.alive import is_sound, namespaces_of, stack, unsound
from backproof.trace.checkpoint import Awake, Checkpoint, fork_checkpoint, obstacle
from backproof.trace.event import Event
from backproof.trace.imports import is_testing
from backproof.trace.site import SITES
from backproof.trace.tape import Tape, build
from backproof.updates import Update, find_updates

#: Seconds of the program's own time between two checkpoints.
INTERVAL = 1.0
#: How long the parent waits at the end for a woken checkpoint.
PATIENCE = 30.0
KEPT = 2


class Lookout:
    """Finds the first non-finite value of a run.

    Attributes
    ----------
    finding : Finding or None
    hunting : bool
        This process is a woken checkpoint.
    pulse : callable (step) -> object, or None
        Called about once a second.
    """

    def __init__(self) -> None:
        self.finding: Finding | None = None
        self.step = -1
        self.warnings: list[str] = []
        self.awake: Awake | None = None
        self.prehistory = Prehistory()
        self.growth: list[tuple[int, float]] = []
        self.watchers: list[Callable[[Sequence[Event], Sequence[Event]], None]] = []
        """Called as well with events that will be forgotten."""
        self.pulse: Callable[[int], object] | None = None
        self._checkpoints: list[Checkpoint] = []
        self._woken: list[Checkpoint] = []
        self._legal: set[str] | None = None
        self._alarm: set[str] = set()
        self._fallback: Finding | None = None
        self._failed = False
        self._next = 0.0
        self._why_not = ""

    @property
    def hunting(self) -> bool:
        """Whether this process is a woken checkpoint."""
        return self.awake is not None

    # ---- in the program ------------------------------------------------------------------------

    def boundary(self, step: int, overhead: float) -> bool:
        """A plain step begins; make a checkpoint if it is time. True in a child just woken."""
        if time.perf_counter() - overhead < self._next:
            return False
        if self.pulse is not None:
            self.pulse(step)
        if self.finding is not None or self.hunting or (self._woken and not self._answered()):
            self._next = time.perf_counter() - overhead + INTERVAL
            return False
        self._scan(stack(sys._getframe(2)))
        woken = False
        if not self._woken:
            self._why_not = obstacle()
            if not self._why_not:
                woken = self._fork(step)
        self._next = time.perf_counter() - overhead + INTERVAL
        return woken

    def _fork(self, step: int) -> bool:
        try:
            made = fork_checkpoint(step, self._checkpoints)
        except OSError as error:
            self._why_not = str(error)
            return False
        if isinstance(made, Awake):
            self._checkpoints.clear()
            self.awake = made
            return True
        self._checkpoints.append(made)
        while len(self._checkpoints) > KEPT:
            self._checkpoints.pop(0).discard()
        return False

    def over(self) -> None:
        """The training loop has ended: its variables are still there to be looked at."""
        if self.finding is None and not self.hunting and not self._woken:
            self._scan(stack(sys._getframe(2)))

    def _scan(self, frames: Sequence[FrameType]) -> None:
        """Look at the variables; wake a checkpoint if one of them is no longer finite."""
        found = unsound(namespaces_of(frames, {site.file.path for site in SITES}))
        if self._legal is None:
            self._legal = found
            return
        self._alarm = found - self._legal
        if self._alarm:
            self._wake()

    def _wake(self) -> None:
        """Wake the latest checkpoint: it works beside the program, which goes on."""
        if self._checkpoints and not self._woken:
            self._woken.append(self._checkpoints.pop())
            self._woken[-1].wake()

    def _answered(self) -> bool:
        """Take the answer of a woken checkpoint, if there is one; False while it is busy."""
        if not self._woken[-1].answered():
            return False
        self._take(self._woken.pop().collect(PATIENCE))
        if self.finding is None and self._legal is not None:
            self._legal |= self._alarm
        return self.finding is None

    def _take(self, answer: Any) -> None:
        if isinstance(answer, Finding):
            self.finding = answer
            self.step = answer.evidence.get("step", -1)
        elif isinstance(answer, list):
            self.warnings.extend(answer)

    # ---- steps that were recorded --------------------------------------------------------------

    def before(self, log: Sequence[Event], later: Sequence[Event] = ()) -> None:
        """Events that will be forgotten: remember where non-finite values were made.

        `later` are the events since, which are kept.
        """
        for watch in self.watchers:
            watch(log, later)
        if self.finding is None:
            self.prehistory.add(log)

    def passed(
        self, log: Sequence[Event], starts: Sequence[int], step: int, sites: frozenset[int]
    ) -> None:
        """Look at steps that were done before the loop was known, and will not be judged.

        An infinity that a program begins with is made in each of them by the same expressions.
        """
        known: set[int] = set()
        for start, stop in pairwise((*starts, len(log))):
            made = {event[0] for event in log[start:stop] if not is_sound(event[4])}
            if self.finding is None and not made <= known:
                known |= made
                tape = build(log, start, stop)
                updates = find_updates(tape, 0, len(tape.operations))
                self.examine(tape, [u for u in updates if u.sites(tape) & sites], step)
            step += 1

    def examine(self, tape: Tape, updates: Sequence[Update], step: int) -> bool:
        """Look at a recorded step; returns whether non-finite values spoil its gradients."""
        try:
            spoiled = self._examine(tape, updates, step)
            moved = [tape.value(u.new) for u in updates]
            return spoiled and not (moved and all(map(is_sound, moved)))
        except Exception as error:
            self._report(error, step)
            return False

    def _report(self, error: Exception, step: int) -> None:
        """An error of ours is a line of the report, never the program's problem."""
        if is_testing():
            raise error
        self.warnings.append(f"step {step} could not be searched for non-finite values: {error!r}")

    def _examine(self, tape: Tape, updates: Sequence[Update], step: int) -> bool:
        if self.finding is not None and self.step <= step:
            return True
        ends = sinks(tape, updates)
        if not self.hunting:
            self._measure(tape, updates, step)
        if not ends:
            return False
        finding = explain(tape, updates, ends, step, self.prehistory, self.growth)
        if finding is None:
            return False
        if finding.evidence.get("given") and (self._checkpoints or self._woken):
            self._fallback = finding
            self._wake()
            return True
        self.finding, self.step = finding, step
        return True

    def _measure(self, tape: Tape, updates: Sequence[Update], step: int) -> None:
        """Remember how large the parameters are."""
        largest = 0.0
        for update in updates:
            value = tape.value(update.old)
            if is_sound(value):
                largest = max(largest, float(abs(value).max()) if hasattr(value, "max")
                              else abs(value))  # fmt: skip
        if updates:
            self.growth.append((step, largest))
            self.growth.sort()

    # ---- in a woken checkpoint -----------------------------------------------------------------

    def hunt(self, log: Sequence[Event], step: int, sites: frozenset[int]) -> None:
        """Look at a step recorded again; if the value is there, send the finding and end."""
        assert self.awake is not None
        if all(is_sound(event[4]) for event in log):
            return
        tape = build(log, 0, len(log))
        updates = [u for u in find_updates(tape, 0, len(tape.operations)) if u.sites(tape) & sites]
        self.examine(tape, updates, step)
        if self.finding is not None:
            self.awake.leave(self.finding)
        if self.warnings:
            self.awake.leave(self.warnings)

    def leave(self) -> None:
        """End this woken checkpoint: it has found nothing."""
        assert self.awake is not None
        self.awake.leave(None)

    # ---- the end -------------------------------------------------------------------------------

    def finish(self, raised: BaseException | None, step: int) -> None:
        """The program is over; gather what is known and end all children."""
        if raised is not None and not self.hunting:
            finding = explain_exception(raised, step, self.growth)
            if finding is not None:
                self.finding = finding
            elif self.finding is None and not self._woken:
                self._scan(_frames(raised.__traceback__))
        asking = self.finding is None and bool(self._woken)
        if asking:
            self._take(self._woken.pop().collect(PATIENCE))
            if self.finding is None and self._checkpoints:
                older = self._checkpoints.pop()
                older.wake()
                self._take(older.collect(PATIENCE))
        if self.finding is None:
            self.finding = self._fallback
        if self.finding is None and self._alarm and self._why_not:
            names = ", ".join(f"`{name}`" for name in sorted(self._alarm)[:3])
            self.warnings.append(
                f"{names} became non-finite, but the steps could not be repeated: {self._why_not}"
            )
        self.close()

    def close(self) -> None:
        """End all children."""
        for checkpoint in (*self._checkpoints, *self._woken):
            checkpoint.discard()
        self._checkpoints.clear()
        self._woken.clear()


def _frames(traceback: TracebackType | None) -> list[FrameType]:
    frames: list[FrameType] = []
    while traceback is not None:
        frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    return frames[::-1]
