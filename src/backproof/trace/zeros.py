"""Where a program writes 0 for a value that its other branch computes: ``if z > 0: return z``."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def decided_zeros(tree: ast.AST) -> set[int]:
    """Return the ids of the constants 0 that a comparison decides for.

    What a function returns beside a computed value, and what is put in the place of one.
    """
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            returned = [s.value for s in _statements(node.body) if isinstance(s, ast.Return)]
            if any(v is not None and not isinstance(v, ast.Constant) for v in returned):
                found |= {id(v) for v in returned if is_zero(v)}
        elif isinstance(node, ast.If) and isinstance(node.test, ast.Compare):
            for block in (node.body, node.orelse):
                first = block[0] if block else None
                if isinstance(first, ast.Assign) and is_zero(first.value):
                    found.add(id(first.value))
    return found


def is_zero(node: ast.AST | None) -> bool:
    """Whether an expression is the number 0."""
    return isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value == 0


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a function, not those of functions within it."""
    for statement in body:
        yield statement
        for name in ("body", "orelse", "finalbody"):
            if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield from _statements(getattr(statement, name, []))
