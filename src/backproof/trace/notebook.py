"""The code cells of a notebook, without what only IPython understands."""

from __future__ import annotations

import ast
import json
import re
import tokenize
from collections.abc import Iterator

from backproof.source import SourceFile, cell_name

#: Cell magics whose cell is Python all the same.
_PYTHON_MAGICS = frozenset({"%%time", "%%timeit", "%%capture", "%%prun", "%%python3", "%%python"})
_MAGIC = re.compile(r"(?P<indent>\s*)(?:[%!]|\?\??\w|[\w.]+\?\??\s*$)")
_ASSIGNED = re.compile(r"(?P<target>\s*[^=%!'\"#]+=)\s*(?:%|!)[^=]")


def code_cells(path: str, text: str) -> Iterator[SourceFile]:
    """Yield the code cells of a notebook in order, numbered from 1.

    Parameters
    ----------
    path : str
    text : str
        The notebook as JSON.

    Raises
    ------
    ValueError
        If `text` is no notebook.
    """
    try:
        document = json.loads(text)
        cells = document["cells"] if "cells" in document else document["worksheets"][0]["cells"]
        sources = [
            cell.get("source", cell.get("input", ""))
            for cell in cells
            if cell["cell_type"] == "code"
        ]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not a notebook: {error}") from error
    for number, source in enumerate(sources, 1):
        joined = source if isinstance(source, str) else "".join(source)
        yield SourceFile(cell_name(path, number), without_magics(joined), number)


def without_magics(cell: str) -> str:
    """Return `cell` with the lines that only IPython understands made void; lines keep numbers."""
    if is_python(cell):
        return cell
    lines = cell.split("\n")
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    if lines[first].startswith("%%"):
        if lines[first].split()[0] not in _PYTHON_MAGICS:
            return "\n" * (len(lines) - 1)
        lines[first] = ""
    pending: list[str] = []
    continued = False
    for i, line in enumerate(lines):
        if continued:
            void: str | None = ""
        else:
            void = None if pending else _void(line)
        if void is None:
            # A line inside brackets or a long string is never a magic.
            pending.append(line + "\n")
            if not _is_open(pending):
                pending.clear()
        else:
            continued = line.endswith("\\")
            lines[i] = void
    return "\n".join(lines)


def _void(line: str) -> str | None:
    """Return what stands for a line of IPython's, or None for a line of Python."""
    if (magic := _MAGIC.match(line)) is not None:
        return magic["indent"] and magic["indent"] + "pass"
    if (assigned := _ASSIGNED.match(line)) is not None:
        return assigned["target"] + " None"
    return None


def _is_open(lines: list[str]) -> bool:
    """Whether a bracket or a long string is still open behind `lines`."""
    try:
        for _ in tokenize.generate_tokens(iter(lines).__next__):
            pass
    except tokenize.TokenError as error:
        return "multi-line" in str(error)
    except SyntaxError:
        return False
    return False


def is_python(cell: str) -> bool:
    """Whether `cell` parses as it stands (a line may start with ``%`` inside parentheses)."""
    try:
        compile(cell, "<cell>", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError):
        return False
    return True
