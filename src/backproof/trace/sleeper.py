"""A sleeping copy of the program at the start of a step: it knows what else the step might cost.

The copy is forked when a step begins that will be judged. Asked for costs, it forks once more for
each: this process changes the parameters in place, goes on as the program would, up to the event
that made the cost, sends the number, and is gone. Its events must come from the same sites in the
same order as the recorded ones: a step that takes another path gives no answer.

Nothing of this reaches the outside (see `checkpoint`), and nothing outlives the step: a copy ends
when its pipe is closed, each process forked from it after a number of seconds.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import struct
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.trace import memory
from backproof.trace.alive import namespaces_of, stack
from backproof.trace.checkpoint import (
    Asleep,
    Checkpoint,
    fork_alike,
    fork_asleep,
    mute,
    own_positions,
)
from backproof.trace.loops import LoopInstance
from backproof.trace.memory import Place
from backproof.trace.recorder import Recorder
from backproof.trace.site import SITES

#: CPU seconds that one evaluation may take.
LIMIT = 0.5
#: Seconds after which a copy that nobody asks anything ends.
IDLE = 120.0


@dataclass(frozen=True, slots=True)
class Question:
    """What costs are wanted.

    Attributes
    ----------
    places, base : tuple
        Values to change, and what they are changed to.
    directions : tuple of dict
        For each claim the places that move, and how.
    patience : float
        Seconds that one evaluation may take, whatever it waits for.
    sites : bytes
        Sites of the events up to the one whose result is the cost (``numpy.int64``).
    formula : str
        Name of the formula that makes the cost of that event's result and `labels`, if any.
    """

    places: tuple[Place, ...]
    base: tuple[np.ndarray[Any, Any], ...]
    directions: tuple[dict[int, np.ndarray[Any, Any]], ...]
    sites: bytes
    patience: float
    formula: str = ""
    labels: Any = None


Formulas = Mapping[str, Callable[[Any, Any], float]]
#: (index of the claim, t): the cost is wanted at ``base + t·direction``.
Point = tuple[int, float]


class Sleeper:
    """The program's side of a copy."""

    def __init__(self, child: Checkpoint) -> None:
        self.child = child
        os.set_blocking(child.control, False)

    def pose(self, question: Question, seconds: float) -> float | None:
        """Hand over a question; None if the copy does not find the parameters, else CPU seconds."""
        answer = self._exchange(question, seconds)
        return answer if isinstance(answer, float) else None

    def costs(
        self, points: Sequence[Point], seconds: float
    ) -> tuple[list[float | None], float] | None:
        """Return the cost at each point (None where there is no answer), and the CPU time taken."""
        answer = self._exchange(list(points), seconds)
        return answer if isinstance(answer, tuple) else None

    def _exchange(self, message: Any, seconds: float) -> Any:
        deadline = time.perf_counter() + seconds
        if not _send(self.child.control, message, deadline):
            return None
        return _receive(self.child.result, deadline)

    def end(self) -> None:
        """End the copy, and what it has forked; returns when they are gone."""
        if os.getpid() != self.child.parent:
            return
        self.child.forget()  # it reads this as the end
        try:
            deadline = time.perf_counter() + 0.5
            while time.perf_counter() < deadline:
                if os.waitpid(self.child.pid, os.WNOHANG)[0]:
                    return
                time.sleep(0.0005)
        except ChildProcessError:
            return
        except BaseException:
            self._kill()
            raise
        self._kill()

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.discard()


def fall_asleep(recorder: Recorder, site: int, formulas: Formulas) -> Sleeper | None:
    """Fork a copy at the start of an iteration of the loop at `site`.

    Returns
    -------
    Sleeper in the program, at once; None in a process that is to run the step up to its cost, with
    the recorder ready for it.
    """
    made = fork_asleep(0)
    if isinstance(made, Checkpoint):
        return Sleeper(made)
    try:
        os.setpgid(0, 0)
        _Server(made, recorder, site, formulas).serve()
    except BaseException:
        os._exit(1)
    return None


# ---- in the copy -------------------------------------------------------------------------------


