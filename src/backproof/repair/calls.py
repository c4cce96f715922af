"""One-place edits of calls: another function, other arguments, another axis or range."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import combinations

from backproof.repair.candidate import Change, Code, given, is_atomic
from backproof.repair.offers import bracketed, functions

#: Activations.
APPLIED = {"tanh", "exp", "sigmoid", "expit", "relu", "softplus", "sig", "logistic", "softmax"}
#: Functions of one value that are proposed.
MOST_CALLS = 7
REDUCTIONS = ("sum", "mean", "max", "average")
#: Functions that are taken for one another.
RELATED = (
    ("sum", "mean"), ("exp", "log", "square", "sqrt", "tanh"), ("sin", "cos"), ("dot", "multiply"),
    ("outer", "dot", "multiply"), ("zeros_like", "ones_like"), ("maximum", "minimum"),
    ("argmax", "argmin"), ("max", "min"), ("abs", "square"), ("divide", "multiply"),
    ("add", "subtract"),
)  # fmt: skip


def calls(code: Code, node: ast.expr) -> Iterator[Change]:
    """Yield the edits of a call."""
    if not isinstance(node, ast.Call):
        return
    name = name_of(node)
    arguments = [code.text(a) for a in node.args]
    for group in RELATED:
        if name in group and isinstance(node.func, ast.Attribute):
            for other in group:
                if other != name:
                    text = f"{bracketed(code, node.func.value)}.{other}"
                    yield node.func, text, "wrong-derivative", 1.1
    if name == "einsum" and isinstance(node.args[0], ast.Constant):
        yield from _subscripts(code, node.args[0])
    if name == "multiply" and len(arguments) == 2:
        for a, b in matrix_pairs(*arguments):
            yield node, f"np.dot({a}, {b})", "elementwise-vs-matmul", 1.0
    if name in ("dot", "matmul") and len(arguments) == 2:
        for a, b in matrix_pairs(*arguments)[1:]:
            yield node, f"{code.text(node.func)}({a}, {b})", "missing-transpose", 1.0
        yield node, f"np.multiply({arguments[0]}, {arguments[1]})", "elementwise-vs-matmul", 1.0
    if name == "dot" and len(arguments) == 1 and isinstance(node.func, ast.Attribute):
        own = bracketed(code, node.func.value)
        for a, b in matrix_pairs(own, arguments[0])[1:]:
            yield node, f"{a}.dot({b})", "missing-transpose", 1.0
        yield node, code.put(node, f"{own} * {arguments[0]}"), "elementwise-vs-matmul", 1.0
    if name in REDUCTIONS and isinstance(node.func, ast.Attribute):
        yield from _reductions(code, node, arguments)
    elif isinstance(node.func, ast.Name):
        alike = code.once(arities)
        for other in code.once(functions):
            if other != name:
                near = name in alike and alike[name] == alike.get(other) and is_like(name, other)
                yield node.func, other, "wrong-derivative", 0.8 if near else 1.2
    elif (owner := getattr(node.func, "value", None)) and code.text(owner) in ("self", "cls"):
        alike = code.once(arities)
        for other, arity in alike.items():
            if other != name and alike.get(name) == arity and not other.startswith("__"):
                price = 0.8 if is_like(name, other) else 1.4
                yield node.func, f"{code.text(owner)}.{other}", "wrong-derivative", price
    yield from _rearranged(code, node)
    if len(arguments) == 1 and not node.keywords and name not in ("range", "len", "enumerate"):
        inner = node.args[0]
        # The function has been applied already: ``1 - np.tanh(a) ** 2`` for ``1 - a ** 2``.
        again = name_of(node) in APPLIED and isinstance(inner, ast.Name | ast.Attribute)
        price = 0.85 if again else 1.5
        yield node, code.put(node, bracketed(code, inner)), "wrong-operand", price
    if name == "range":
        yield from _ranges(node, arguments)
    if name == "clip" and len(arguments) > 1 and arguments[-2].strip("-") == arguments[-1]:
        yield node.args[-2], f"-{arguments[-1]}", "wrong-sign", 0.7
    yield from _as_elsewhere(code, node)


def _subscripts(code: Code, node: ast.Constant) -> Iterator[Change]:
    """Two letters of one operand the other way round: ``'bi,bj->ji'`` for ``'bi,bj->ij'``."""
    text = code.text(node)
    for group in re.finditer(r"[A-Za-z]{2,}", text):
        for one, other in combinations(range(*group.span()), 2):
            letters = list(text)
            letters[one], letters[other] = letters[other], letters[one]
            yield node, "".join(letters), "missing-transpose", 1.0


def arities(code: Code) -> dict[str, int]:
    """Return the names of a file's functions and methods, and how many arguments they are given."""
    return {node.name: len(given(node)) for node in code.nodes if isinstance(node, ast.FunctionDef)}


def is_like(name: str, other: str) -> bool:
    """Whether a name is another with a word to it: ``relu`` and ``relu_prime``, ``d_relu``."""
    short, long = sorted((name.strip("_").lower(), other.strip("_").lower()), key=len)
    return bool(short) and short in long


