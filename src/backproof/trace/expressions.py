"""Hooks of expressions: operators, comparisons, subscripts, attributes and iteration."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from backproof.trace.event import (
    ARRAYS,
    FLOW,
    OPAQUE,
    TRACKED,
    TRUTHS,
    Append,
    Chosen,
    Event,
    freeze,
    keep_key,
)
from backproof.trace.joining import JOINERS, joined
from backproof.trace.primitives import Attribute, decided, stepped
from backproof.trace.site import SITES

OPERATORS: dict[str, Callable[..., Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "floordiv": operator.floordiv, "mod": operator.mod, "pow": operator.pow,
    "matmul": operator.matmul, "and": operator.and_, "or": operator.or_, "xor": operator.xor,
}  # fmt: skip
COMPARISONS: dict[str, Callable[..., Any]] = {
    "lt": operator.lt, "le": operator.le, "gt": operator.gt,
    "ge": operator.ge, "eq": operator.eq, "ne": operator.ne,
}  # fmt: skip
UNARY: dict[str, Callable[..., Any]] = {
    "neg": operator.neg, "pos": operator.pos, "invert": operator.invert,
}  # fmt: skip


def index_in(x: Any, key: Any) -> tuple[Any, ...] | None:
    """Return where an entry of ``array.flat`` stands in the array; None for several."""
    counts = isinstance(key, int | np.integer) and not isinstance(key, bool)
    if counts and -x.base.size <= key < x.base.size:
        return tuple(np.unravel_index(int(key) % x.base.size, x.base.shape))
    return None


def operator_hooks(append: Append) -> dict[str, Any]:
    """Make the hooks of ``a + b``, ``a < b`` and ``-a``."""
    tracked = TRACKED
    hooks: dict[str, Any] = {}

    def binary(function: Callable[..., Any]) -> Callable[..., Any]:
        def hook(site: int, a: Any, b: Any) -> Any:
            out = function(a, b)
            if type(out) in tracked:
                append((site, function, (a, b), None, out, None))
            return out

        return hook

    def comparison(function: Callable[..., Any]) -> Callable[..., Any]:
        def hook(site: int, a: Any, b: Any) -> Any:
            out = function(a, b)
            if type(out) in tracked or type(a) in tracked or type(b) in tracked:
                append((site, function, (a, b), None, out, None))
            return out

        return hook

    def unary(function: Callable[..., Any]) -> Callable[..., Any]:
        def hook(site: int, a: Any) -> Any:
            out = function(a)
            if type(out) in tracked:
                append((site, function, (a,), None, out, None))
            return out

        return hook

    for name, function in OPERATORS.items():
        hooks["@bp." + name] = binary(function)
    for name, function in COMPARISONS.items():
        hooks["@bp." + name] = comparison(function)
    for name, function in UNARY.items():
        hooks["@bp." + name] = unary(function)
    return hooks


def read_hooks(append: Append, log: Sequence[Event]) -> dict[str, Any]:
    """Make the hooks of ``x[key]``, ``x.name``, iteration, unpacking, choices, and ``dZ = dA``."""
    tracked = TRACKED

    def getitem(site: int, x: Any, key: Any) -> Any:
        out = x[key]
        if type(x) in ARRAYS:
            append((site, operator.getitem, (x, keep_key(key)), None, out, None))
        elif type(x) is np.flatiter:
            if (index := index_in(x, key)) is not None:
                append((site, operator.getitem, (x.base, index), None, out, None))
        elif type(x) in JOINERS and type(out) in ARRAYS:
            function, args = joined(x, key) or (OPAQUE, (freeze(key),))
            append((site, function, args, None, out, None))
        return out

    def attr(site: int, x: Any, name: str) -> Any:
        out = getattr(x, name)
        if type(x) in ARRAYS and type(out) in tracked:
            append((site, Attribute(name), (x,), None, out, None))
        return out

    def rows(site: int, x: Any) -> Iterator[Any]:
        for i in range(len(x)):
            row = x[i]
            append((site, operator.getitem, (x, i), None, row, None))
            yield row

    def entries(site: int, x: Any) -> Iterator[Any]:
        array = x.base
        for number, entry in enumerate(x, x.index):
            index = np.unravel_index(number, array.shape)
            append((site, operator.getitem, (array, index), None, entry, None))
            yield entry

    def iterate(site: int, x: Any) -> Any:
        if type(x) in ARRAYS and x.ndim:
            return rows(site, x)
        return entries(site, x) if type(x) is np.flatiter else x

    def unpack(site: int, x: Any) -> Any:
        if type(x) in ARRAYS and x.ndim:
            return list(rows(site, x))
        return x

    def flow(site: int, x: Any) -> Any:
        if type(x) in tracked:
            append((site, FLOW, (x,), None, x, None))
        return x

    def chosen(site: int, x: Any) -> Any:
        if type(x) is not float and type(x) is not int:
            return x
        by = [a for a in tested(site) if type(a) is float or isinstance(a, np.floating)]
        op = SITES[site].op
        if not by and (type(x) is int or op != "chosen"):
            return x
        # An object of its own: what was chosen from may be used elsewhere.
        out = Chosen(x) if type(x) is int else x * 1.0
        append((site, stepped if op == "step" else decided, (x, *by), None, out, None))
        return out

    def tested(site: int) -> tuple[Any, ...]:
        """Return what the test has compared that has just been made, if there was one."""
        last = log[-1] if log else None
        if last is None or type(last[4]) not in TRUTHS or SITES[last[0]].kind != "compare":
            return ()
        here, test = SITES[site], SITES[last[0]]
        if here.op != "chosen":
            near = test.function == here.function and test.file is here.file
            return last[2] if near and test.span.line <= here.span.line else ()
        return last[2] if here.span.contains(test.span) else ()

    return {
        "@bp.chosen": chosen,
        "@bp.getitem": getitem, "@bp.attr": attr,
        "@bp.iter": iterate, "@bp.unpack": unpack, "@bp.flow": flow,
    }  # fmt: skip
