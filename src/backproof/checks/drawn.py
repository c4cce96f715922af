"""Where the data was made that a program takes one by one: ``for x, y in rows`` -> ``rows = …``."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from backproof.checks.places import Place
from backproof.source import SourceFile

#: Names that are followed from one to the next.
FARTHEST = 8


def drawn_from(text: str, file: SourceFile) -> Place | None:
    """Return the statement that makes what an expression (``x[i]``) takes its value from.

    Loops are followed to what they go through, parameters of functions to the arguments of their
    calls, and names to what they are parts of. A list that is filled is made by its ``append``.
    """
    tree = ast.parse(file.text)
    name = _root(_parsed(text))
    known: set[str] = set()
    for _ in range(FARTHEST):
        if name is None or name in known:
            return None
        known.add(name)
        following = next((g for g in _givers(tree, name) if _root(g) not in known), None)
        if following is not None:
            name = _root(following)
            continue
        made = _maker(tree, name)
        value = _value_for(made, name)
        if value is not None and _is_part(value) and _root(value) != name:
            name = _root(value)
            continue
        made = _returned(tree, made) or made
        return Place(file, file.span_of(made)) if made is not None else None
    return None


def _value_for(made: ast.stmt | None, name: str) -> ast.expr | None:
    """Return what an assignment assigns to a name: ``x, y = row[:3], row[3]``."""
    pairs = _assigned(made) if isinstance(made, ast.Assign) else ()
    return next((v for t, v in pairs if getattr(t, "attr", getattr(t, "id", "")) == name), None)


def _returned(tree: ast.Module, made: ast.stmt | None) -> ast.stmt | None:
    """Return the statement with which a function of the program gives what is assigned."""
    value = made.value if isinstance(made, ast.Assign) else None
    if isinstance(value, ast.ListComp):
        value = value.elt
    if not isinstance(value, ast.Call):
        return None
    functions = [
        n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == _called(value)
    ]
    returns = [n for f in functions for n in ast.walk(f) if isinstance(n, ast.Return)]
    named = len(returns) == 1 and isinstance(returns[0].value, ast.Name)
    return returns[0] if len(returns) == 1 and not named else None


def _parsed(text: str) -> ast.expr | None:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        return None


def _root(node: ast.expr | None) -> str | None:
    """Return the name that an expression is a part of, or is made of alone."""
    while isinstance(node, (ast.Subscript, ast.Attribute, ast.Starred)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            return node.attr if node.value.id == "self" else node.value.id
        node = node.value
    if isinstance(node, ast.Call) and node.args and _called(node) != "range":
        return _root(node.args[0])
    return node.id if isinstance(node, ast.Name) else None


def _called(node: ast.Call) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def _is_part(value: ast.expr) -> bool:
    return isinstance(value, (ast.Name, ast.Subscript, ast.Attribute))


def _givers(tree: ast.Module, name: str) -> Iterator[ast.expr]:
    """Yield what loops go through that assign a name, and arguments that a parameter is given."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.For, ast.comprehension)):
            yield from _through(node.target, node.iter, name)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            parameters = [a.arg for a in node.args.args if a.arg != "self"]
            if name in parameters:
                position = parameters.index(name)
                for call in ast.walk(tree):
                    if isinstance(call, ast.Call) and _called(call) == node.name:
                        yield from call.args[position : position + 1]


def _through(target: ast.expr, through: ast.expr, name: str) -> Iterator[ast.expr]:
    """Yield the part of what a loop goes through that it assigns to a name."""
    if isinstance(through, ast.Call) and _called(through) == "enumerate" and through.args:
        if isinstance(target, ast.Tuple) and len(target.elts) == 2:
            yield from _through(target.elts[1], through.args[0], name)
        return
    given = through.args if isinstance(through, ast.Call) and _called(through) == "zip" else []
    if isinstance(target, ast.Tuple) and len(given) == len(target.elts):
        for part, argument in zip(target.elts, given, strict=True):
            yield from _through(part, argument, name)
        return
    if any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(target)):
        yield through


def _maker(tree: ast.Module, name: str) -> ast.stmt | None:
    """Return the statement that makes what a name holds: an assignment, or what fills a list."""
    filled: ast.stmt | None = None
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            values = [
                v for t, v in _assigned(node) if getattr(t, "attr", getattr(t, "id", "")) == name
            ]
            if any(not isinstance(v, ast.List) or v.elts for v in values):
                return node
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            call = node.value
            held = call.func.value if isinstance(call.func, ast.Attribute) else None
            if filled is None and _called(call) == "append" and _root(held) == name:
                filled = node
    return filled


def _assigned(node: ast.Assign) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield what an assignment assigns to, and what: ``xs, ys = [], []`` are two."""
    for target in node.targets:
        parts = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
        given = node.value.elts if isinstance(node.value, ast.Tuple) else []
        if len(parts) == len(given) > 1:
            yield from zip(parts, given, strict=True)
        else:
            yield from ((part, node.value) for part in parts)
