"""Which values a step updates: ``new = c·old + Δ`` where Δ depends on the old value itself.

A parameter's gradient is taken at the parameter, so its change depends on its own old value
through the forward pass. Loss totals, counters, running statistics and the moments of an optimiser
do not have this property; a velocity that is added to the weights (Nesterov) has it, and is dropped
because it only feeds another location's update.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.trace import primitives
from backproof.trace.primitives import Attribute, Method, strided_view
from backproof.trace.tape import Operation, Ref, Tape

ADD = {operator.add, np.add}
SUBTRACT = {operator.sub, np.subtract}
MULTIPLY = {operator.mul, np.multiply}
DIVIDE = {operator.truediv, np.divide, np.true_divide}
NEGATE = {operator.neg, np.negative}
SAME_FUNCTIONS = {
    np.copy, np.array, np.asarray, np.asmatrix, np.ascontiguousarray, np.asanyarray, np.reshape,
    np.ravel, np.squeeze, np.transpose, np.atleast_2d, np.atleast_1d, np.expand_dims, float,
    np.float64, np.float32, strided_view, np.clip, np.nan_to_num,
}  # fmt: skip
SAME_METHODS = {"copy", "astype", "reshape", "ravel", "flatten", "squeeze", "transpose", "clip",
                "item", "view"}  # fmt: skip
SMALLEST, LARGEST = 0.3, 1.2
MOST_SOURCES = 4

Merges = dict[int, tuple[tuple[int, int], ...]]


def keeps(operation: Operation) -> bool:
    """Whether an operation hands on its first argument, perhaps in another layout or clipped."""
    function = operation.function
    if isinstance(function, Method):
        return function.name in SAME_METHODS
    if isinstance(function, Attribute):
        return function.name in ("T", "mT", "A", "A1", "flat")
    try:
        return function in SAME_FUNCTIONS
    except TypeError:
        return False


@dataclass(slots=True)
class Update:
    """One location's change within a step.

    ``old`` and ``new`` are its nodes at the step's start and end; ``merges`` the operations
    ``(index, operand)`` at which a Δ joined the old value, with the node of Δ.
    """

    old: int
    new: int
    merges: tuple[tuple[int, int], ...]

    copies: tuple[int, ...] = ()
    """Later nodes that hold `new` in another layout, cast or clipped."""
    repeated: bool = False
    """A later Δ depends on the value after an earlier one: several steps in one iteration."""

    def sites(self, tape: Tape) -> frozenset[int]:
        """The source sites of the merging operations."""
        return frozenset(tape.operations[index].site for index, _ in self.merges)


def _number(tape: Tape, value: Any) -> float | None:
    """Return the recorded value of a scalar argument, else None."""
    if type(value) is Ref:
        value = tape.nodes[value.node].obj
    if isinstance(value, (int, float, np.generic)) and not isinstance(value, bool):
        return float(value) if np.isrealobj(value) else None
    if isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind in "fiu":
        return float(value.item())
    return None


def _is_float(tape: Tape, node: int) -> bool:
    obj = tape.nodes[node].obj
    if isinstance(obj, (np.ndarray, np.generic)):
        return obj.dtype.kind == "f"
    return type(obj) is float


def is_shared(value: Any) -> bool:
    """Whether a float may be one constant object in several places (``b = c = total = 0.0``)."""
    return type(value) is float and value == round(value, 3)


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
            shape = np.shape(self.tape.nodes[operation.out].obj)
            if left and self._shape(a) != shape:
                left = {}
            if right and self._shape(b) != shape:
                right = {}
            result = dict(left)
            for source, factor in right.items():
                result[source] = result.get(source, 0.0) + sign * factor
            merges: Merges = {}
            if type(b) is Ref:
                merges = dict.fromkeys(left, ((operation.index, b.node),))
            if type(a) is Ref:
                for source in right:
                    merges[source] = (*merges.get(source, ()), (operation.index, a.node))
            self._keep(operation, result, merges)
        elif function in MULTIPLY or function in DIVIDE:
            for x, y, allowed in ((a, b, True), (b, a, function in MULTIPLY)):
                carried = self.of(x) if allowed else {}
                fixed = type(y) is not Ref or y.node not in self.moving
                number = _number(self.tape, y) if carried and fixed else None
                if number and self._shape(x) == np.shape(self.tape.nodes[operation.out].obj):
                    factor = 1.0 / number if function in DIVIDE else number
                    scaled = {s: c * factor for s, c in carried.items()}
                    if self._within(scaled):
                        if type(y) is Ref:
                            self.factors.add(y.node)
                        self._keep(operation, scaled)
                        return
        else:
            self._add_other(operation)

    def _add_other(self, operation: Operation) -> None:
        function, args = operation.function, operation.args
        if not args:
            return
        first = args[0]
        if function is operator.getitem or keeps(operation):
            carried = self.of(first)
            if carried:
                self._keep(operation, carried)
        elif function is primitives.set_item or function is primitives.patch_view:
            value = args[-1]
            old, new = self.of(first), self.of(value)
            shared = {s: c for s, c in old.items() if s in new}
            if shared:
                self._keep(operation, shared)
            elif new and self._covers(operation):
                self._keep(operation, new)
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

    def _covers(self, operation: Operation) -> bool:
        """Whether a store replaces the whole array (``W[:] = …``)."""
        key = operation.args[1]
        full = key is Ellipsis or (isinstance(key, slice) and key == slice(None))
        if isinstance(key, tuple):
            full = all(k is Ellipsis or (isinstance(k, slice) and k == slice(None)) for k in key)
        return operation.function is primitives.set_item and full

    def _shape(self, value: Any) -> tuple[int, ...]:
        return np.shape(self.tape.nodes[value.node].obj) if type(value) is Ref else ()

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
        self, operation: Operation, carried: dict[int, float], merges: Merges | None = None
    ) -> None:
        kept = {s: c for s, c in carried.items() if SMALLEST <= abs(c) <= LARGEST}
        if kept and len(kept) <= MOST_SOURCES:
            self.carry[operation.out] = kept
            self.links[operation.out] = (operation.inputs, merges or {})
            for parent in operation.inputs:
                if parent in self.merged:
                    self.merged.add(operation.out)
            if merges:
                self.merged.add(operation.out)


def read_in(tape: Tape, start: int, stop: int) -> set[int]:
    """Return the nodes made before ``operations[start:stop]`` that these read."""
    return {
        n for o in tape.operations[start:stop] for n in o.inputs if _is_old(tape, n, start)
    }  # fmt: skip


def find_updates(
    tape: Tape,
    start: int,
    stop: int,
    *,
    later: set[int] | None = None,
    sites: frozenset[int] | None = None,
    kept: Callable[[list[Any]], int] | None = None,
) -> list[Update]:
    """Return the parameter updates of the iteration ``operations[start:stop]``.

    Only values that differ from their old self by a Δ that depends on the old value count.

    Parameters
    ----------
    later : set of int, optional
        Nodes that the next iteration reads: where an old value leads to one of these, that is its
        new value. (``X @ W + b``, evaluated after the update, carries ``b`` as well.)
    sites : frozenset of int, optional
        The source sites that are known to update parameters: no other ends an update.
    kept : callable (objects) -> int, optional
        Which of several objects that an old value leads to is the one that the program keeps in
        its place. (A matrix class adds in its forward pass with the statement that updates.)
    """
    carries = Carries(tape, start, stop)
    if carries.factors:
        # Between scalars every product looks like a decay: w·h with an activation h of 0.9.
        sources = {s for n in carries.merged for s in carries.carry.get(n, ())}
        moving = dependence(tape, dict.fromkeys(sources, 1), start, stop)
        if not carries.factors.isdisjoint(moving):
            carries = Carries(tape, start, stop, moving=moving)
    shared = {n.index for n in tape.nodes if is_shared(n.obj)}
    latest: dict[int, int] = {}
    copies: dict[int, list[int]] = {}
    ways: dict[int, list[int]] = {}
    for operation in tape.operations[start:stop]:
        carried = carries.carry.get(operation.out)
        if carried and operation.out in carries.merged:
            source = max(carried, key=lambda s: (s not in shared, carried[s]))
            if carried[source] <= 0 or operation.function in (operator.getitem, strided_view):
                continue
            if keeps(operation) and not operation.mutates:
                copies.setdefault(source, []).append(operation.out)
            elif (later and latest.get(source) in later and operation.out not in later) or (
                sites and source in latest and _merges_elsewhere(carries, operation, sites)
            ):
                continue
            else:
                latest[source] = operation.out
                copies[source] = []
                ways.setdefault(source, []).append(operation.out)
    for source, outs in ways.items():
        if kept is not None and len({id(tape.nodes[n].obj) for n in outs}) > 1:
            new = outs[kept([tape.nodes[n].obj for n in outs])]
            if new != latest[source]:
                latest[source] = new
                copies[source] = []
    if not latest:
        return []
    bits = {source: 1 << i for i, source in enumerate(latest)}
    depends = dependence(tape, bits | _views(tape, bits, start), start, stop)
    found: list[Update] = []
    for source, new in latest.items():
        merges = tuple(
            (index, delta)
            for index, delta in carries.merges(new, source)
            if depends.get(delta, 0) & bits[source]
            and not _is_old(tape, delta, start)
            and carries.carry.get(delta, {}).get(source, 0.0) < SMALLEST
        )
        if merges:
            again = _repeated(tape, merges, start, stop)
            found.append(Update(source, new, merges, tuple(copies.get(source, ())), again))
    feeding = {
        source
        for update in found
        for source in carries.carry[update.new]
        if source != update.old and source not in shared and carries.carry[update.new][source] > 0
    }
    return [u for u in found if u.old not in feeding]


def turns(tape: Tape, updates: Sequence[Update]) -> list[tuple[int, int]]:
    """Split an iteration in which every parameter is updated several times, one after the other.

    Returns
    -------
    list of (int, int)
        Half-open ranges of events that end with an update of all parameters each; empty where the
        iteration is one step.
    """
    if not updates or not all(update.repeated for update in updates):
        return []
    merges = sorted((index, update.old) for update in updates for index, _ in update.merges)
    groups: list[set[tuple[int, int]]] = [set()]
    ends = [0]
    for index, old in merges:
        key = (old, tape.operations[index].site)
        if key in groups[-1]:
            groups.append(set())
            ends.append(0)
        groups[-1].add(key)
        ends[-1] = index
    everyone = {update.old for update in updates}
    if len(groups) < 2 or any({old for old, _ in group} != everyone for group in groups):
        return []
    found, start = [], 0
    for end in ends:
        stop = end + 1
        while stop < len(tape.operations) and _stores(tape.operations[stop]):
            stop += 1
        event = tape.operations[stop - 1].event + 1
        found.append((start, event))
        start = event
    return found


def _stores(operation: Operation) -> bool:
    """Whether an operation only puts a value at its place."""
    function = operation.function
    return function in (primitives.set_item, primitives.patch_view, primitives.overwrite) or keeps(
        operation
    )


def _merges_elsewhere(carries: Carries, operation: Operation, sites: frozenset[int]) -> bool:
    _, merges = carries.links[operation.out]
    return bool(merges) and operation.site not in sites


def _repeated(tape: Tape, merges: tuple[tuple[int, int], ...], start: int, stop: int) -> bool:
    """Whether some Δ is computed from the value that an earlier merge produced."""
    if len(merges) < 2:
        return False
    outs = {tape.operations[index].out: 1 for index, _ in merges[:-1]}
    depends = dependence(tape, outs, start, stop)
    return any(depends.get(delta, 0) for _, delta in merges)


def _views(tape: Tape, bits: dict[int, int], start: int) -> dict[int, int]:
    """Return the bits of old values' views that were made before the iteration.

    A program that measures its cost after the update has read `W1`, a part of a flat vector; the
    next forward pass reads the same view.
    """
    found: dict[int, int] = {}
    for operation in tape.operations[:start]:
        if operation.function is strided_view or operation.function is operator.getitem:
            whole = operation.args[0]
            if type(whole) is Ref and (bit := bits.get(whole.node, found.get(whole.node))):
                found[operation.out] = bit
    return found


def _is_old(tape: Tape, node: int, start: int) -> bool:
    index = tape.nodes[node].operation
    return index is None or index < start


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


def chained(first: Iterable[Update], second: Iterable[Update]) -> list[Update]:
    """Return the updates of two iterations in a row whose value goes from the one to the other."""
    before, after = list(first), list(second)
    olds = {update.old for update in after}
    news = {n for update in before for n in (update.new, *update.copies)}
    return [u for u in before if olds & {u.new, *u.copies}] + [u for u in after if u.old in news]
