"""The one-place edits of an operation that a slip of the pen may call for.

An `Edit` says what was wrong and what to write, and changes each execution of a source site alike:
`change(operation, number)` gives the operation that the edited source would have executed.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backproof.calculus.adjoint import is_differentiable
from backproof.checks.scope import Scope
from backproof.trace.primitives import Attribute, Method, set_item
from backproof.trace.tape import Operation, Ref
from backproof.updates import ADD, DIVIDE, MULTIPLY, SUBTRACT

MATRIX_PRODUCTS = {operator.matmul, np.matmul, np.dot}
POWERS = {operator.pow, np.power}
COMPARISONS: dict[Any, tuple[Callable[..., Any], ...]] = {
    operator.gt: (operator.lt, operator.ge), operator.lt: (operator.gt, operator.le),
    operator.ge: (operator.le, operator.gt), operator.le: (operator.ge, operator.lt),
    np.greater: (np.less, np.greater_equal), np.less: (np.greater, np.less_equal),
}  # fmt: skip
UNARY = (np.exp, np.log, np.sqrt, np.square, np.abs, np.sin, np.cos, np.tanh, np.sign)
REDUCTIONS = {"sum": np.sum, "mean": np.mean, "average": np.mean, "max": np.max, "amax": np.max}
#: Executions of a site above which only edits of its operator are tried (list programs).
MOST_EXECUTIONS = 64
LARGE = 200_000
"""Entries of a value above which other operands are not tried: too slow."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit: why the source was wrong, what to write, and what it would have executed."""

    cause: str
    reason: str
    help: str
    change: Callable[[Operation, int], Operation | None]
    cost: float
    """How unlikely the slip is: exchanging two names costs 1."""
    found: str = ""
    expected: str = ""


def is_in(function: Any, functions: Any) -> bool:
    """Whether a function that may not be hashable is one of some."""
    try:
        return function in functions
    except TypeError:
        return False


def short(text: str) -> str:
    """Put a source text on one line of at most 60 characters."""
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "…"


def is_transpose(operation: Operation) -> bool:
    """Whether an operation transposes."""
    function = operation.function
    if isinstance(function, Attribute):
        return function.name in ("T", "mT")
    return function is np.transpose or function == Method("transpose")


def computing(function: Callable[..., Any]) -> Callable[[Operation, int], Operation]:
    """Return a change that computes another function of the same arguments."""
    return lambda operation, _: replace(operation, function=function)


def around(wrapper: Callable[..., Any]) -> Callable[[Operation, int], Operation]:
    """Return a change that computes ``wrapper(function, *args, **kwargs)``."""

    def change(operation: Operation, _: int) -> Operation:
        function = operation.function
        return replace(operation, function=lambda *a, **k: wrapper(function, *a, **k))

    return change


def edits_of(operation: Operation, executions: int, scope: Scope) -> Iterator[Edit]:
    """Yield the edits of an operation, the likeliest first."""
    yield from _operators(operation, scope)
    yield from _transposes(operation, scope)
    yield from _axes(operation, scope)
    yield from _dropped(operation, scope)
    yield from _constants(operation, scope)
    yield _sign(operation)
    yield from _missing_functions(operation, scope)
    if executions <= MOST_EXECUTIONS:
        yield from _operands(operation, scope)
        yield from _inserted(operation, scope)


# ---- operators ---------------------------------------------------------------------------------


def _sign(operation: Operation) -> Edit:
    text = short(operation.where.text)
    return Edit("wrong-sign", f"the sign of `{text}` is reversed", f"change the sign of `{text}`",
                around(lambda f, *a, **k: -f(*a, **k)), 1.5)  # fmt: skip


def _operators(operation: Operation, scope: Scope) -> Iterator[Edit]:
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
    if is_matrix_product(operation):
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
                   f"turn `{text}` round", computing(turned), 1.8)  # fmt: skip
    if is_in(function, UNARY):
        for unary in UNARY:
            if unary is not function:
                name = unary.__name__
                yield Edit("wrong-derivative", f"`{text}` stands where `{name}` is meant",
                           f"use `{name}` in place of `{text}`", computing(unary), 1.5)  # fmt: skip
    if function is set_item:
        yield Edit("missing-term", f"`{text}` overwrites what should be added to",
                   "use `+=` in place of `=`",
                   computing(lambda x, key, v: set_item(x, key, x[key] + v)), 1.0)  # fmt: skip


