"""The layers of a recorded step: which weights make which units, and how their activation slopes.

A layer is a product of data with a weight matrix, the bias added to it, and the elementwise
operations up to the next product. What the activation is called does not matter: its slope and its
range are measured.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, SUBTRACT, is_in, keeps
from backproof.calculus.slices import Slice
from backproof.roles import Parameter
from backproof.trace import primitives
from backproof.trace.primitives import Attribute, Method
from backproof.trace.tape import Operation, Ref, Run, Tape

PRODUCTS = {np.dot, np.matmul, operator.matmul, Method("dot")}
ADDS, SUBTRACTS = ADD | {operator.iadd}, SUBTRACT | {operator.isub}
#: Elementwise operations that are not NumPy ufuncs.
ELEMENTWISE = {
    np.where, np.clip, operator.add, operator.sub, operator.mul, operator.truediv, operator.neg,
    operator.pow, operator.pos, operator.gt, operator.ge, operator.lt, operator.le, operator.iadd,
    operator.isub, operator.imul, operator.itruediv, primitives.set_item, np.copy, np.array,
    Method("copy"), Method("astype"), Method("clip"), np.asarray, np.ones_like, np.zeros_like,
    np.heaviside,
}  # fmt: skip
#: Layers that are looked at in a step.
MOST_LAYERS = 100
FAR = 40.0


@dataclass(frozen=True, slots=True)
class Layer:
    """One product with a weight matrix.

    ``weight`` and ``bias`` are indices of parameters; ``z`` the node before the activation, ``a``
    the node after it (z itself where nothing follows), ``inputs`` what the weights multiply.
    ``axis`` is the axis of z along which its units lie.
    """

    weight: int
    bias: int | None
    product: int
    inputs: int
    z: int
    a: int
    axis: int
    matrix: int
    """The node of the weights as the product reads them."""
    hidden: bool
    """Whether another layer reads it."""
    subtracts: bool = False
    """Whether the bias is a threshold: ``x @ w - theta``."""


def source_parameter(tape: Tape, node: int, olds: dict[int, int]) -> int | None:
    """Return the parameter that a value is, transposed or reshaped perhaps."""
    for _ in range(6):
        if node in olds:
            return olds[node]
        made = tape.producer(node)
        if made is None or not made.args or type(made.args[0]) is not Ref:
            return None
        turned = isinstance(made.function, Attribute) and made.function.name in ("T", "mT")
        if not (keeps(made) or turned or made.function is operator.getitem):
            return None
        node = made.args[0].node
    return None


def find_layers(
    tape: Tape, run: Run, params: Sequence[Parameter], ends: Sequence[int], output: int | None
) -> list[Layer]:
    """Return the layers between the parameters and `ends` (the cost, or the output)."""
    olds = {n: i for i, p in enumerate(params) for n in p.old}
    forward = tape.reach(olds) & tape.ancestors(ends)
    users: dict[int, list[Operation]] = {}
    for operation in tape.operations:
        if operation.out in forward:
            for node in operation.inputs:
                users.setdefault(node, []).append(operation)
    found: list[Layer] = []
    products: list[tuple[Operation, int, int]] = []
    for operation in tape.operations:
        if operation.out not in forward or not _is(operation, PRODUCTS):
            continue
        if len(operation.args) < 2:
            continue
        for position in (0, 1):
            arg = operation.args[position]
            if type(arg) is not Ref or np.ndim(run.env[arg.node]) < 1:
                continue
            source = source_parameter(tape, arg.node, olds)
            other = operation.args[1 - position]
            if source is not None and type(other) is Ref:
                products.append((operation, position, source))
                break
    reads = {
        node for operation, position, _ in products
        for node in _behind(tape, operation.args[1 - position].node)
    }  # fmt: skip
    for operation, position, weight in products[:MOST_LAYERS]:
        z, bias, subtracts = _biased(tape, operation, users, olds)
        axis = 0 if position == 0 else -1
        closure = _elementwise(tape, run, z, users)
        after = [n for n in closure if n in reads]
        a = after[-1] if after else output if output is not None and output in closure else z
        found.append(
            Layer(weight, bias, operation.index, operation.args[1 - position].node, z,
                  a, axis, operation.args[position].node, bool(after), subtracts)
        )  # fmt: skip
    return found


def _is(operation: Operation, functions: set[Any]) -> bool:
    try:
        return operation.function in functions
    except TypeError:
        return False


def _behind(tape: Tape, node: int) -> list[int]:
    """Return a value and those that it is a rearrangement, a pooling or a masked copy of."""
    found = [node]
    for _ in range(6):
        made = tape.producer(node)
        if made is not None and _joins(made):
            found.extend(made.inputs)
            break
        if made is None or not made.args or type(made.args[0]) is not Ref:
            break
        if _pools(made) and np.ndim(tape.nodes[node].obj):
            node = made.args[0].node
            found.append(node)
            continue
        arrays = [
            n for n in made.inputs if np.size(tape.nodes[n].obj) > 1
            and tape.nodes[n].operation is not None
        ]  # fmt: skip
        masked = (
            made.function in (operator.mul, np.multiply, operator.truediv, operator.imul)
            and (len(arrays) == 1)
            if not isinstance(made.function, Method)
            else False
        )
        if not (keeps(made) or masked):
            break
        node = arrays[0] if masked else next(iter(made.inputs))
        found.append(node)
    return found


def _pools(operation: Operation) -> bool:
    """Whether an operation is a pooling: the mean or maximum of units over time or space."""
    function = operation.function
    if isinstance(function, Method):
        return function.name in ("mean", "max", "sum")
    return function in (np.mean, np.max, np.amax, np.sum, np.average)


def _joins(operation: Operation) -> bool:
    """Whether an operation puts arrays side by side (a column of ones for the bias)."""
    return operation.function in (
        np.hstack, np.vstack, np.concatenate, np.append, np.c_, np.insert, np.column_stack,
    ) if not isinstance(operation.function, Method) else False  # fmt: skip


def _biased(
    tape: Tape, product: Operation, users: dict[int, list[Operation]], olds: dict[int, int]
) -> tuple[int, int | None, bool]:
    """Follow a product through the addition of its bias, or through what is subtracted from it."""
    node, bias, subtracts = product.out, None, False
    for _ in range(3):
        adds = [
            o for o in users.get(node, ())
            if is_in(o.function, ADDS | SUBTRACTS) and len(o.args) == 2
        ]  # fmt: skip
        if len(adds) != 1 or len(users.get(node, ())) != 1:
            break
        other = [n for n in adds[0].inputs if n != node]
        found = source_parameter(tape, other[0], olds) if other else None
        if is_in(adds[0].function, SUBTRACTS):
            if found is None or type(adds[0].args[0]) is not Ref or adds[0].args[0].node != node:
                break
            subtracts = True
        node = adds[0].out
        bias = found if found is not None else bias
    return node, bias, subtracts


def _elementwise(tape: Tape, run: Run, z: int, users: dict[int, list[Operation]]) -> list[int]:
    """Return the values that are functions of single elements of z, in order of time."""
    shape = np.shape(run.env[z])
    closure: dict[int, None] = {z: None}
    queue = [z]
    while queue and len(closure) < 60:
        node = queue.pop(0)
        for operation in sorted(users.get(node, ()), key=lambda o: o.index):
            out = operation.out
            if out in closure or np.shape(run.env[out]) != shape:
                continue
            if not (isinstance(operation.function, np.ufunc) or _is(operation, ELEMENTWISE)):
                continue
            if any(n not in closure and np.size(run.env[n]) != 1 for n in operation.inputs):
                continue
            closure[out] = None
            queue.append(out)
    return sorted(closure, key=lambda n: tape.nodes[n].operation or 0)


# ---- what the units do -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Units:
    """The measured activation of one layer at one step; arrays are units × samples.

    ``slope`` is da/dz; ``low`` and ``high`` the range of the activation (±inf where unbounded).
    """

    weights: Any
    """Units × inputs; None where they are no matrix."""
    z: Any
    a: Any
    slope: Any
    low: float
    high: float
    steepest: float

    @property
    def fan_in(self) -> int:
        """How many inputs a unit has."""
        return 1 if self.weights is None else int(self.weights.shape[1])

    @property
    def gain(self) -> float:
        """The factor by which the weights scale a signal: std·√n."""
        if self.weights is None:
            return 1.0
        return float(np.sqrt(np.mean(self.weights**2) * self.fan_in))

    @property
    def saturates(self) -> bool:
        """Whether the activation is bounded on both sides (sigmoid, tanh)."""
        return np.isfinite(self.low) and np.isfinite(self.high) and self.high > self.low

    @property
    def rectifies(self) -> bool:
        """Whether it is flat on one side only (ReLU)."""
        return np.isfinite(self.low) and not np.isfinite(self.high)


def measure_units(tape: Tape, run: Run, layer: Layer) -> Units | None:
    """Evaluate a layer's activation around its recorded values and far from them."""
    z = run.env[layer.z]
    if z is None or np.ndim(z) == 0 or np.size(z) > 400_000:
        return None
    z = np.asarray(z, dtype=float)
    w = np.array(run.env[layer.matrix], dtype=float)
    weights = None if w.ndim != 2 else w if layer.axis == 0 else w.T
    if layer.a == layer.z:
        rows = _rows(z, layer.axis)
        return Units(weights, rows, rows, np.ones_like(rows), -np.inf, np.inf, 1.0)
    activation = Slice(tape, run, [layer.z], [layer.a])
    h = 1e-6 * max(1.0, float(np.max(np.abs(z), initial=0.0)))
    # Beside values that have exploded a common step would carry small ones across their kink.
    step = h if h < 1.0 else 1e-6 * np.maximum(1.0, np.abs(z))
    values = []
    for moved in (z, z + step, z - step, np.zeros_like(z), np.full_like(z, h)):
        (out,) = activation({layer.z: moved})
        if out is None or np.shape(out) != z.shape:
            return None
        values.append(np.asarray(out, dtype=float))
    a, up, down, origin, beside = values
    ends = [activation({layer.z: np.full_like(z, t)})[0] for t in (-FAR, -FAR / 2, FAR / 2, FAR)]
    low, high = -np.inf, np.inf
    if all(e is not None and np.all(np.isfinite(e)) for e in ends):
        far = [float(np.ravel(np.asarray(e, float))[0]) for e in ends]
        low = far[0] if abs(far[0] - far[1]) < 1e-3 * max(1.0, abs(far[0])) else -np.inf
        high = far[3] if abs(far[3] - far[2]) < 1e-3 * max(1.0, abs(far[3])) else np.inf
    slope = (up - down) / (2 * step)
    at_zero = float(np.max(np.abs(beside - origin), initial=0.0)) / h
    return Units(
        weights, _rows(z, layer.axis), _rows(a, layer.axis), _rows(slope, layer.axis), low, high,
        max(at_zero, float(np.max(np.abs(slope), initial=0.0))),
    )  # fmt: skip


def _rows(x: Any, axis: int) -> Any:
    """Return an array as units × samples."""
    if x.ndim == 1:
        return x.reshape(-1, 1)
    return np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)
