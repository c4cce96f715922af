"""Where edited programs are tried: scratch copies, a pool, and the program's own input."""

from __future__ import annotations

import os
import select
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from backproof.options import RunOptions
from backproof.repair.expect import Expected
from backproof.repair.patch import CannotPatch, patched
from backproof.repair.pool import Pool
from backproof.repair.rehearsal import Rehearsed, number_of, place_of, rehearse
from backproof.repair.scratch import Scratch
from backproof.repair.trial import Job, Trial
from backproof.report.place import document
from backproof.source import Edit, SourceFile

#: Edits of a program: (path in the user's folder, Edit).
Edits = tuple[tuple[str, Edit], ...]
#: Contents of edited files, by their path in the user's folder.
Files = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Program:
    """What the user wants repaired."""

    target: str
    argv: tuple[str, ...] = ()
    module: bool = False
    cwd: str = ""
    stdin: bytes = b""


@dataclass(slots=True)
class Workshop:
    """Runs the program with edits, each time in a fresh process and a clean copy of its folder.

    Attributes
    ----------
    options : RunOptions
        Of the run that is repeated: hints and bounds.
    workers : int
        Processes at a time.
    timeout : float
        Seconds of CPU that one run may take.
    """

    program: Program
    options: RunOptions
    workers: int = 2
    timeout: float = 30.0
    count: int = 0
    """Runs until now."""
    spent: float = 0.0
    """Seconds that they took, waiting for the processor left out."""
    loop: tuple[str, int] | None = None
    """File of the training loop, and its number there: trials need not search it."""
    _copies: list[Scratch] = field(default_factory=list)
    _changed: list[list[str]] = field(default_factory=list)
    _originals: dict[str, bytes] = field(default_factory=dict)
    _stale: set[int] = field(default_factory=set)
    """Copies that a program has written to."""
    _stdin: str = ""

    def __enter__(self) -> Workshop:
        """Put the input in place; copies are made when they are needed."""
        handle, self._stdin = tempfile.mkstemp(prefix="backproof-stdin-")
        with open(handle, "wb") as stream:
            stream.write(self.program.stdin)
        self._copies = [Scratch(self.folder, self.cwd) for _ in range(self.workers)]
        self._changed = [[] for _ in range(self.workers)]
        return self

    def __exit__(self, *_: object) -> None:
        """Remove everything."""
        for copy in self._copies:
            root = copy.root
            copy.remove()
            if root:
                with suppress(OSError):
                    os.unlink(root + ".out")
        with suppress(OSError):
            os.unlink(self._stdin)

    @property
    def cwd(self) -> str:
        """The working directory of the program."""
        return self.program.cwd or os.getcwd()

    @property
    def folder(self) -> str:
        """The folder of the program."""
        if self.program.module:
            return self.cwd
        path = os.path.join(self.cwd, self.program.target)
        return os.path.realpath(path) if os.path.isdir(path) else os.path.dirname(
            os.path.realpath(path)
        )  # fmt: skip

    def read(self, path: str) -> bytes:
        """Return a file of the user's as it was when it was first read."""
        if path not in self._originals:
            with open(path, "rb") as stream:
                self._originals[path] = stream.read()
        return self._originals[path]

    def edited(self, edits: Edits, base: Files | None = None) -> Files:
        """Return the contents of all edited files: `base`, and what `edits` make of it.

        Raises
        ------
        CannotPatch
            If an edit lies outside the program's folder, or edits overlap.
        """
        files: dict[str, list[tuple[str, Edit]]] = {}
        for path, edit in edits:
            files.setdefault(document(path)[0], []).append((path, edit))
        inside = self.folder.rstrip(os.sep) + os.sep
        for path in files:
            if not os.path.realpath(path).startswith(inside):
                raise CannotPatch(f"{path} lies outside the program's folder")
        base = base or {}
        return base | {
            path: patched(base.get(path) or self.read(path), those) for path, those in files.items()
        }

    def rehearse_all(
        self, candidates: Iterable[tuple[Any, Edits]], base: Files | None = None, *,
        timeout: float, **how: Any,
    ) -> Iterator[tuple[Any, Rehearsed]]:  # fmt: skip
        """Yield (key, outcome) for each edited program run plain (see `rehearsal`)."""
        pool = Pool(
            self.workers, timeout, rehearse, lost=lambda t, why: Rehearsed("failed", True, t)
        )
        yield from self._all(pool, candidates, base, **how)

    def try_all(
        self, candidates: Iterable[tuple[Any, Edits]], base: Files | None = None, **how: Any
    ) -> Iterator[tuple[Any, Trial]]:
        """Yield (key, trial) for each edited program as its run ends."""
        yield from self._all(Pool(self.workers, self.timeout), candidates, base, **how)

    def _all(
        self, pool: Pool, candidates: Iterable[tuple[Any, Edits]], base: Files | None, **how: Any
    ) -> Iterator[tuple[Any, Any]]:
        slots: dict[Any, int] = {}

        def jobs() -> Iterator[tuple[Any, Any]]:
            for number, (key, edits) in enumerate(candidates):
                try:
                    files = self.edited(edits, base)
                except (CannotPatch, ValueError):
                    continue
                mark = (number, key)

                def make(slot: int, mark: Any = mark, files: Any = files) -> Job:
                    slots[mark] = slot
                    return self._job(slot, files, **how)

                yield mark, make

        try:
            with closing(pool.run(jobs())) as results:  # type: ignore[type-var]
                for mark, trial in results:
                    self.count += 1
                    self.spent, pool.spent = self.spent + pool.spent, 0.0
                    if trial.dirty:
                        self._stale.add(slots[mark])
                    yield mark[1], trial
        finally:
            self.spent += pool.spent

    def try_one(self, base: Files | None = None, edits: Edits = (), **how: Any) -> Trial:
        """Run the program with edits, and wait for it."""
        for _, trial in self.try_all([(None, edits)], base, **how):
            return trial
        return Trial((), None, "", False, "", 0.0, "the edits cannot be made")

    def _job(self, slot: int, files: Files, **how: Any) -> Job:
        copy = self._copies[slot]
        if not copy.root or slot in self._stale:
            copy.build()
            self._stale.discard(slot)
            self._changed[slot] = []
        for path in self._changed[slot]:
            if path not in files:
                with open(copy.copy_of(path), "wb") as stream:
                    stream.write(self.read(path))
        for path, data in files.items():
            self.read(path)
            with open(copy.copy_of(path), "wb") as stream:
                stream.write(data)
        self._changed[slot] = list(files)
        program = self.program
        target = program.target
        if not program.module:
            target = copy.copy_of(os.path.join(self.cwd, target))
        diagnose = how.pop("diagnose", False)
        cost = self.options.cost or how.pop("cost", None)
        how.pop("cost", None)
        wanted = how.pop("expected", None)
        if isinstance(wanted, Expected):
            wanted = replace(wanted, path=self._copied(copy, wanted.path))
        if wanted is not None:
            how["expected"] = wanted
        options = replace(self.options, diagnose=diagnose, cost=cost)
        if how.get("judged") is not None:
            options = replace(options, loop=self._place_of_loop(copy, files))
        return Job(target, program.argv, copy.copy_of(self.cwd), copy.root, self._stdin, options,
                   module=program.module, **how)  # fmt: skip

    def _place_of_loop(
        self, copy: Scratch, files: Files
    ) -> tuple[str, tuple[int, int]] | None:  # fmt: skip
        """Return where the training loop begins in an edited program, in a copy's file."""
        if self.loop is None:
            return None
        path, number = self.loop
        text = SourceFile.decode(path, files.get(path) or self.read(path)).text
        place = place_of(text, number)
        return None if place is None else (copy.copy_of(path), place)

    def know_loop(self, loop: tuple[str, tuple[int, int]] | None) -> None:
        """Learn where the training loop of the program as it is begins."""
        if loop is None or document(loop[0])[1] is not None:
            return
        with suppress(OSError, ValueError, SyntaxError):
            number = number_of(SourceFile.decode(loop[0], self.read(loop[0])).text, loop[1])
            self.loop = None if number is None else (loop[0], number)

    @staticmethod
    def _copied(copy: Scratch, path: str) -> str:
        name, cell = document(path)
        return copy.copy_of(name) if cell is None else f"{copy.copy_of(name)}[{cell}]"

    def original_of(self, path: str) -> str:
        """Return the user's file (or cell) behind a path in any copy."""
        name, cell = document(path)
        for copy in self._copies:
            if copy.root:
                found = copy.original_of(name)
                if found != name:
                    return found if cell is None else f"{found}[{cell}]"
        return path


def standard_input(patience: float = 0.2) -> bytes:
    """Return what waits on this process's standard input: a file, or a pipe until it ends.

    A terminal is not read: a program that asks questions cannot be run twice by itself.
    """
    try:
        if sys.stdin is None or sys.stdin.isatty():
            return b""
        number = sys.stdin.fileno()
        data = bytearray()
        quiet = time.monotonic() + patience
        while time.monotonic() < quiet:
            readable, _, _ = select.select([number], [], [], patience)
            if readable:
                piece = os.read(number, 1 << 16)
                if not piece:
                    break
                data += piece
                quiet = time.monotonic() + patience
        return bytes(data)
    except (OSError, ValueError):
        return b""
