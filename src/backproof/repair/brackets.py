"""One-place edits of brackets: forgotten, needless, closed too early or too late."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from backproof.repair.candidate import Change, Code
from backproof.repair.offers import bracketed

SIGNS = {ast.Add: "+", ast.Sub: "-"}
SCALES = {ast.Mult: "*", ast.Div: "/"}


def brackets(code: Code, node: ast.expr) -> Iterator[Change]:
    """Yield the edits of a sum or a product that only group its parts in another way."""
    if not isinstance(node, ast.BinOp):
        return
    if type(node.op) in SIGNS:
        yield from _forgotten(code, node)
    elif type(node.op) in SCALES:
        yield from _needless(code, node)
        yield from _early(code, node)


def _forgotten(code: Code, node: ast.BinOp) -> Iterator[Change]:
    """``a * (b - c)`` and ``(a - c) * b`` for ``a * b - c``."""
    sign = SIGNS[type(node.op)]
    left, right = code.text(node.left), bracketed(code, node.right)
    if isinstance(node.left, ast.BinOp) and isinstance(node.left.op, ast.Mult):
        a, b = (bracketed(code, part) for part in (node.left.left, node.left.right))
        yield node, code.put(node, f"{a} * ({b} {sign} {right})"), "missing-factor", 1.2
        yield node, code.put(node, f"({a} {sign} {right}) * {b}"), "missing-factor", 1.2
    if isinstance(node.right, ast.BinOp) and isinstance(node.right.op, ast.Mult):
        a, b = (bracketed(code, part) for part in (node.right.left, node.right.right))
        yield node, code.put(node, f"({left} {sign} {a}) * {b}"), "missing-factor", 1.2


def _needless(code: Code, node: ast.BinOp) -> Iterator[Change]:
    """``a - b * c`` for ``(a - b) * c``, and for ``a * (b - c)`` the like."""
    scale = SCALES[type(node.op)]
    for inner, other in ((node.left, node.right), (node.right, node.left)):
        if not isinstance(inner, ast.BinOp) or type(inner.op) not in SIGNS:
            continue
        sign, c = SIGNS[type(inner.op)], bracketed(code, other)
        a, b = code.text(inner.left), bracketed(code, inner.right)
        if inner is node.left:
            yield node, code.put(node, f"{a} {sign} {b} {scale} {c}"), "wrong-operand", 1.1
        if isinstance(node.op, ast.Mult):
            a = bracketed(code, inner.left)
            yield node, code.put(node, f"{c} * {a} {sign} {b}"), "wrong-operand", 1.2


def _early(code: Code, node: ast.BinOp) -> Iterator[Change]:
    """``r * (a - b * c)`` for ``r * (a - b) * c``: a bracket that is closed too early."""
    scale, last = SCALES[type(node.op)], bracketed(code, node.right)
    inner = node.left
    if not isinstance(inner, ast.BinOp) or not isinstance(inner.op, ast.Mult):
        return
    for part, other in ((inner.right, inner.left), (inner.left, inner.right)):
        if isinstance(part, ast.BinOp) and type(part.op) in SIGNS:
            sign, factor = SIGNS[type(part.op)], bracketed(code, other)
            a, b = code.text(part.left), bracketed(code, part.right)
            text = f"{factor} * ({a} {sign} {b} {scale} {last})"
            yield node, code.put(node, text), "wrong-operand", 1.0