def _missing_functions(operation: Operation, scope: Scope) -> Iterator[Edit]:
    """A function of an operand in its place: ``np.exp(logp) * total`` for ``logp * total``."""
    product = is_in(operation.function, MULTIPLY) or is_in(operation.function, DIVIDE)
    if not product and not is_matrix_product(operation):
        return
    for i, arg in enumerate(operation.args):
        if type(arg) is not Ref or scope.size(arg.node) > LARGE:
            continue
        name = scope.text(arg.node)
        for unary in (np.exp, np.square, np.sqrt, np.sign, np.cos, np.sin):

            def applied(
                f: Any, *args: Any, position: int = i, unary: Any = unary, **kwargs: Any
            ) -> Any:
                return f(*[unary(a) if j == position else a for j, a in enumerate(args)], **kwargs)

            shown = f"{unary.__name__}({short(name)})"
            yield Edit("wrong-operand", f"`{short(name)}` stands where `{shown}` is meant",
                       f"use `{shown}`", around(applied), 2.0)  # fmt: skip


def is_matrix_product(operation: Operation) -> bool:
    """Whether an operation is a product of two recorded matrices or vectors."""
    function = operation.function
    matrix = is_in(function, MATRIX_PRODUCTS) or function == Method("dot")
    return matrix and sum(type(a) is Ref for a in operation.args) == 2


def _hashable(function: Any) -> bool:
    return getattr(type(function), "__hash__", None) is not None


def _transposes(operation: Operation, scope: Scope) -> Iterator[Edit]:
    text = short(operation.where.text)
    if scope.ndim(operation.out) == 2:
        yield Edit("missing-transpose", f"`{text}` is transposed", f"use the transpose of `{text}`",
                   around(lambda f, *a, **k: f(*a, **k).T), 1.3)  # fmt: skip
    for i, arg in enumerate(operation.args):
        if type(arg) is not Ref or scope.ndim(arg.node) != 2:
            continue
        name = scope.text(arg.node)
        maker = scope.tape.producer(arg.node)
        if maker is not None and is_transpose(maker) and type(maker.args[0]) is Ref:
            reason = f"`{name}` is transposed and should not be"
            help = f"use `{scope.text(maker.args[0].node)}` in place of `{name}`"
        else:
            reason, help = f"`{name}` is not transposed", f"use `{name}.T`"

        yield Edit("missing-transpose", reason, help, _turning(scope, i, maker), 1.0)


def _turning(
    scope: Scope, position: int, first: Operation | None
) -> Callable[[Operation, int], Operation | None]:
    """Turn an operand round in those executions where it is transposed, or is not, as in the first.

    The operand of ``W if W.shape[0] == n else W.T`` is sometimes right.
    """
    was_transposed = first is not None and is_transpose(first)

    def change(operation: Operation, _: int) -> Operation | None:
        arg = operation.args[position] if position < len(operation.args) else None
        maker = scope.tape.producer(arg.node) if type(arg) is Ref else None
        if (maker is not None and is_transpose(maker)) != was_transposed:
            return None
        function = operation.function

        def turned(*args: Any, **kwargs: Any) -> Any:
            given = [a.T if j == position else a for j, a in enumerate(args)]
            return function(*given, **kwargs)

        return replace(operation, function=turned)

    return change


