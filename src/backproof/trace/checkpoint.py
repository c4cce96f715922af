"""Sleeping copies of the running program: forked, and woken when it has gone wrong since.

A checkpoint is a child process that waits inside the hook that made it. It costs 1–4 ms and the
pages that the program writes afterwards. Woken, it goes on from there, recording, while the
program itself has long been elsewhere; nothing that it does may reach the outside a second time:
its streams and writable files lead nowhere, and what would open, delete or start something fails.
"""

from __future__ import annotations

import builtins
import os
import pickle
import random
import select
import signal
import stat
import sys
import threading
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from backproof.trace.children import fork_recording

#: Audit events that would touch the world outside a woken checkpoint.
OUTSIDE = frozenset({
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink",
    "os.chmod", "os.chown", "os.utime", "os.system", "os.exec", "os.posix_spawn", "os.spawn",
    "os.fork", "os.forkpty", "os.kill", "os.killpg", "subprocess.Popen", "socket.connect",
    "socket.sendto", "socket.bind", "shutil.rmtree", "shutil.move", "shutil.copyfile",
    "sqlite3.connect", "signal.pthread_kill", "mmap.__new__",
})  # fmt: skip
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Muted(OSError):
    """Raised in a woken checkpoint by what would reach the outside a second time."""


class Checkpoint:
    """The parent's side of one sleeping child."""

    __slots__ = ("control", "parent", "pid", "result", "step")

    def __init__(self, pid: int, control: int, result: int, step: int) -> None:
        self.pid = pid
        self.control = control
        self.result = result
        self.step = step
        self.parent = os.getpid()

    def wake(self) -> None:
        """Let the child go on."""
        with suppress(OSError):
            os.write(self.control, b"w")

    def answered(self) -> bool:
        """Whether the child has sent something or has ended."""
        return bool(select.select([self.result], [], [], 0)[0])

    def collect(self, seconds: float) -> Any:
        """Return what the woken child sent, None if nothing within `seconds`; ends the child."""
        chunks: list[bytes] = []
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            if not select.select([self.result], [], [], left)[0]:
                break
            chunk = os.read(self.result, 1 << 16)
            if not chunk:
                break
            chunks.append(chunk)
        self.discard()
        try:
            return pickle.loads(b"".join(chunks))
        except Exception:
            return None

    def forget(self) -> None:
        """Close this process's ends of the pipes."""
        for descriptor in (self.control, self.result):
            with suppress(OSError):
                os.close(descriptor)

    def discard(self) -> None:
        """End the child and reap it."""
        if os.getpid() != self.parent:
            return
        self.forget()
        with suppress(ProcessLookupError, PermissionError):
            os.kill(self.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


class Awake:
    """The child's side: the way back to the parent."""

    def __init__(self, result: int) -> None:
        self.result = result

    def leave(self, answer: Any) -> None:
        """Send an answer and end this process, without any of Python's clean-up."""
        try:
            data = pickle.dumps(answer)
            while data:
                data = data[os.write(self.result, data) :]
        finally:
            os._exit(0)


def obstacle() -> str:
    """Say why the program cannot be forked here and now; empty if it can."""
    if not hasattr(os, "fork"):
        return "this system has no fork"
    if threading.active_count() > 1:
        return "other threads are running"
    if callable(signal.getsignal(signal.SIGCHLD)):
        return "the program handles SIGCHLD"
    try:
        with open("/proc/self/maps", encoding="utf-8") as maps:
            for line in maps:
                fields = line.split(maxsplit=5)
                if fields[1].startswith("rw") and fields[1].endswith("s") and len(fields) > 5:
                    return f"memory is shared with {fields[5].strip()}"
    except OSError:
        if "mmap" in sys.modules:
            return "memory may be shared with a file"
    return ""


def fork_checkpoint(step: int, others: list[Checkpoint]) -> Checkpoint | Awake:
    """Fork a sleeping copy of this process.

    Parameters
    ----------
    step : int
        The step that begins.
    others : list of Checkpoint
        Checkpoints that exist: the new child lets go of their pipes.

    Returns
    -------
    Checkpoint in the parent, at once; `Awake` in the child, if ever it is woken.
    """
    made = fork_asleep(step, others)
    if isinstance(made, Checkpoint):
        return made
    try:
        if os.read(made.control, 1) != b"w":
            os._exit(0)
        os.close(made.control)
        mute()
    except BaseException:
        os._exit(1)
    return Awake(made.result)


@dataclass(frozen=True, slots=True)
class Asleep:
    """The child's side of a fork: what it is told, and where it answers."""

    control: int
    result: int


def fork_asleep(step: int, others: Sequence[Checkpoint] = ()) -> Checkpoint | Asleep:
    """Fork a copy of this process whose streams and files lead nowhere.

    `Asleep` in the child, which has to wait, and to call `mute` before the program goes on there.
    """
    control_read, control_write = os.pipe()
    result_read, result_write = os.pipe()
    pid = fork_alike()
    if pid:
        os.close(control_read)
        os.close(result_write)
        return Checkpoint(pid, control_write, result_read, step)
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.close(control_write)
        os.close(result_read)
        for other in others:
            other.forget()
        lead_nowhere({control_read, result_write})
    except BaseException:
        os._exit(1)
    return Asleep(control_read, result_write)


def fork_alike() -> int:
    """`fork_recording` of a child that draws the same random numbers, without a warning."""
    drawn = random.getstate()
    # From 3.12 on a fork beside BLAS threads warns. The entry is put into the list by hand:
    # `catch_warnings` would make the program's own warnings appear twice.
    quiet = ("ignore", None, DeprecationWarning, None, 0)
    warnings.filters.insert(0, quiet)  # type: ignore[attr-defined]
    try:
        pid = fork_recording()
    finally:
        warnings.filters.remove(quiet)  # type: ignore[attr-defined]
    if not pid:
        random.setstate(drawn)  # the library seeds its generator anew after a fork
    return pid


def lead_nowhere(mine: set[int]) -> None:
    """Lead everything that can be written to nowhere; give files being read an own position."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    for descriptor in _descriptors():
        if descriptor in mine or descriptor == nowhere:
            continue
        try:
            mode = os.fstat(descriptor).st_mode
        except OSError:
            continue
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            os.dup2(nowhere, descriptor)
        elif stat.S_ISREG(mode):
            if _writable(descriptor):
                os.dup2(nowhere, descriptor)
            else:
                _reopen(descriptor)


def own_positions() -> None:
    """Give the files that are being read a position of this process's own."""
    for descriptor in _descriptors():
        with suppress(OSError):
            if stat.S_ISREG(os.fstat(descriptor).st_mode) and not _writable(descriptor):
                _reopen(descriptor)


def _descriptors() -> list[int]:
    for folder in ("/proc/self/fd", "/dev/fd"):
        with suppress(OSError):
            return [int(name) for name in os.listdir(folder) if int(name) > 2]
    return list(range(3, 256))


def _writable(descriptor: int) -> bool:
    import fcntl

    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    return (flags & os.O_ACCMODE) != os.O_RDONLY


def _reopen(descriptor: int) -> None:
    """Give a file that is being read a position of its own (a fork shares it)."""
    with suppress(OSError):
        position = os.lseek(descriptor, 0, os.SEEK_CUR)
        again = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY)
        os.lseek(again, position, os.SEEK_SET)
        os.dup2(again, descriptor)
        os.close(again)


def mute() -> None:
    """Make sure that a woken child changes nothing outside itself."""
    plain = builtins.open

    def opened(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if any(letter in mode for letter in "wax+") and not isinstance(file, int):
            file, mode = os.devnull, mode.replace("x", "w")
        return plain(file, mode, *args, **kwargs)

    builtins.open = opened

    def audit(event: str, args: tuple[Any, ...]) -> None:
        if event in OUTSIDE:
            raise Muted(f"{event} in a replayed step")
        if event == "open" and args[0] != os.devnull and not isinstance(args[0], int):
            mode, flags = args[1], args[2]
            if isinstance(mode, str) and any(letter in mode for letter in "wax+"):
                raise Muted(f"{args[0]!r} is not written again")
            if mode is None and isinstance(flags, int) and flags & _WRITES:
                raise Muted(f"{args[0]!r} is not written again")

    sys.addaudithook(audit)
