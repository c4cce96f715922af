"""Edits of the entries that a penalty reaches: all, or all but a column of biases."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from backproof.finding import Finding
from backproof.repair.candidate import Candidate, Code, Statement, targets_of, value_of
from backproof.source import Edit

#: What stands for a parameter without the penalty of some entries, by the slice of the others.
PADDED = {
    "[1:]": "np.append(0, {0}[1:])",
    "[:-1]": "np.append({0}[:-1], 0)",
    "[:, 1:]": "np.hstack([np.zeros(({0}.shape[0], 1)), {0}[:, 1:]])",
    "[:, :-1]": "np.hstack([{0}[:, :-1], np.zeros(({0}.shape[0], 1))])",
    "[1:, :]": "np.vstack([np.zeros((1, {0}.shape[1])), {0}[1:]])",
    "[:-1, :]": "np.vstack([{0}[:-1], np.zeros((1, {0}.shape[1]))])",
}


def entries(code: Code, statement: Statement, finding: Finding) -> Iterator[Candidate]:
    """Yield edits that make a penalty reach the entries that the cost penalises."""
    rest = str(finding.evidence.get("rest", ""))
    value = value_of(statement)
    if not rest or value is None:
        return
    found = _spread if finding.cause == "missing-term" else _confined
    for number, edits in enumerate(found(code, statement, value, rest)):
        yield Candidate(
            code.file.path, edits, 0.3 + 0.05 * number, finding.cause, code.span(statement)
        )


def _spread(
    code: Code, statement: Statement, value: ast.expr, rest: str
) -> Iterator[tuple[Edit, ...]]:
    """Take the slice away wherever it stands."""
    places = [
        node for node in ast.walk(statement)
        if isinstance(node, ast.Subscript) and _slice(code, node) in _written(rest)
    ]  # fmt: skip
    if places:
        yield tuple(Edit(code.span(node), code.text(node.value)) for node in places)
    inside = [node for node in places if value in _above(code, node)]
    if len(inside) < len(places):
        yield tuple(Edit(code.span(node), code.text(node.value)) for node in inside)


def _confined(
    code: Code, statement: Statement, value: ast.expr, rest: str
) -> Iterator[tuple[Edit, ...]]:
    """Put the slice behind the parameter, and behind what it is added to; or fill it with zeros."""
    targets = targets_of(statement)
    named = {code.text(target) for target in targets}
    names = {
        code.text(node): node for node in ast.walk(value)
        if isinstance(node, (ast.Name, ast.Attribute))
        and not isinstance(code.parents.get(node), (ast.Attribute, ast.Call))
    }  # fmt: skip
    for name, node in reversed(names.items()):
        if isinstance(statement, ast.AugAssign) and len(targets) == 1:
            left = Edit(code.span(targets[0]), code.text(targets[0]) + rest)
            yield left, Edit(code.span(node), name + rest)
    for name, node in reversed(names.items()):
        if rest in PADDED and name not in named:
            yield (Edit(code.span(node), PADDED[rest].format(name)),)


def _above(code: Code, node: ast.AST) -> Iterator[ast.AST]:
    while (parent := code.parents.get(node)) is not None:
        yield parent
        node = parent
    yield node


def _slice(code: Code, node: ast.Subscript) -> str:
    return f"[{code.text(node.slice)}]".replace(" ", "")


def _written(rest: str) -> set[str]:
    """Return the ways in which authors write a slice."""
    text = rest.replace(" ", "")
    return {text, text.replace(",:]", "]"), text.replace("1:]", "1::]")}
