"""Outputs and labels that met in a square: labels in the shape that the outputs have."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from backproof.finding import Finding
from backproof.repair.candidate import Candidate, Code, targets_of
from backproof.repair.offers import bracketed
from backproof.source import Edit


def aligned(code: Code, findings: Sequence[Finding]) -> Iterator[Candidate]:
    """Propose labels of another shape where they meet the outputs, or where they are made.

    No other edit of the difference is one: ``pred + y`` broadcasts as well, and says nothing of it.
    """
    labels = [(f, _labels(code, f)) for f in findings if f.file == code.file.path]
    found = [(f, node) for f, node in labels if node is not None]
    if not found:
        return
    edits = tuple(
        Edit(code.span(node), f"{bracketed(code, node)}.{f.evidence['form']}") for f, node in found
    )
    path, (first, label) = code.file.path, found[0]
    yield Candidate(path, edits, -2.0, first.cause, first.span)
    form = first.evidence["form"]
    makers = [
        s for s in code.statements()
        if isinstance(s, ast.Assign) and len(targets_of(s)) == 1
        and code.text(targets_of(s)[0]) == code.text(label)
    ]  # fmt: skip
    if len(makers) == 1:
        value = makers[0].value
        edit = Edit(code.span(value), f"{bracketed(code, value)}.{form}")
        yield Candidate(path, (edit,), -1.0, first.cause, code.span(makers[0]))


def _labels(code: Code, finding: Finding) -> ast.expr | None:
    """Return the labels of a difference: an operand of a minus, or an argument."""
    side = finding.evidence["labels"]
    if side is None:
        return None
    for node in code.nodes:
        if isinstance(node, ast.BinOp) and code.span(node) == finding.span:
            return (node.left, node.right)[side]
        if isinstance(node, ast.Call) and code.span(node) == finding.span:
            return node.args[side] if len(node.args) > side else None
    return None
