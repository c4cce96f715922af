"""Runs jobs in processes of their own, a few at a time; each is ended by its number when late."""

from __future__ import annotations

import os
import pickle
import select
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from backproof.repair.trial import Job, Trial, perform

Work = Callable[[Job], Any]


@dataclass(slots=True)
class Running:
    """A child process and what it has sent so far."""

    key: Any
    process: int
    pipe: int
    deadline: float
    started: float
    slot: int
    beside: int
    """How many ran when it was started, itself among them."""
    received: list[bytes] = field(default_factory=list)


#: Times as long as on an idle machine that all may take: others may use the processor, too.
BUSY = 8.0


class Pool:
    """Forks this process, which has imported all that trials need and run nothing of the user's.

    Parameters
    ----------
    workers : int
        Processes at a time.
    timeout : float
        Seconds of CPU that one may take, and `BUSY` times as many on the wall.
    work : callable (Job) -> answer
    lost : callable (seconds, why) -> answer
        What stands for the answer of a process that gave none.

    Attributes
    ----------
    spent : float
        Seconds that all took, waiting for the processor left out.
    """

    def __init__(
        self, workers: int, timeout: float, work: Work = perform,
        lost: Callable[[float, str], Any] | None = None,
    ) -> None:  # fmt: skip
        self.workers = workers
        self.timeout = timeout
        self.work = work
        self.lost = lost or (lambda s, why: Trial((), None, "", True, "", s, why))
        self.spent = 0.0

    def run(self, jobs: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
        """Yield each (key, answer) as it ends; closing the generator ends what still runs.

        Parameters
        ----------
        jobs : iterable of (key, make)
            ``make(slot)`` prepares the job for one of the `workers` places.
        """
        waiting = iter(jobs)
        active: list[Running] = []
        free = list(range(self.workers))
        try:
            more = True
            while more or active:
                while more and free:
                    entry = next(waiting, None)
                    if entry is None:
                        more = False
                        break
                    slot = free.pop(0)
                    job = entry[1](slot)
                    active.append(self._start(entry[0], job, slot, len(active) + 1))
                for child in self._ready(active):
                    active.remove(child)
                    free.append(child.slot)
                    yield child.key, self._result(child)
        finally:
            for child in active:
                self._end(child)
                os.close(child.pipe)

    def _start(self, key: Any, job: Job, slot: int, beside: int) -> Running:
        reading, writing = os.pipe()
        now = time.monotonic()
        process = os.fork()
        if process == 0:
            self._child(job, reading, writing)
        os.close(writing)
        deadline = now + BUSY * self.timeout
        return Running(key, process, reading, deadline, now, slot, beside)

    def _child(self, job: Job, reading: int, writing: int) -> None:
        """Do the job in the child, and leave without the parent's exit handlers."""
        status = 1
        try:
            os.setsid()
            _end_with_parent()
            signal.setitimer(signal.ITIMER_PROF, self.timeout)
            os.close(reading)
            answer = pickle.dumps(self.work(job))
            with open(writing, "wb") as stream:
                stream.write(answer)
            status = 0
        except BaseException:
            status = 1
        finally:
            os._exit(status)

    def _ready(self, active: list[Running]) -> list[Running]:
        """Read what has come; return the children that are done or late."""
        if not active:
            return []
        now = time.monotonic()
        wait = max(0.0, min(child.deadline for child in active) - now)
        readable, _, _ = select.select([c.pipe for c in active], [], [], min(wait, 0.5))
        done = []
        for child in active:
            if child.pipe in readable:
                data = os.read(child.pipe, 1 << 20)
                child.received.append(data)
                if not data:
                    done.append(child)
            elif time.monotonic() > child.deadline:
                done.append(child)
        return done

    def _result(self, child: Running) -> Any:
        os.close(child.pipe)
        data = b"".join(child.received)
        seconds = time.monotonic() - child.started
        late = time.monotonic() > child.deadline and not data
        late = self._end(child) == signal.SIGPROF or late
        if data:
            with suppress(Exception):
                return pickle.loads(data)
        failure = (
            f"no end within {self.timeout:g} s" if late else "the process ended without a word"
        )
        return self.lost(seconds, failure)

    def _end(self, child: Running) -> int:
        """End a child with all that it started (it leads a group of its own); return its signal."""
        with suppress(OSError):
            os.killpg(child.process, signal.SIGKILL)
        with suppress(OSError):
            os.kill(child.process, signal.SIGKILL)
        with suppress(OSError):
            _, status, used = os.wait4(child.process, 0)
            self.spent += (used.ru_utime + used.ru_stime) / child.beside
            return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        return 0


def _end_with_parent() -> None:
    """Ask Linux to end this process when the one that forked it ends, however it does."""
    if sys.platform == "linux":
        with suppress(Exception):
            import ctypes

            ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
