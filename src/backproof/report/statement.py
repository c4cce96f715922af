"""What a statement assigns to, so that a consequence can be called by its name."""

from __future__ import annotations

import ast

from backproof.source import SourceFile, Span


class Targets:
    """The assignments of one file."""

    def __init__(self, file: SourceFile) -> None:
        self._file = file
        self._assignments: list[tuple[Span, str]] = []
        try:
            tree = ast.parse("\n".join(file.lines))
        except (SyntaxError, ValueError):
            return
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign):
                self._add(node, node.targets[-1])
            elif isinstance(node, ast.AugAssign | ast.AnnAssign | ast.NamedExpr):
                self._add(node, node.target)

    def _add(self, node: ast.stmt | ast.expr, target: ast.expr) -> None:
        self._assignments.append((self._file.span_of(node), self._file.text_of(target)))

    def of(self, span: Span) -> str:
        """Return the target of the smallest assignment around `span`; empty if there is none."""
        around = [(s, text) for s, text in self._assignments if s.contains(span)]
        if not around:
            return ""
        return max(around, key=lambda found: found[0].start)[1]
