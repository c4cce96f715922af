"""One-place edits of elements: another key, number or slice."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from backproof.repair.candidate import Change, Code
from backproof.repair.names import is_text, likeness
from backproof.repair.offers import indices, keys_beside, prefixes, ranges

#: What makes an index the one before or after another.
NEXT = re.compile(r"\s*[-+]\s*1$")
NUMBER = re.compile(r"-?\d+")


def elements(code: Code, node: ast.Subscript) -> Iterator[Change]:
    """Yield the edits of an element's key, number or slice."""
    base = code.text(node.value)
    if base.endswith(".shape"):
        return
    if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        own, quote = node.slice.value, code.text(node.slice)[-1]
        for key in keys_beside(code, own):
            if key != own:
                text = f"{base}[{quote}{key}{quote}]"
                yield node, text, "wrong-operand", likeness(own, key)
        return
    if isinstance(node.slice, ast.BinOp) and is_text(node.slice.right):
        yield from _numbered_keys(code, node, node.slice)
        return
    yield from _turned(code, node)
    if not isinstance(node.slice, ast.Slice | ast.Tuple):
        index = code.text(node.slice)
        if NUMBER.fullmatch(index):  # the same element in each round of a loop
            for other in _elsewhere(code, node, index):
                yield node, f"{base}[{other}]", "wrong-operand", 0.6
        if not isinstance(node.slice, ast.Constant):
            others = (*_near(index), f"-{re.sub(NEXT, '', index)}", *_elsewhere(code, node, index))
            for other in dict.fromkeys(others):
                yield node, f"{base}[{other}]", "wrong-operand", 0.95
        yield node, base, "wrong-operand", 1.5
        yield node, f"{base}.sum(axis=0)", "missing-term", 1.2
    else:
        yield node, base, "wrong-operand", 1.2
    if isinstance(node.slice, ast.Tuple):
        yield from _sliced(code, node, node.slice)
    text = code.text(node.slice)
    for other in ("1:", ":-1", ":", "0", "-1"):
        if other != text and isinstance(node.slice, ast.Slice):
            yield node, f"{base}[{other}]", "wrong-operand", 1.1


def _turned(code: Code, node: ast.Subscript) -> Iterator[Change]:
    """Two indices the other way round: ``w[j][i]`` for ``w[i][j]``, ``w[j, i]`` for ``w[i, j]``."""
    inner = node.value
    if isinstance(inner, ast.Subscript) and isinstance(inner.slice, ast.Name | ast.BinOp):
        one, other = code.text(inner.slice), code.text(node.slice)
        if isinstance(node.slice, ast.Name | ast.BinOp) and one != other:
            text = f"{code.text(inner.value)}[{other}][{one}]"
            yield node, text, "missing-transpose", 0.9
    if isinstance(node.slice, ast.Tuple) and len(node.slice.elts) == 2:
        one, other = map(code.text, node.slice.elts)
        if all(isinstance(e, ast.Name | ast.BinOp) for e in node.slice.elts) and one != other:
            yield node, f"{code.text(inner)}[{other}, {one}]", "missing-transpose", 0.9


def _sliced(code: Code, node: ast.Subscript, index: ast.Tuple) -> Iterator[Change]:
    """Another place along one axis of several: ``d[:, 1:]`` for ``d[:, :-1]``, ``y[:, t - 1]``.

    Or the range of another axis: ``x[r:r + k, r:r + k]``.
    """
    for axis in index.elts:
        if isinstance(axis, ast.Name | ast.BinOp):
            for other in _near(code.text(axis)):
                yield node, code.within(node, axis, other), "wrong-operand", 0.95
        if isinstance(axis, ast.Slice) and (text := code.text(axis)) != ":":
            for other in dict.fromkeys((*code.once(ranges, code.function_of(node)), "1:", ":-1")):
                if other != text:
                    yield node, code.within(node, axis, other), "wrong-operand", 1.0


def _numbered_keys(code: Code, node: ast.Subscript, key: ast.BinOp) -> Iterator[Change]:
    """Another name or number in a key that is put together: ``p["W" + str(l)]``."""
    assert isinstance(key.right, ast.Call)
    base, left, right = (code.text(n) for n in (node.value, key.left, key.right))
    for other in code.once(prefixes):
        if other != left:
            yield node, f"{base}[{other} + {right}]", "wrong-operand", likeness(left, other)
    index = code.text(key.right.args[0]) if key.right.args else ""
    if index:
        for number in dict.fromkeys((*_near(index), *_elsewhere(code, node, index))):
            yield node, f"{base}[{left} + str({number})]", "wrong-operand", 0.95


def _elsewhere(code: Code, node: ast.AST, index: str) -> list[str]:
    """Return sums that are indices in the same function: ``l + 1`` where ``L`` stands."""
    return [text for text in code.once(indices, code.function_of(node)) if text != index]


def _near(index: str) -> list[str]:
    """Return an index, the one before and the one after, but for the one that is given."""
    core = NEXT.sub("", index)
    found = [core, f"{core} + 1", f"{core} - 1"]
    return [text for text in found if text.replace(" ", "") != index.replace(" ", "")]
