"""A line on the terminal that says how far a long run is, and gets out of the program's way.

It is written at most once a second, from a hook that runs anyway, and never in the middle of a
line. What the program prints erases it first: while it is shown, the `write` of the program's
streams passes through here.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

#: Runs shorter than this (seconds) show nothing.
PATIENCE = 2.0


class Progress:
    """The progress line of a run.

    Parameters
    ----------
    stream : text stream
        A terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._write = stream.write
        self._process = os.getpid()
        self._started = time.perf_counter()
        self._shown = False
        self._at_start = True
        self._watched: list[TextIO] = []
        for watched in {id(s): s for s in (sys.stdout, sys.stderr, stream)}.values():
            with suppress(AttributeError, ValueError):
                if watched.isatty():
                    watched.write = self._through(watched.write)  # type: ignore[method-assign]
                    self._watched.append(watched)

    def show(self, steps: int) -> None:
        """Say that `steps` steps are done."""
        seconds = time.perf_counter() - self._started
        if seconds < PATIENCE or not self._at_start or os.getpid() != self._process:
            return
        with suppress(OSError, ValueError):
            self._write(f"\r\x1b[Kbackproof: {steps:,} steps in {seconds:.0f} s\r")
            self._stream.flush()
            self._shown = True

    def close(self) -> None:
        """Erase the line, and leave the streams as they were."""
        self._erase()
        for watched in self._watched:
            with suppress(AttributeError):
                del watched.write
        self._watched.clear()

    def _erase(self) -> None:
        if self._shown and os.getpid() == self._process:
            self._shown = False
            with suppress(OSError, ValueError):
                self._write("\x1b[K")
                self._stream.flush()

    def _through(self, write: Callable[[str], int]) -> Callable[[str], int]:
        def erase_first(text: str) -> int:
            if self._shown:
                self._erase()
            if text:
                self._at_start = text[-1] == "\n"
            return write(text)

        return erase_first
