"""Another operator or function, or the other sign."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, DIVIDE, MULTIPLY, NEGATE, POWERS, SUBTRACT, is_in
from backproof.checks.claims import is_number
from backproof.checks.edits.edit import LARGE, Edit, around, computing, short
from backproof.checks.origin import name_of
from backproof.checks.scope import Scope
from backproof.trace.primitives import Method, set_item
from backproof.trace.tape import Operation, Ref

MATRIX_PRODUCTS = {operator.matmul, np.matmul, np.dot}
COMPARISONS: dict[Any, tuple[Callable[..., Any], ...]] = {
    operator.gt: (operator.lt, operator.ge), operator.lt: (operator.gt, operator.le),
    operator.ge: (operator.le, operator.gt), operator.le: (operator.ge, operator.lt),
    np.greater: (np.less, np.greater_equal), np.less: (np.greater, np.less_equal),
}  # fmt: skip
UNARY = (np.exp, np.log, np.sqrt, np.square, np.abs, np.sin, np.cos, np.tanh, np.sign)
_EXTREMES = (
    (np.argmax, np.argmin), (np.max, np.min), (np.maximum, np.minimum),
    (Method("argmax"), Method("argmin")), (Method("max"), Method("min")),
)  # fmt: skip
#: What picks the other end.
OPPOSITE: dict[Any, Any] = {a: b for pair in _EXTREMES for a, b in (pair, pair[::-1])}


def other_sign(operation: Operation) -> Edit:
    """The negative of an operation's value."""
    text = short(operation.where.text)
    return Edit("wrong-sign", f"the sign of `{text}` is reversed", f"change the sign of `{text}`",
                around(lambda f, *a, **k: -f(*a, **k)), 1.5)  # fmt: skip


