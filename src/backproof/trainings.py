"""Looks for further training loops when the first is known: a student after its teacher.

The first steps of each are recorded and judged; then the program runs its own plain code again.
"""

from __future__ import annotations

from collections.abc import Callable

from backproof.clock import Clock
from backproof.loop_search import Found, LoopSearch
from backproof.trace.loops import LoopInstance
from backproof.trace.recorder import Recorder

#: Outermost loops that are looked into, and the events of each.
MOST_LOOPS, MOST_EVENTS = 6, 40_000
#: Times that a further training loop is looked into when it is entered again: `for loss in (…)`.
MOST_AGAIN = 3


class Trainings:
    """The search in the loops that begin outside any other, once a training loop is known.

    Parameters
    ----------
    judge : callable (Recorder, Found) -> None
        Called with each training loop that is found.
    """

    def __init__(self, clock: Clock, judge: Callable[[Recorder, Found], None]) -> None:
        self.clock = clock
        self.judge = judge
        self.search: LoopSearch | None = None
        self._seen: set[int] = set()
        self._again: dict[int, int] = {}
        """The further training loops, and how often each was entered again."""

    def outermost(self, recorder: Recorder) -> None:
        """A loop begins outside any other: look into it, once."""
        self.leave(recorder)
        site = recorder.loops[-1].site
        if site in self._seen or len(self._seen) >= MOST_LOOPS:
            return
        self._seen.add(site)
        self._begin(recorder)

    def entered(self, recorder: Recorder, loop: LoopInstance) -> None:
        """An iteration begins while nothing is searched: look into a known training run again."""
        new, loop.count = not loop.count, loop.count + 1
        if new and self._again.get(loop.site, MOST_AGAIN) < MOST_AGAIN:
            self._again[loop.site] += 1
            loop.count = 0
            self._begin(recorder)
            self.iteration(recorder, loop)

    def _begin(self, recorder: Recorder) -> None:
        self.search = LoopSearch(self.clock, max_events=MOST_EVENTS)
        recorder.log.clear()
        recorder.start()

    def iteration(self, recorder: Recorder, loop: LoopInstance) -> None:
        """An iteration begins while the search is on."""
        assert self.search is not None
        found = self.search.iteration(recorder, loop)
        if found is not None:
            self.end(recorder, found)
        elif self.search.recorded + len(recorder.log) > MOST_EVENTS:
            self.leave(recorder)

    def loop_end(self, recorder: Recorder, loop: LoopInstance) -> None:
        """A loop is over while the search is on."""
        assert self.search is not None
        found = None
        if loop.count >= 2:
            loop.starts.append(len(recorder.log))
            found = self.search.attempt(recorder, loop, last=True)
        if found is None and not recorder.loops and self.search.candidate is not None:
            found = Found(self.search.candidate)
        if found is not None or not recorder.loops:
            self.end(recorder, found)

    def end(self, recorder: Recorder, found: Found | None) -> None:
        """Judge what was found, and record no more."""
        if found is not None:
            self._again.setdefault(found.candidate.site, 0)
            self.judge(recorder, found)
        self.leave(recorder)

    def leave(self, recorder: Recorder) -> None:
        """Give up the search."""
        if self.search is not None:
            self.search = None
            recorder.log.clear()
            for loop in recorder.loops:
                loop.starts.clear()
                loop.marks.clear()
            recorder.arm()
