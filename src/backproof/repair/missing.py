"""Statements that are missing: the update of a parameter, or the one alike beside another."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from backproof.repair.candidate import Candidate, Code, Statement, header_end, targets_of, value_of
from backproof.source import Edit, Span

#: Numbers that belong to names.
_NUMBERED = re.compile(r"(?<=[A-Za-z_])\d+(?!\d)")


def missing_updates(code: Code, parameters: list[str]) -> Iterator[Candidate]:
    """Write the update of a parameter as that of another is written."""
    for statement in code.statements():
        if header_end(statement, code.span(statement)) != code.span(statement).end_line:
            continue
        targets = targets_of(statement)
        if len(targets) != 1 or not isinstance(statement, ast.AugAssign | ast.Assign):
            continue
        name = code.text(targets[0])
        text = code.text(statement)
        if name not in text.replace(name, "", 1) and not isinstance(statement, ast.AugAssign):
            continue
        for parameter in parameters:
            mapped = _as_for(text, name, parameter)
            if mapped is None or mapped == text:
                continue
            place = code.span(statement)
            indent = " " * (code.span(code.block_of(statement)[0]).column - 1)
            edit = Edit(
                Span(place.end_line, place.end_column, place.end_line, place.end_column),
                f"\n{indent}{mapped}",
            )
            steps = isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Sub)
            price = -0.6 if steps else -0.5  # that it is missing is proven: before all else
            yield Candidate(code.file.path, (edit,), price, "missing-term", place)


def absent(code: Code, statement: Statement) -> Iterator[Candidate]:
    """Write beside a statement the one alike that is missing: ``dW2 += r * W2`` by ``dW1 += …``."""
    targets, value = targets_of(statement), value_of(statement)
    if len(targets) != 1 or value is None or isinstance(statement, ast.For):
        return
    if isinstance(statement, ast.Assign) and code.text(targets[0]) not in code.text(value):
        return  # what is set, and not changed
    text, place = code.text(statement), code.span(statement)
    numbers = set(_NUMBERED.findall(text))
    if len(numbers) != 1:
        return
    old = numbers.pop()
    around = code.function_of(statement)
    known = {code.text(node) for node in ast.walk(around) if isinstance(node, ast.expr | ast.stmt)}
    others = {number for name in known for number in _NUMBERED.findall(name)} - {old}
    indent = " " * (code.span(code.block_of(statement)[0]).column - 1)
    for new in sorted(others)[:4]:
        target, made = (
            re.sub(rf"(?<=[A-Za-z_]){old}(?!\d)", new, code.text(part))
            for part in (targets[0], statement)
        )
        if target in known and made not in known:
            point = Span(place.end_line, place.end_column, place.end_line, place.end_column)
            edit = Edit(point, f"\n{indent}{made}")
            yield Candidate(code.file.path, (edit,), 0.9, "missing-term", place)


def _as_for(text: str, name: str, parameter: str) -> str | None:
    """Return an update's text with another parameter: ``W1 -= lr * dW1``, ``b1 -= lr * db1``.

    Of attributes and elements the last part tells them apart: ``layer.W``, ``params["b1"]``.
    """
    bare, other = (re.findall(r"\w+", text)[-1] for text in (name, parameter))
    if bare.isdigit() or other.isdigit() or bare == other:
        return None
    return re.sub(rf"(?<=[\W_dgDG]){re.escape(bare)}\b|^{re.escape(bare)}\b", other, text)
