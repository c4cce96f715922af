"""Jacobians of functions that join entries, where only a factor stands: softmax, normalisations."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import permutations, product

from backproof.repair.candidate import Change, Code, targets_of
from backproof.repair.offers import operands
from backproof.repair.sums import GRADIENT

#: How a program says that a value is a share of a sum: ``softmax(z)``, ``e / e.sum(1)``.
SOFTMAX = re.compile(r"softmax|/\s*[\w.]*sum\(", re.IGNORECASE)
#: How it says that a value is standardised: ``(x - mu) / np.sqrt(var + eps)``, ``c * inv_std``.
STANDARD = re.compile(r"[/*]\s*[\w.(]*(sqrt|std|sigma|inv)|\b(inv|rstd)\w*\s*\*")
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


def centred(code: Code, root: ast.expr, atoms: list[str]) -> Iterator[Change]:
    """``g / std`` takes the mean and the variance for constants."""
    if not isinstance(root, ast.BinOp) or not isinstance(root.op, ast.Mult | ast.Div):
        return
    values = [x for x in sorted(code.once(_standardised)) if x in atoms]
    names = [n for n in ast.walk(root) if isinstance(n, ast.Name) and GRADIENT.fullmatch(n.id)]
    for node in names if len({n.id for n in names}) == len(names) else ():
        for x, over in product(values, ("axis=0", "axis=-1, keepdims=True")):
            g = node.id
            if x != g:
                text = f"({g} - {g}.mean({over}) - {x} * ({g} * {x}).mean({over}))"
                yield node, text, "missing-term", 1.2


def _shares(code: Code) -> set[str]:
    """Return what a program calls the values of softmax."""
    return _called(code, SOFTMAX)


def _standardised(code: Code) -> set[str]:
    """Return what a program calls the values that a normalisation makes."""
    return _called(code, STANDARD)


def _called(code: Code, kind: re.Pattern[str]) -> set[str]:
    return {
        code.text(targets_of(s)[0]) for s in code.statements()
        if isinstance(s, ast.Assign) and len(targets_of(s)) == 1 and kind.search(code.text(s.value))
    }  # fmt: skip
