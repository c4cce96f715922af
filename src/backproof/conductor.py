"""Decides which iterations of which loop are recorded, and hands recorded steps to a judge.

While the training loop is searched, everything is recorded. Once it is found its iterations are the
steps, and only scheduled steps are recorded; in between the program runs its own plain code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from backproof.agenda import LARGE_STEP, Agenda
from backproof.candidates import inside, readings
from backproof.clock import Clock
from backproof.earlier import Earlier
from backproof.evaluations import Evaluations
from backproof.gathering import Gathering
from backproof.homes import Homes
from backproof.late import Late
from backproof.lookout import Lookout
from backproof.loop_search import Found, LoopSearch, loop_place
from backproof.options import StopRun
from backproof.trace.event import Event
from backproof.trace.loops import LoopInstance
from backproof.trace.recorder import Recorder
from backproof.trace.tape import Tape, build
from backproof.trainings import Trainings
from backproof.updates import Update, begin_of, find_updates, turns
from backproof.versions import apart, climbed
from backproof.witness import Witness

#: Updates judged in an iteration that makes several.
MOST_TURNS = 3


class Conductor:
    """The recorder's policy.

    Parameters
    ----------
    judge : callable (tape, updates, step) -> None
        Called with each recorded step while the program waits.
    max_events : int
        A step with more events is not judged.
    max_steps : int or None
        Stop the program after so many updates.
    loop : (path, (line, column)), optional
        Where the training loop begins, if that is known.
    """

    def __init__(
        self,
        judge: Callable[[Tape, list[Update], int], object],
        *,
        lookout: Lookout | None = None,
        clock: Clock | None = None,
        witness: Witness | None = None,
        max_events: int = 400_000,
        max_steps: int | None = None,
        loop: tuple[str, tuple[int, int]] | None = None,
    ) -> None:
        self.judge = judge
        self.lookout = lookout or Lookout()
        self.clock = clock or Clock()
        self.witness = witness or Witness()
        self.max_events = max_events
        self.max_steps = max_steps
        self.site: int | None = None
        self.pairs: Callable[[Sequence[Event]], object] = lambda log: None
        """Called with all events of a program in which nothing is updated."""
        self.idle: Callable[[Sequence[Event]], object] = lambda log: None
        """Called with those before a loop."""
        self.aside: Callable[[Tape, list[Update], int], object] = judge
        """Called with steps of further training loops."""
        self.evaluations = Evaluations(self.clock)
        self.others = Trainings(self.clock, self._judge_other)
        self.earlier = Earlier()
        self.steps = 0
        self._abandoned = False
        self.recording_step = False
        self.agenda = Agenda(self.clock)
        self._running: LoopInstance | None = None
        self._open = False
        self.gathering = Gathering()
        self.search = LoopSearch(self.clock, max_events=max_events, known=loop)
        self._sites: frozenset[int] = frozenset()
        self._inside: dict[int, list[int]] = {}
        """Log positions at which the iterations of loops inside the recorded step began."""
        self.homes = Homes()
        self._late = Late(self.homes)

    @property
    def too_long(self) -> bool:
        """Whether a step had more events than are judged."""
        return self._abandoned or self.search.too_long

    @property
    def loop(self) -> tuple[str, tuple[int, int]] | None:
        """File, line and column of the training loop, if each of its iterations is a step."""
        return None if self.gathering.several else loop_place(self.site)

    # ---- called by the recorder ----------------------------------------------------------------

    def outermost(self, recorder: Recorder) -> None:
        """A loop begins outside any other: what came before cannot be part of a step."""
        self.evaluations.end(recorder)
        if self.search.candidate is not None:
            self._lock(recorder, Found(self.search.candidate))
        elif self.site is None and len(recorder.loops) == 1:
            if self.earlier.add(recorder.log) and not self.lookout.hunting:
                with self.clock.analysing():
                    self.idle(recorder.log)
            self.lookout.before(recorder.log)
            self.search.outermost(recorder)
        elif self.site is not None and len(recorder.loops) == 1 and not self._is_busy(recorder):
            self.others.outermost(recorder)

    def _is_busy(self, recorder: Recorder) -> bool:
        """Whether the loop that begins is no other training."""
        known = recorder.loops[-1].site == self.site
        return known or self.recording_step or self.lookout.hunting

    def iteration(self, recorder: Recorder, loop: LoopInstance) -> bool:
        """An iteration begins; returns whether its instrumented copy runs."""
        if self.evaluations.goes_on(recorder, ends=loop.site == self.site):
            return True
        if self.others.search is not None:
            if loop.site != self.site:
                self.others.iteration(recorder, loop)
                return True
            self.others.leave(recorder)
        if self.site is None:
            found = self.search.iteration(recorder, loop)
            if found is None:
                return True
            self._lock(recorder, found)
        if loop.site != self.site:
            if recorder.recording:
                if self.recording_step and len(recorder.log) > self.max_events:
                    self._abandon(recorder)
                    return False
                self._inside.setdefault(loop.site, []).append(len(recorder.log))
            else:
                recorder.arm()
                if not self._is_busy(recorder):
                    self.others.entered(recorder, loop)
            return True
        if self.gathering.several and not self.lookout.hunting and self._is_within(recorder):
            return self.recording_step
        self._finish_step(recorder)
        if loop.site != self.site:  # the steps turned out to be the iterations of one inside
            recorder.arm()
            return True
        self._count()
        if loop is not self._running:
            self._running = loop
            self.agenda.enter(self.steps)
        if self.lookout.boundary(self.steps, self.clock.analysis) or self.lookout.hunting:
            recorder.log.clear()
            recorder.start()
            self.recording_step = True
            return True
        if self.agenda.is_due(self.steps):
            recorder.log.clear()
            self._inside.clear()
            self.gathering.begin()
            if not self.gathering.several and self._watched(recorder):
                return True
            recorder.start()
            self.recording_step = True
            return True
        recorder.stop()
        return False

    def _is_within(self, recorder: Recorder) -> bool:
        """Whether an iteration that begins does not end a step of several."""
        recorded = len(recorder.log) if self.recording_step else None
        within = self.gathering.is_within(recorded)
        if within and self.gathering.overlaps:
            self._count()
        if recorded is None and within:
            recorder.stop()
        elif recorded is not None and recorded > self.max_events:
            self._abandon(recorder)
            return True
        return within

    def loop_end(self, recorder: Recorder, loop: LoopInstance) -> None:
        """A loop is over."""
        if self.others.search is not None:
            self.others.loop_end(recorder, loop)
            return
        if self.site is None:
            if loop.count >= 2:
                self._last_attempt(recorder, loop)
            return
        if loop.site == self.site:
            self._finish_step(recorder)
            self.steps += self._open
            self._open = False
            self.lookout.over()
            recorder.arm()
            self.evaluations.begin(recorder)

    def finish(self, recorder: Recorder) -> None:
        """The program is over: judge what is still open."""
        self.evaluations.end(recorder)
        self.others.leave(recorder)
        searching = self.site is None
        if searching:
            for loop in reversed(recorder.loops):
                if loop.count >= 2:
                    self._last_attempt(recorder, loop)
                if self.site is not None:
                    break
            if self.site is None and self.search.candidate is not None:
                self._lock(recorder, Found(self.search.candidate))
            if self.site is None and self.search.doubtful is not None:
                self.search.candidate, recorder.log[:] = self.search.doubtful
                self._lock(recorder, Found(self.search.candidate))
            if self.site is None and (recorder.log or self.earlier.events):
                self._single(recorder)
        recorder.close()

    def give_up(self, recorder: Recorder) -> None:
        """The program has ended in a woken checkpoint: look at what is still open, and leave."""
        if self.recording_step:
            self.lookout.hunt(recorder.log, self.steps, self._sites)
        self.lookout.leave()

    # ---- the training loop is found ------------------------------------------------------------

    def _catch_up(self, found: Found) -> None:
        """Count the steps done while the candidate waited, and judge some of the next ones.

        An iteration that has just begun is counted by `iteration`.
        """
        period = found.candidate.period
        self.steps = self.search.done(found) // period
        if self.steps > found.candidate.count // period:
            self.agenda.resume(self.steps)

    def _last_attempt(self, recorder: Recorder, loop: LoopInstance) -> None:
        """Look at the last iterations of a loop that is over."""
        loop.starts.append(len(recorder.log))
        found = self.search.attempt(recorder, loop, last=True)
        if found is not None:
            self._lock(recorder, found)
            self.evaluations.begin(recorder)

    def _lock(self, recorder: Recorder, found: Found) -> None:
        """The training loop is known: judge the two iterations that show it."""
        loop = found.candidate
        first, second, end = loop.bounds
        self.site, self._sites = loop.site, loop.sites
        self.steps = loop.count // loop.period
        self.gathering.period, self.gathering.overlaps = loop.period, loop.overlaps
        with self.clock.analysing():
            if self.earlier.events:
                self.pairs(self.earlier.events)
                self.earlier.clear()
            self.lookout.before(recorder.log[:first], recorder.log[first:])
            self._judge(recorder, *loop.last, self.steps - 1)
            if self.clock.judging < LARGE_STEP and not loop.overlaps:
                self._judge(recorder, first, second, self.steps - 2, following=end)
            begun = (end, *loop.passed) if loop.period == 1 else ()
            self.lookout.passed(recorder.log, begun, self.steps, self._sites)
            for start, stop, number in loop.later:
                self._judge(recorder, start, stop, number // loop.period)
        self.agenda.entered(len(loop.later))
        recorder.log.clear()
        if loop is self.search.candidate:
            self._catch_up(found)
        self.search.candidate = None
        if all(running.site != loop.site for running in recorder.loops):
            recorder.arm()

    def _judge_other(self, recorder: Recorder, found: Found) -> None:
        """Judge the two iterations that show another training loop."""
        candidate = found.candidate
        first, second, end = candidate.bounds
        judge, sites, step = self.judge, self._sites, self.steps + candidate.count
        self.judge, self._sites = self.aside, candidate.sites
        try:
            with self.clock.analysing():
                self._judge(recorder, second, end, step + 1)
                self._judge(recorder, first, second, step, following=end)
        finally:
            self.judge, self._sites = judge, sites

    def _single(self, recorder: Recorder) -> None:
        """No loop was recognised: take the whole log as one step, if it is not a long one."""
        log = recorder.log
        if len(log) > self.max_events // 4:
            self.search.too_long = True
            return
        with self.clock.analysing():
            tape = build(log, 0, len(log))
            updates = find_updates(tape, 0, len(tape.operations))
            windows = turns(tape, [u for u in updates if u.repeated])
            if len(windows) > 1:
                self.steps = len(windows)
                self._sites = frozenset(s for u in updates for s in u.sites(tape))
                for begin, end in windows[:MOST_TURNS]:
                    self._judge(recorder, begin, end, 0)
                return
            updates = [u for u in updates if tape.nodes[u.old].obj is tape.nodes[u.new].obj]
            self.steps = max(self.steps, int(bool(updates)))
            if not self.lookout.examine(tape, updates, 0):
                self.judge(tape, updates, 0)
            if not updates:
                self.pairs([*self.earlier.events, *log])

    # ---- steps ---------------------------------------------------------------------------------

    def _count(self) -> None:
        self.steps += self._open
        self._open = True
        if self.max_steps is not None and self.steps >= self.max_steps:
            raise StopRun

    def _finish_step(self, recorder: Recorder) -> None:
        if not self.recording_step:
            return
        self.recording_step = False
        log = recorder.log
        if self.lookout.hunting:
            self.lookout.hunt(log, self.steps, self._sites)
            return
        self.witness.recorded()
        try:
            if len(log) <= self.max_events:
                with self.clock.analysing():
                    if self.gathering.several:
                        bounds = self.gathering.last(log, self._sites)
                        if bounds is not None:
                            self._judge(recorder, *bounds, self.steps)
                    elif not self._move_inside(recorder):
                        self._judge(recorder, 0, len(log), self.steps)
        finally:
            self.witness.end()
        log.clear()

    def _watched(self, recorder: Recorder) -> bool:
        """Let the witness make a copy of a step that begins; True in one that runs the step."""
        assert self.site is not None
        with self.clock.analysing():
            return self.witness.watch(recorder, self.site)

    def _move_inside(self, recorder: Recorder) -> bool:
        """Take a loop inside for the training loop where the statements known update nothing.

        Two trainings may run the same code, the first one on all samples at once, the second with
        another optimiser on several batches.
        """
        log = recorder.log
        if not self._sites.isdisjoint(event[0] for event in log):
            return False
        moved = inside(log, self._inside)
        if moved is None:
            return False
        self.site, (first, second, end), sites = moved
        self._sites |= sites
        self._judge(recorder, second, end, self.steps + 1)
        self._judge(recorder, first, second, self.steps, following=end)
        self.steps += len(self._inside[self.site])
        self._open = False
        return True

    def _judge(
        self, recorder: Recorder, start: int, stop: int, step: int, *, following: int = 0
    ) -> None:
        """Judge the step ``log[start:stop]``; it has been followed by another to `following`."""
        tape = build(recorder.log, start, stop)
        read = readings(recorder.log, stop, following) if following else None
        updates = find_updates(
            tape, 0, len(tape.operations), sites=self._sites,
            kept=lambda objects: self.homes.choose(objects, read),
        )  # fmt: skip
        self._sites |= self._late.admitted(tape, updates, self._sites)
        known = [u for u in updates if u.sites(tape) & self._sites]
        begin = begin_of(tape, known) if self.gathering.overlaps else climbed(tape, known)
        tape, known = apart(tape, known)
        windows = [(begin, stop)] if begin > start else turns(tape, known)
        if windows:
            for begin, end in windows[:MOST_TURNS]:
                self._judge(recorder, max(start, begin), end, step)
            return
        if read is None:
            self.homes.learn(tape.nodes[u.new].obj for u in known)
        if not self.lookout.examine(tape, known, step) and self.judge(tape, known, step) is False:
            self.agenda.put_off(step)

    def _abandon(self, recorder: Recorder) -> None:
        if self.lookout.hunting:
            self.lookout.leave()
        self.witness.end()
        self._abandoned = True
        self.recording_step = False
        recorder.log.clear()
        recorder.stop()
