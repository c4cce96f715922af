"""Makes a tape of a step's events: objects that change become values that do not.

An object keeps its value until a store changes the memory that it refers to; then every array over
this memory gets a new value (`patch_view` for the owner, `strided_view` for its other views, made
when they are next read). Whatever is read without having been made within the log is a leaf.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.trace import primitives
from backproof.trace.event import (
    ARRAYS,
    CALL,
    FLOW,
    OPAQUE,
    RESHAPED,
    SOURCE,
    TRACKED,
    TRUTHS,
    Event,
    Parts,
)
from backproof.trace.operations import Node, Operation, Ref, collect, contains_ref
from backproof.trace.primitives import Method, stepped

if TYPE_CHECKING:
    from backproof.trace.tape import Tape

#: Functions whose result takes only its shape and dtype from the first argument.
SHAPE_ONLY = {np.ones_like, np.zeros_like, np.empty_like, np.full_like}


def fill(
    tape: Tape, log: Sequence[Event], start: int, stop: int, boundaries: Sequence[int]
) -> None:
    """Put the events ``log[start:stop]`` on an empty tape, and what has been overwritten since."""
    _Builder(tape, log, start, stop).run(boundaries)
    for position in range(stop, len(log)):
        undo = log[position][5]
        if undo is not None:
            array, key, old = undo
            owner = primitives.owner_of(array)
            tape.undo.append((position, owner, array, key, old))
            tape._changed.add(id(owner))


class _Builder:
    def __init__(self, tape: Tape, log: Sequence[Event], start: int, stop: int) -> None:
        self.tape = tape
        self.log = log
        self.start = start
        self.stop = stop
        self.known: dict[int, tuple[int, int]] = {}
        """id(object) -> (node, id of the owner of its memory; 0 for a number)."""
        self.owners: dict[int, list[Any]] = {}
        """id(owner) -> [owner, current node, version]."""
        self.stamps: dict[int, int] = {}
        """id(array) -> the version of its owner that its node belongs to."""
        self.hidden: dict[int, tuple[Any, int]] = {}
        """id(owner) -> the array, and its node, that a function has given of it: `np.tile`."""
        self.event = start
        self.site = 0

    def leaf(self, obj: Any, kind: str = "leaf") -> int:
        nodes = self.tape.nodes
        nodes.append(Node(len(nodes), None, obj, self.event if kind != "leaf" else -1, kind))
        return len(nodes) - 1

    def emit(
        self, site: int, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], obj: Any,
        *, mutates: bool = False,
    ) -> int:  # fmt: skip
        inputs: dict[int, None] = {}
        nested = False
        for a in args:
            kind = type(a)
            if kind is Ref:
                inputs[a.node] = None
            elif kind is list or kind is tuple or kind is slice or kind is dict:
                before = len(inputs)
                collect(a, inputs)
                nested = nested or len(inputs) > before or contains_ref(a)
        for a in kwargs.values():
            if type(a) is Ref or contains_ref(a):
                nested = True
                collect(a, inputs)
        if type(function) is not Method and _hashable(function) and function in SHAPE_ONLY and args:
            nested = nested or type(args[0]) is Ref
            inputs = {a.node: None for a in args[1:] if type(a) is Ref}
        tape = self.tape
        out = len(tape.nodes)
        index = len(tape.operations)
        tape.operations.append(
            Operation(index, self.event, site, function, args, kwargs, out, tuple(inputs),
                      mutates, nested)
        )  # fmt: skip
        tape.nodes.append(Node(out, index, obj, self.event, "op"))
        return out

    def tree(self, value: Any) -> Any:
        """Replace tracked values by references."""
        kind = type(value)
        if kind in TRUTHS:
            return self.truth(value)
        if kind in TRACKED:
            return Ref(self.ref(value))
        if kind is list:
            return [self.tree(item) for item in value]
        if kind is tuple or kind is Parts:
            entry = self.known.get(id(value))
            if entry is not None:
                return Ref(entry[0])
            return tuple([self.tree(item) for item in value])
        if kind is dict:
            return {key: self.tree(item) for key, item in value.items()}
        if kind is slice:
            return slice(self.tree(value.start), self.tree(value.stop), self.tree(value.step))
        if kind is np.flatiter:  # ``np.dot(W.flat, W.flat)``
            base, shape = value.base, (-1,)
            return Ref(
                self.emit(self.site, np.reshape, (Ref(self.ref(base)), shape), {}, base.reshape(-1))
            )
        return value

    def truth(self, value: Any) -> Any:
        """Return the comparison that a truth value has just been made by, else the value.

        There are two of each, shared by all: a truth value has no identity.
        """
        last = self.tape.operations[-1] if self.tape.operations else None
        if last is None or last.event != self.event - 1:
            return value
        made = self.tape.nodes[last.out].obj is value and not self.is_drawn(last.inputs)
        return Ref(last.out) if made else value

    def is_drawn(self, nodes: Iterable[int]) -> bool:
        """Whether what is compared is compared with a random number: it draws a sample."""
        return any(self.tape.nodes[n].kind == "draw" for n in nodes)

    def ref(self, obj: Any) -> int:
        """Return the node of an object's present value."""
        entry = self.known.get(id(obj))
        if type(obj) not in ARRAYS:
            if entry is not None:
                return entry[0]
            node = self.leaf(obj)
            self.known[id(obj)] = (node, 0)
            return node
        if entry is not None:
            holder = self.owners.get(entry[1])
            if holder is None:
                return entry[0]
            stamp = self.stamps[id(obj)]
            if stamp == holder[2]:
                return entry[0]
        owner = primitives.owner_of(obj)
        holder = self.owner(owner)
        self.fill_hidden(owner)
        if obj is owner:
            node = holder[1]
        else:
            node = self.view(obj, owner, holder)
        self.known[id(obj)] = (node, id(owner))
        self.stamps[id(obj)] = holder[2]
        return node

    def owner(self, owner: Any) -> list[Any]:
        holder = self.owners.get(id(owner))
        if holder is None:
            entry = self.known.get(id(owner))
            node = entry[0] if entry is not None else self.leaf(owner)
            holder = self.owners[id(owner)] = [owner, node, 0]
            self.known[id(owner)] = (node, id(owner))
            self.stamps[id(owner)] = 0
        return holder

    def view(self, obj: Any, owner: Any, holder: list[Any]) -> int:
        args = (Ref(holder[1]), *primitives.view_spec(owner, obj))
        return self.emit(self.site, primitives.strided_view, args, {}, obj)

    def bind(self, obj: Any, node: int) -> None:
        """Give an object the value of a node (its own memory holds this value now)."""
        if type(obj) in ARRAYS:
            owner = primitives.owner_of(obj)
            if obj is owner:
                holder = self.owners.get(id(obj))
                if holder is None:
                    holder = self.owners[id(obj)] = [obj, node, 0]
                else:
                    holder[1] = node
            else:
                unseen = id(owner) not in self.owners and id(owner) not in self.known
                holder = self.owner(owner)
                if unseen:
                    self.hidden[id(owner)] = obj, node
            self.known[id(obj)] = (node, id(owner))
            self.stamps[id(obj)] = holder[2]
        else:
            self.known[id(obj)] = (node, 0)

    def fill_hidden(self, owner: Any) -> None:
        """Put into memory that nobody has seen what a function has given of it."""
        given = self.hidden.pop(id(owner), None)
        if given is not None:
            obj, node = given
            holder = self.owner(owner)
            args = (Ref(holder[1]), *primitives.view_spec(owner, obj), Ref(node))
            holder[1] = self.emit(self.site, primitives.patch_view, args, {}, owner)

    def store(self, array: Any, node: int) -> None:
        """The memory of `array` now holds `node`: everything else over it is out of date."""
        owner = primitives.owner_of(array)
        holder = self.owner(owner)
        if array is owner:
            holder[1] = node
        else:
            spec = primitives.view_spec(owner, array)
            args = (Ref(holder[1]), *spec, Ref(node))
            holder[1] = self.emit(self.site, primitives.patch_view, args, {}, owner)
        holder[2] += 1
        self.known[id(owner)] = (holder[1], id(owner))
        self.stamps[id(owner)] = holder[2]
        if array is not owner:
            self.stamps[id(array)] = -1  # read again through its owner, so that it has one history

    def run(self, boundaries: Sequence[int]) -> None:
        tape = self.tape
        marks = iter(sorted(boundaries))
        mark = next(marks, None)
        for position in range(self.start, self.stop):
            while mark is not None and position >= mark:
                tape.boundaries.append(len(tape.operations))
                mark = next(marks, None)
            self.event = position
            self.add(self.log[position])
        while mark is not None:
            tape.boundaries.append(len(tape.operations))
            mark = next(marks, None)
        tape.last = {key: node for key, (node, _) in self.known.items()}
        for key, holder in self.owners.items():
            tape.last[key] = holder[1]

    def add(self, event: Event) -> None:
        site, function, args, kwargs, out, undo = event
        self.site = site
        if function is SOURCE:
            self.tape.draws[self.event] = site
        if undo is None:
            if function is CALL:
                self.tape.calls.append((self.event, site, args[0]))
                return
            if function is FLOW:
                self.tape.flows.setdefault(self.ref(out), []).append((self.event, site))
                return
            if function is SOURCE:
                self.bind(out, self.leaf(out, "draw"))
                return
            if function is RESHAPED:
                before = self.ref(out)
                self.tape.nodes[before].obj = args[0]
                self.bind(out, self.emit(site, np.reshape, (Ref(before), out.shape), {}, out))
                return
            refs = self.tree(args)
            if type(out) in TRUTHS:
                self.emit(site, function, refs, self.tree(kwargs) if kwargs else {}, out)
                return
            if id(out) in self.known:
                return  # it exists: float(x), max(0, x), or made by instrumented code below
            if function is OPAQUE:
                node = self.opaque(site, refs, kwargs, out)
            elif function is stepped and self.is_drawn(a.node for a in refs if type(a) is Ref):
                node = self.leaf(out)
            else:
                node = self.emit(site, function, refs, self.tree(kwargs) if kwargs else {}, out)
            self.bind(out, node)
            return
        array, key, old = undo
        self.event -= 1  # views of what was there before the store
        self.fill_hidden(primitives.owner_of(array))
        before = self.ref(array)
        refs = self.tree(args)
        read = self.tree(kwargs) if kwargs else {}
        self.event += 1
        owner = primitives.owner_of(array)
        self.tape.undo.append((self.event, owner, array, key, old))
        self.tape._changed.add(id(owner))
        if function is SOURCE:
            node = self.leaf(array, "draw")
        elif function is OPAQUE:
            node = self.opaque(site, (Ref(before), *refs), kwargs, array)
        else:
            node = self.emit(site, function, refs, read, array, mutates=True)
        self.store(array, node)

    def opaque(self, site: int, refs: Any, kwargs: Any, out: Any) -> int:
        """A value that depends on its arguments in an unknown way: an operation that fails."""
        tree = self.tree(kwargs) if kwargs else {}
        return self.emit(site, primitives.Opaque(out), refs, tree, out)


def _hashable(function: Any) -> bool:
    return getattr(type(function), "__hash__", None) is not None
