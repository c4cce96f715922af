"""Lines of styled pieces: what the terminal report is made of, before it is printed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rich.cells import cell_len

#: A line is a list of (text, style); the styles are the keys of `terminal.STYLES`.
Line = list[tuple[str, str]]

#: A word, or a stretch of code with what adheres to it: ``(`W1`),``.
_WORD = re.compile(r"[^\s`]*`[^`]*`\S*|\S+")
_CODE = re.compile(r"(`[^`]*`)")


def width_of(line: Line) -> int:
    """Return the number of terminal cells that a line takes."""
    return sum(cell_len(text) for text, _ in line)


def plain(line: Line) -> str:
    """Return a line without its styles."""
    return "".join(text for text, _ in line).rstrip()


def pieces(text: str, style: str = "") -> Line:
    """Return a sentence as pieces; what stands in backticks is code."""
    parts = [part for part in _CODE.split(text) if part]
    return [(part, f"{style} code".strip() if part[0] == "`" == part[-1] else style)
            for part in parts]  # fmt: skip


def wrapped(text: str, *, width: int, first: Line, rest: str, style: str = "") -> list[Line]:
    """Break a sentence into lines of at most `width` cells.

    Parameters
    ----------
    text : str
        Code in backticks is kept together where it fits into a line.
    first : Line
        What the first line begins with.
    rest : str
        What the others begin with.
    """
    line, used = list(first), width_of(first)
    lines = [line]
    fresh = True
    for word in _words(text, width - cell_len(rest)):
        size = cell_len(word)
        if not fresh and used + 1 + size > width:
            line, used = [(rest, "")], cell_len(rest)
            lines.append(line)
            fresh = True
        if not fresh:
            line.append((" ", style))
            used += 1
        line.extend(pieces(word, style))
        used += size
        fresh = False
    return lines


def _words(text: str, widest: int) -> Iterable[str]:
    for word in _WORD.findall(text):
        if cell_len(word) <= widest:
            yield word
        else:
            yield from word.split()


def cropped(text: str, width: int) -> str:
    """Return `text` on one line of at most `width` cells."""
    text = " ".join(text.split())
    if cell_len(text) <= width:
        return text
    used = 0
    for i, letter in enumerate(text):
        used += cell_len(letter)
        if used > width - 1:
            return text[:i].rstrip() + "…"
    return text


def short(number: float) -> str:
    """Return a number as a reader wants it: ``0.83``, ``4e-11``."""
    return f"{number:.1g}" if abs(number) < 1e-3 else f"{number:.2g}"


def count(number: int, noun: str) -> str:
    """Return ``1 error``, ``2 errors``, ``4,000 steps``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
