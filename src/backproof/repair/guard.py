"""Keeps a trial from changing anything but its own copy of the program's folder."""

from __future__ import annotations

import os
import sys
import tempfile
from typing import Any

#: Audit events that change files, and which of their arguments are paths.
_CHANGES = {
    "os.remove": (0,), "os.rename": (0, 1), "os.rmdir": (0,), "os.mkdir": (0,),
    "os.truncate": (0,), "os.link": (0, 1), "os.symlink": (1,), "os.chmod": (0,),
    "os.chown": (0,), "os.utime": (0,), "shutil.rmtree": (0,), "shutil.move": (0, 1),
    "shutil.copyfile": (1,), "sqlite3.connect": (0,),
}  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_COMMANDS = frozenset({"os.system", "subprocess.Popen", "os.exec", "os.posix_spawn"})


class Guard:
    """An audit hook that refuses changes outside a folder, and notes those inside.

    Parameters
    ----------
    root : str
        The trial's own folder.

    Attributes
    ----------
    changed : bool
        Whether a file of the folder was opened for writing, moved or removed.
    refused : str
        The last thing refused: ``write /home/me/log.txt``.
    """

    def __init__(self, root: str) -> None:
        self.root = root.rstrip(os.sep) + os.sep
        self.temporary = os.path.realpath(tempfile.gettempdir()).rstrip(os.sep) + os.sep
        self.changed = False
        self.refused = ""
        self._process = os.getpid()

    def install(self) -> None:
        """Watch this process from now on; hooks cannot be taken out again."""
        sys.addaudithook(self._watch)

    def _watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            writes = (isinstance(mode, str) and set(mode) & set("wax+")) or flags & _WRITING
            if writes:
                self._check("write", path)
        elif event == "socket.connect":
            address = arguments[1] if len(arguments) > 1 else ""
            if isinstance(address, tuple):
                self._refuse("use the network")
        elif event in _COMMANDS:
            self._refuse(f"run the command {arguments[0]!r}")
        elif event in _CHANGES:
            for index in _CHANGES[event]:
                if index < len(arguments):
                    self._check(event.rpartition(".")[2], arguments[index])

    def _check(self, what: str, path: Any) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return
        real = os.path.realpath(os.fsdecode(path))
        if real.startswith(self.root):
            self.changed = True
        elif not real.startswith((self.temporary, "/dev/", "/proc/")):
            self._refuse(f"{what} {real}")

    def _refuse(self, what: str) -> None:
        self.refused = what
        raise PermissionError(
            f"backproof tries an edited copy of this program, which may not {what}"
        )
