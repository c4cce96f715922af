"""A copy of the program's folder, in which edited programs run: the user's files stay untouched."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field

#: Larger files are linked, not copied; trials may not write through a link (`guard`).
LARGEST_COPY = 1_000_000
#: Files and folders that are copied; what is beyond is linked.
MOST_ENTRIES = 3_000
#: Folders that no program reads its data from.
SKIPPED = frozenset({".git", ".hg", "__pycache__", "node_modules", ".mypy_cache", ".venv", "venv"})


@dataclass(slots=True)
class Scratch:
    """A copy of the folders that a program may use: its own and the working directory.

    Attributes
    ----------
    folder : str
        Where the script lies, with all links followed.
    cwd : str
        The working directory.
    """

    folder: str
    cwd: str
    root: str = ""
    _pairs: list[tuple[str, str]] = field(default_factory=list)

    def build(self) -> None:
        """Make the copy, in place of an earlier one."""
        # The real path: programs compare `__file__` with the folder that modules came from.
        root = self.root or os.path.realpath(tempfile.mkdtemp(prefix="backproof-"))
        self.remove()
        self.root = root
        os.makedirs(root, mode=0o700, exist_ok=True)
        folder, cwd = os.path.realpath(self.folder), os.path.realpath(self.cwd)
        if _is_inside(folder, cwd):
            outer = [(cwd, "program")]
        elif _is_inside(cwd, folder):
            outer = [(folder, "program")]
        else:
            outer = [(folder, "program"), (cwd, "cwd")]
        self._pairs = []
        for source, name in outer:
            target = os.path.join(self.root, name)
            os.mkdir(target)
            self._pairs.append((source, target))
            if folder != source and _is_inside(folder, source):
                # The program's own folder comes first, however large the one around it is.
                os.makedirs(os.path.join(target, os.path.relpath(folder, source)))
                _mirror(folder, os.path.join(target, os.path.relpath(folder, source)))
            _mirror(source, target)

    def copy_of(self, path: str) -> str:
        """Return where the copy of a file of the user's lies.

        Raises
        ------
        ValueError
            If the file is in neither folder.
        """
        real = os.path.realpath(path)
        for source, target in self._pairs:
            if _is_inside(real, source):
                return os.path.normpath(os.path.join(target, os.path.relpath(real, source)))
        raise ValueError(f"{path} lies outside the program's folder")

    def original_of(self, path: str) -> str:
        """Return the user's file behind a path in the copy; other paths as they are."""
        for source, target in self._pairs:
            if _is_inside(path, target):
                return os.path.normpath(os.path.join(source, os.path.relpath(path, target)))
        return path

    def remove(self) -> None:
        """Remove the copy."""
        if self.root:
            with suppress(OSError):
                shutil.rmtree(self.root)
            self.root = ""


def _is_inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _mirror(source: str, target: str) -> None:
    """Copy a tree, the upper levels first; large files and what is beyond a limit are linked."""
    queue, count = [(source, target)], 0
    for here, there in queue:
        try:
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            place = os.path.join(there, entry.name)
            if entry.name in SKIPPED:
                continue
            count += 1
            with suppress(OSError):
                if entry.is_dir():
                    if os.path.isdir(place) and not os.path.islink(place):
                        continue
                    if count > MOST_ENTRIES or entry.is_symlink():
                        os.symlink(entry.path, place)
                    else:
                        os.mkdir(place)
                        queue.append((entry.path, place))
                elif entry.is_file() and not os.path.lexists(place):
                    python = entry.name.endswith((".py", ".ipynb"))
                    small = count <= MOST_ENTRIES and entry.stat().st_size <= LARGEST_COPY
                    if small or python:
                        shutil.copyfile(entry.path, place)
                    else:
                        os.symlink(entry.path, place)
