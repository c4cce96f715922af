"""Edits of files, byte for byte: encoding, line ends and whatever is not edited stay."""

from __future__ import annotations

import difflib
import io
import json
import os
import re
import shutil
import tempfile
import tokenize
from collections.abc import Sequence
from contextlib import suppress

from backproof.report.place import document
from backproof.source import Edit

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")


class CannotPatch(Exception):
    """The edits cannot be made; the message says why, in one line."""


def patched(data: bytes, edits: Sequence[tuple[str, Edit]]) -> bytes:
    """Return a file's bytes with edits made.

    Parameters
    ----------
    data : bytes
        Of a Python file, or of a notebook.
    edits : sequence of (path, Edit)
        The path names the cell where there is one: ``net.ipynb[3]``.

    Raises
    ------
    CannotPatch
        If edits overlap, or the new text cannot be written in the file's encoding.
    """
    if any(document(path)[1] is not None for path, _ in edits):
        return _notebook(data, edits)
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    text = edited(data.decode(encoding), [edit for _, edit in edits])
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        raise CannotPatch(f"the fix cannot be written in {encoding}") from error


def edited(text: str, edits: Sequence[Edit]) -> str:
    """Return a text with edits made; new lines end as the one that they follow.

    Raises
    ------
    CannotPatch
        If two edits overlap.
    """
    starts, ends = [], []
    for match in _LINE.finditer(text):
        if match.end() > match.start() or match.start() == len(text):
            starts.append(match.start())
            line = match.group()
            ends.append(
                "\r\n" if line.endswith("\r\n") else line[-1:] if line[-1:] == "\r" else "\n"
            )
    pieces, behind = [], len(text)

    def offset(line: int, column: int) -> int:
        return starts[line - 1] + column - 1 if line <= len(starts) else len(text)

    for edit in sorted(edits, key=lambda e: (e.span.start, e.span.end), reverse=True):
        start = offset(edit.span.line, edit.span.column)
        stop = offset(edit.span.end_line, edit.span.end_column)
        if stop > behind:
            raise CannotPatch(f"two edits overlap at line {edit.span.line}")
        new = edit.text.replace("\n", ends[min(edit.span.line, len(ends)) - 1])
        pieces += [text[stop:behind], new]
        behind = start
    pieces.append(text[:behind])
    return "".join(reversed(pieces))


def _notebook(data: bytes, edits: Sequence[tuple[str, Edit]]) -> bytes:
    """Edit the cells of a notebook, and write it with the layout that it has."""
    text = data.decode("utf-8")
    notebook = json.loads(text)
    layout = _layout(text, notebook)
    cells = notebook["cells"] if "cells" in notebook else notebook["worksheets"][0]["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    for number, cell in enumerate(code, 1):
        own = [edit for path, edit in edits if document(path)[1] == number]
        if not own:
            continue
        key = "source" if "source" in cell else "input"
        listed = not isinstance(cell[key], str)
        new = edited("".join(cell[key]), own)
        cell[key] = new.splitlines(keepends=True) if listed else new
    indent, ascii_only, tail = layout
    separators = None if indent is not None else (", ", ": ")
    dumped = json.dumps(notebook, indent=indent, ensure_ascii=ascii_only, separators=separators)
    return (dumped + tail).encode("utf-8")


def _layout(text: str, notebook: object) -> tuple[int | None, bool, str]:
    """Return indent, ASCII or not, and tail, with which the notebook is written as it is."""
    tail = text[len(text.rstrip()) :]
    for indent in (1, 2, 4, None):
        for ascii_only in (False, True):
            if json.dumps(notebook, indent=indent, ensure_ascii=ascii_only) + tail == text:
                return indent, ascii_only, tail
    return 1, False, tail


def diff(path: str, before: bytes, after: bytes) -> str:
    """Return the unified diff of a file; a notebook's is that of its JSON."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(before).readline)
    except SyntaxError:
        encoding = "utf-8"
    one = before.decode(encoding, "replace").splitlines(keepends=True)
    two = after.decode(encoding, "replace").splitlines(keepends=True)
    lines = []
    for line in difflib.unified_diff(one, two, f"a/{path}", f"b/{path}"):
        ended = line.endswith(("\n", "\r"))
        lines.append(line if ended else f"{line}\n\\ No newline at end of file\n")
    return "".join(lines)


def write(path: str, before: bytes, after: bytes) -> str:
    """Replace a file, whole or not at all; the old one stays beside it. Returns where.

    Raises
    ------
    CannotPatch
        If the file is no longer what was read, or cannot be written.
    """
    path = os.path.realpath(path)
    try:
        with open(path, "rb") as stream:
            now = stream.read()
        if now != before:
            raise CannotPatch(f"{path} has changed in the meantime: nothing was written")
        kept = f"{path}.orig"
        number = 1
        while os.path.exists(kept):
            with open(kept, "rb") as stream:
                if stream.read() == before:
                    break
            number += 1
            kept = f"{path}.orig{number}"
        handle, beside = tempfile.mkstemp(prefix=".backproof-", dir=os.path.dirname(path))
        try:
            with open(handle, "wb") as stream:
                stream.write(after)
                stream.flush()
                os.fsync(stream.fileno())
            shutil.copymode(path, beside)
            shutil.copy2(path, kept)
            os.replace(beside, path)
        except OSError:
            with suppress(OSError):
                os.unlink(beside)
            raise
    except OSError as error:
        raise CannotPatch(f"cannot write {path}: {error.strerror}") from error
    return kept


def changed_lines(old: Sequence[str], new: Sequence[str]) -> tuple[str, str]:
    """Return the lines in which two texts differ."""
    first = 0
    while first < min(len(old), len(new)) and old[first] == new[first]:
        first += 1
    last = 0
    while last < min(len(old), len(new)) - first and old[-1 - last] == new[-1 - last]:
        last += 1
    before = "\n".join(old[first : len(old) - last])
    return before, "\n".join(new[first : len(new) - last])
