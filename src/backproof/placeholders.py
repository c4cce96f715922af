"""Where something is missing and a ``pass``, ``b = b`` or ``d /= 1`` keeps its place.

A bare ``pass`` among other statements, or all alone in a loop, does nothing: it stands for what was
taken out, or has still to be written. So does a sum that is not kept, ``db + d`` for ``db += d``. A
finding that something is missing belongs there, if there is one such place.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from backproof.checks.inherited import is_vague
from backproof.finding import Finding, Related, Report
from backproof.source import SourceFile, Span

#: Lines after an expression in which what follows it stands.
NEXT = 2
NOTHING = "nothing is done here"
#: Findings about a whole statement that is missing, wherever it was.
WHOLE = ("BP106", "BP107")
#: Causes of findings that something is missing from an expression.
MISSING = ("missing-term", "missing-factor", "missing-sum")
#: What changes nothing, by the operation: ``d /= 1``, ``dW += 0 * W``.
NEUTRAL = {ast.Div: 1, ast.Mult: 1, ast.Add: 0, ast.Sub: 0}


def at_placeholders(report: Report) -> Report:
    """Return a report whose findings of what is missing stand where a ``pass`` keeps its place."""
    places = [
        (path, *place, SourceFile(path, text).slice(place[0]))
        for path, text in report.sources.items() for place in _places(text)
    ]  # fmt: skip
    places = [place for place in places if place[-1] == "pass"] or places
    if len(places) != 1:
        return report
    path, span, around, text = places[0]
    findings = tuple(
        _moved(finding, path, span, text)
        if finding.code in WHOLE or _is_part(finding, path, around, span, text)
        else finding
        for finding in report.findings
    )
    there = [f for f in findings if f.file == path and f.span == span]
    # Two findings at the one place tell of the same statement.
    return replace(report, findings=tuple(f for f in findings if f not in there[1:]))


def _is_part(
    finding: Finding, path: str, around: Span | None, place: Span, text: str
) -> bool:  # fmt: skip
    """Whether a finding is about a part that may be missing in a function, from there on."""
    if finding.code not in ("BP101", "BP102") or finding.file != path:
        return False
    if around is not None and not around.contains(finding.span):
        return False
    later = finding.cause in MISSING and finding.span.line < place.line
    if text == "pass" and 0 < place.line - finding.span.end_line <= NEXT:
        return True  # whatever it was, it made something else of what is blamed
    return later or (text == "pass" and (finding.cause == "missing-term" or is_vague(finding)))


def _moved(finding: Finding, path: str, span: Span, text: str) -> Finding:
    if finding.file == path and finding.span == span:
        return finding
    before = Related(finding.span, "consequence", finding.expression, finding.file)
    return replace(
        finding, file=path, span=span, expression=text, related=(before, *finding.related),
        label=NOTHING,
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
    """Whether a statement changes nothing."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        return ast.unparse(statement.targets[0]) == ast.unparse(statement.value)
    if isinstance(statement, ast.AugAssign):
        neutral, value = NEUTRAL.get(type(statement.op)), statement.value
        product = isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult) and neutral == 0
        values = [value.left, value.right] if product else [value]  # type: ignore[attr-defined]
        return neutral is not None and any(
            isinstance(v, ast.Constant) and v.value == neutral for v in values
        )
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.BinOp):
        return not any(isinstance(n, ast.Call) for n in ast.walk(statement))
    return isinstance(statement, ast.Pass)


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _span(node: ast.AST) -> Span:
    return Span(
        node.lineno, node.col_offset + 1, node.end_lineno, node.end_col_offset + 1,  # type: ignore[attr-defined]
    )  # fmt: skip