def _rearranged(code: Code, node: ast.Call) -> Iterator[Change]:
    """What is reshaped is transposed as elsewhere, or back: ``d.reshape(…).transpose(…)``."""
    if not isinstance(node.func, ast.Attribute) or is_module(node.func.value):
        return
    own = [code.text(a) for a in node.args]
    if node.func.attr == "transpose":
        order = [int(text) for text in own if text.isdigit()]
        orders = [o for o in code.once(_transpositions) if o != ", ".join(own)]
        if len(own) == len(order) > 2 and sorted(order) == list(range(len(order))):
            orders.insert(0, ", ".join(str(order.index(axis)) for axis in range(len(order))))
        for other in orders:
            text = f"{code.text(node.func)}({other})"
            yield node, text, "missing-transpose", 0.9
    elif node.func.attr == "reshape":
        for other in code.once(_transpositions):
            yield node, f"{code.text(node)}.transpose({other})", "missing-transpose", 1.0


def _transpositions(code: Code) -> list[str]:
    """Return the orders of axes that a file's transpositions have."""
    found = [
        ", ".join(map(code.text, node.args)) for node in code.nodes
        if isinstance(node, ast.Call) and name_of(node) == "transpose" and len(node.args) > 2
    ]  # fmt: skip
    return list(dict.fromkeys(found))[:4]


def _as_elsewhere(code: Code, node: ast.Call) -> Iterator[Change]:
    """An argument that other calls of the same function have, or have not: ``f(x, deriv=True)``."""
    function, own = code.text(node.func), [code.text(a) for a in node.args]
    keywords = [_keyword(code, k) for k in node.keywords]
    if not own or "\n" in code.text(node):
        return
    seen = {(*own[1:], *keywords)}
    for other in code.nodes:
        if not isinstance(other, ast.Call) or code.text(other.func) != function or not other.args:
            continue
        rest = (
            *(code.text(a) for a in other.args[1:]), *(_keyword(code, k) for k in other.keywords)
        )  # fmt: skip
        if rest not in seen and len(rest) != len(own) - 1 + len(keywords):
            seen.add(rest)
            yield node, f"{function}({', '.join([own[0], *rest])})", "wrong-derivative", 1.0


def _keyword(code: Code, keyword: ast.keyword) -> str:
    value = code.text(keyword.value)
    return f"**{value}" if keyword.arg is None else f"{keyword.arg}={value}"


def _reductions(code: Code, node: ast.Call, arguments: list[str]) -> Iterator[Change]:
    """Other axes, keepdims, and none of it: of ``np.sum(x, axis=0)`` and ``x.sum(0)``."""
    assert isinstance(node.func, ast.Attribute)
    free = not is_module(node.func.value)
    head = code.text(node.func)
    first = "" if free else (arguments[0] if arguments else "")
    for axis in ("axis=0", "axis=1", "", "axis=(0, 2, 3)", "axis=(0, 1)", "axis=2", "axis=-1"):
        for keep in ("", "keepdims=True"):
            inside = ", ".join(part for part in (first, axis, keep) if part)
            price = 0.9 if axis in ("axis=0", "axis=1", "axis=-1") else 1.1
            yield node, f"{head}({inside})", "wrong-axis", price
    inner = bracketed(code, node.func.value) if free else first
    yield node, code.put(node, inner), "wrong-axis", 1.3


def _ranges(node: ast.Call, arguments: list[str]) -> Iterator[Change]:
    start, stop = (arguments if len(arguments) == 2 else ["0", arguments[0]])[:2]
    others = [("1", stop), ("0", stop), (start, f"{stop} + 1"), (start, f"{stop} - 1")]
    if len(arguments) > 2:
        return
    if re.search(r"[-+] 1$", stop):
        others.insert(0, (start, stop[:-4]))
    for a, b in others:
        text = f"range({b})" if a == "0" else f"range({a}, {b})"
        yield node, text, "missing-term", 1.2


def taken_elsewhere(code: Code, root: ast.expr) -> Iterator[Change]:
    """A function of a value that the program takes elsewhere: ``sigmoid(X @ w) - y``."""
    taken = code.once(_functions_of)
    for node in ast.walk(root):
        if isinstance(node, ast.expr) and not isinstance(node, ast.Constant):
            for call in taken.get(code.text(node), ()):
                yield node, call, "wrong-operand", 0.7


def _functions_of(code: Code) -> dict[str, list[str]]:
    """Return what the program applies a function of one argument to, with the calls."""
    found: dict[str, list[str]] = {}
    for node in code.nodes:
        if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
            text, calls = code.text(node), found.setdefault(code.text(node.args[0]), [])
            if text not in calls and "\n" not in text and len(calls) < MOST_CALLS:
                calls.append(text)
    return found


def matrix_pairs(left: str, right: str) -> list[tuple[str, str]]:
    """Return the ways to multiply two matrices, as texts: the given one first."""
    turned = [turn(left), turn(right)]
    if any(text[:1].isdigit() for text in (left, right)):
        return [(left, right)]
    return [
        (left, right), (left, turned[1]), (turned[0], right), (right, left), (turned[1], left),
        (right, turned[0]), (turned[0], turned[1]), (turned[1], turned[0]),
    ]  # fmt: skip


def turn(text: str) -> str:
    """Return the transpose of an expression, as text."""
    if text.endswith(".T"):
        return text[:-2]
    return f"{text}.T" if is_atomic(text) or text.startswith("(") else f"({text}).T"


def is_module(node: ast.expr) -> bool:
    """Whether an expression is the name of a module of functions."""
    return isinstance(node, ast.Name) and node.id in ("np", "numpy", "math", "scipy")


def name_of(node: ast.Call) -> str:
    """Return the last part of the name of what is called."""
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
