"""Another transpose or axis: the right numbers in the wrong places."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from backproof.checks.edits.edit import Edit, around, computing, is_transpose, short
from backproof.checks.scope import Scope
from backproof.trace.primitives import Method, set_item
from backproof.trace.tape import Operation, Ref

REDUCTIONS = {"sum": np.sum, "mean": np.mean, "average": np.mean, "max": np.max, "amax": np.max}


def other_layouts(operation: Operation, scope: Scope) -> Iterator[Edit]:
    """A matrix, or an operand that is one, turned round."""
    text = short(operation.where.text)
    if scope.ndim(operation.out) == 2:
        yield Edit("missing-transpose", f"`{text}` is transposed", f"use the transpose of `{text}`",
                   around(lambda f, *a, **k: f(*a, **k).T), 1.3)  # fmt: skip
    if operation.function is operator.getitem and type(operation.args[1]) is tuple:
        return  # ``x.T[i, j]``: its indices are in the wrong order
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


def other_axes(operation: Operation, scope: Scope) -> Iterator[Edit]:
    """A sum or mean over another axis, or the one for the other."""
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


def one_of_each(operation: Operation, scope: Scope) -> Iterator[Edit]:
    """One entry of each row, for whole columns: ``d[np.arange(n), y]`` for ``d[:, y]``.

    What is stored is known for whole columns, and so for the entries among them.
    """
    if operation.function is not set_item or len(operation.args) != 3:
        return
    axis = _labels_axis(operation, scope)
    name = re.match(r"\s*([\w.]+)\s*\[(.*?)\]", operation.where.text)
    if axis is None or name is None:
        return
    parts = [part.strip() for part in name.group(2).split(",")]
    if len(parts) != 2:
        return
    label, rows = parts[axis], f"np.arange(len({parts[axis]}))"
    meant = f"{rows}, {label}" if axis else f"{label}, {rows}"

    def change(execution: Operation, _: int) -> Operation | None:
        if _labels_axis(execution, scope) != axis:
            return None

        def stored(array: Any, key: Any, value: Any) -> Any:
            places = np.arange(len(key[axis]))
            changed = array.copy()
            entries = np.broadcast_to(value, array[key].shape)[places, places]
            changed[(places, key[1]) if axis else (key[0], places)] = entries
            return changed

        return replace(execution, function=stored)

    own, other = f"{name.group(1)}[{name.group(2)}]", f"{name.group(1)}[{meant}]"
    yield Edit("wrong-operand", f"`{own}` is all rows at each label, not each row at its own",
               f"use `{other}` in place of `{own}`", change, 1.3, own, other)  # fmt: skip


def _labels_axis(operation: Operation, scope: Scope) -> int | None:
    """Return the axis at which a store has one index for each row, and a colon at the other."""
    key = operation.args[1] if len(operation.args) == 3 else None
    array = operation.args[0]
    if type(key) is not tuple or len(key) != 2 or type(array) is not Ref:
        return None
    shape = np.shape(scope.value(array.node))
    for axis in (0, 1):
        index, whole = key[axis], key[1 - axis]
        if type(index) is not Ref or whole != slice(None) or len(shape) != 2:
            continue
        labels = np.asarray(scope.value(index.node))
        if labels.dtype.kind in "iu" and labels.shape == (shape[1 - axis],):
            return axis
    return None
