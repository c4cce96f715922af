"""Statements that are alike but for a letter of their names: what one of them has otherwise."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator

from backproof.repair.candidate import Code, Statement, targets_of, value_of
from backproof.repair.names import exchanged, one_letter

#: Statements of a block that are compared with each other.
MOST = 40


def twins(code: Code, statement: Statement, own: str, value: ast.expr) -> Iterator[str]:
    """Yield the value that it has as the one whose target has another letter: `dz` as `dx`."""
    known = code.once(_words)
    for other in ast.walk(code.function_of(statement)):
        if not isinstance(other, type(statement)) or other is statement:
            continue
        theirs, source = targets_of(other), value_of(other)
        letters = one_letter(code.text(theirs[0]), own) if len(theirs) == 1 else None
        if letters is None or source is None:
            continue
        text = exchanged(code.text(source), *letters, known)
        if text not in (code.text(value), code.text(source)):
            yield text


def odd_ones(code: Code, around: ast.AST) -> dict[Statement, list[str]]:
    """Return the statements of a function that differ from others beside them by an operator.

    With each, how it reads as these do: ``dW += dW_i`` for ``dW = dW_i`` beside ``dU += dU_i``.
    """
    found: dict[Statement, list[str]] = {}
    for node in ast.walk(around):
        for name in ("body", "orelse"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                simple = [s for s in block if isinstance(s, ast.Assign | ast.AugAssign)][:MOST]
                tokens = {s: _tokens(code.text(s)) for s in simple}
                for one in simple:
                    read = [_as(tokens[one], tokens[s]) for s in simple if s is not one]
                    others = [other for other in read if other]
                    if len(others) > read.count(()):
                        text = code.text(one)
                        texts = (f"{text[:a]}{sign}{text[b:]}" for a, b, sign in others)
                        found[one] = list(dict.fromkeys(texts))
    return found


def _tokens(text: str) -> list[tuple[str, int]]:
    """Return the words and signs of a statement, and where they stand; none of several lines."""
    if "\n" in text:
        return []
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return []
    return [(t.string, t.start[1]) for t in tokens if t.string.strip()]


def _as(
    own: list[tuple[str, int]], other: list[tuple[str, int]]
) -> tuple[int, int, str] | tuple[()] | None:
    """Return where a statement has another operator than one that is else alike, and which.

    An empty tuple where it has the same, None where they are not alike.
    """
    if len(own) != len(other) or not own:
        return None
    pairs = [(a, b[0]) for a, b in zip(own, other, strict=True) if a[0] != b[0]]
    signs = [pair for pair in pairs if not (pair[0][0][0].isalnum() or pair[0][0][0] == "_")]
    names = [pair for pair in pairs if pair not in signs]
    if not names or len(signs) > 1 or not all(one_letter(a, b) for (a, _), b in names):
        return None
    return next(((at, at + len(a), b) for (a, at), b in signs), ())


def _words(code: Code) -> set[str]:
    """Return the names, attributes and keys of a file."""
    found = {node.id for node in code.nodes if isinstance(node, ast.Name)}
    found |= {node.arg for node in code.nodes if isinstance(node, ast.arg)}
    found |= {node.attr for node in code.nodes if isinstance(node, ast.Attribute)}
    keys = (node.value for node in code.nodes if isinstance(node, ast.Constant))
    return found | {key for key in keys if isinstance(key, str)}