def other_operators(operation: Operation, scope: Scope) -> Iterator[Edit]:
    """Another operator or function of the same operands; ``+=`` for ``=``."""
    function = operation.function
    text = short(operation.where.text)
    sums, differences = is_in(function, ADD), is_in(function, SUBTRACT)
    product, quotient = is_in(function, MULTIPLY), is_in(function, DIVIDE)
    if sums or differences:
        other, sign = (operator.sub, "-") if sums else (operator.add, "+")
        reason, help = f"a term of `{text}` has the wrong sign", f"use `{sign}` in `{text}`"
        yield Edit("wrong-sign", reason, help, computing(other), 1.0)
        swapped = f"exchange the terms of `{text}`"
        yield Edit("wrong-sign", reason, swapped, computing(lambda a, b: b - a), 1.1)
        yield Edit("wrong-operand", f"`{text}` should be a product", f"use `*` in `{text}`",
                   computing(operator.mul), 2.5)  # fmt: skip
    if is_in(function, NEGATE):
        yield Edit("wrong-sign", f"the sign of `{text}` is reversed", "leave out the minus sign",
                   computing(lambda a: a), 0.9)  # fmt: skip
    pairs = [a for a in operation.args if type(a) is Ref]
    names = [scope.text(a.node) for a in pairs]
    if product and len(pairs) == 2:
        for shown, matrix in (
            ("{0} @ {1}", lambda a, b: a @ b), ("{1} @ {0}", lambda a, b: b @ a),
            ("{0}.T @ {1}", lambda a, b: a.T @ b), ("{0} @ {1}.T", lambda a, b: a @ b.T),
            ("{1}.T @ {0}", lambda a, b: b.T @ a), ("{1} @ {0}.T", lambda a, b: b @ a.T),
        ):  # fmt: skip
            yield Edit("elementwise-vs-matmul",
                       "an elementwise product stands where the matrix product is meant",
                       f"use `{shown.format(*names)}`", computing(matrix), 1.2)  # fmt: skip
    if _is_matrix_product(operation):
        for elementwise in (
            lambda a, b: a * b, lambda a, b: np.transpose(a) * b, lambda a, b: a * np.transpose(b),
        ):  # fmt: skip
            yield Edit("elementwise-vs-matmul",
                       "a matrix product stands where the elementwise one is meant",
                       "multiply elementwise with `*`", computing(elementwise), 1.2)  # fmt: skip
        for matrix in (
            lambda a, b: b @ a, lambda a, b: b.T @ a, lambda a, b: b @ a.T, lambda a, b: b.T @ a.T,
        ):  # fmt: skip
            yield Edit("missing-transpose", f"the factors of `{text}` are in the wrong order",
                       f"exchange the factors of `{text}`", computing(matrix), 1.2)  # fmt: skip
    if product or quotient:
        inverse, sign = (operator.truediv, "/") if product else (operator.mul, "*")
        cause = "missing-factor" if product else "extra-factor"
        yield Edit(cause, f"the operator of `{text}` should be `{sign}`",
                   f"use `{sign}` in `{text}`", computing(inverse), 1.5)  # fmt: skip
        yield Edit("wrong-operand", f"`{text}` should be a sum", f"use `+` in `{text}`",
                   computing(operator.add), 2.5)  # fmt: skip
        yield Edit("wrong-operand", f"`{text}` should be a difference", f"use `-` in `{text}`",
                   computing(operator.sub), 2.5)  # fmt: skip
    for turned in COMPARISONS.get(function, ()) if _hashable(function) else ():
        yield Edit("wrong-derivative", f"the comparison `{text}` is the wrong way round",
                   f"turn `{text}` round", computing(turned), 1.2)  # fmt: skip
    if is_in(function, UNARY):
        for unary in UNARY:
            if unary is not function:
                name = unary.__name__
                yield Edit("wrong-derivative", f"`{text}` stands where `{name}` is meant",
                           f"use `{name}` in place of `{text}`", computing(unary), 1.5)  # fmt: skip
    opposite = OPPOSITE.get(function) if _hashable(function) else None
    if opposite is not None:
        end = name_of(opposite)
        yield Edit("wrong-operand", f"`{text}` stands where `{end}` is meant", f"use `{end}`",
                   computing(opposite), 1.1)  # fmt: skip
    if is_in(function, POWERS):
        yield Edit("missing-factor", f"the exponent is missing before `{text}`",
                   "multiply by the exponent of the power that this is the derivative of",
                   computing(lambda x, e: (e + 1) * x**e), 1.0)  # fmt: skip
    if function is set_item:
        yield Edit("missing-term", f"`{text}` overwrites what should be added to",
                   "use `+=` in place of `=`",
                   computing(lambda x, key, v: set_item(x, key, x[key] + v)), 1.0)  # fmt: skip


def functions_of_operands(operation: Operation, scope: Scope) -> Iterator[Edit]:
    """A function of an operand in its place: ``np.exp(logp) * total`` for ``logp * total``."""
    product = is_in(operation.function, MULTIPLY) or is_in(operation.function, DIVIDE)
    if not product and not _is_matrix_product(operation):
        return
    for i, arg in enumerate(operation.args):
        if type(arg) is not Ref or scope.size(arg.node) > LARGE:
            continue
        name = scope.text(arg.node)
        if is_number(name):
            continue
        for unary in (np.exp, np.square, np.sqrt, np.sign, np.cos, np.sin):

            def applied(
                f: Any, *args: Any, position: int = i, unary: Any = unary, **kwargs: Any
            ) -> Any:
                return f(*[unary(a) if j == position else a for j, a in enumerate(args)], **kwargs)

            shown = f"{unary.__name__}({short(name)})"
            yield Edit("wrong-operand", f"`{short(name)}` stands where `{shown}` is meant",
                       f"use `{shown}`", around(applied), 2.0)  # fmt: skip


def _is_matrix_product(operation: Operation) -> bool:
    """Whether an operation is a product of two recorded matrices or vectors."""
    function = operation.function
    matrix = is_in(function, MATRIX_PRODUCTS) or function == Method("dot")
    return matrix and sum(type(a) is Ref for a in operation.args) == 2


def _hashable(function: Any) -> bool:
    return getattr(type(function), "__hash__", None) is not None
