"""Where within an expression a term can be added, and what it has to come to there.

What ``d.dot(V.T) * slope(h)`` lacks as a whole, ``d.dot(V.T)`` lacks divided by the slope.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
#: Operators that are looked into, from the outside.
DEPTH = 3


@dataclass(frozen=True, slots=True)
class Opening:
    """A place for a term.

    Attributes
    ----------
    before, after : str
        What stands around the term.
    part : array
        What the term has to come to; NaN where that is not known.
    """

    before: str
    after: str
    part: Array


def openings(text: str, rest: Array, value: Callable[[str], Any]) -> Iterator[Opening]:
    """Yield the places for a term in an expression that lacks `rest`, the outermost first.

    Parameters
    ----------
    value : callable (str) -> value
        What an expression comes to.
    """
    wrapped = f"(\n{text}\n)"
    ends = [0]
    for line in wrapped.encode().split(b"\n"):
        ends.append(ends[-1] + len(line) + 1)
    queue = [(ast.parse(wrapped, mode="eval").body, rest, 0)]
    while queue:
        node, part, depth = queue.pop(0)
        start, end = _around(wrapped, node, ends)
        bare = not depth or (start.rstrip().endswith("(") and end.lstrip().startswith(")"))
        own = wrapped.encode()[len(start.encode()) : len(wrapped.encode()) - len(end.encode())]
        opening, closing = ("", "") if bare else ("(", ")")
        before = f"{start[2:]}{opening}{own.decode()} + "
        yield Opening(before, f"{closing}{end[:-2]}", part)
        if depth < DEPTH:
            inner = _inner(wrapped, node, part, value)
            queue += [(operand, share, depth + 1) for operand, share in inner]


def _around(text: str, node: ast.expr, ends: list[int]) -> tuple[str, str]:
    """Return what stands before and behind a node."""
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    data = text.encode()
    start = ends[node.lineno - 1] + node.col_offset
    end = ends[node.end_lineno - 1] + node.end_col_offset
    return data[:start].decode(), data[end:].decode()


def _inner(
    text: str, node: ast.expr, part: Array, value: Callable[[str], Any]
) -> Iterator[tuple[ast.expr, Array]]:
    """Yield the operands that are looked into, and what they lack."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield node.operand, -part
        return
    if isinstance(node, ast.BinOp):
        pair = node.left, node.right
        if isinstance(node.op, ast.Add | ast.Sub):
            yield node.left, part
            yield node.right, part if isinstance(node.op, ast.Add) else -part
            return
        if not isinstance(node.op, ast.Mult | ast.Div):
            return
    elif isinstance(node, ast.Call) and len(node.args) == 2 and not node.keywords:
        if not (isinstance(node.func, ast.Attribute) and node.func.attr == "multiply"):
            return
        pair = node.args[0], node.args[1]
    else:
        return
    divided = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
    for one, other in (pair,) if divided else (pair, pair[::-1]):
        shape = np.shape(value(ast.get_source_segment(text, one) or ""))
        factor = value(ast.get_source_segment(text, other) or "")
        if shape != part.shape or not isinstance(factor, np.ndarray | np.generic | float | int):
            continue
        known = np.asarray(factor, float)
        if divided:
            yield one, part * known
        else:
            yield one, np.divide(part, known, out=np.full(part.shape, np.nan), where=known != 0)
