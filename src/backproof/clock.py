"""What the analysis of a run has cost so far: as the clock on the wall sees it, and in CPU time."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


class Clock:
    """Seconds spent on a run by us.

    Attributes
    ----------
    analysis : float
        All that the program waited for, by the wall.
    judging : float
        CPU time of judging alone. It decides how many steps are judged; the search for faults, and
        what else has a budget of its own, is not counted, and neither is waiting for the processor:
        a report must not depend on what else the machine does.
    """

    def __init__(self) -> None:
        self.analysis = 0.0
        self.judging = 0.0

    @contextmanager
    def analysing(self) -> Iterator[None]:
        """Count what happens inside as analysis, and its CPU time as judging.

        Floating-point errors of ours are no warnings of the program's. Tapes are many objects and
        no garbage: looking for cycles among them takes a fifth of the time.
        """
        wall, cpu = time.perf_counter(), time.process_time()
        collecting = gc.isenabled()
        gc.disable()
        try:
            with np.errstate(all="ignore"):
                yield
        finally:
            if collecting:
                gc.enable()
            self.analysis += time.perf_counter() - wall
            self.judging += time.process_time() - cpu

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Take what happens inside, within `analysing`, out of the judging."""
        cpu = time.process_time()
        try:
            yield
        finally:
            self.judging -= time.process_time() - cpu