class _Server:
    """Answers questions; a process forked from it leaves `serve`."""

    def __init__(self, pipes: Asleep, recorder: Recorder, site: int, formulas: Formulas) -> None:
        self.pipes = pipes
        self.recorder = recorder
        self.site = site
        self.formulas = formulas
        self.namespaces = namespaces_of(
            stack(sys._getframe()), {site.file.path for site in SITES}
        )  # fmt: skip
        self.question: Question | None = None
        self.objects: list[Any] = []

    def serve(self) -> None:
        """Answer until the program closes its pipe."""
        while True:
            message = _receive(self.pipes.control, time.perf_counter() + IDLE)
            if message is None:
                os._exit(0)
            if isinstance(message, Question):
                before = _cpu()
                objects = memory.find(message.places, self.namespaces)
                self.question, self.objects = message, objects or []
                answer: Any = None if objects is None else _cpu() - before
            else:
                before = _cpu()
                costs: list[float | None] = []
                for claim, t in message:
                    made = self._cost(claim, t)
                    if made is _GOES_ON:
                        return
                    costs.append(made)
                answer = (costs, _cpu() - before)
            if not _send(self.pipes.result, answer, time.perf_counter() + IDLE):
                os._exit(0)

    def _cost(self, claim: int, t: float) -> Any:
        """Let a new process find out one cost."""
        question = self.question
        assert question is not None
        read, write = os.pipe()
        pid = fork_alike()
        if not pid:
            try:
                os.close(read)
                os.close(self.pipes.control)
                os.close(self.pipes.result)
                self._prepare(question, claim, t, write)
            except BaseException:
                os._exit(1)
            return _GOES_ON
        os.close(write)
        data = b""
        ready = select.select([read, self.pipes.control], [], [], question.patience)[0]
        if read in ready:
            data = os.read(read, 8)
        # If nothing came, the time is over or the program has closed its pipe.
        os.close(read)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return struct.unpack("d", data)[0] if len(data) == 8 else None

    def _prepare(self, question: Question, claim: int, t: float, out: int) -> None:
        """Change the parameters, and let the recorder stop the program at the cost."""
        _limit(question.patience)
        own_positions()
        moves = question.directions[claim] if question.directions else {}
        for index, (obj, value) in enumerate(zip(self.objects, question.base, strict=True)):
            move = moves.get(index)
            if not memory.put(obj, value if move is None else value + t * move):
                os._exit(1)
        mute()
        recorder = self.recorder
        recorder.policy = _UntilTheCost(self.site)
        recorder.write_to(_Trail(question, self.formulas.get(question.formula), out))
        recorder.start()


_GOES_ON = object()


def _limit(patience: float) -> None:
    """Let the system end this process when it has had its time."""
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, LIMIT)
    signal.setitimer(signal.ITIMER_REAL, patience)


def _cpu() -> float:
    """CPU seconds of this process and of all that were forked from it and are gone."""
    import resource  # not on Windows

    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


class _Trail(list[Any]):
    """Takes the log's place: compares events with the recorded ones, and keeps none."""

    def __init__(
        self, question: Question, formula: Callable[[Any, Any], float] | None, out: int
    ) -> None:
        super().__init__()
        self.sites: list[int] = np.frombuffer(question.sites, np.int64).tolist()
        self.formula = formula
        self.labels = question.labels
        self.out = out
        self.position = 0

    def append(self, event: Any) -> None:
        """Meet one event; the last is the cost."""
        position = self.position
        if event[0] != self.sites[position]:
            os._exit(0)
        self.position = position + 1
        if self.position == len(self.sites):
            self._answer(event[4])

    def _answer(self, result: Any) -> None:
        try:
            value = np.asarray(result, dtype=float)
            with np.errstate(all="ignore"):
                cost = self.formula(value, self.labels) if self.formula else value.sum()
            os.write(self.out, struct.pack("d", float(cost)))
        finally:
            os._exit(0)


class _UntilTheCost:
    """The recorder's policy in a step that is run again: record, to the end of the iteration."""

    def __init__(self, site: int) -> None:
        self.site = site

    def outermost(self, recorder: Recorder) -> None:
        """A loop begins."""

    def iteration(self, recorder: Recorder, loop: LoopInstance) -> bool:
        """The next step has no answer."""
        if loop.site == self.site:
            os._exit(0)
        return True

    def loop_end(self, recorder: Recorder, loop: LoopInstance) -> None:
        """The loop's end has none either."""
        if loop.site == self.site:
            os._exit(0)


# ---- messages ----------------------------------------------------------------------------------


def _send(descriptor: int, message: Any, deadline: float) -> bool:
    data = pickle.dumps(message)
    data = struct.pack("q", len(data)) + data
    view = memoryview(data)
    try:
        while view:
            left = deadline - time.perf_counter()
            if left <= 0 or not select.select([], [descriptor], [], left)[1]:
                return False
            view = view[os.write(descriptor, view[:65_536]) :]
    except (OSError, ValueError):
        return False
    return True


def _receive(descriptor: int, deadline: float) -> Any:
    """Return a message; None if there is none in time, or never will be."""
    head = _read(descriptor, 8, deadline)
    if head is None:
        return None
    data = _read(descriptor, struct.unpack("q", head)[0], deadline)
    return None if data is None else pickle.loads(data)


def _read(descriptor: int, size: int, deadline: float) -> bytes | None:
    parts: list[bytes] = []
    while size:
        left = deadline - time.perf_counter()
        try:
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                return None
            part = os.read(descriptor, min(size, 1 << 20))
        except (OSError, ValueError):
            return None
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
