"""The loop header that chooses what a statement updates: ``for k in ("W1", "b1", "W2")``."""

from __future__ import annotations

import ast
import re

from backproof.checks.places import Place
from backproof.source import SourceFile, Span, tree_of
from backproof.trace.site import SITES, Site


def selecting(place: Place, site: Site) -> Place | None:
    """Return the header of the loop whose variable is in the target of an update, if it chooses.

    A loop over a range or over names written there chooses; one over a collection does not.
    """
    file, line = site.file, place.span.line
    loops = _loops(file, line)
    statement = _statement(loops[0], line) if loops else None
    if statement is None:
        return None
    used = _used(statement)
    for loop in sorted(loops, key=lambda node: -node.lineno):
        if used.isdisjoint(n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)):
            continue
        if _chooses(loop.iter):
            return Place(file, _header(file, loop))
        used |= {n.id for n in ast.walk(loop.iter) if isinstance(n, ast.Name)}
    return None


def loop_around(site: Site) -> Site | None:
    """Return the header of the innermost loop over something that an expression runs in."""
    start = max((loop.lineno for loop in _loops(site.file, site.span.line)), default=0)
    return next(
        (s for s in SITES if s.kind == "loop" and s.file is site.file
         and s.function == site.function and s.span.line == start), None,
    )  # fmt: skip


def in_loop_order(site: Site, axis: int) -> bool:
    """Whether the index of an outer loop stands before that of an inner one: ``x[i, j]``."""
    texts = site.operands[-1].split(",") if site.operands else []
    loops = sorted(_loops(site.file, site.span.line), key=lambda loop: loop.lineno)
    order = [loop.target.id for loop in loops if isinstance(loop.target, ast.Name)]
    places = [
        min((order.index(name) for name in re.findall(r"\w+", text) if name in order), default=-1)
        for text in texts[axis : axis + 2]
    ]
    return len(places) == 2 and -1 not in places and places[0] < places[1]


def _loops(file: SourceFile, line: int) -> list[ast.For]:
    """Return the loops over something in whose bodies a line stands."""
    try:
        tree = tree_of(file.text)
    except SyntaxError:
        return []
    return [
        node for node in ast.walk(tree)
        if isinstance(node, ast.For) and node.lineno < line <= (node.end_lineno or 0)
    ]  # fmt: skip


def _header(file: SourceFile, loop: ast.For) -> Span:
    """Return the stretch ``for … in …`` of a loop."""
    end = file.span_of(loop.iter)
    return Span(file.span_of(loop).line, file.span_of(loop).column, end.end_line, end.end_column)


def _statement(loop: ast.For, line: int) -> ast.stmt | None:
    for node in ast.walk(loop):
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.Expr)) and node.lineno <= line <= (
            node.end_lineno or 0
        ):
            return node
    return None


def _used(statement: ast.stmt) -> set[str]:
    """Return the names in the subscripts and receivers of a statement's targets, or of a call."""
    if isinstance(statement, ast.Expr):
        return {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AugAssign):
        targets = [statement.target]
    return {
        n.id for t in targets if not isinstance(t, ast.Name)
        for n in ast.walk(t) if isinstance(n, ast.Name)
    }  # fmt: skip


def _chooses(iterable: ast.expr) -> bool:
    """Whether a loop's iterable is a range, a slice or a list of names written in place."""
    if isinstance(iterable, (ast.Tuple, ast.List, ast.Set, ast.Constant)):
        return True
    if isinstance(iterable, ast.Subscript):
        return isinstance(iterable.slice, ast.Slice)
    if isinstance(iterable, ast.Call) and isinstance(iterable.func, ast.Name):
        if iterable.func.id == "range":
            return not _is_length(iterable.args)
        if iterable.func.id in ("reversed", "enumerate", "zip", "sorted"):
            return any(_chooses(argument) for argument in iterable.args)
    return False


def _is_length(args: list[ast.expr]) -> bool:
    """Whether a range goes over all of something: ``range(len(x))``."""
    call = args[0] if len(args) == 1 else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "len"
