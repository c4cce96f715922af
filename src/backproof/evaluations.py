"""Records what a program computes between its steps, or after them: its evaluations."""

from __future__ import annotations

from collections.abc import Callable

from backproof.clock import Clock
from backproof.trace.recorder import Recorder
from backproof.trace.tape import Tape, build

#: Evaluations that are recorded, and the events and bytes of each.
MOST_TIMES, MOST_EVENTS, MOST_BYTES = 3, 20_000, 60_000_000
#: Recordings in which nothing is evaluated: programs print their cost every so many epochs.
MOST_EMPTY = 100


class Evaluations:
    """The recording that begins when the training loop ends, and ends before its next step."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.judge: Callable[[Tape], bool] = lambda tape: False
        """Called with each; returns whether anything was evaluated."""
        self.willing: Callable[[], bool] = lambda: False
        """Whether another may say something."""
        self.running = False
        self._full = self._empty = self._weighed = self._bytes = 0

    def begin(self, recorder: Recorder) -> None:
        """The training loop is over, perhaps to be entered again: record what follows."""
        spent = self._full >= MOST_TIMES or self._empty >= MOST_EMPTY
        if not (self.running or spent) and self.willing():
            self.running = True
            self._weighed = self._bytes = 0
            recorder.log.clear()
            recorder.start()

    def goes_on(self, recorder: Recorder, *, ends: bool) -> bool:
        """An iteration begins: whether it is recorded, for it `ends` none that is short enough."""
        if not self.running:
            return False
        log = recorder.log
        self._bytes += sum(getattr(event[4], "nbytes", 0) for event in log[self._weighed :])
        self._weighed = len(log)
        if ends or len(log) > MOST_EVENTS or self._bytes > MOST_BYTES:
            self.end(recorder)
        return self.running

    def end(self, recorder: Recorder) -> None:
        """Judge what was recorded."""
        if self.running:
            self.running = False
            with self.clock.analysing():
                full = self.judge(build(recorder.log, 0, len(recorder.log)))
            self._full, self._empty = self._full + full, self._empty + (not full)
            recorder.log.clear()
            recorder.arm()
