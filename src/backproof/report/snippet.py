"""The author's lines with the places marked, as rustc draws them.

A place on one line is underlined; one over several lines is held by a bar at the left. Tabs, wide
characters and very long lines keep the marks where they belong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from backproof.report.text import Line, wrapped
from backproof.source import SourceFile, Span

TAB = 4
#: Lines shown of a place that takes more.
MOST_LINES = 7
#: Cells kept to the left of a mark when a line is cropped.
BEFORE = 12
#: A label takes lines of its own below the mark when less than this is left beside it.
NARROW = 24


@dataclass(frozen=True, slots=True)
class Mark:
    """A place to point at. The first of several is the finding's own."""

    span: Span
    label: str = ""
    style: str = "error"
    sign: str = "^"


def snippet(file: SourceFile, marks: Sequence[Mark], *, width: int, gutter: int) -> list[Line]:
    """Draw the lines that `marks` stand on.

    Parameters
    ----------
    file : SourceFile
    marks : sequence of Mark
        Of these only the first may take several lines; others are cut at their first line's end.
    width : int
        Cells a line may take.
    gutter : int
        Cells for the line numbers.
    """
    main = marks[0]
    tall = main.span.end_line > main.span.line
    numbers = _numbers(marks)
    room = max(20, width - gutter - 3 - 2 * tall)
    edge: Line = [(" " * gutter + " | ", "gutter")]
    lines: list[Line] = [[(" " * gutter + " |", "gutter")]]
    last = 0
    for number in numbers:
        if last and number > last + 1:
            lines.append([("...", "gutter")])
        last = number
        here = [m for m in marks if m.span.line == number]
        inside = tall and main.span.line < number <= main.span.end_line
        row = _Row.of(file.line(number), here, main.span.end_column if inside else 1, room)
        bar: Line = [("| " if inside else "  ", main.style)] if tall else []
        if tall and number == main.span.line and row.starts_with(main.span.column):
            bar = [("/ ", main.style)]
        lines.append([(f"{number:>{gutter}} | ", "gutter"), *bar, (row.text, "source")])
        for mark in here:
            if mark is main and tall:
                if bar[0][0] == "  ":
                    cell = row.cell(mark.span.column)
                    lines.append([*edge, (" _" + "_" * cell + mark.sign, mark.style)])
                continue
            left = row.cell(mark.span.column)
            end = mark.span.end_column if mark.span.end_line == number else row.columns + 1
            right = max(left + 1, row.cell(end))
            bars: Line = [("| " if inside else "  ", main.style)] if tall else []
            lines += _underlined([*edge, *bars], mark, left, right, room)
        if inside and number == main.span.end_line:
            cell = max(0, row.cell(main.span.end_column) - 1)
            tail: Line = [("|_" + "_" * cell + main.sign, main.style)]
            lines += _labelled([*edge, *tail], edge, main, cell + 3, room + 2)
    lines.append([(" " * gutter + " |", "gutter")])
    return lines


def _numbers(marks: Sequence[Mark]) -> list[int]:
    """Return the numbers of the lines to show."""
    first, last = marks[0].span.line, marks[0].span.end_line
    own = list(range(first, last + 1))
    if len(own) > MOST_LINES:
        own = [*own[: MOST_LINES - 2], *own[-2:]]
    return sorted({*own, *(m.span.line for m in marks)})


def _underlined(edge: Line, mark: Mark, left: int, right: int, room: int) -> list[Line]:
    signs: Line = [(" " * left, ""), (mark.sign * (right - left), mark.style)]
    indent = max(0, min(left, room - max(NARROW, cell_len(mark.label))))
    return _labelled([*edge, *signs], [*edge, (" " * indent, "")], mark, right, room)


def alike(lines: Sequence[str], room: int) -> list[str]:
    """Return lines cropped alike to the room there is, so that what differs can be seen."""
    before = _same(lines) if len(lines) > 1 else 0
    behind = _same([line[before:][::-1] for line in lines])
    longest = max(map(len, lines))
    differs = Mark(Span(1, before + 1, 1, max(longest - behind, before) + 1))
    return [_Row.of(line.ljust(longest), [differs], 1, room).text.rstrip() for line in lines]


def _same(lines: Sequence[str]) -> int:
    """Return how many letters lines begin with that are the same in all."""
    columns = enumerate(zip(*lines, strict=False))
    return next((i for i, letters in columns if len(set(letters)) > 1), min(map(len, lines)))


def _labelled(line: Line, below: Line, mark: Mark, end: int, room: int) -> list[Line]:
    """Put a label behind a mark that ends at the cell `end`, or below it."""
    if not mark.label:
        return [line]
    if end + 1 + cell_len(mark.label) <= room or room - end > NARROW + 1:
        text = wrapped(mark.label, width=room - end - 1, first=[], rest="", style=mark.style)
        edge = [piece for piece in below if piece[1] == "gutter"]
        hang = [(" " * (end + 1), "")]
        return [[*line, (" ", ""), *text[0]], *([*edge, *hang, *more] for more in text[1:])]
    used = sum(cell_len(part) for part, style in below if style != "gutter")
    text = wrapped(mark.label, width=max(NARROW, room - used), first=[], rest="", style=mark.style)
    return [line, *([*below, *part] for part in text)]


@dataclass(frozen=True, slots=True)
class _Row:
    """One line as shown: tabs expanded, cropped to the room there is."""

    text: str
    cells: tuple[int, ...]
    """Where each character begins (and where the last ends), before cropping."""
    start: int
    end: int
    margin: int
    """1 where an ellipsis stands for what was cut at the left."""

    @classmethod
    def of(cls, line: str, marks: Sequence[Mark], other: int, room: int) -> _Row:
        """Lay out a line so that `marks`, or else the column `other`, can be seen."""
        shown: list[str] = []
        cells = [0]
        for letter in line:
            if letter == "\t":
                letter = " " * (TAB - cells[-1] % TAB)
            elif not letter.isprintable():
                letter = "\N{REPLACEMENT CHARACTER}"
            shown.append(letter)
            cells.append(cells[-1] + cell_len(letter))
        if cells[-1] <= room:
            return cls("".join(shown), tuple(cells), 0, cells[-1], 0)
        limit = len(line)
        low = cells[min(marks[0].span.column - 1 if marks else other - 1, limit)]
        high = cells[min(marks[0].span.end_column - 1, limit)] if marks else low
        if marks and marks[0].span.end_line != marks[0].span.line:
            high = low + 1
        start = 0
        if high > room - 1:
            start = max(0, min(low - BEFORE, cells[-1] - room + 2))
        margin = int(start > 0)
        begin = next(a for a in cells if a >= start)
        tail = int(cells[-1] - begin > room - margin)
        end = max(a for a in cells if a - begin <= room - margin - tail)
        kept = "".join(shown[cells.index(begin) : cells.index(end)])
        return cls("…" * margin + kept + "…" * tail, tuple(cells), begin, end, margin)

    @property
    def columns(self) -> int:
        """Number of characters of the line."""
        return len(self.cells) - 1

    def cell(self, column: int) -> int:
        """Return where a 1-based column is shown."""
        at = self.cells[min(max(column - 1, 0), self.columns)]
        return min(max(at, self.start), self.end) - self.start + self.margin

    def starts_with(self, column: int) -> bool:
        """Whether nothing but white space stands before a column."""
        return not self.text[: self.cell(column)].strip()
