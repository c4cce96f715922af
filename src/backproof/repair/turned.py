"""One sign that several statements write is turned in all: ``(y - p)`` for the weights and bias."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from backproof.finding import Finding
from backproof.repair.candidate import Candidate, Code, Statement, value_of
from backproof.repair.offers import bracketed
from backproof.source import Edit

_TURNED: dict[type[ast.operator], str] = {ast.Add: "-", ast.Sub: "+"}
#: Rows that a step is added to, or taken from.
_AT = {"add.at": (".add.", ".subtract."), "subtract.at": (".subtract.", ".add.")}


def turned(code: Code, statement: Statement, finding: Finding) -> Iterator[Candidate]:
    """Turn a difference wherever it stands, or the sign of every update that is named."""
    path, span = code.file.path, code.span(statement)
    for edits in (*_differences(code, statement), _updates(code, statement, finding)):
        if len(edits) > 1:
            yield Candidate(path, edits, 0.3, "wrong-sign", span)
    call = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(call, ast.Call) and (other := _AT.get(code.text(call.func).partition(".")[2])):
        edit = Edit(code.span(call.func), code.text(call.func).replace(*other))
        yield Candidate(path, (edit,), 0.2, "wrong-sign", span)


def _differences(code: Code, statement: Statement) -> Iterator[tuple[Edit, ...]]:
    """Yield ``p - y`` for each ``y - p`` of a function that is not squared."""
    value = value_of(statement)
    for node in ast.walk(value) if value is not None else ():
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Sub):
            continue
        same = [
            other for other in ast.walk(code.function_of(statement))
            if isinstance(other, ast.BinOp) and code.text(other) == code.text(node)
            and not isinstance(getattr(code.parents[other], "op", None), ast.Pow)
        ]  # fmt: skip
        text = f"{bracketed(code, node.right)} - {bracketed(code, node.left)}"
        yield tuple(Edit(code.span(other), code.put(other, text)) for other in same)


def _updates(code: Code, statement: Statement, finding: Finding) -> tuple[Edit, ...]:
    """Return ``w += step`` for each ``w -= step`` that the finding names."""
    places = [r.span for r in finding.related if r.file == code.file.path]
    named = [code.statement_at(place.line, place.column) for place in places]
    edits = []
    for update in dict.fromkeys([statement, *named]):
        if isinstance(update, ast.AugAssign) and type(update.op) in _TURNED:
            left, right = code.text(update.target), code.text(update.value)
            edits.append(Edit(code.span(update), f"{left} {_TURNED[type(update.op)]}= {right}"))
        elif isinstance(update, ast.Assign) and isinstance(update.value, ast.BinOp):
            value = update.value
            if type(value.op) in _TURNED and code.text(value.left) == code.text(update.targets[0]):
                text = f"{code.text(value.left)} {_TURNED[type(value.op)]} {code.text(value.right)}"
                edits.append(Edit(code.span(value), text))
    return tuple(edits)
