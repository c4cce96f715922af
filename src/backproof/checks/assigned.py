"""The one statement of a function that gives a name its value."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from backproof.source import SourceFile, tree_of
from backproof.trace.site import Site


def at_assignment(beside: Site, statement: ast.Assign) -> Site:
    """Return the place of what an assignment gives its name, in the function of another site."""
    file = beside.file
    return replace(
        beside, kind="flow", op="", span=file.span_of(statement.value),
        statement=file.span_of(statement), is_value=True, operands=(),
        targets=tuple(file.text_of(target) for target in statement.targets),
    )  # fmt: skip


def only_assignment(file: SourceFile, function: str, name: str) -> ast.Assign | None:
    """Return the one statement of a function that binds a name, if it binds nothing else."""
    nodes = list(_within(_body(tree_of(file.text), function)))
    bound = [
        n for n in nodes
        if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store)
    ]  # fmt: skip
    if len(bound) != 1:
        return None
    return next((n for n in nodes if isinstance(n, ast.Assign) and n.targets == bound), None)


def _within(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function's own body."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _within(child)


def _body(tree: ast.Module, function: str) -> ast.AST:
    """Return the definition of a function by its qualified name, or the module."""
    last = function.rpartition(".")[2]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == last:
            return node
    return tree
