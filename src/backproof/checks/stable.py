"""The stable form of a sigmoid's gradient under cross-entropy, checked on the recorded values.

``A = sigmoid(Z)`` rounds to exactly 1 once Z > 36.7 (in float64). The quotients of the
cross-entropy's derivative then divide by zero, and their product with ``A (1 − A) = 0`` is NaN,
though the derivative with respect to Z is ``A − Y``, which nothing can make fail.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.arithmetic import LOGARITHMS, is_in
from backproof.checks.origin import Link, name_of
from backproof.names import Names
from backproof.trace.tape import Operation, Ref, Tape

#: What programs add to a denominator.
EPSILON = 1e-8
DIVISIONS = frozenset({"truediv", "divide", "true_divide"})
#: Relative difference up to which the author's derivative and the stable form are the same.
AGREE = 1e-6


@dataclass(frozen=True, slots=True)
class StableForm:
    """What to write instead, why, and what was checked."""

    text: str
    line: int
    notes: tuple[str, ...]


def stable_form(
    tape: Tape, links: Sequence[Link], reached: set[int], names: Names
) -> StableForm | None:
    """Return the fused derivative of sigmoid and cross-entropy where the chain is theirs.

    Parameters
    ----------
    links : sequence of Link
        The chain behind the first value that is not finite.
    reached : set of int
        Nodes that this value reaches.
    """
    found = _sigmoid(tape, links)
    if found is None:
        return None
    a_node, z_node = found
    A, Z = np.asarray(tape.value(a_node), float), np.asarray(tape.value(z_node), float)
    ones = (A == 1) & (Z > 0)
    for operation in tape.operations:
        if operation.out not in reached or np.shape(tape.value(operation.out)) != A.shape:
            continue
        matched = _labels(tape, operation, A)
        if matched is None or A.size < 2:
            continue
        labels, factor = matched
        Y = np.asarray(tape.value(labels), float)
        a, y = _name(tape, names, a_node), _name(tape, names, labels)
        where = operation.where
        target = where.targets[0] if where.targets and where.is_value else where.text
        form = f"{a} - {y}" if factor == 1 else f"({a} - {y}) * {factor:.6g}"
        D = np.asarray(tape.value(operation.out), float)
        finite = int(np.isfinite(D).sum())
        notes = []
        if ones.any():
            notes.append(
                f"the sigmoid rounds to exactly 1 for {int(ones.sum())} of {A.size} samples "
                f"(Z > {_threshold(tape.value(a_node))}; the smallest is "
                f"{float(Z[ones].min()):.4g}): `(1 - Y) / (1 - A)` is 1/0 there, or 0/0"
            )
        if np.isnan(D).any():
            notes.append(
                f"times the sigmoid's derivative, which is 0 there: inf · 0 is the nan in "
                f"`{target}` (line {where.span.line})"
            )
        notes.append(
            f"`{target} = {form}` is the same derivative: it equals the recorded one on all "
            f"{finite} finite elements and is finite on all {D.size}"
        )
        notes.append(_bias(A, Y))
        return StableForm(f"{target} = {form}", where.span.line, tuple(n for n in notes if n))
    return None


def log_of_product(tape: Tape, operation: Operation) -> StableForm | None:
    """Return the sum of logarithms for the logarithm of a product that has come to zero.

    ``log(prod(p))`` of 2,500 probabilities is the logarithm of 1e-750, which no float holds.
    """
    if not is_in(operation.function, LOGARITHMS) or not operation.inputs:
        return None
    made = tape.producer(operation.inputs[0])
    if made is None or not made.inputs:
        return None
    factors, operator = [tape.value(n) for n in made.inputs], name_of(made.function)
    if operator not in ("prod", "mul", "multiply") or not made.where.operands:
        return None
    numbers = np.concatenate([np.ravel(np.asarray(factor, float)) for factor in factors])
    if np.any(tape.value(made.out)) or not np.all(numbers > 0):
        return None
    where, total = made.where, float(np.sum(np.log(numbers)))
    note = (
        f"the factors of `{where.text}` are all above zero, and their logarithms add up to "
        f"{total:.6g}: no float64 holds a number whose logarithm is below -745"
    )
    line = operation.where.span.line
    return StableForm(f"np.sum(np.log({where.operands[-1]}))", line, (note,))


def _threshold(activations: Any) -> float:
    """Return the Z above which a sigmoid rounds to exactly 1."""
    return 16.6 if getattr(activations, "dtype", None) == np.float32 else 36.7


def _bias(A: Any, Y: Any) -> str:
    """Say what an epsilon in the denominators makes of the derivative."""
    with np.errstate(all="ignore"):
        quotients = -(Y / (A + EPSILON) - (1 - Y) / (1 - A + EPSILON)) * A * (1 - A)
    error = np.abs(quotients - (A - Y))
    worst = int(np.argmax(error))
    if not np.isfinite(error).all() or error.reshape(-1)[worst] < 1e-3:
        return ""
    count = int((error > 1e-3).sum())
    return (
        f"an epsilon of {EPSILON:g} in the denominators hides it and biases the gradient: "
        f"{count} of {A.size} elements are off by more than 0.001, the worst is "
        f"{quotients.reshape(-1)[worst]:.3g} instead of {(A - Y).reshape(-1)[worst]:.3g}"
    )


def _sigmoid(tape: Tape, links: Sequence[Link]) -> tuple[int, int] | None:
    """Return (A, Z) where the chain leads through ``A = sigmoid(Z)`` that rounded to 0 or 1."""
    for link in links:
        if link.value not in (0.0, 1.0) or link.operation is None:
            continue
        z = _logits(tape, link.operation)
        if z is not None and np.shape(tape.value(z)) == np.shape(tape.value(link.node)):
            return link.node, z
    return None


def _logits(tape: Tape, operation: Operation) -> int | None:
    """Return Z of ``1 / (1 + exp(-Z))``, whatever names and layout it has."""
    name = name_of(operation.function)
    first = operation.args[0] if operation.args else None
    if name in ("expit", "sigmoid") and type(first) is Ref:
        return first.node
    if name not in DIVISIONS or len(operation.args) != 2 or type(operation.args[1]) is not Ref:
        return None
    feeding = {operation.args[1].node}
    for _ in range(6):
        makers = [tape.producer(n) for n in feeding]
        for maker in makers:
            if maker is None or name_of(maker.function) != "exp":
                continue
            inside = maker.args[0]
            negated = tape.producer(inside.node) if type(inside) is Ref else None
            if negated is not None and name_of(negated.function) in ("neg", "negative"):
                argument = negated.args[0]
                return argument.node if type(argument) is Ref else None
        feeding = {n for m in makers if m is not None for n in m.inputs}
    return None


def _labels(tape: Tape, operation: Operation, A: Any) -> tuple[int, float] | None:
    """Return (Y, s) where the result is ``s (A − Y)`` wherever it is finite."""
    D = np.asarray(tape.value(operation.out), float)
    good = np.isfinite(D)
    if not good.any():
        return None
    for node in sorted(tape.ancestors([operation.out])):
        value: Any = tape.value(node)
        if not isinstance(value, np.ndarray) or value.shape != A.shape:
            continue
        if value.dtype.kind not in "fiub":
            continue
        Y = np.asarray(value, float)
        if node == operation.out or not np.isin(Y, (0.0, 1.0)).all():
            continue
        expected = A - Y
        size = float(np.abs(expected[good]).max())
        if not size or not math.isfinite(size):
            continue
        s = float(np.sum(D[good] * expected[good]) / np.sum(expected[good] ** 2))
        if s > 0 and np.abs(D - s * expected)[good].max() <= AGREE * s * size:
            return node, 1.0 if abs(s - 1) < AGREE else s
    return None


def _name(tape: Tape, names: Names, node: int) -> str:
    made = tape.producer(node)
    if made is not None and made.where.targets and made.where.is_value:
        return made.where.targets[0]
    return names.path(tape.nodes[node].obj) or (made.where.text if made is not None else "Y")
