"""The slope of a function of the forward pass in the place of another, or where there is none."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import reduce
from itertools import combinations
from typing import Any

import numpy as np

from backproof.arithmetic import MULTIPLY, is_in
from backproof.checks.claims import operand_texts
from backproof.checks.edits.edit import LARGE, Edit, short
from backproof.checks.found import is_same
from backproof.checks.scope import Scope, without_ones
from backproof.trace.tape import Operation, Ref

#: Factors of forward values that one product may have, above which it is left alone.
MOST_LOCAL = 3
REPLACED, MISSING, NEARER = 1.35, 2.0, 0.2


def other_slopes(operation: Operation, scope: Scope) -> Iterator[Edit]:
    """``delta * σ′(z)`` for what is multiplied by something else of z, or by nothing."""
    slopes = scope.slopes
    if not slopes.ends or scope.size(operation.out) > LARGE:
        return
    others = [n for n in scope.alternatives(operation.out, operation.index) if n in slopes.ends]
    if scope.is_local(operation.out):
        value = scope.run.env[operation.out]
        if any(is_same(scope.run.env[end], value) for end in slopes.ends):
            return  # the activation, computed again: what is wrong is how it is used
        if _is_whole(operation) or is_in(operation.function, MULTIPLY):
            yield from _in_place_of(scope, operation, others, None)
        return
    leaves = factors(operation, scope)
    if not (operation.where.is_value or _is_appended(operation)) and len(leaves) == 1:
        return
    local = [i for i, leaf in enumerate(leaves) if type(leaf) is Ref and scope.is_local(leaf.node)]
    yield recognised_slope(operation, scope)
    for count in range(min(len(local), MOST_LOCAL), -1, -1):
        for dropped in combinations(local, count):
            yield from _in_place_of(scope, operation, others, dropped)


def _is_whole(operation: Operation) -> bool:
    """Whether an expression is all that its statement assigns or returns, or what it changes."""
    where = operation.where
    before, _, after = where.file.slice(where.statement).partition(where.text)
    stores = where.kind == "target"  # ``dx[x <= 0] = 0``
    return where.is_value or stores or f"{before}{after}".strip("() ") == "return"


def _is_appended(operation: Operation) -> bool:
    """Whether an expression is what a statement appends to a list."""
    where = operation.where
    return where.file.slice(where.statement).endswith(f".append({where.text})")


def recognised_slope(operation: Operation, scope: Scope) -> Edit:
    """Multiply what is the cotangent of a value ``a = σ(z)`` by the slope of its function.

    Sums over units, of which one makes the next one right, are recognised one after the other.
    """
    text = short(operation.where.text)

    def change(execution: Operation, _: int) -> Operation:
        inner = execution.function

        def multiplied(*args: Any, **kwargs: Any) -> Any:
            value = inner(*args, **kwargs)
            node = scope.whose(value)
            slope = None if node is None else _shaped(scope.slopes.of(node), value)
            return value if slope is None else value * slope

        return replace(execution, function=multiplied)

    known = scope.whose(scope.run.env[operation.out])
    name = "its activation" if known is None else f"`{short(scope.name_of(known))}`"
    return Edit("missing-factor", f"the derivative of the function that makes {name} is missing "
                f"from `{text}`", f"multiply `{text}` by that derivative", change,
                MISSING - NEARER, is_slope=True, derived=known)  # fmt: skip


def _in_place_of(
    scope: Scope, operation: Operation, ends: Sequence[int], dropped: tuple[int, ...] | None
) -> Iterator[Edit]:
    """Put a slope in the place of some factors of a product; if `dropped` is None, of all.

    It is that of the function whose value or argument they are computed from, or of another.
    """
    where = operation.where
    text = short(where.file.slice(where.statement) if where.kind == "target" else where.text)
    used = text
    if dropped:
        texts = factor_texts(operation, scope)
        grouped = [f"({t})" if len(dropped) > 1 and _is_sum(t) else t for t in texts]
        used = " * ".join(grouped[i] for i in dropped)
    missing = dropped == ()
    cause, price = ("missing-factor", MISSING) if missing else ("wrong-derivative", REPLACED)

    def edit(of: Callable[[Operation, Sequence[int]], int | None], end: int, price: float) -> Edit:
        def change(execution: Operation, _: int) -> Operation | None:
            leaves = factors(execution, scope)
            places = range(len(leaves)) if dropped is None else dropped
            if any(i >= len(leaves) for i in places):
                return None  # a product of fewer factors, in this execution
            replaced = [leaves[i].node for i in places if type(leaves[i]) is Ref]
            found = of(execution, [execution.out] if dropped is None else replaced)
            out = scope.run.env[execution.out]
            slope = None if found is None else _shaped(scope.slopes.of(found), out)
            if slope is None:
                return None
            return _with(execution, leaves, dropped, slope)

        name = short(scope.name_of(end))
        reason = f"`{used}` stands where the derivative of `{name}` belongs"
        if missing:
            reason = f"the derivative of `{name}` is missing from `{text}`"
        elif name == used:
            reason = f"`{used}` is not the derivative that belongs here"
        help = f"multiply by the derivative of the function that makes `{name}`"
        return Edit(cause, reason, help, change, price, is_slope=True, derived=end)

    if not missing:
        leaves = factors(operation, scope)
        whole = [operation.out] if dropped is None else [leaves[i].node for i in dropped]
        own = _own(scope, whole)
        if own is not None:
            yield edit(lambda _, nodes: _own(scope, nodes), own, price - NEARER)
    for end in ends:
        for sense in scope.senses(end):

            def other(
                execution: Operation, _: Sequence[int], end: int = end, sense: int = sense
            ) -> int | None:
                found = scope.counterpart(operation.out, end, execution.out, sense)
                late = found is not None and scope.made_after(found, execution.index)
                return None if late else found

            yield edit(other, end, price)


def _shaped(slope: Any, value: Any) -> Any:
    """Return a slope in the shape of a value that has its entries, perhaps as a row; else None."""
    if slope is None or without_ones(value) != without_ones(slope):
        return None
    return slope if np.shape(slope) == np.shape(value) else np.reshape(slope, np.shape(value))


def _own(scope: Scope, nodes: Sequence[int]) -> int | None:
    """Return the one value whose function the factors are computed from."""
    found = {scope.slopes.read_by(n) for n in nodes}
    return found.pop() if len(found) == 1 else None


def _with(
    execution: Operation, leaves: list[Any], dropped: tuple[int, ...] | None, slope: Any
) -> Operation:
    """Return an execution that multiplies by a slope."""
    if dropped is None:
        return replace(execution, function=lambda *_, **__: slope)
    if len(leaves) == 1:
        inner = execution.function
        return replace(execution, function=lambda *a, **k: inner(*a, **k) * slope)
    kept = [leaf for i, leaf in enumerate(leaves) if i not in dropped]
    return replace(
        execution, args=tuple(kept), kwargs={},
        function=lambda *values: reduce(lambda a, b: a * b, values, slope),
        inputs=tuple(leaf.node for leaf in kept if type(leaf) is Ref),
    )  # fmt: skip


def _is_sum(text: str) -> bool:
    """Whether a text needs brackets as a factor."""
    try:
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        return False
    bare = node.col_offset == 0  # behind a bracket it has one already
    return bare and isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)


def factor_texts(operation: Operation, scope: Scope) -> list[str]:
    """Return the texts of the factors of a product, in the order of `factors`."""
    found: list[str] = []
    for position, arg in enumerate(operation.args):
        maker = scope.tape.producer(arg.node) if type(arg) is Ref else None
        if maker is not None and _is_factor(maker, operation):
            found.extend(factor_texts(maker, scope))
        else:
            texts = operand_texts(operation)
            known = texts[position] if position < len(texts) else operation.where.text
            found.append(" ".join(known.split()))
    return found


def _is_factor(maker: Operation, product: Operation) -> bool:
    """Whether a value is a product within the same statement as the product that it is part of."""
    one, other = maker.where, product.where
    same = one.file is other.file and one.statement == other.statement
    return same and is_in(maker.function, MULTIPLY)


def factors(operation: Operation, scope: Scope) -> list[Any]:
    """Return the factors of a product, those of its own factors in the same statement included."""
    if not is_in(operation.function, MULTIPLY):
        return [Ref(operation.out)]
    found: list[Any] = []
    for arg in operation.args:
        maker = scope.tape.producer(arg.node) if type(arg) is Ref else None
        if maker is not None and _is_factor(maker, operation):
            found.extend(factors(maker, scope))
        else:
            found.append(arg)
    return found
