"""Edits that rewrite a whole formula: softmax's Jacobian, exchanged names, turned stacks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import combinations

from backproof.repair.candidate import Code
from backproof.repair.names import likeness
from backproof.repair.offers import bracketed

#: (node to replace, new text, cause, price)
Change = tuple[ast.expr, str, str, float]

MOST_NAMES = 7
_STRENGTH = re.compile(r"(self\.)?\w*(slope|alpha|leak|lam|scale|beta|gamma|eps|rate|mask|keep)\w*")


def forms(code: Code, root: ast.expr, atoms: list[str], *, near: bool) -> Iterator[Change]:
    """Yield the edits of an expression that no edit of one of its parts makes.

    Parameters
    ----------
    near : bool
        The expression is blamed, or next to it: what is rarer is worth proposing.
    """
    yield from _jacobians(code, root)
    yield from _exchanges(code, root)
    for node in ast.walk(root):
        yield from _stacks(code, node)
        yield from _branches(code, node, atoms)
        if near:
            yield from _known(code, root, node, atoms)
    if near:
        yield from _reduced(code, root, atoms)


def _names(code: Code, root: ast.expr) -> list[str]:
    """Return the distinct names, attributes and elements in an expression."""
    found: dict[str, None] = {}
    for node in ast.walk(root):
        if not isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
            continue
        if not isinstance(node.ctx, ast.Load):
            continue
        parent = code.parents.get(node)
        if isinstance(parent, ast.Call) and parent.func is node:
            continue
        if isinstance(node, ast.Name) and node.id in ("np", "numpy", "math", "self"):
            continue
        if isinstance(node, ast.Attribute) and node.attr in ("T", "shape", "size"):
            continue
        found[code.text(node)] = None
    return [name for name in found if "\n" not in name][:MOST_NAMES]


def _jacobians(code: Code, root: ast.expr) -> Iterator[Change]:
    """``P * (1 - P) * G`` is the diagonal of softmax's Jacobian only."""
    if not isinstance(root, ast.BinOp) or not isinstance(root.op, ast.Mult):
        return
    names = _names(code, root)
    for p in names:
        if f"1 - {p}" not in code.text(root) and len(names) > 2:
            continue
        for g in names:
            if g == p:
                continue
            for axis in ("axis=-1", "axis=0"):
                text = f"{p} * ({g} - np.sum({g} * {p}, {axis}, keepdims=True))"
                yield root, text, "wrong-derivative", 1.1


def _exchanges(code: Code, root: ast.expr) -> Iterator[Change]:
    """Two names, each in the place of the other."""
    text = code.text(root)
    for one, other in combinations(_names(code, root), 2):
        price = likeness(one, other)
        if price > 1.0 or one in other or other in one:
            continue
        pattern = re.compile(rf"(?<![\w.])({re.escape(one)}|{re.escape(other)})(?!\w)")
        partner = {one: other, other: one}
        swapped = "".join(partner.get(part, part) for part in pattern.split(text))
        yield root, swapped, "wrong-operand", price + 0.15


def _stacks(code: Code, node: ast.AST) -> Iterator[Change]:
    """The matrices of a stack, turned or not."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        for side in (node.left, node.right):
            if isinstance(side, ast.Name | ast.Attribute | ast.Subscript):
                text = code.text(side)
                if not text.endswith(".T"):
                    yield side, f"{text}.transpose(0, 2, 1)", "missing-transpose", 1.1
                    yield side, f"np.swapaxes({text}, -1, -2)", "missing-transpose", 1.15
    if isinstance(node, ast.Call):
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else ""
        if name in ("transpose", "swapaxes") and isinstance(function, ast.Attribute):
            module = isinstance(function.value, ast.Name) and function.value.id == "np"
            inner = node.args[0] if module and node.args else function.value
            yield node, bracketed(code, inner), "missing-transpose", 1.0


def _branches(code: Code, node: ast.AST, atoms: list[str]) -> Iterator[Change]:
    """The other branch has a slope: ``np.where(mask, g, a * g)`` for ``np.where(mask, g, 0.0)``."""
    if not isinstance(node, ast.Call) or len(node.args) != 3:
        return
    if code.text(node.func).rpartition(".")[2] != "where":
        return
    strengths = [a for a in atoms if _STRENGTH.fullmatch(a)][:8]
    for own, other in ((node.args[2], node.args[1]), (node.args[1], node.args[2])):
        if isinstance(own, ast.Constant):
            text = bracketed(code, other)
            for strength in strengths:
                yield own, strength, "wrong-derivative", 1.0
                yield own, f"{strength} * {text}", "wrong-derivative", 1.1


def _known(code: Code, root: ast.expr, node: ast.AST, atoms: list[str]) -> Iterator[Change]:
    """A value that has a name already, in place of an expression."""
    if not isinstance(node, ast.BinOp | ast.Call):
        return
    parent = code.parents.get(node)
    if isinstance(parent, ast.Call) and parent.func is node:
        return
    for atom in atoms:
        yield node, atom, "wrong-operand", 1.35 if node is root else 1.25


def _reduced(code: Code, root: ast.expr, atoms: list[str]) -> Iterator[Change]:
    """A sum over one axis that is missing beside a term: the mean's share of a normalisation."""
    if not isinstance(root, ast.BinOp | ast.Name | ast.Attribute | ast.Call):
        return
    text = bracketed(code, root)
    for atom in atoms[:20]:
        for axis in ("axis=0", "axis=-1, keepdims=True"):
            yield root, f"{atom}.sum({axis}) + {text}", "missing-term", 1.7
            yield root, f"{text} - {atom}.mean({axis})", "missing-term", 1.7
