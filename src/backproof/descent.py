"""From a parameter's change back to its gradient: through rate, optimiser and clipping."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, DIVIDE, MULTIPLY, NEGATE, SUBTRACT, covers, is_in, keeps
from backproof.carries import carries_of
from backproof.entries import still_read
from backproof.joins import VIEWS, beneath_views
from backproof.kept import is_kept, still_holds
from backproof.roles import Level
from backproof.source import Span
from backproof.thresholds import score_of
from backproof.trace.tape import Operation, Ref, Tape
from backproof.updates import Update

CLIPPING = {np.clip, np.minimum, np.maximum, np.nan_to_num}
ROOTS = {np.sqrt, math.sqrt, operator.pow, np.power, np.linalg.norm}


class Descent:
    """Walks from a parameter's change back through rate, optimiser and clipping.

    Parameters
    ----------
    depends : dict of node to mask
        The old values that each node depends on; the parameter's own is `bit`.
    data : set of nodes
        Arrays of which no entry is a learning rate.
    """

    def __init__(
        self,
        tape: Tape,
        update: Update,
        sizes: set[float],
        depends: dict[int, int],
        bit: int,
        data: frozenset[int] = frozenset(),
    ) -> None:
        self.tape = tape
        self.old = update.old
        self.sizes = sizes
        self.depends = depends
        self.bit = bit
        self.data = data
        self.carries = carries_of(tape)
        self.turned: set[int] = set()
        """What a decay is lessened by: its negative is the gradient."""
        self.against: set[int] = set()
        """What an optimiser multiplies by a negative number for each entry."""
        self.entry_by_entry = False
        """Whether the change is stored entry by entry: ``W[j, i] -= …``."""

    @cached_property
    def _old_entries(self) -> set[int]:
        return still_read(self.tape, self.old) if self.entry_by_entry else {self.old}

    def levels(self, merge: tuple[int, int]) -> list[Level]:
        """Return the levels beneath one merge ``old ± δ``, outermost first."""
        index, node = merge
        operation = self.tape.operations[index]
        factor: float | None = 1.0
        sign = 1.0
        if operation.function in SUBTRACT or (
            len(operation.args) > 2 and operation.args[0] is np.subtract
        ):
            first = operation.args[0]
            if not (type(first) is Ref and first.node == node):
                factor = sign = -1.0
        deep = rated = False
        turn = 1.0
        here = operation.where.statement
        found = [Level((node,), factor, deep, sign, self._is_in(node, here))]
        keys: tuple[Any, ...] = ()
        while len(found) < 30:
            part = self._part_of(node)
            if part is not None:
                node, key = part
                keys = (key, *keys)
                found.append(self._level(node, factor, deep, sign, here, keys, turn))
                continue
            step = self._below(node)
            if step is None:
                return found
            node, scale, size = step
            if self._is_data(node) or score_of(self.tape, node) is not None:
                return found
            if size and not rated and self._is_rate(found[-1].nodes[0]):
                size = False  # the outermost float is the learning rate, whatever its value
            if size and scale and self._completes(found[-2:], scale):
                size = False
            rated = rated or scale not in (None, 1.0, -1.0)
            factor = None if factor is None or scale is None else factor * scale
            negative = node in self.against if scale is None else scale < 0
            sign = -sign if negative else sign
            deep = deep or size
            turn = -turn if node in self.turned else turn
            found.append(self._level(node, factor, deep, sign, here, keys, turn))
        return found

    def _level(
        self, node: int, factor: float | None, deep: bool, sign: float, here: Span,
        keys: tuple[Any, ...], turn: float,
    ) -> Level:  # fmt: skip
        return Level((node,), factor, deep, sign, self._is_in(node, here), keys, turn)

    def _is_in(self, node: int, statement: Span) -> bool:
        made = self.tape.producer(node)
        return made is not None and made.where.statement == statement

    def _is_data(self, node: int) -> bool:
        """Whether a value is a part of the data: the `x` of ``y * x``, under a branch."""
        made = self.tape.producer(node)
        while made is not None and is_in(made.function, VIEWS) and made.inputs:
            node = made.inputs[0]
            made = self.tape.producer(node)
        return made is None

    def _part_of(self, node: int) -> tuple[int, Any] | None:
        """Return the whole and the key where a value is a fixed part of it: ``step[:4]``."""
        operation = self.tape.producer(node)
        if operation is None or operation.function is not operator.getitem:
            return None
        whole = operation.args[0]
        if type(whole) is not Ref or len(operation.inputs) != 1:
            return None
        made = self.tape.producer(whole.node)
        if not isinstance(self.tape.nodes[whole.node].obj, np.ndarray) or made is None:
            return None
        return whole.node, operation.args[1]

    def _below(self, node: int) -> tuple[int, float | None, bool] | None:
        """Return (node beneath, its scalar factor or None, whether that is a size)."""
        operation = self.tape.producer(node)
        if operation is None or not operation.args:
            return None
        function, args = operation.function, operation.args
        if keeps(operation) and type(args[0]) is Ref:
            plain = not (function in CLIPPING if _hashable(function) else False)
            return args[0].node, 1.0 if plain else None, False
        if not _hashable(function):
            return None
        if covers(operation) and type(stored := args[2]) is Ref:
            return stored.node, 1.0, False
        if function in NEGATE and type(args[0]) is Ref:
            return args[0].node, -1.0, False
        if function in CLIPPING:
            inner = [a.node for a in args if type(a) is Ref and self._follows(a.node)]
            return (inner[0], None, False) if len(inner) == 1 else None
        if len(args) != 2:
            return None
        if function in MULTIPLY or function in DIVIDE:
            return self._scaled(operation, function in DIVIDE)
        if function in ADD or function in SUBTRACT:
            return self._summed(operation, function in SUBTRACT)
        return None

    def _scaled(self, operation: Operation, divides: bool) -> tuple[int, float | None, bool] | None:
        a, b = operation.args
        shape = np.shape(self.tape.nodes[operation.out].obj)
        pairs = [(a, b)] if divides else [(a, b), (b, a)]
        best: tuple[int, float | None, bool] | None = None
        for value, scale in pairs:
            own = np.shape(self.tape.nodes[value.node].obj) if type(value) is Ref else None
            if own is None or math.prod(own) != math.prod(shape):  # (n,) of (1, n) is the same
                summed = divides and own is not None and self._is_root(scale)
                if summed and self._follows(value.node):  # over too many axes, and spread out
                    best = (value.node, None, False)
                continue
            if not self._follows(value.node):
                continue
            scalar = self._constant(scale)
            read = beneath_views(self.tape, scale.node) if type(scale) is Ref else -1
            if read in self.data:
                continue  # ``error * x[i]``
            if scalar is not None:
                if divides and not own and self._is_root(scale):
                    return value.node, None, False  # of one entry: others have their own
                number = 1.0 / scalar if divides and scalar else scalar
                return value.node, number, self._is_size(scalar) and not self._is_rated(scale)
            alone = type(scale) is Ref and np.shape(self.tape.nodes[scale.node].obj) == () != own
            if (not divides and self._is_ratio(scale)) or alone:
                # A rate that depends on the loss is a number of its own: ``-rate * m``.
                if np.all(np.asarray(self.tape.value(scale.node)) <= 0):
                    self.against.add(value.node)
                best = (value.node, None, False)
            elif divides and self._is_root(scale):
                best = (value.node, None, False)
        return best

    def _summed(
        self, operation: Operation, subtracts: bool
    ) -> tuple[int, float | None, bool] | None:
        """``μ·v + g`` or ``g + λ·W``: the part that comes from the backward pass."""
        a, b = operation.args
        for position, (value, other) in enumerate(((a, b), (b, a))):
            if type(value) is not Ref or not self._follows(value.node):
                continue
            beside = type(other) is Ref and self.only_scales_old(other.node)
            if beside and not self.only_scales_old(value.node):
                if subtracts and position:
                    self.turned.add(value.node)
                return value.node, 1.0, False
        if still_holds(self.tape, a, b, self.old):
            return None
        if not subtracts and still_holds(self.tape, b, a, self.old):
            return None
        parts = []
        for position, value in enumerate((a, b)):
            if type(value) is not Ref or not self._follows(value.node):
                continue
            # (A bias that is a number is in the error itself: ``mc = 0.9 * mc + e``.)
            held = self.old in self.carries.of(value) and self._moves((b, a)[position])
            if held or self.only_scales_old(value.node):
                continue
            parts.append((value.node, -1.0 if subtracts and position else 1.0))
        if len(parts) == 1:
            node, sign = parts[0]
            others = [v.node for v in (a, b) if type(v) is Ref and v.node != node]
            # ``e * u + λ * u`` in the place of ``λ * v``: what another parameter adds stays there.
            foreign = any(self.depends.get(n, 0) & ~self.bit for n in others)
            if others and not foreign and is_kept(self.tape, self.carries, operation, others):
                return node, sign, False
        for (node, _), (gathered, _) in (parts, parts[::-1]) if len(parts) == 2 else ():
            times = self._gathered(gathered, node)
            if times is not None:
                return node, 1.0 + times, False
        return None

    def _gathered(self, node: int, gradient: int) -> float | None:
        """Return how many times a share of a gradient is in ``μ·v`` of a velocity ``v = … + g``.

        Beside it, that is: Nesterov's ``g + μ·v``, the quasi-hyperbolic ``(1 - ν)*g + ν*v``.
        """
        velocity, weight = self._unscaled(node)
        bare, share = self._unscaled(gradient)
        operation = self.tape.producer(velocity)
        if operation is None or not is_in(operation.function, ADD) or not share:
            return None
        for inner, times in map(self._unscaled, operation.inputs):
            if inner == bare:
                return weight * times / share
        return None

    def _unscaled(self, node: int) -> tuple[int, float]:
        """Return what a value is a fixed multiple of, and which: ``g`` of ``(1 - μ)*g``."""
        multiple = 1.0
        for _ in range(3):
            operation = self.tape.producer(node)
            if operation is None or not is_in(operation.function, MULTIPLY):
                break
            scaled = self._scaled(operation, False)
            if scaled is None or scaled[1] is None:
                break
            node, multiple = scaled[0], multiple * scaled[1]
        return node, multiple

    def only_scales_old(self, node: int) -> bool:
        """Whether a value is ``λ·W`` (or W) of the old value alone, or of a part of it."""
        for _ in range(6):
            if node in self._old_entries:
                return True
            operation = self.tape.producer(node)
            if operation is None:
                return False
            part = operation.function in VIEWS if _hashable(operation.function) else False
            if (part or keeps(operation)) and type(operation.args[0]) is Ref:
                node = operation.args[0].node
                continue
            if not _hashable(operation.function):
                return False
            if operation.function in MULTIPLY or operation.function in DIVIDE:
                scaled = operation.args[: 1 if operation.function in DIVIDE else None]
                inner = [v.node for v in scaled if type(v) is Ref and self._follows(v.node)]
                if len(inner) == 2:  # what a branch decides about, a number among it
                    inner = [n for n in inner if self.tape.ancestors([n]) & self._old_entries]
                if len(inner) == 1:
                    node = inner[0]
                    continue
            return False
        return False

    def _follows(self, node: int) -> bool:
        return bool(self.depends.get(node, 0) & self.bit)

    def _moves(self, value: Any) -> bool:
        return type(value) is not Ref or self._follows(value.node)

    def _constant(self, value: Any) -> float | None:
        """Return a scalar factor that does not depend on the parameter."""
        if type(value) is Ref:
            if self._follows(value.node):
                return None
            value = self.tape.nodes[value.node].obj
        if isinstance(value, np.ndarray) and value.size != 1:
            return None
        if isinstance(value, (int, float, np.generic, np.ndarray)):
            try:
                return float(value)
            except (TypeError, ValueError):
                return None
        return None

    def _is_size(self, scalar: float) -> bool:
        size = abs(scalar)
        if size and size < 1:
            size = 1 / size
            return any(abs(size - s) < 1e-9 * s for s in self.sizes if s > 2)
        return size >= 2 and size in self.sizes

    def _is_rated(self, scale: Any) -> bool:
        """Whether a factor is made of a number that is no size: ``2 * rate``, ``1 - β ** t``."""
        made = self.tape.producer(scale.node) if type(scale) is Ref else None
        if made is None or not is_in(made.function, MULTIPLY | SUBTRACT):
            return False
        if is_in(made.function, SUBTRACT):
            return any(0 < abs(n) < 1 for a in made.args if (n := self._constant(a)) is not None)
        leaves = (a for a in made.args if type(a) is not Ref or self.tape.producer(a.node) is None)
        numbers = (self._constant(a) for a in leaves)
        return any(n is not None and n != round(n) and not self._is_size(n) for n in numbers)

    def _completes(self, above: Sequence[Level], share: float) -> bool:
        """Whether a factor is what a moving average lacks to one: 0.1 of ``0.9*m + 0.1*g``."""
        held = self.carries.carry.get(above[0].nodes[0], {}).values()
        return len(above) > 1 and any(abs(kept + share - 1) < 1e-9 for kept in held)

    def _is_rate(self, node: int) -> bool:
        """Whether a product's scalar is a float that the step does not compute."""
        operation = self.tape.producer(node)
        if operation is None:
            return False
        for arg in operation.args:
            if type(arg) is Ref:
                given = self.tape.producer(arg.node) is None
                if given and type(self.tape.nodes[arg.node].obj) is float:
                    return True
            elif type(arg) is float:
                return True
        return False

    def _is_ratio(self, value: Any) -> bool:
        """Whether a factor is a number or a root, by an optimiser's root: ``√x / √(v + ε)``."""
        made = self.tape.producer(value.node) if type(value) is Ref else None
        if made is None or not is_in(made.function, DIVIDE) or not self._is_root(made.args[1]):
            return False
        over = made.args[0]
        for _ in range(4):
            if self._constant(over) is not None:
                return True
            part = self.tape.producer(over.node) if type(over) is Ref else None
            if part is None or not _hashable(part.function):
                return False
            if part.function in ROOTS:
                return not _is_whole(part.args[1:2])
            if not is_in(part.function, NEGATE | MULTIPLY | ADD):
                return False
            moving = [a for a in part.args if self._constant(a) is None]
            over = moving[0] if len(moving) == 1 else None
        return False

    def _is_root(self, value: Any) -> bool:
        """Whether a divisor is an optimiser's ``sqrt(v) + ε``."""
        if type(value) is not Ref:
            return False
        stack, seen = [value.node], 0
        while stack and seen < 8:
            seen += 1
            operation = self.tape.producer(stack.pop())
            if operation is None:
                continue
            if _hashable(operation.function) and operation.function in ROOTS:
                if not _is_whole(operation.args[1:2]):
                    return True
                continue  # a bias correction ``1 - β ** t`` may stand beside the root
            if operation.function is float or isinstance(
                operation.function, np.ufunc | type(operator.add)
            ):
                stack.extend(operation.inputs)
        return False


def _is_whole(exponent: Sequence[Any]) -> bool:
    """Whether a power is no root: ``s ** 2``."""
    return len(exponent) == 1 and type(exponent[0]) in (int, float) and abs(exponent[0]) >= 1


def _hashable(function: Any) -> bool:
    try:
        hash(function)
    except TypeError:
        return False
    return True
