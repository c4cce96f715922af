"""A proposed edit of the source, and the view of a file that proposals are made from."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from backproof.source import Edit, SourceFile, Span

Statement = ast.stmt
Known = TypeVar("Known")
#: (node to replace, new text, cause, price)
Change = tuple[ast.expr, str, str, float]
_OPERATORS = ast.BinOp | ast.UnaryOp | ast.Compare | ast.BoolOp | ast.IfExp | ast.Lambda


@dataclass(frozen=True, slots=True)
class Candidate:
    """Edits that together may put one fault right.

    Attributes
    ----------
    price : float
        How unlikely the slip is that they undo: exchanging two similar names costs 1.
    cause : str
        The slug of that slip.
    statement : Span
        The statement that is changed.
    value : str
        The new text of the statement's value, where that is all that changes: it can be evaluated
        beforehand (see `probe`).
    """

    path: str
    edits: tuple[Edit, ...]
    price: float
    cause: str
    statement: Span
    value: str = ""


@dataclass(slots=True)
class Code:
    """A file, its syntax tree, and who contains whom."""

    file: SourceFile
    tree: ast.Module
    parents: dict[ast.AST, ast.AST] = field(default_factory=dict)
    nodes: tuple[ast.AST, ...] = ()
    """All of the tree's, breadth first."""
    _known: dict[Any, Any] = field(default_factory=dict)
    _spans: dict[ast.AST, Span] = field(default_factory=dict)
    _texts: dict[ast.AST, str] = field(default_factory=dict)

    @classmethod
    def of(cls, file: SourceFile) -> Code:
        """Parse a file.

        Raises
        ------
        SyntaxError
        """
        tree = ast.parse("\n".join(file.lines))
        code = cls(file, tree, nodes=tuple(ast.walk(tree)))
        for node in code.nodes:
            for child in ast.iter_child_nodes(node):
                code.parents[child] = node
        return code

    def span(self, node: ast.expr | ast.stmt) -> Span:
        """Return where a node stands."""
        known = self._spans.get(node)
        if known is None:
            known = self._spans[node] = self.file.span_of(node)
        return known

    def text(self, node: ast.expr | ast.stmt) -> str:
        """Return a node's source, lines joined by line feeds."""
        known = self._texts.get(node)
        if known is None:
            known = self._texts[node] = self.file.text_of(node)
        return known

    def once(self, find: Callable[..., Known], *about: ast.AST) -> Known:
        """Return what a function finds in this file (about some nodes), asked once only."""
        key = find, *about
        if key not in self._known:
            self._known[key] = find(self, *about)
        known: Known = self._known[key]
        return known

    def statements(self) -> Iterator[Statement]:
        """Yield every statement."""
        return (node for node in self.nodes if isinstance(node, ast.stmt))

    def statement_at(self, line: int, column: int = 0) -> Statement | None:
        """Return the innermost statement on a line; of several on it, the one at a column."""
        best: Statement | None = None
        for node in self.statements():
            span = self.span(node)
            if not span.line <= line <= header_end(node, span):
                continue
            alone = span.line == span.end_line == line and column > 0
            elsewhere = alone and not span.column <= column < span.end_column
            if elsewhere and (best is not None or span.column > column):
                continue
            if best is None or span.start >= self.span(best).start:
                best = node
        return best

    def function_of(self, node: ast.AST) -> ast.AST:
        """Return the function (or module) around a node."""
        while node in self.parents:
            node = self.parents[node]
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                return node
        return self.tree

    def class_of(self, node: ast.AST) -> ast.ClassDef | None:
        """Return the class around a node."""
        while node in self.parents:
            node = self.parents[node]
            if isinstance(node, ast.ClassDef):
                return node
        return None

    def block_of(self, statement: Statement) -> list[Statement]:
        """Return the list of statements that one belongs to."""
        parent = self.parents.get(statement)
        for name in ("body", "orelse", "finalbody"):
            block = getattr(parent, name, None)
            if isinstance(block, list) and statement in block:
                return block
        return [statement]

    def loops_around(self, statement: ast.AST) -> list[ast.For | ast.While]:
        """Return the loops around a statement in its function, the outermost first."""
        loops: list[ast.For | ast.While] = []
        node = statement
        while node in self.parents:
            node = self.parents[node]
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                break
            if isinstance(node, ast.For | ast.While):
                loops.append(node)
        return loops[::-1]

    def put(self, node: ast.expr, text: str) -> str:
        """Return `text`, in brackets where an operator around `node` would tear it apart."""
        if is_atomic(text) or self._is_bracketed(node):
            return text
        parent = self.parents.get(node)
        tears = isinstance(parent, _OPERATORS | ast.Attribute | ast.Starred)
        tears = tears or (isinstance(parent, ast.Subscript) and parent.value is node)
        if not tears:
            return text
        if isinstance(parent, ast.BinOp) and parent.left is node:
            # A product on the left of a sum needs none.
            try:
                inner = ast.parse(text.strip(), mode="eval").body
            except SyntaxError:
                return f"({text})"
            if isinstance(inner, ast.BinOp) and _binds(inner) >= _binds(parent):
                return text
        return f"({text})"

    def _is_bracketed(self, node: ast.expr) -> bool:
        span = self.span(node)
        before = self.file.line(span.line)[: span.column - 1].rstrip()
        after = self.file.line(span.end_line)[span.end_column - 1 :].lstrip()
        return before.endswith("(") and after.startswith(")")

    def within(self, root: ast.expr, node: ast.expr, text: str) -> str:
        """Return the text of `root` with `text` in place of `node`."""
        outer, inner = self.span(root), self.span(node)
        lead = self.file.slice(Span(outer.line, outer.column, inner.line, inner.column))
        tail = self.file.slice(
            Span(inner.end_line, inner.end_column, outer.end_line, outer.end_column)
        )
        return lead + text + tail

    def parts(self, statement: Statement) -> list[ast.expr]:
        """Return the expressions whose values are what a statement computes.

        Of a call that stands alone these are its arguments: to evaluate the call would be to do it.
        """
        root = value_of(statement)
        if root is None or isinstance(statement, ast.For | ast.While | ast.If):
            return []
        if not isinstance(statement, ast.Expr):
            return [root]
        return [*root.args, *(k.value for k in root.keywords)] if isinstance(root, ast.Call) else []

    def computed(self, statement: Statement, node: ast.expr | None = None, text: str = "") -> str:
        """Return what a statement computes, `text` in place of `node`; empty if that says nothing.

        The values of a call that stands alone are those of a tuple.
        """
        parts = self.parts(statement)
        own = shown = [self.text(part) for part in parts]
        if node is not None:
            place = self.span(node)
            shown = [
                self.within(part, node, text) if self.span(part).contains(place) else old
                for part, old in zip(parts, own, strict=True)
            ]
            if shown == own:
                return ""
        if not isinstance(statement, ast.Expr):
            return "".join(shown)
        return "".join(f"({part}), " for part in shown)


