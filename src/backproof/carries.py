"""What the values of an iteration hold of those before it: additively, or in whatever way."""

from __future__ import annotations

import operator
from collections.abc import Container
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from backproof.arithmetic import (
    ADD,
    DIVIDE,
    MULTIPLY,
    NEGATE,
    SIZES,
    SUBTRACT,
    covers,
    is_in,
    keeps,
)
from backproof.packs import STACKING, joined
from backproof.trace import primitives
from backproof.trace.primitives import Attribute, Method
from backproof.trace.tape import Operation, Ref, Tape

SMALLEST, LARGEST = 0.3, 1.2
MOST_SOURCES = 4

Merges = dict[int, tuple[tuple[int, int], ...]]


class Carries:
    """For each node of an iteration the old values that it holds additively, with their factors."""

    def __init__(self, tape: Tape, start: int, stop: int, *, moving: Container[int] = ()) -> None:
        self.tape = tape
        self.start, self.stop = start, stop
        self.moving = moving
        """Nodes that depend on updated values: these are no factors of a decay or a momentum."""
        self.factors: set[int] = set()
        """Nodes that scaled an old value."""
        self.carry: dict[int, dict[int, float]] = {}
        self.links: dict[int, tuple[tuple[int, ...], Merges]] = {}
        """node -> (the values that it holds on, source -> merges made here)."""
        self.packs: dict[int, tuple[int, ...]] = {}
        """Vectors that old values were joined to; they count as old values themselves."""
        self.merged: set[int] = set()
        """Nodes that some merge led to."""
        for operation in tape.operations[start:stop]:
            self._add(operation)

    def of(self, value: Any) -> dict[int, float]:
        """Return {source: factor} of an argument; an old value is its own source."""
        if type(value) is not Ref:
            return {}
        node = value.node
        index = self.tape.nodes[node].operation
        if index is None or index < self.start:
            return {node: 1.0} if _is_float(self.tape, node) else {}
        return self.carry.get(node, {})

    def _add(self, operation: Operation) -> None:
        function, args = operation.function, operation.args
        if isinstance(function, (Method, Attribute)) or len(args) != 2 or operation.kwargs:
            self._add_other(operation)
            return
        a, b = args
        result: dict[int, float] = {}
        try:
            additive = function in ADD or function in SUBTRACT
        except TypeError:
            return
        if additive:
            sign = -1.0 if function in SUBTRACT else 1.0
            left, right = self.of(a), self.of(b)
            if not left and not right:
                return
            shape = _shape_of(self.tape, operation.out)
            if left and self._shape(a) != shape:
                left = {}
            if right and self._shape(b) != shape:
                right = {}
            result = dict(left)
            for source, factor in right.items():
                both = result.get(source, 0.0) + sign * factor
                result[source] = 1.0 if self._is_two(source, a, both) else both
            merges: Merges = {}
            if type(b) is Ref:
                merges = dict.fromkeys(left, ((operation.index, b.node),))
            if type(a) is Ref:
                for source in right:
                    merges[source] = (*merges.get(source, ()), (operation.index, a.node))
            self._keep(operation, result, merges)
        elif function in MULTIPLY and (shrunk := self._shrunk(operation)) is not None:
            self._keep(operation, self._held(shrunk), by=(shrunk,))
        elif function in MULTIPLY or function in DIVIDE:
            for x, y, allowed in ((a, b, True), (b, a, function in MULTIPLY)):
                carried = self.of(x) if allowed else {}
                if not carried:
                    continue
                # A layer that makes its weights when it sees data: ``randn(m, n) / sqrt(m)``.
                carried = {s: c for s, c in carried.items() if self.tape.nodes[s].kind != "draw"}
                fixed = type(y) is not Ref or y.node not in self.moving
                number = _number(self.tape, y) if carried and fixed else None
                if number and self._shape(x) == _shape_of(self.tape, operation.out):
                    factor = 1.0 / number if function in DIVIDE else number
                    scaled = {s: c * factor for s, c in carried.items()}
                    if self._within(scaled):
                        if type(y) is Ref:
                            self.factors.add(y.node)
                        self._keep(operation, scaled)
                        return
        else:
            self._add_other(operation)

    def _shrunk(self, operation: Operation) -> int | None:
        """Return the updated x that a threshold makes smaller: ``sign(x) * max(|x| - t, 0)``."""
        makers = [self.tape.producer(a.node) for a in operation.args if type(a) is Ref]
        for sign, rest in (makers, makers[::-1]) if len(makers) == 2 else ():
            if sign is None or rest is None or sign.function is not np.sign or not rest.inputs:
                continue
            over = self.tape.producer(rest.inputs[0])
            if not is_in(rest.function, {np.maximum, np.clip}) or over is None or not over.inputs:
                continue
            size = self.tape.producer(over.inputs[0])
            if size is None or not is_in(size.function, SIZES):
                continue
            x, again = sign.inputs[0], size.inputs[0]
            same = x == again or np.array_equal(self.tape.value(x), self.tape.value(again))
            if same and x in self.merged and is_in(over.function, SUBTRACT):
                return x
        return None

    def _is_two(self, source: int, first: Any, factor: float) -> bool:
        """Whether a parameter and its velocity begin as one object: ``b = v = 0.0``, `b += v`."""
        if type(first) is not Ref or first.node != source or factor <= LARGEST:
            return False
        obj = self.tape.nodes[source].obj
        return type(obj) is float and obj == 0.0

    def _add_other(self, operation: Operation) -> None:
        function, args = operation.function, operation.args
        if not args:
            return
        first = args[0]
        if sources := joined(self, operation):
            self.packs[operation.out] = sources
            self.carry[operation.out] = {operation.out: 1.0}
        elif (source := self._put_together(operation)) is not None:
            self._keep(operation, {source: 1.0})
        elif function is operator.getitem or keeps(operation):
            carried = self.of(first)
            if carried:
                self._keep(operation, carried)
        elif function is primitives.set_item or function is primitives.patch_view:
            value = args[-1]
            old, new = self.of(first), self.of(value)
            shared = {s: c for s, c in old.items() if s in new}
            if shared:
                self._keep(operation, shared)
            elif new and (covers(operation) or self._fills(operation, new)):
                self._keep(operation, new)
            elif self._sets_part(operation):
                self._keep(operation, old)  # `theta[0] = 0` of what is no copy, `W[W < 0] = 0`
        elif function is primitives.ufunc_at and args[0] in (np.add, np.subtract):
            carried = self.of(args[1])
            if carried and len(args) > 3 and type(args[3]) is Ref:
                merge = (operation.index, args[3].node)
                self._keep(operation, carried, dict.fromkeys(carried, (merge,)))
        elif function in NEGATE and not isinstance(function, (Method, Attribute)):
            carried = {s: -c for s, c in self.of(first).items()}
            if carried:
                self._keep(operation, carried)
        elif operation.mutates and function is primitives.overwrite:
            carried = self.of(args[1])
            if carried:
                self._keep(operation, carried)
        elif len(args) == 2 and (function in ADD or function in SUBTRACT):
            stripped = Operation(
                operation.index, operation.event, operation.site, function, args, {},
                operation.out, operation.inputs,
            )  # fmt: skip
            self._add(stripped)

    def _sets_part(self, operation: Operation) -> bool:
        """Whether a number from before is put into entries of an old array, or an updated one."""
        first, value = operation.args[0], operation.args[-1]
        if type(first) is not Ref or covers(operation) or _number(self.tape, value) is None:
            return False
        made = [first.node] if first.node not in self.merged else []
        made += [value.node] if type(value) is Ref else []
        indices = [self.tape.nodes[node].operation for node in made]
        return all(index is None or index < self.start for index in indices)

    def _put_together(self, operation: Operation) -> int | None:
        """Return what an array is put together of again: ``np.array([n.w for n in neurons])``."""
        rows = operation.args[0]
        if type(rows) is not list or not rows or not is_in(operation.function, STACKING):
            return None
        held = [self.of(row) for row in rows]
        source = next(iter(held[0]), None)
        if source is None or any(h != {source: 1.0} for h in held):
            return None
        whole, own = (self.tape.value(n) for n in (source, operation.out))
        return source if np.shape(whole) == np.shape(own) and np.array_equal(whole, own) else None

    def _fills(self, operation: Operation, carried: dict[int, float]) -> bool:
        """Whether an entry goes to its place in a new array: ``t[j] = theta[j] - rate * g``."""
        whole, key, value = operation.args[0], operation.args[1], operation.args[-1]
        if operation.function is not primitives.set_item or type(value) is not Ref:
            return False
        sources = [s for s in carried if self._shape(whole) == _shape_of(self.tape, s)]
        return len(sources) == len(carried) and all(
            self._is_entry(value.node, source, repr(key)) for source in sources
        )

    def _is_entry(self, node: int, source: int, key: str) -> bool:
        """Whether a value was read from an old one at a place, and changed since."""
        while True:
            made = self.tape.producer(node)
            parents = [p for p in self.links.get(node, ((), {}))[0] if source in self._held(p)]
            if made is None or len(parents) != 1:
                return False
            if made.function is operator.getitem:
                return parents[0] == source and repr(made.args[1]) == key
            node = parents[0]

    def _held(self, node: int) -> dict[int, float]:
        return self.of(Ref(node))

    def _shape(self, value: Any) -> tuple[int, ...]:
        return _shape_of(self.tape, value.node) if type(value) is Ref else ()

    def merges(self, node: int, source: int) -> tuple[tuple[int, int], ...]:
        """Return the merges on the way from a source to a node, in order of time."""
        found: set[tuple[int, int]] = set()
        stack, seen = [node], {node}
        while stack:
            parents, merges = self.links.get(stack.pop(), ((), {}))
            found.update(merges.get(source, ()))
            for parent in parents:
                if parent not in seen and source in self.carry.get(parent, {}):
                    seen.add(parent)
                    stack.append(parent)
        return tuple(sorted(found))

    def _within(self, carried: dict[int, float]) -> bool:
        return any(SMALLEST <= abs(c) <= LARGEST for c in carried.values())

    def _keep(
        self, operation: Operation, carried: dict[int, float], merges: Merges | None = None, *,
        by: tuple[int, ...] = (),
    ) -> None:  # fmt: skip
        kept = {s: c for s, c in carried.items() if SMALLEST <= abs(c) <= LARGEST}
        if kept and len(kept) <= MOST_SOURCES:
            self.carry[operation.out] = kept
            parents = by or operation.inputs
            self.links[operation.out] = (parents, merges or {})
            for parent in parents:
                if parent in self.merged:
                    self.merged.add(operation.out)
            if merges:
                self.merged.add(operation.out)


