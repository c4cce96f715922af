"""Numbers that a program writes and a comparison decides for: ``if z > 0: return z``, else 0.

What stands beside a computed value is the *zero* of a unit that is off; what stands beside another
number is the output of a *step* function: ``1 if z > 0 else -1``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

#: What a step function gives.
LEVELS = (-1, 0, 1)


def decided_numbers(tree: ast.AST) -> dict[int, str]:
    """Return what each number is that a comparison decides for, 'zero' or 'step', by its id."""
    found: dict[int, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            returned = [s.value for s in _statements(node.body) if isinstance(s, ast.Return)]
            if not all(v is None or _is_number(v) for v in returned):
                found |= {id(v): "zero" for v in returned if is_zero(v)}
            elif len(returned) > 1 and all(map(_is_level, returned)):
                found |= {id(v): "step" for v in returned}
        elif isinstance(node, ast.If) and isinstance(node.test, ast.Compare):
            firsts = [b[0] for b in (node.body, node.orelse) if b and isinstance(b[0], ast.Assign)]
            values = [first.value for first in firsts]
            same = len(firsts) == 2 and len({ast.dump(f.targets[0]) for f in firsts}) == 1
            if same and all(map(_is_level, values)):
                found |= {id(v): "step" for v in values}
            else:
                found |= {id(v): "zero" for v in values if is_zero(v)}
        elif isinstance(node, ast.IfExp) and is_step(node):
            found |= {id(node.body): "step", id(node.orelse): "step"}
    return found


def is_step(node: ast.IfExp) -> bool:
    """Whether a choice is that between two numbers that a step function gives."""
    return _is_level(node.body) and _is_level(node.orelse)


def is_zero(node: ast.AST | None) -> bool:
    """Whether an expression is the number 0."""
    return _value(node) == 0


def _is_level(node: ast.AST | None) -> bool:
    return _value(node) in LEVELS


def _is_number(node: ast.AST | None) -> bool:
    return _value(node) is not None or isinstance(node, ast.Constant)


def _value(node: ast.AST | None) -> float | None:
    """Return the number that an author has written, if it is one: ``-1``."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        below = _value(node.operand)
        return None if below is None else -below
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return None if isinstance(node.value, bool) else node.value
    return None


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a function, not those of functions within it."""
    for statement in body:
        yield statement
        for name in ("body", "orelse", "finalbody"):
            if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield from _statements(getattr(statement, name, []))
