"""A factor or term less, or one more."""

from __future__ import annotations

import operator
from collections.abc import Container, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, DIVIDE, MULTIPLY, SUBTRACT, is_in
from backproof.checks.edits.edit import LARGE, Edit, computing, short
from backproof.checks.scope import Scope
from backproof.trace.tape import Operation, Ref

#: What it costs to add what has been computed and is not read, and what less in a sum.
UNUSED, IN_A_SUM = 1.85, 1.0


def without_a_part(operation: Operation, scope: Scope) -> Iterator[Edit]:
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
        name, operands = repr(other), operation.where.operands
        if len(operands) == 2:
            name = short(operands[1 - i])
        elif type(other) is Ref:
            name = scope.text(other.node)

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


def with_another_part(
    operation: Operation, scope: Scope, among: Container[int] | None = None
) -> Iterator[Edit]:
    """A factor or term that is in scope and missing; one of some (`among`), if given."""
    where = operation.where
    if not where.is_value or scope.size(operation.out) > LARGE:
        return
    text = short(where.text)
    for node in scope.alternatives(operation.out, operation.index, broadcast=True):
        if among is not None and node not in among:
            continue
        name = scope.text(node)
        seen = scope.is_named(node) and scope.ndim(node) and scope.is_visible(node, where.function)
        price = UNUSED if among is not None else 2.0 if seen else 3.0
        sums = among is not None and is_in(operation.function, ADD)
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

                cost = price - IN_A_SUM * (sums and what == "term")
                yield Edit(cause, f"the {what} `{name}` is missing from `{text}`",
                           f"use `{text} {sign} {name}`", change, cost, expected=name)  # fmt: skip