def _axes(operation: Operation, scope: Scope) -> Iterator[Edit]:
    function = operation.function
    name = function.name if isinstance(function, Method) else getattr(function, "__name__", "")
    first = operation.args[0] if operation.args else None
    own = REDUCTIONS.get(name)
    if own is None or type(first) is not Ref:
        return
    for how in dict.fromkeys((own, np.sum, np.mean)):
        for axis in (None, *range(scope.ndim(first.node))):
            for keep in (False, True):
                shown = "no axis" if axis is None else f"axis={axis}"

                reduced = _reducing(how, axis, keep)
                if how is not own:
                    yield Edit("extra-factor" if how is np.sum else "missing-factor",
                               f"`{name}` stands where `{how.__name__}` is meant",
                               f"use `{how.__name__}`", computing(reduced), 1.0)  # fmt: skip
                else:
                    more = " with keepdims=True" if keep else ""
                    yield Edit("wrong-axis", f"the {name} runs over the wrong axis",
                               f"use {shown}{more}", computing(reduced), 1.0)  # fmt: skip


def _reducing(how: Any, axis: int | None, keepdims: bool) -> Callable[..., Any]:
    """Return a reduction that ignores the axis it is given."""
    return lambda x, *_, **__: how(np.asarray(x), axis=axis, keepdims=keepdims)


def _dropped(operation: Operation, scope: Scope) -> Iterator[Edit]:
    """One operand of a sum or product alone: the other should not be there."""
    function = operation.function
    if len(operation.args) != 2:
        return
    product = is_in(function, MULTIPLY) or is_in(function, DIVIDE)
    subtracts = is_in(function, SUBTRACT)
    if not product and not is_in(function, ADD) and not subtracts:
        return
    for i, arg in enumerate(operation.args):
        if type(arg) is not Ref or (i == 1 and is_in(function, DIVIDE)):
            continue
        other = operation.args[1 - i]
        name = scope.text(other.node) if type(other) is Ref else repr(other)

        def alone(*args: Any, position: int = i, negative: bool = i == 1 and subtracts) -> Any:
            value = -args[position] if negative else args[position]
            return value + np.zeros(np.shape(args[1 - position])) if np.ndim(value) else value

        if product:
            yield Edit("extra-factor", f"the factor `{name}` should not be there",
                       f"remove `{name}`", computing(alone), 1.2)  # fmt: skip
            yield from _nested_drops(operation, i, scope)
        elif operation.where.kind.startswith("aug"):
            yield Edit("extra-term", f"`{short(operation.where.text)}` should assign, not add",
                       "use `=`", computing(alone), 1.5)  # fmt: skip
        else:
            yield Edit("extra-term", f"the term `{name}` should not be there",
                       f"remove `{name}`", computing(alone), 1.4)  # fmt: skip


def _nested_drops(operation: Operation, position: int, scope: Scope) -> Iterator[Edit]:
    """One factor of a product of three: ``delta * a * (1 - a)`` should be ``delta``."""
    arg = operation.args[position]
    inner = scope.tape.producer(arg.node)
    if inner is None or inner.where.statement != operation.where.statement:
        return
    if not is_in(inner.function, MULTIPLY) or inner.where.file is not operation.where.file:
        return
    for kept, factor in enumerate(inner.args):
        if type(factor) is not Ref:
            continue

        def change(
            execution: Operation, _: int, position: int = position, kept: int = kept
        ) -> Operation | None:
            outer = execution.args[position] if len(execution.args) == 2 else None
            maker = scope.tape.producer(outer.node) if type(outer) is Ref else None
            if maker is None or maker.site != inner.site:
                return None
            args = list(execution.args)
            args[position] = maker.args[kept]

            def alone(*values: Any) -> Any:
                return values[position] + np.zeros(np.shape(values[1 - position]))

            return replace(
                execution, function=alone, args=tuple(args),
                inputs=(*execution.inputs, *maker.inputs),
            )  # fmt: skip

        name = scope.text(factor.node)
        yield Edit("extra-factor", f"only `{name}` of this product should be there",
                   f"use `{name}` alone", change, 1.3)  # fmt: skip


