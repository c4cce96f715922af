"""Where something is missing and a ``pass``, or ``b = b``, keeps its place.

A bare ``pass`` among other statements, or all alone in a loop, does nothing: it stands for what was
taken out, or has still to be written. A finding that something is missing belongs there, if there
is one such place.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from backproof.checks.inherited import is_vague
from backproof.finding import Finding, Related, Report
from backproof.source import SourceFile, Span

#: Findings about a whole statement that is missing, wherever it was.
WHOLE = ("BP106", "BP107")


def at_placeholders(report: Report) -> Report:
    """Return a report whose findings of what is missing stand where a ``pass`` keeps its place."""
    places = [(path, *place) for path, text in report.sources.items() for place in _places(text)]
    if len(places) != 1:
        return report
    path, span, around = places[0]
    text = SourceFile(path, report.sources[path]).slice(span)
    findings = tuple(
        _moved(finding, path, span, text)
        if finding.code in WHOLE or (text == "pass" and _is_part(finding, path, around))
        else finding
        for finding in report.findings
    )
    return replace(report, findings=findings)


def _is_part(finding: Finding, path: str, around: Span | None) -> bool:
    """Whether a finding is about a part that may be missing in a function."""
    near = finding.file == path and (around is None or around.contains(finding.span))
    told = finding.cause != "missing-term" and not is_vague(finding)
    return finding.code == "BP101" and near and not told


def _moved(finding: Finding, path: str, span: Span, text: str) -> Finding:
    before = Related(finding.span, "consequence", finding.expression, finding.file)
    return replace(
        finding, file=path, span=span, expression=text, related=(before, *finding.related),
        label="nothing is done here",
    )  # fmt: skip


def _places(text: str) -> Iterator[tuple[Span, Span | None]]:
    """Yield each ``pass`` that stands among other statements, and the function around it."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    stack: list[tuple[ast.AST, ast.AST | None]] = [(tree, None)]
    while stack:
        node, function = stack.pop()
        inner = node if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else function
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if not isinstance(block, list):
                continue
            others = isinstance(node, ast.For) or [
                s for s in block if not _does_nothing(s) and not _is_docstring(s)
            ]
            yield from (
                (_span(s), None if inner is None else _span(inner))
                for s in block if _does_nothing(s) and others
            )  # fmt: skip
        stack += [(child, inner) for child in ast.iter_child_nodes(node)]


def _does_nothing(statement: ast.stmt) -> bool:
    """Whether a statement is ``pass``, or gives a variable its own value: ``b1 = b1``."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        return ast.unparse(statement.targets[0]) == ast.unparse(statement.value)
    return isinstance(statement, ast.Pass)


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _span(node: ast.AST) -> Span:
    return Span(
        node.lineno, node.col_offset + 1, node.end_lineno, node.end_col_offset + 1,  # type: ignore[attr-defined]
    )  # fmt: skip
