"""The code cells of a notebook, without what only IPython understands."""

from __future__ import annotations

import ast
import json
import re
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
    continued = False
    for i, line in enumerate(lines):
        assigned = _ASSIGNED.match(line)
        magic = _MAGIC.match(line)
        if continued:
            continued = line.endswith("\\")
            lines[i] = ""
        elif magic is not None:
            continued = line.endswith("\\")
            lines[i] = magic["indent"] + "pass"
        elif assigned is not None:
            continued = line.endswith("\\")
            lines[i] = assigned["target"] + " None"
    return "\n".join(lines)


def is_python(cell: str) -> bool:
    """Whether `cell` parses as it stands (a line may start with ``%`` inside parentheses)."""
    try:
        compile(cell, "<cell>", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError):
        return False
    return True