def _constants(operation: Operation, scope: Scope) -> Iterator[Edit]:
    """Another number in place of one that is written down."""
    function = operation.function
    text = short(operation.where.text)
    for i, arg in enumerate(operation.args):
        if type(arg) not in (int, float):
            continue
        others: tuple[Any, ...] = (2 * arg, 0.5 * arg, *scope.constants)
        price = 1.4
        if is_in(function, POWERS):
            others, price = (2, 3, 1, -1, 0.5, -0.5, -1.5, -2), 1.2
        elif is_in(function, ADD) or is_in(function, SUBTRACT):
            others = (1, 0, 2, 0.5)
        elif function is operator.getitem and type(arg) is int:
            others, price = (arg + 1, arg - 1), 2.2
        for other in others:
            if other == arg:
                continue

            def change(
                operation: Operation, _: int, position: int = i, own: Any = arg, number: Any = other
            ) -> Operation | None:
                args = list(operation.args)
                if len(args) <= position or type(args[position]) is not type(own):
                    return None
                args[position] = number
                return replace(operation, args=tuple(args))

            yield Edit("wrong-operand" if function is operator.getitem else "wrong-derivative",
                       f"`{arg:g}` stands in `{text}` where `{other:g}` is meant",
                       f"use `{other:g}` in place of `{arg:g}`", change, price)  # fmt: skip


# ---- operands ----------------------------------------------------------------------------------


def _operands(operation: Operation, scope: Scope) -> Iterator[Edit]:
    """Another value of the same shape in place of one operand."""
    if scope.size(operation.out) > LARGE:
        return
    for i, arg in enumerate(operation.args):
        if type(arg) is not Ref or not is_differentiable(scope.run.env[arg.node]):
            continue
        used = scope.text(arg.node)
        for node in scope.alternatives(arg.node, operation.index):
            right = scope.text(node)
            price = 1.0 if scope.is_named(node) else 3.0
            if is_in(operation.function, COMPARISONS):
                price += 1.0  # yes or no: much fits by chance
            for sense in scope.senses(node):

                def change(
                    execution: Operation, _: int, position: int = i, own: int = arg.node,
                    other: int = node, sense: int = sense,
                ) -> Operation | None:  # fmt: skip
                    there = execution.args[position] if position < len(execution.args) else None
                    if type(there) is not Ref:
                        return None
                    found = scope.counterpart(own, other, there.node, sense)
                    if found is None or scope.made_after(found, execution.index):
                        return None
                    args = list(execution.args)
                    args[position] = Ref(found)
                    return replace(execution, args=tuple(args), inputs=(*execution.inputs, found))

                cause = "mutated-value" if scope.is_version(arg.node, node) else "wrong-operand"
                if used == right:
                    right = f"{right} of another layer or step"
                yield Edit(
                    cause, f"`{used}` stands where `{right}` is meant",
                    f"use `{right}` in place of `{used}`", change, price, used, right,
                )  # fmt: skip


def _inserted(operation: Operation, scope: Scope) -> Iterator[Edit]:
    """A factor or term that is in scope and missing."""
    where = operation.where
    if not where.is_value or scope.size(operation.out) > LARGE:
        return
    text = short(where.text)
    for node in scope.alternatives(operation.out, operation.index, broadcast=True):
        name = scope.text(node)
        price = 2.0 if scope.is_named(node) and scope.ndim(node) else 3.0
        for cause, sign, function, what in (
            ("missing-factor", "*", operator.mul, "factor"),
            ("missing-term", "+", operator.add, "term"),
            ("missing-term", "-", operator.sub, "term"),
        ):
            for sense in scope.senses(node):

                def change(
                    execution: Operation, _: int, other: int = node, sense: int = sense,
                    join: Any = function,
                ) -> Operation | None:  # fmt: skip
                    found = scope.counterpart(operation.out, other, execution.out, sense)
                    if found is None or scope.made_after(found, execution.index):
                        return None
                    inner = execution.function
                    count = len(execution.args)

                    def joined(*args: Any, **kwargs: Any) -> Any:
                        value = inner(*args[:count], **kwargs)
                        result = join(value, args[count])
                        if np.shape(result) != np.shape(value):
                            raise ValueError("another shape")
                        return result

                    return replace(
                        execution, function=joined, args=(*execution.args, Ref(found)),
                        inputs=(*execution.inputs, found),
                    )  # fmt: skip

                yield Edit(cause, f"the {what} `{name}` is missing from `{text}`",
                           f"use `{text} {sign} {name}`", change, price, expected=name)  # fmt: skip
