"""Which operations add, multiply or negate, and which hand on a value as it is."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from backproof.trace.primitives import (
    Attribute,
    Method,
    decided,
    overwrite,
    patch_view,
    set_item,
    strided_view,
)
from backproof.trace.tape import Operation, Ref, Tape

ADD = {operator.add, np.add}
SUBTRACT = {operator.sub, np.subtract}
MULTIPLY = {operator.mul, np.multiply}
DIVIDE = {operator.truediv, np.divide, np.true_divide}
NEGATE = {operator.neg, np.negative}
POWERS = {operator.pow, np.power}
PRODUCTS = MULTIPLY | {operator.matmul, np.matmul, np.dot, Method("dot")}
EXPONENTIALS = {np.exp, math.exp}
LOGARITHMS = {np.log, math.log, np.log2, np.log10}
#: What gives the size of a number, or of each entry.
SIZES: frozenset[Any] = frozenset({abs, np.abs, np.fabs, math.fabs})
SAME_FUNCTIONS = {
    np.copy, np.array, np.asarray, np.asmatrix, np.ascontiguousarray, np.asanyarray, np.reshape,
    np.ravel, np.squeeze, np.transpose, np.atleast_2d, np.atleast_1d, np.expand_dims, float,
    np.float64, np.float32, strided_view, decided, np.clip, np.nan_to_num,
}  # fmt: skip
SAME_METHODS = {"copy", "astype", "reshape", "ravel", "flatten", "squeeze", "transpose", "clip",
                "item", "view"}  # fmt: skip


#: Functions that make one array of the entries of several, each entry unchanged.
GATHERING: frozenset[Any] = frozenset(
    {np.concatenate, np.hstack, np.vstack, np.append, np.stack, np.column_stack, np.array}
)
#: The same, or in the memory of one of them.
JOINING = GATHERING | {set_item, patch_view, overwrite}
SPLITTING: frozenset[Any] = frozenset({
    operator.getitem, strided_view, np.split, np.array_split, np.hsplit, np.vsplit, np.take,
    np.delete, np.swapaxes, np.moveaxis, np.rollaxis, np.matrix,
})  # fmt: skip
#: ``max(0, z)``, recorded as ``max(z, 0)``.
EXTREMES = {max, min}


def keeps(operation: Operation) -> bool:
    """Whether an operation hands on its first argument, perhaps in another layout or clipped."""
    function = operation.function
    if isinstance(function, Method):
        return function.name in SAME_METHODS
    if isinstance(function, Attribute):
        return function.name in ("T", "mT", "A", "A1", "flat")
    if is_in(function, EXTREMES):
        return len(operation.args) == 2 and type(operation.args[1]) is int
    try:
        return function in SAME_FUNCTIONS
    except TypeError:
        return False


def covers(operation: Operation) -> bool:
    """Whether a store replaces the whole array: ``W[:] = …``."""
    if operation.function is not set_item:
        return False
    key = operation.args[1]
    keys = key if isinstance(key, tuple) else (key,)
    return all(k is Ellipsis or (isinstance(k, slice) and k == slice(None)) for k in keys)


def is_in(function: Any, functions: Any) -> bool:
    """Whether a function that may not be hashable is one of some."""
    try:
        return function in functions
    except TypeError:
        return False


def is_square(operation: Operation) -> bool:
    """Whether an operation squares: by a power, or a product of one value with itself."""
    function, args = operation.function, operation.args
    power = is_in(function, POWERS) and len(args) == 2 and type(args[1]) in (int, float)
    product = is_in(function, PRODUCTS) and len(args) == 2 and len(set(operation.inputs)) == 1
    refs = all(type(a) is Ref for a in args)
    return (power and bool(args[1] == 2)) or (product and refs) or function is np.square


def is_squared(tape: Tape, node: int) -> bool:
    """Whether something is made of a value's square."""
    return any(is_square(tape.operations[index]) for index in tape.users[node])