#: What is known of each tape, by the operations that it is known of; of all of them by None.
_KNOWN: WeakKeyDictionary[Tape, dict[tuple[int, int] | None, Carries]] = WeakKeyDictionary()


def carries_of(tape: Tape, window: tuple[int, int] | None = None) -> Carries:
    """Return what the values of an iteration, or of all of a tape, hold of those before it."""
    known = _KNOWN.setdefault(tape, {})
    if window not in known:
        start, stop = window or (0, len(tape.operations))
        known[window] = known.get((start, stop)) or Carries(tape, start, stop)
    return known[window]


def dependence(tape: Tape, bits: dict[int, int], start: int, stop: int) -> dict[int, int]:
    """Return for each node the union of the `bits` of the nodes that it depends on."""
    depends = dict(bits)
    for operation in tape.operations[start:stop]:
        mask = 0
        for node in operation.inputs:
            mask |= depends.get(node, 0)
        if mask:
            depends[operation.out] = mask | depends.get(operation.out, 0)
    return depends


def _number(tape: Tape, value: Any) -> float | None:
    """Return the recorded value of a scalar argument, else None."""
    if type(value) is Ref:
        value = tape.nodes[value.node].obj
    if type(value) is float:
        return value
    if isinstance(value, (int, float, np.generic)) and not isinstance(value, bool):
        return float(value) if np.isrealobj(value) else None
    if isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind in "fiu":
        return float(value.item())
    return None


def _is_float(tape: Tape, node: int) -> bool:
    obj = tape.nodes[node].obj
    if type(obj) is float:
        return True
    return isinstance(obj, (np.ndarray, np.generic)) and obj.dtype.kind == "f"


def _shape_of(tape: Tape, node: int) -> tuple[int, ...]:
    obj = tape.nodes[node].obj
    return () if type(obj) is float else np.shape(obj)
