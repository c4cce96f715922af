"""Searches the one-place edits of a statement under which a value of it equals the truth."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.calculus.adjoint import is_differentiable
from backproof.trace.primitives import Attribute, Method
from backproof.trace.tape import Operation, Ref, Run, Tape, map_refs
from backproof.updates import ADD, DIVIDE, MULTIPLY, SUBTRACT

MATRIX_PRODUCTS = {operator.matmul, np.matmul, np.dot}
MOST_ALTERNATIVES = 150
LARGE = 200_000
"""Entries of a value above which other operands are not tried: too slow."""
EXACT = 1e-7


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit that makes the value exact: where, why it was wrong, what to write."""

    operation: Operation
    cause: str
    reason: str
    help: str
    found: str = ""
    expected: str = ""


def equal(value: Any, truth: Any, tolerance: float = EXACT) -> bool:
    """Whether a value equals the truth to rounding."""
    if value is None or truth is None or np.shape(value) != np.shape(truth):
        return False
    t = np.asarray(truth, float)
    with np.errstate(all="ignore"):
        gap = float(np.linalg.norm(np.asarray(value, float) - t))
    return gap <= tolerance * float(np.linalg.norm(t))


class StatementSearch:
    """The edits of the statement that made one value.

    Parameters
    ----------
    text : callable (node) -> str
        What the user calls a node.
    """

    def __init__(self, tape: Tape, run: Run, text: Callable[[int], str]) -> None:
        self.tape = tape
        self.run = run
        self.text = text

    def find(self, blamed: Operation, truth: Any) -> Edit | None:
        """Return the first edit of the statement after which `blamed` gives the truth."""
        tree = self._tree(blamed)
        for operation in tree:
            for edit, value in self._edits(operation, blamed):
                if value is None:
                    continue
                if operation is blamed:
                    result = value
                else:
                    result = self._carried(tree, operation, value, blamed)
                if equal(result, truth):
                    return edit
        return None

    def _tree(self, blamed: Operation) -> list[Operation]:
        """The operations of the statement that lead to a value, outermost first."""
        statement, file = blamed.where.statement, blamed.where.file
        found, queue = [blamed], [blamed]
        seen = {blamed.index}
        while queue:
            for node in queue.pop(0).inputs:
                operation = self.tape.producer(node)
                if operation is None or operation.index in seen:
                    continue
                seen.add(operation.index)
                where = operation.where
                if where.file is file and where.statement == statement and len(found) < 16:
                    found.append(operation)
                    queue.append(operation)
        return found

    def _carried(
        self, tree: list[Operation], operation: Operation, value: Any, blamed: Operation
    ) -> Any:
        """Carry an edited value on through the statement."""
        env = {operation.out: value}
        for later in sorted(tree, key=lambda o: o.index):
            if later.index <= operation.index or not any(n in env for n in later.inputs):
                continue
            env[later.out] = self._evaluate(later, later.args, env=env)
        return env.get(blamed.out)

    def _evaluate(
        self, operation: Operation, args: Any, function: Any = None, env: Any = None,
        kwargs: Any = None,
    ) -> Any:  # fmt: skip
        given = env or {}
        base = self.run.env
        resolve = lambda ref: given[ref.node] if ref.node in given else base[ref.node]  # noqa: E731
        try:
            with np.errstate(all="ignore"):
                return (function or operation.function)(
                    *map_refs(list(args), resolve),
                    **map_refs(operation.kwargs if kwargs is None else kwargs, resolve),
                )
        except Exception:
            return None

    # ---- the edits -----------------------------------------------------------------------------

    def _edits(self, operation: Operation, blamed: Operation) -> Iterator[tuple[Edit, Any]]:
        yield from self._functions(operation)
        yield from self._transposes(operation)
        yield from self._axes(operation)
        yield from self._dropped(operation)
        yield from self._signs(operation, blamed)
        yield from self._operands(operation)

    def _signs(self, operation: Operation, blamed: Operation) -> Iterator[tuple[Edit, Any]]:
        if operation is blamed:
            return
        out = self.run.env[operation.out]
        if is_differentiable(out):
            text = operation.where.text
            yield Edit(operation, "wrong-sign", f"the sign of `{_short(text)}` is reversed",
                       f"change the sign of `{_short(text)}`"), -out  # fmt: skip

    def _functions(self, operation: Operation) -> Iterator[tuple[Edit, Any]]:
        function, args = operation.function, operation.args
        text = _short(operation.where.text)
        if _in(function, ADD) or _in(function, SUBTRACT):
            other, sign = (operator.sub, "-") if _in(function, ADD) else (operator.add, "+")
            edit = Edit(operation, "wrong-sign", f"a term of `{text}` has the wrong sign",
                        f"use `{sign}` in `{text}`")  # fmt: skip
            yield edit, self._evaluate(operation, args, other)
            if _in(function, SUBTRACT):
                yield edit, self._evaluate(operation, args[::-1], operator.sub)
            yield (Edit(operation, "wrong-operand", f"`{text}` should be a product",
                        f"use `*` in `{text}`"),
                   self._evaluate(operation, args, operator.mul))  # fmt: skip
        pairs = [a for a in args if type(a) is Ref]
        if _in(function, MULTIPLY) and len(pairs) == 2:
            a, b = (np.asarray(self.run.env[r.node]) for r in pairs)
            names = [self.text(r.node) for r in pairs]
            for x, y, shown in (
                (a, b, "{0} @ {1}"), (b, a, "{1} @ {0}"), (a.T, b, "{0}.T @ {1}"),
                (a, b.T, "{0} @ {1}.T"), (b.T, a, "{1}.T @ {0}"), (b, a.T, "{1} @ {0}.T"),
            ):  # fmt: skip
                yield (Edit(operation, "elementwise-vs-matmul",
                            "an elementwise product stands where the matrix product is meant",
                            f"use `{shown.format(*names)}`"),
                       self._evaluate(operation, (x, y), np.dot))  # fmt: skip
        matrix = _in(function, MATRIX_PRODUCTS) or function == Method("dot")
        if matrix and len(pairs) == 2:
            a, b = (np.asarray(self.run.env[r.node]) for r in pairs)
            for x, y in ((a, b), (a.T, b), (a, b.T)):
                yield (Edit(operation, "elementwise-vs-matmul",
                            "a matrix product stands where the elementwise is meant",
                            "multiply elementwise with `*`"),
                       self._evaluate(operation, (x, y), operator.mul))  # fmt: skip
            for x, y in ((b, a), (b.T, a), (b, a.T), (b.T, a.T)):
                yield (Edit(operation, "missing-transpose", "the factors are in the wrong order",
                            "exchange the factors"),
                       self._evaluate(operation, (x, y), np.dot))  # fmt: skip
        if _in(function, MULTIPLY) or _in(function, DIVIDE):
            other, sign = (
                (operator.truediv, "/") if _in(function, MULTIPLY) else (operator.mul, "*")
            )
            yield (Edit(operation, "wrong-operand", f"the operator of `{text}` should be `{sign}`",
                        f"use `{sign}`"), self._evaluate(operation, args, other))  # fmt: skip
            yield (Edit(operation, "wrong-operand", f"`{text}` should be a sum",
                        f"use `+` in `{text}`"),
                   self._evaluate(operation, args, operator.add))  # fmt: skip

    def _transposes(self, operation: Operation) -> Iterator[tuple[Edit, Any]]:
        out = self.run.env[operation.out]
        if np.ndim(out) == 2:
            yield Edit(operation, "missing-transpose",
                       f"`{_short(operation.where.text)}` is transposed",
                       f"use the transpose of `{_short(operation.where.text)}`"), out.T  # fmt: skip
        for i, arg in enumerate(operation.args):
            if type(arg) is not Ref or np.ndim(self.run.env[arg.node]) != 2:
                continue
            args = list(operation.args)
            args[i] = self.run.env[arg.node].T
            name = self.text(arg.node)
            maker = self.tape.producer(arg.node)
            if maker is not None and is_transpose(maker) and type(maker.args[0]) is Ref:
                inner = self.text(maker.args[0].node)
                edit = Edit(operation, "missing-transpose",
                            f"`{name}` is transposed and should not be",
                            f"use `{inner}` in place of `{name}`")  # fmt: skip
            else:
                edit = Edit(operation, "missing-transpose", f"`{name}` is not transposed",
                            f"use `{name}.T`")  # fmt: skip
            yield edit, self._evaluate(operation, args)

    def _axes(self, operation: Operation) -> Iterator[tuple[Edit, Any]]:
        function = operation.function
        name = function.name if isinstance(function, Method) else getattr(function, "__name__", "")
        first = operation.args[0] if operation.args else None
        if name not in ("sum", "mean", "max", "amax", "average") or type(first) is not Ref:
            return
        x = np.asarray(self.run.env[first.node], float)
        own = {"mean": np.mean, "average": np.mean, "sum": np.sum}.get(name, np.max)
        for how in dict.fromkeys((own, np.sum, np.mean)):
            for axis in (None, *range(x.ndim)):
                for keep in (False, True):
                    value = how(x, axis=axis, keepdims=keep)
                    shown = "no axis" if axis is None else f"axis={axis}"
                    if how is not own:
                        cause = "extra-factor" if how is np.sum else "missing-factor"
                        edit = Edit(operation, cause,
                                    f"`{name}` stands where `{how.__name__}` is meant",
                                    f"use `{how.__name__}`")  # fmt: skip
                    else:
                        edit = Edit(operation, "wrong-axis", f"the {name} runs over the wrong axis",
                                    f"use {shown}" + (" with keepdims=True" if keep else ""))  # fmt: skip
                    yield edit, float(value) if np.ndim(value) == 0 else value

    def _dropped(self, operation: Operation) -> Iterator[tuple[Edit, Any]]:
        """One operand of a sum or product alone: the other should not be there."""
        function = operation.function
        if len(operation.args) != 2:
            return
        product = _in(function, MULTIPLY) or _in(function, DIVIDE)
        if not product and not _in(function, ADD) and not _in(function, SUBTRACT):
            return
        for i, arg in enumerate(operation.args):
            if type(arg) is not Ref or (i == 1 and _in(function, DIVIDE)):
                continue
            other = operation.args[1 - i]
            name = self.text(other.node) if type(other) is Ref else repr(other)
            if product:
                edit = Edit(operation, "extra-factor", f"the factor `{name}` should not be there",
                            f"remove `{name}`")  # fmt: skip
            else:
                edit = Edit(operation, "missing-term", f"the term `{name}` should not be there",
                            f"remove `{name}`")  # fmt: skip
            value = self.run.env[arg.node]
            if np.shape(value) == np.shape(self.run.env[operation.out]):
                yield edit, -value if i == 1 and _in(function, SUBTRACT) else value

    def _operands(self, operation: Operation) -> Iterator[tuple[Edit, Any]]:
        if np.size(self.run.env[operation.out]) > LARGE:
            return
        for i, arg in enumerate(operation.args):
            if type(arg) is not Ref or not is_differentiable(self.run.env[arg.node]):
                continue
            used = self.text(arg.node)
            shape = np.shape(self.run.env[arg.node])
            args = list(operation.args)
            for node in self._in_scope(shape, operation):
                if node == arg.node:
                    continue
                args[i] = Ref(node)
                right = self.text(node)
                yield (Edit(operation, "wrong-operand",
                            f"`{used}` stands where `{right}` is meant",
                            f"use `{right}` in place of `{used}`", used, right),
                       self._evaluate(operation, args))  # fmt: skip

    def _in_scope(self, shape: tuple[int, ...], operation: Operation) -> Iterator[int]:
        """Values of a shape that exist before an operation, named ones first."""
        named, other = [], []
        for node in self.tape.nodes:
            if node.operation is not None and node.operation >= operation.index:
                break
            value = self.run.env[node.index]
            if np.shape(value) != shape or not is_differentiable(value):
                continue
            maker = self.tape.producer(node.index)
            whole = maker is None or (maker.where.is_value and bool(maker.where.targets))
            (named if whole else other).append(node.index)
        yield from (named[::-1] + other[::-1])[:MOST_ALTERNATIVES]


def is_transpose(operation: Operation) -> bool:
    """Whether an operation transposes."""
    function = operation.function
    if isinstance(function, Attribute):
        return function.name in ("T", "mT")
    return function is np.transpose or function == Method("transpose")


def _in(function: Any, functions: Any) -> bool:
    try:
        return function in functions
    except TypeError:
        return False


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "…"
