"""Where a non-finite value comes from: producer and propagators on a tape, element by element."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.arithmetic import is_in, keeps
from backproof.trace import primitives
from backproof.trace.alive import is_sound
from backproof.trace.primitives import Attribute, Method
from backproof.trace.tape import Operation, Ref, Tape
from backproof.updates import Update

#: Functions that give each element of the result from the elements at the same place.
ELEMENTWISE = frozenset({
    "add", "sub", "subtract", "mul", "multiply", "truediv", "divide", "true_divide", "pow", "power",
    "neg", "negative", "pos", "positive", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p",
    "sqrt", "cbrt", "square", "reciprocal", "abs", "absolute", "fabs", "tanh", "sinh", "cosh",
    "sin", "cos", "tan", "arctanh", "atanh", "arcsin", "asin", "arccos", "acos", "logaddexp",
    "maximum", "minimum", "fmax", "fmin", "where", "clip", "float_power", "mod", "floordiv",
    "expit", "sigmoid", "softplus", "logit", "xlogy", "float",
})  # fmt: skip
#: Functions that only move elements: the same function moves their indices.
MOVING = frozenset({
    "getitem", "reshape", "T", "transpose", "squeeze", "ravel", "flatten", "strided_view", "copy",
    "asarray", "array", "expand_dims", "broadcast_to", "atleast_2d", "item", "swapaxes", "mT",
    "moveaxis", "ascontiguousarray", "flip",
})  # fmt: skip
#: Functions that make an array of a number.
MAKING = frozenset({np.full, np.full_like})
MOST_LINKS = 12


def name_of(function: Any) -> str:
    """Return the short name of a recorded function."""
    if isinstance(function, Method):
        return function.name
    return str(getattr(function, "__name__", type(function).__name__))


@dataclass(frozen=True, slots=True)
class Origin:
    """The first non-finite value on the way to a sink."""

    node: int
    operation: Operation | None
    """None: the value was there before the tape begins."""
    kind: str
    """'produced', 'mixed' (NaN out of infinities that were given) or 'given'."""


@dataclass(frozen=True, slots=True)
class Link:
    """One value of the chain behind an element."""

    node: int
    index: tuple[int, ...]
    operation: Operation | None
    value: float


# ---- sinks -------------------------------------------------------------------------------------


def sinks(tape: Tape, updates: Sequence[Update]) -> list[int]:
    """Return the nodes whose non-finite values harm: new parameters, then final scalars.

    In a program without updates results that nothing reads count as well.
    """
    found: dict[int, None] = {}
    for update in updates:
        if not is_sound(tape.value(update.new)):
            for _, delta in update.merges:
                found[delta] = None
            found[update.new] = None
    for operation in tape.operations:
        obj = tape.nodes[operation.out].obj
        kind = type(obj)
        if kind is float:
            bad = obj - obj != 0.0
        elif isinstance(obj, (np.ndarray, np.generic)) and (obj.size == 1 or not updates):
            bad = obj.dtype.kind == "f" and not is_sound(tape.value(operation.out))
        else:
            continue
        if bad and not any(_reads(tape, user) for user in tape.users[operation.out]):
            if _is_placeholder(tape, operation):
                continue
            found[operation.out] = None
    return [node for node in found if not is_sound(tape.value(node))]


def _is_placeholder(tape: Tape, operation: Operation) -> bool:
    """Whether a value is written as not finite and nothing is computed of it: ``np.array(nan)``."""
    makes = is_in(operation.function, MAKING) or keeps(operation)
    return makes and all(tape.nodes[n].operation is None for n in operation.inputs)


def _reads(tape: Tape, index: int) -> bool:
    """Whether an operation uses a value as a number (a comparison only looks at it)."""
    out = tape.nodes[tape.operations[index].out].obj
    return not (isinstance(out, (bool, np.bool_)) or getattr(out, "dtype", None) == np.bool_)


# ---- origin ------------------------------------------------------------------------------------


def constants(value: Any) -> Iterator[float]:
    """Yield the float constants in a tree of arguments."""
    kind = type(value)
    if kind is float:
        yield value
    elif kind is list or kind is tuple:
        for item in value:
            yield from constants(item)
    elif kind is dict:
        for item in value.values():
            yield from constants(item)


def _has_nan(value: Any) -> bool:
    return (
        bool(np.isnan(value).any())
        if isinstance(value, (np.ndarray, np.generic))
        else (type(value) is float and value != value)
    )


def path_of(tape: Tape, ends: Iterable[int]) -> set[int]:
    """Return the non-finite nodes through which non-finite values reach `ends`."""
    stack = list(ends)
    found = set(stack)
    while stack:
        operation = tape.producer(stack.pop())
        for node in operation.inputs if operation is not None else ():
            if node not in found and not is_sound(tape.value(node)):
                found.add(node)
                stack.append(node)
    return found


def origin_of(tape: Tape, path: set[int], *, marks: bool = False) -> Origin | None:
    """Return the first producer on a path; None where all infinities are meant so.

    With `marks` a written NaN counts as well, ``float("nan")`` for an empty cell.
    """
    given: Origin | None = None
    mark: Origin | None = None
    mixed: Origin | None = None
    for node in sorted(path, key=lambda n: tape.nodes[n].event):
        operation = tape.producer(node)
        value = tape.value(node)
        if operation is None or isinstance(operation.function, primitives.Opaque):
            if given is None and (_has_nan(value) or operation is not None):
                given = Origin(node, operation, "given")
            continue
        name = name_of(operation.function)
        literal = any(not math.isfinite(c) for c in constants([operation.args, operation.kwargs]))
        if (name == "float" and not operation.inputs) or name == "full" or name == "full_like":
            if marks and mark is None and _has_nan(value):
                mark = Origin(node, operation, "given")
            continue
        bad = [n for n in operation.inputs if n in path]
        if not bad and not literal:
            if not operation.inputs and name not in ELEMENTWISE:
                given = given or Origin(node, operation, "given")
                continue
            return Origin(node, operation, "produced")
        if mixed is None and _has_nan(value) and not any(_has_nan(tape.value(n)) for n in bad):
            mixed = Origin(node, operation, "mixed")
    return mixed or given or mark


# ---- elements ----------------------------------------------------------------------------------


def argument(tape: Tape, value: Any) -> Any:
    """Return the recorded value of an argument."""
    return tape.value(value.node) if type(value) is Ref else value


def affected(value: Any) -> np.ndarray[Any, Any]:
    """Return the indices of the non-finite elements, one row each."""
    return np.argwhere(~np.isfinite(np.asarray(value, dtype=float)))


def at(value: Any, index: tuple[int, ...], shape: tuple[int, ...]) -> float | None:
    """Return the element of an operand that belongs to an element of a result."""
    if isinstance(value, type):
        return None  # `x.astype(np.float16)`
    place = source_index(np.shape(value), index, shape)
    if place is None:
        return None
    try:
        return float(np.asarray(value)[place])
    except (TypeError, ValueError):
        return None


def source_index(
    shape: tuple[int, ...], index: tuple[int, ...], out: tuple[int, ...]
) -> tuple[int, ...] | None:
    """Undo broadcasting: the place in an operand of `shape` of element `index` of the result."""
    if len(shape) > len(out):
        return None
    tail = index[len(out) - len(shape) :]
    return tuple([0 if n == 1 else i for n, i in zip(shape, tail, strict=True)])


def moved(tape: Tape, operation: Operation, index: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return where an element of a moved array was before."""
    first = operation.args[0] if operation.args else None
    if type(first) is not Ref:
        return None
    before = tape.value(first.node)
    if isinstance(before, tuple):
        return None  # one of several results
    before = np.asarray(before)
    numbers = np.arange(before.size).reshape(before.shape)
    name = name_of(operation.function)
    try:
        if name == "strided_view":
            offset, shape, strides, owner_strides, itemsize, kind = operation.args[1:]
            factor = numbers.itemsize / itemsize
            if before.strides != owner_strides or not before.flags.c_contiguous:
                return None
            scaled = tuple(int(s * factor) for s in strides)
            after = primitives.strided_view(
                numbers, int(offset * factor), shape, scaled, numbers.strides,
                numbers.itemsize, "array" if kind == "matrix" else kind,
            )  # fmt: skip
        elif isinstance(operation.function, Attribute):
            after = getattr(numbers, name)
        elif name in ("copy", "array", "asarray", "ascontiguousarray"):
            after = numbers
        else:
            rest = [argument(tape, a) if type(a) is Ref else a for a in operation.args[1:]]
            after = operation.function(numbers, *rest, **operation.kwargs)
        flat = int(np.asarray(after)[index])
    except (TypeError, ValueError, IndexError, KeyError):
        return None
    return tuple(int(i) for i in np.unravel_index(flat, before.shape))