def header_end(node: Statement, span: Span) -> int:
    """Return the last line of a statement, or of its header if it has a body."""
    body = getattr(node, "body", None)
    if isinstance(body, list) and body:
        first: ast.stmt = body[0]
        return max(span.line, min(first.lineno - 1, span.end_line))
    return span.end_line


def value_of(statement: Statement) -> ast.expr | None:
    """Return the expression that a statement computes."""
    if isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Return | ast.Expr):
        return statement.value
    if isinstance(statement, ast.For):
        return statement.iter
    if isinstance(statement, ast.If | ast.While):
        return statement.test
    return None


def targets_of(statement: Statement) -> list[ast.expr]:
    """Return what a statement assigns to, tuples taken apart."""
    if isinstance(statement, ast.Assign):
        found = list(statement.targets)
    elif isinstance(statement, ast.AugAssign | ast.AnnAssign | ast.For):
        found = [statement.target]
    else:
        return []
    flat: list[ast.expr] = []
    for target in found:
        flat.extend(target.elts if isinstance(target, ast.Tuple | ast.List) else [target])
    return flat


def given(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Return the names of a function's arguments, a method's own object left out."""
    return [argument.arg for argument in function.args.args if argument.arg != "self"]


@functools.cache
def is_atomic(text: str) -> bool:
    """Whether no operator around a text can tear it apart."""
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        return False
    inside = node.col_offset > 0 and node.end_col_offset == len(text.strip()) - 1
    if text.strip().startswith("(") and (inside or isinstance(node, ast.Tuple)):
        return True  # the brackets around an operation are no part of it
    return isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.Call | ast.Constant)


def _binds(node: ast.BinOp) -> int:
    if isinstance(node.op, ast.Pow):
        return 3
    return 1 if isinstance(node.op, ast.Add | ast.Sub) else 2
