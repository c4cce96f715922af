"""Text and places in it. The only module that meets the UTF-8 byte columns of Python's AST."""

from __future__ import annotations

import ast
import io
import os
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

#: Nodes of Python's syntax tree that know where they stand.
Located = ast.expr | ast.stmt | ast.keyword | ast.ExceptHandler


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of text: 1-based lines and columns, columns in code points, end exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int

    @property
    def start(self) -> tuple[int, int]:
        """Line and column of the first character."""
        return self.line, self.column

    @property
    def end(self) -> tuple[int, int]:
        """Line and column behind the last character."""
        return self.end_line, self.end_column

    def contains(self, other: Span) -> bool:
        """Whether `other` lies inside this span (a span contains itself)."""
        return self.start <= other.start and other.end <= self.end

    def until(self, other: Span) -> Span:
        """Return the span from the start of this one to the end of `other`."""
        return Span(self.line, self.column, other.end_line, other.end_column)


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace what stands at `span` by `text`."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of the user's program, or one cell of a notebook.

    Attributes
    ----------
    path : str
        The name that its code objects and tracebacks carry: the absolute path of a file, or
        `cell_name` of a notebook's cell.
    text : str
        As written, with its own line ends.
    cell : int or None
        1-based number among the notebook's code cells; lines count from the cell's first.
    """

    path: str
    text: str
    cell: int | None = None
    lines: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Split at the line ends that Python knows (`str.splitlines` knows more of them)."""
        text = self.text
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        object.__setattr__(self, "lines", tuple(text.split("\n")))

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> SourceFile:
        """Read a Python file in its declared encoding.

        Raises
        ------
        OSError
            If there is no such file.
        SyntaxError
            If the declared encoding is unknown.
        UnicodeDecodeError
            If the text is not in that encoding.
        """
        with open(path, "rb") as file:
            return cls.decode(os.fspath(path), file.read())

    @classmethod
    def decode(cls, path: str, data: bytes) -> SourceFile:
        """Make a source file of the bytes of a Python file (see `read` for what is raised)."""
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return cls(path, data.decode(encoding))

    @property
    def document(self) -> str:
        """The file on disk: `path`, or the notebook that holds this cell."""
        return self.path if self.cell is None else self.path.removesuffix(f"[{self.cell}]")

    def line(self, number: int) -> str:
        """Return line `number` (1-based) without its line end; empty behind the last line."""
        return self.lines[number - 1] if 1 <= number <= len(self.lines) else ""

    def slice(self, span: Span) -> str:
        """Return the text at `span`, lines joined by a line feed."""
        first = self.line(span.line)
        if span.line == span.end_line:
            return first[span.column - 1 : span.end_column - 1]
        last = self.line(span.end_line)[: span.end_column - 1]
        return "\n".join(
            (first[span.column - 1 :], *self.lines[span.line : span.end_line - 1], last)
        )

    def span_of(self, node: Located) -> Span:
        """Return where `node` stands: UTF-8 byte columns become code points."""
        end_line = node.end_lineno if node.end_lineno is not None else node.lineno
        end_offset = node.end_col_offset if node.end_col_offset is not None else node.col_offset
        return Span(
            node.lineno,
            self.column(node.lineno, node.col_offset),
            end_line,
            self.column(end_line, end_offset),
        )

    def column(self, number: int, offset: int) -> int:
        """Return the 1-based column of the UTF-8 byte `offset` in line `number`."""
        line = self.line(number)
        if line.isascii():
            return offset + 1
        return len(line.encode("utf-8", "surrogatepass")[:offset].decode("utf-8", "ignore")) + 1

    def text_of(self, node: Located) -> str:
        """Return the source text of `node`."""
        return self.slice(self.span_of(node))

    def edited(self, edits: Iterable[Edit]) -> SourceFile:
        """Return this file with `edits` made.

        Raises
        ------
        ValueError
            If two edits overlap.
        """
        lines = list(self.lines)
        behind = (len(lines) + 1, 1)
        for edit in sorted(edits, key=lambda edit: edit.span.start, reverse=True):
            span = edit.span
            if span.end > behind:
                raise ValueError(f"edits overlap at line {span.end_line} of {self.path}")
            behind = span.start
            head = lines[span.line - 1][: span.column - 1]
            tail = lines[span.end_line - 1][span.end_column - 1 :]
            lines[span.line - 1 : span.end_line] = (head + edit.text + tail).split("\n")
        newline = "\r\n" if "\r\n" in self.text else "\n"
        return SourceFile(self.path, newline.join(lines), self.cell)


def cell_name(notebook: str, cell: int) -> str:
    """Return the file name of a notebook's cell, as tracebacks show it: ``net.ipynb[3]``."""
    return f"{notebook}[{cell}]"


@lru_cache(maxsize=64)
def tree_of(text: str) -> ast.Module:
    """Return the syntax tree of a source, parsed once."""
    return ast.parse(text)


def is_docstring(statement: ast.stmt) -> bool:
    """Whether `statement`, the first of a body, is its docstring."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