def descend(tape: Tape, node: int, index: tuple[int, ...]) -> list[Link]:
    """Follow one element down to the value that no elementwise operation made.

    At each operation the operand that decides the result is followed: the denominator of a
    quotient, the larger summand, the smaller factor of a zero product.
    """
    links: list[Link] = []
    while len(links) < MOST_LINKS:
        value = np.asarray(tape.value(node))
        operation = tape.producer(node)
        links.append(Link(node, index, operation, float(value[index])))
        if operation is None or isinstance(operation.function, primitives.Opaque):
            break
        name = name_of(operation.function)
        if name in MOVING:
            place = moved(tape, operation, index)
            if place is None:
                break
            node, index = operation.args[0].node, place
            continue
        if name not in ELEMENTWISE or operation.nested:
            break
        choice = _decisive(tape, operation, name, index, value.shape)
        if choice is None:
            break
        node, index = choice
    return links


def _decisive(
    tape: Tape, operation: Operation, name: str, index: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[int, tuple[int, ...]] | None:
    operands: list[tuple[int, tuple[int, ...], float]] = []
    for position, value in enumerate(operation.args):
        if type(value) is not Ref or (name == "where" and position == 0):
            continue
        place = source_index(np.shape(tape.value(value.node)), index, shape)
        if place is None:
            return None
        number = float(np.asarray(tape.value(value.node))[place])
        operands.append((value.node, place, number))
    if not operands:
        return None
    if name in ("truediv", "divide", "true_divide") and type(operation.args[-1]) is Ref:
        chosen = operands[-1]
    elif name in ("mul", "multiply"):
        out = float(np.asarray(tape.value(operation.out))[index])
        pick = min if out == 0 else max
        chosen = pick(operands, key=lambda o: abs(o[2]))
    elif name == "where":
        truth = at(argument(tape, operation.args[0]), index, shape)
        wanted = operation.args[1 if truth else 2]
        mine = [o for o in operands if type(wanted) is Ref and o[0] == wanted.node]
        if not mine:
            return None
        chosen = mine[0]
    elif name in ("pow", "power"):
        chosen = operands[0]
    else:
        chosen = max(operands, key=lambda o: abs(o[2]))
    return chosen[0], chosen[1]
