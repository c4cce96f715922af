"""What an engine gathers gradients in, set to zero before it does: ``for p in params: …``."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from backproof.repair.candidate import Candidate, Code, Statement
from backproof.repair.sums import GRADIENT
from backproof.source import Edit, Span


def zeroed(code: Code, statement: Statement) -> Iterator[Candidate]:
    """Write before a call the loop that sets the attributes to zero which an update reads."""
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return
    place = code.span(statement)
    indent = " " * (code.span(code.block_of(statement)[0]).column - 1)
    point = Span(place.line, place.column, place.line, place.column)
    for number, loop in enumerate(dict.fromkeys(_loops(code, statement))):
        header, target = loop
        text = f"{header}\n{indent}    {target} = 0.0\n{indent}"
        yield Candidate(
            code.file.path, (Edit(point, text),), 0.3 + 0.1 * number, "not-reset", place
        )


def _loops(code: Code, statement: Statement) -> Iterator[tuple[str, str]]:
    """Yield the headers of loops that read a gradient of what they go through, and which."""
    around = code.function_of(statement)
    for loop in code.nodes:
        if not isinstance(loop, ast.For) or code.function_of(loop) is not around:
            continue
        names = {n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)}
        header = f"for {code.text(loop.target)} in {code.text(loop.iter)}:"
        for inner in loop.body:
            for node in ast.walk(inner):
                owner = node.value if isinstance(node, ast.Attribute) else None
                if isinstance(owner, ast.Name) and owner.id in names:
                    assert isinstance(node, ast.Attribute)
                    if GRADIENT.fullmatch(node.attr) and "\n" not in header:
                        yield header, f"{owner.id}.{node.attr}"
