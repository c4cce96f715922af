"""Edits that add what is missing beside an expression, or count what it should have counted."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import product

from backproof.repair.candidate import Change, Code
from backproof.repair.offers import bracketed

#: Names of gradients.
GRADIENT = re.compile(r"(self\.)?_?((d[A-Za-z]|g_|grad|delta|err|back)\w*|g\d?(?!\w))")
#: How a normalisation sums over samples, or over the entries of one.
_OVER = (
    "mean(axis=0)", "sum(axis=0)", "sum(axis=-1, keepdims=True)", "mean(axis=-1, keepdims=True)",
    "sum(axis=0, keepdims=True)",
)  # fmt: skip
#: What a mean sends back to all that it is taken of.
_SHARES = (
    "mean(axis=0)", "sum(axis=0)", "mean(axis=-1, keepdims=True)", "sum(axis=-1, keepdims=True)",
)  # fmt: skip


def counts(code: Code, root: ast.expr, atoms: list[str]) -> Iterator[Change]:
    """How many margins are violated, for 1: ``d[rows, y] -= np.sum(margins > 0, axis=1)``."""
    parent = code.parents.get(root)
    if isinstance(root, ast.Constant) and root.value == 1 and isinstance(parent, ast.AugAssign):
        for atom in atoms:
            yield root, f"np.sum({atom} > 0, axis=1)", "missing-factor", 0.6


def products(code: Code, root: ast.expr, atoms: list[str]) -> Iterator[Change]:
    """A product of two values that is missing beside another (a weight that is used twice)."""
    text = code.text(root)
    if not isinstance(root, ast.Call | ast.BinOp) or "\n" in text or len(text) > 120:
        return
    form = "np.dot({0}.T, {1})" if ".dot(" in text else "{0}.T @ {1}" if "@" in text else ""
    simple = [a for a in atoms if a.isidentifier()][:14]
    for one in simple if form else []:
        for other in simple:
            if one != other:
                yield root, f"{text} + {form.format(one, other)}", "missing-term", 1.6


def reduced(code: Code, root: ast.expr, atoms: list[str]) -> Iterator[Change]:
    """A sum over one axis that is missing beside a term: the mean's share of a normalisation."""
    if not isinstance(root, ast.BinOp | ast.Name | ast.Attribute | ast.Call):
        return
    text = bracketed(code, root)
    own = {code.text(node) for node in ast.walk(root) if isinstance(node, ast.expr)}
    for atom in atoms[:20]:
        for axis in ("axis=0", "axis=-1, keepdims=True"):
            yield root, f"{atom}.sum({axis}) + {text}", "missing-term", 1.7
            price = 0.9 if atom in own and GRADIENT.fullmatch(atom) else 1.7
            yield root, f"{text} - {atom}.mean({axis})", "missing-term", price
    # Within a product or quotient: ``(dx - x * (dx * x).mean(0)) / std``.
    for inner in _bracketed_sums(root):
        named = dict.fromkeys(n.id for n in ast.walk(inner) if isinstance(n, ast.Name))
        for name, over in product(filter(GRADIENT.fullmatch, named), _SHARES):
            changed = f"{code.text(inner)} - {name}.{over}"
            yield inner, code.put(inner, changed), "missing-term", 1.0


def _bracketed_sums(root: ast.expr) -> Iterator[ast.BinOp]:
    """Yield the sums that an expression multiplies or divides."""
    if isinstance(root, ast.BinOp) and isinstance(root.op, ast.Mult | ast.Div):
        for side in (root.left, root.right):
            if isinstance(side, ast.BinOp) and isinstance(side.op, ast.Add | ast.Sub):
                yield side
            else:
                yield from _bracketed_sums(side)


def projected(code: Code, root: ast.expr, atoms: list[str]) -> Iterator[Change]:
    """The share that comes back through a norm or a variance: ``g - x * (g * x).mean(axis=0)``."""
    text = code.text(root)
    if not isinstance(root, ast.BinOp | ast.Name | ast.Attribute) or "\n" in text:
        return
    first: dict[str, ast.expr] = {}
    for node in ast.walk(root):
        if isinstance(node, ast.Name | ast.Attribute) and GRADIENT.fullmatch(code.text(node)):
            first.setdefault(code.text(node), node)
    values = [a for a in atoms if not GRADIENT.match(a) and (len(a) == 1 or not a.isupper())][:14]
    is_sum = isinstance(root, ast.BinOp) and isinstance(root.op, ast.Add | ast.Sub)
    for g, node in list(first.items())[:2]:
        for value in values:
            for over in _OVER:
                term = f"{value} * ({g} * {value}).{over}"
                if is_sum:
                    yield root, f"{text} - {term}", "missing-term", 1.0
                else:
                    yield node, code.put(node, f"{g} - {term}"), "missing-term", 1.0
