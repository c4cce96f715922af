"""Copies that are missing: a name for a part of an array that changes while it is still read."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from backproof.finding import Finding
from backproof.repair.candidate import Candidate, Code, Statement
from backproof.source import Edit

_VIEWS = ast.Subscript | ast.Name | ast.Attribute


def copies(code: Code, finding: Finding, changing: list[Statement]) -> Iterator[Candidate]:
    """Copy what a name is bound to before the array changes: ``p = P[i].copy()``.

    Parameters
    ----------
    finding : Finding
        That a value is read after its change.
    changing : list of statements
        Those that change it.
    """
    read = code.statement_at(finding.span.line, finding.span.column)
    if read is None or finding.file != code.file.path:
        return
    around = code.function_of(read)
    names = {n.id for n in ast.walk(read) if isinstance(n, ast.Name)}
    before = [read.lineno, *(s.lineno for s in changing if code.function_of(s) is around)]
    for statement in ast.walk(around):
        if not isinstance(statement, ast.Assign) or statement.lineno > max(before):
            continue
        for name, value in _pairs(statement):
            if name in names and isinstance(value, _VIEWS) and code.text(value) != name:
                edit = Edit(code.span(value), f"{code.text(value)}.copy()")
                yield Candidate(code.file.path, (edit,), 0.0, "mutated-value", code.span(statement))


def _pairs(statement: ast.Assign) -> Iterator[tuple[str, ast.expr]]:
    """Yield each name that an assignment binds, with its own value."""
    for target in statement.targets:
        if isinstance(target, ast.Tuple) and isinstance(statement.value, ast.Tuple):
            pairs = zip(target.elts, statement.value.elts, strict=False)
        else:
            pairs = zip([target], [statement.value], strict=True)
        for one, value in pairs:
            if isinstance(one, ast.Name):
                yield one.id, value
