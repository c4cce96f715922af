"""Derivatives of the functions that a program applies, as its author would write them.

``def act(x): return x / (1 + np.abs(x))`` is differentiated as it stands; of a sigmoid, a tanh, a
ReLU the forms that everybody knows come first, in terms of the value where that has a name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from backproof.repair.candidate import Code, given, is_atomic

#: The derivative of NumPy's and Python's functions at `{x}`.
KNOWN = {
    "tanh": "(1 - np.tanh({x}) ** 2)", "exp": "np.exp({x})", "log": "(1 / {x})",
    "sin": "np.cos({x})", "cos": "-np.sin({x})", "sqrt": "(0.5 / np.sqrt({x}))",
    "square": "(2 * {x})", "arctan": "(1 / (1 + {x} ** 2))", "abs": "np.sign({x})",
    "log1p": "(1 / (1 + {x}))", "expm1": "np.exp({x})", "cosh": "np.sinh({x})",
    "sinh": "np.cosh({x})", "arcsinh": "(1 / np.sqrt({x} ** 2 + 1))",
    "fabs": "np.sign({x})", "absolute": "np.sign({x})", "expit": "(expit({x}) * (1 - expit({x})))",
}  # fmt: skip
LONGEST = 160


class NotDifferentiable(Exception):
    """An expression that has no derivative here."""


def slope(code: Code, node: ast.expr, variable: str) -> str:
    """Return the derivative of an expression with respect to a name, as text.

    Raises
    ------
    NotDifferentiable
    """
    text = _slope(code, node, variable)
    if len(text) > LONGEST:
        raise NotDifferentiable(text)
    return text


def _slope(code: Code, node: ast.expr, variable: str) -> str:
    text = code.text(node)
    if text == variable:
        return "1"
    if variable not in _names(node):
        return "0"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _product("-1", _slope(code, node.operand, variable))
    if isinstance(node, ast.BinOp):
        return _of_operator(code, node, variable)
    if isinstance(node, ast.Call):
        return _of_call(code, node, variable)
    raise NotDifferentiable(text)


def _of_operator(code: Code, node: ast.BinOp, variable: str) -> str:
    left, right = _grouped(code.text(node.left)), _grouped(code.text(node.right))
    a, b = _slope(code, node.left, variable), _slope(code, node.right, variable)
    if isinstance(node.op, ast.Add):
        return _sum(a, b)
    if isinstance(node.op, ast.Sub):
        return _sum(a, _product("-1", b))
    if isinstance(node.op, ast.Mult):
        return _sum(_product(a, right), _product(left, b))
    if isinstance(node.op, ast.Div):
        if b == "0":
            return f"{_grouped(a)} / {right}"
        top = _sum(_product(a, right), _product("-1", _product(left, b)))
        return f"{_grouped(top)} / {right} ** 2"
    if isinstance(node.op, ast.Pow) and b == "0":
        if isinstance(node.right, ast.Constant) and isinstance(node.right.value, int):
            power = node.right.value
            inner = left if power == 2 else f"{left} ** {power - 1}"
            return _product(f"{power} * {inner}", a)
        return _product(f"{right} * {left} ** ({right} - 1)", a)
    raise NotDifferentiable(code.text(node))


def _of_call(code: Code, node: ast.Call, variable: str) -> str:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else code.text(node.func)
    if node.keywords or not node.args:
        raise NotDifferentiable(code.text(node))
    arguments = [code.text(a) for a in node.args]
    if name in KNOWN and len(arguments) == 1:
        x = _grouped(arguments[0])
        return _product(KNOWN[name].format(x=x), _slope(code, node.args[0], variable))
    if name == "maximum" and len(arguments) == 2:
        a, b = (_slope(code, x, variable) for x in node.args)
        return f"np.where({arguments[0]} > {arguments[1]}, {a}, {b})"
    if name == "where" and len(arguments) == 3:
        a, b = (_slope(code, x, variable) for x in node.args[1:])
        return f"np.where({arguments[0]}, {a}, {b})"
    raise NotDifferentiable(code.text(node))


def helpers(code: Code) -> dict[str, tuple[str, ast.expr]]:
    """Return the module's and classes' functions of one value: name -> (argument, what it returns).

    Names that stand for a part of the value are put in: ``t = np.exp(-z); return 1 / (1 + t)``.
    """
    found: dict[str, tuple[str, ast.expr]] = {}
    for node in code.nodes:
        if not isinstance(node, ast.FunctionDef):
            continue
        names = given(node)
        body = [s for s in node.body if not _is_docstring(s)]
        if names and len(body) == 1 and isinstance(body[0], ast.Return) and body[0].value:
            found[node.name] = (names[0], body[0].value)
    for node in code.nodes:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            arguments = node.value.args.args
            if len(arguments) == 1 and isinstance(node.targets[0], ast.Name):
                found[node.targets[0].id] = (arguments[0].arg, node.value.body)
    return found


def forward_slopes(code: Code) -> list[tuple[str, str]]:
    """Return (value, derivative) for ``value = f(x)``: texts of what the forward pass computes."""
    return list(_forward_slopes(code))


def _forward_slopes(code: Code) -> Iterator[tuple[str, str]]:
    known = code.once(helpers)
    for node in code.nodes:
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        target, value = code.text(node.targets[0]), node.value
        if not isinstance(value, ast.Call | ast.BinOp) or "\n" in code.text(value):
            continue
        for argument in _arguments(value):
            x = code.text(argument)
            try:
                if isinstance(value, ast.Call) and code.text(value.func).split(".")[-1] in known:
                    name, returned = known[code.text(value.func).split(".")[-1]]
                    derivative = renamed(slope(code, returned, name), name, x)
                elif isinstance(value, ast.Call):
                    derivative = slope(code, value, x)
                else:
                    continue
            except NotDifferentiable:
                continue
            if derivative not in ("0", "1"):
                yield target, derivative


def _arguments(value: ast.expr) -> list[ast.expr]:
    kinds = ast.Name | ast.Attribute | ast.Subscript
    return (
        [a for a in value.args[:1] if isinstance(a, kinds)] if isinstance(value, ast.Call) else []
    )


def renamed(text: str, old: str, new: str) -> str:
    """Return a text with one name for another."""
    return re.sub(rf"(?<![\w.]){re.escape(old)}(?!\w)", new.replace("\\", ""), text)


def _names(node: ast.expr) -> set[str]:
    return {ast.unparse(n) for n in ast.walk(node)
            if isinstance(n, ast.Name | ast.Attribute | ast.Subscript)}  # fmt: skip


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _grouped(text: str) -> str:
    """Return a text that no operator around it tears apart."""
    if is_atomic(text):
        return text
    depth = 0
    for position, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth == 0:
            return text if position == len(text) - 1 else f"({text})"
    return f"({text})"


def _product(a: str, b: str) -> str:
    if "0" in (a, b):
        return "0"
    if a == "1":
        return b
    if b == "1":
        return a
    if a == "-1":
        return f"-{_grouped(b)}"
    return f"{_factor(a)} * {_factor(b)}"


def _factor(text: str) -> str:
    try:
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        return f"({text})"
    tight = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Pow)
    return text if tight else _grouped(text)


def _sum(a: str, b: str) -> str:
    if a == "0":
        return b
    if b == "0":
        return a
    if b.startswith("-") and is_atomic(b[1:]):
        return f"{a} - {b[1:]}"
    return f"{a} + {b}"
