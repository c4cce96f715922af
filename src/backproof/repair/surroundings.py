"""The process as it was before the program could change it: where a search for fixes starts."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the process was like before the program could change it."""

    cwd: str
    environment: dict[str, str]
    path: list[str]
    modules: frozenset[str]
    input_at: int | None
    """Where the standard input stood, if it is a file."""

    @classmethod
    def now(cls) -> Surroundings:
        """Take them down."""
        position = None
        with suppress(OSError, ValueError):
            if stat.S_ISREG(os.fstat(0).st_mode):
                position = os.lseek(0, 0, os.SEEK_CUR)
        return cls(os.getcwd(), dict(os.environ), list(sys.path), frozenset(sys.modules), position)

    def given(self) -> bytes | None:
        """Return what the program could read from its standard input; None where that is gone."""
        try:
            kind = os.fstat(0).st_mode
        except OSError:
            return b""
        if self.input_at is not None:
            pieces, at = [], self.input_at
            while piece := os.pread(0, 1 << 20, at):
                pieces.append(piece)
                at += len(piece)
            return b"".join(pieces)
        return b"" if stat.S_ISCHR(kind) and not os.isatty(0) else None
