"""Loops of a backward pass that return in their first round: a `return` indented too far."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import TYPE_CHECKING

from backproof.checks.places import Place
from backproof.source import SourceFile, Span, tree_of

if TYPE_CHECKING:
    from backproof.checks.neglect import Step


def cut_short(step: Step) -> Place | None:
    """Return the statement that leaves a loop of the backward pass before its second round."""
    for operation in step.tape.operations:
        where = operation.where
        if operation.out not in step.forward and where.function != "<module>":
            for loop, end in _left_at_once(where.file):
                if loop.contains(where.span):
                    return Place(where.file, end)
    return None


@lru_cache(maxsize=64)
def _left_at_once(file: SourceFile) -> tuple[tuple[Span, Span], ...]:
    """Return the loops of a file that end with a `return` or `break` whatever happens."""
    try:
        tree = tree_of(file.text)
    except SyntaxError:
        return ()
    return tuple(
        (file.span_of(loop), file.span_of(loop.body[-1]))
        for loop in ast.walk(tree)
        if isinstance(loop, ast.For) and isinstance(loop.body[-1], ast.Return | ast.Break)
        and not any(isinstance(node, ast.Continue) for node in ast.walk(loop))
    )  # fmt: skip
