"""How a file is called in a report: relative where that is shorter, a notebook by its cell."""

from __future__ import annotations

import os
import re

_CELL = re.compile(r"(?P<notebook>.*\.ipynb)\[(?P<cell>\d+)\]", re.DOTALL)


def document(path: str) -> tuple[str, int | None]:
    """Return the file on disk behind a path, and the cell if it is a notebook's."""
    match = _CELL.fullmatch(path)
    return (path, None) if match is None else (match["notebook"], int(match["cell"]))


def shown(path: str, base: str) -> str:
    """Return `path` as seen from the folder `base`, where that is shorter."""
    try:
        relative = os.path.relpath(path, base)
    except ValueError:  # another drive
        return path
    return relative if len(relative) < len(path) else path


def located(path: str, base: str, line: int, column: int) -> str:
    """Return ``train.py:61:18``, or ``net.ipynb: cell 3, line 4, column 5``."""
    name, cell = document(path)
    if cell is None:
        return f"{shown(name, base)}:{line}:{column}"
    return f"{shown(name, base)}: cell {cell}, line {line}, column {column}"
