"""Softmax's Jacobian, where its diagonal or nothing of it stands."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import permutations

from backproof.repair.candidate import Change, Code, targets_of
from backproof.repair.offers import operands
from backproof.repair.sums import GRADIENT

#: How a program says that a value is a share of a sum: ``softmax(z)``, ``e / e.sum(1)``.
SOFTMAX = re.compile(r"softmax|/\s*[\w.]*sum\(", re.IGNORECASE)
#: Names in a value that may lack the Jacobian.
FEW_NAMES = 3


def jacobians(code: Code, root: ast.expr) -> Iterator[Change]:
    """``P * (1 - P) * G`` is the diagonal of softmax's Jacobian only; ``G`` lacks all of it."""
    for node in ast.walk(root):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            names, source = operands(code, node), code.text(node)
            for p, g in permutations(names, 2):
                if f"1 - {p}" in source or (len(names) == 2 and "(" not in source):
                    yield from _jacobian(node, p, g)
    names = operands(code, root)
    shares = code.once(_shares)
    for node in ast.walk(root) if shares.isdisjoint(names) and len(names) <= FEW_NAMES else ():
        if isinstance(node, ast.Name) and node.id in names and GRADIENT.fullmatch(node.id):
            for p in sorted(shares):
                yield from _jacobian(node, p, node.id)


def _jacobian(node: ast.expr, p: str, g: str) -> Iterator[Change]:
    for axis in ("axis=-1", "axis=0"):
        text = f"{p} * ({g} - np.sum({g} * {p}, {axis}, keepdims=True))"
        yield node, text, "wrong-derivative", 1.1


def _shares(code: Code) -> set[str]:
    """Return what a program calls the values of softmax."""
    return {
        code.text(targets_of(s)[0]) for s in code.statements()
        if isinstance(s, ast.Assign) and len(targets_of(s)) == 1
        and SOFTMAX.search(code.text(s.value))
    }  # fmt: skip
