"""The tape: a step's events as pure operations on values in single assignment form.

`build` reads the recorder's log. An object keeps its value until a store changes the memory that
it refers to; then every array over this memory gets a new value (`patch_view` for the owner,
`strided_view` for its other views, made when they are next read). Whatever is read without having
been made within the log is a leaf.
"""

from __future__ import annotations

import bisect
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backproof.trace import primitives
from backproof.trace.event import ARRAYS, CALL, FLOW, OPAQUE, RESHAPED, SOURCE, TRACKED, Event
from backproof.trace.primitives import Method
from backproof.trace.site import SITES, Site

__all__ = ["Node", "Operation", "Ref", "Run", "Tape", "build", "map_refs"]


#: Functions whose result takes only its shape and dtype from the first argument.
SHAPE_ONLY = {np.ones_like, np.zeros_like, np.empty_like, np.full_like}


class Ref:
    """Stands for a node inside the arguments of an operation."""

    __slots__ = ("node",)

    def __init__(self, node: int) -> None:
        self.node = node

    def __repr__(self) -> str:
        return f"%{self.node}"


@dataclass(slots=True)
class Operation:
    """One pure operation: ``out = function(*args, **kwargs)``."""

    index: int
    event: int
    site: int
    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    out: int
    inputs: tuple[int, ...]
    mutates: bool = False
    nested: bool = False

    @property
    def where(self) -> Site:
        """The site in the user's source."""
        return SITES[self.site]


@dataclass(slots=True)
class Node:
    """One value: a leaf, or the result of an operation."""

    index: int
    operation: int | None
    obj: Any
    event: int
    kind: str
    """'leaf' (alive before), 'draw' (random or file), 'opaque' or 'op'."""


@dataclass(slots=True)
class Run:
    """The values of one replay.

    ``env[n]`` is the value of node n (None where it could not be computed); ``flipped`` are the
    operations whose Python truth value differs from the recorded one: the program would have
    taken another way there.
    """

    env: list[Any]
    flipped: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)


def map_refs(value: Any, convert: Callable[[Ref], Any]) -> Any:
    """Copy a tree of arguments with every `Ref` converted."""
    kind = type(value)
    if kind is Ref:
        return convert(value)
    if kind is list:
        return [map_refs(item, convert) for item in value]
    if kind is tuple:
        return tuple([map_refs(item, convert) for item in value])
    if kind is dict:
        return {key: map_refs(item, convert) for key, item in value.items()}
    if kind is slice:
        return slice(
            map_refs(value.start, convert),
            map_refs(value.stop, convert),
            map_refs(value.step, convert),
        )
    return value


class Tape:
    """The operations between two positions of the log, in order of time."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.operations: list[Operation] = []
        self.boundaries: list[int] = []
        """Operation index at which each recorded iteration starts, and the end."""
        self.last: dict[int, int] = {}
        """id(object) -> its node at the end of the log."""
        self.calls: list[tuple[int, int, str]] = []
        """(event, site, callee's name) of the calls of instrumented code, in order of time."""
        self.flows: dict[int, list[tuple[int, int]]] = {}
        """node -> (event, site) of the statements that only pass it on (``dZ = dA``)."""
        self.draws: dict[int, int] = {}
        """event -> site of what came from outside: random draws, shuffles, files."""
        self.undo: list[tuple[int, Any, Any, Any, Any]] = []
        self._overwritten: dict[int, list[tuple[int, Any, Any, Any, Any]]] | None = None
        """`undo` by the id of the array that owns the memory."""
        self._values: dict[int, Any] = {}
        self._changed: set[int] = set()
        self._users: list[list[int]] | None = None
        self._chains: list[tuple[int, ...]] | None = None

    # ---- looking around ------------------------------------------------------------------------

    def chains(self) -> list[tuple[int, ...]]:
        """Return for each operation the calls that it runs in, outermost first.

        The calls are indices into `calls`. A function that was entered otherwise (by a library, a
        decorator) belongs to the innermost call known.
        """
        if self._chains is None:
            calls = iter(enumerate(self.calls))
            upcoming = next(calls, None)
            frames = [_Frame(-1, "")]
            self._chains = []
            for operation in self.operations:
                while upcoming is not None and upcoming[1][0] < operation.event:
                    _enter(frames, SITES[upcoming[1][1]].function)
                    frames[-1].begun.append((upcoming[0], upcoming[1][2]))
                    upcoming = next(calls, None)
                _enter(frames, operation.where.function)
                self._chains.append(tuple(frame.call for frame in frames[1:]))
        return self._chains

    def called_from(self, operation: Operation) -> Site | None:
        """Return the call expression that entered the function of an operation, if known."""
        chain = self.chains()[operation.index]
        if not chain or self.calls[chain[-1]][2] != operation.where.function.rpartition(".")[2]:
            return None
        return SITES[self.calls[chain[-1]][1]]

    def producer(self, node: int) -> Operation | None:
        """Return the operation that made a node (None for a leaf)."""
        index = self.nodes[node].operation
        return None if index is None else self.operations[index]

    @property
    def users(self) -> list[list[int]]:
        """For each node the indices of the operations that read it."""
        if self._users is None:
            users: list[list[int]] = [[] for _ in self.nodes]
            for operation in self.operations:
                for node in operation.inputs:
                    users[node].append(operation.index)
            self._users = users
        return self._users

    def reach(self, start: Iterable[int], stop: set[int] | None = None) -> set[int]:
        """Return all nodes that depend on `start` (inclusive)."""
        found = set(start)
        for operation in self.operations:
            if operation.out in found:
                continue
            for node in operation.inputs:
                if node in found and (stop is None or node not in stop):
                    found.add(operation.out)
                    break
        return found

    def ancestors(self, start: Iterable[int], stop: set[int] | None = None) -> set[int]:
        """Return all nodes that `start` depends on (inclusive)."""
        stack = list(start)
        found = set(stack)
        while stack:
            node = stack.pop()
            if stop is not None and node in stop:
                continue
            index = self.nodes[node].operation
            if index is None:
                continue
            for parent in self.operations[index].inputs:
                if parent not in found:
                    found.add(parent)
                    stack.append(parent)
        return found

    # ---- values --------------------------------------------------------------------------------

    def value(self, node: int) -> Any:
        """Return the recorded value of a node, restored from the undo log where it was changed.

        Valid as long as the program has not run on since the log was taken.
        """
        known = self._values.get(node)
        if known is not None:
            return known
        entry = self.nodes[node]
        obj = entry.obj
        if type(obj) in ARRAYS and self.undo:
            owner = primitives.owner_of(obj)
            if id(owner) in self._changed:
                obj = self._restore(obj, owner, entry.event)
        self._values[node] = obj
        return obj

    def _restore(self, obj: Any, owner: Any, event: int) -> Any:
        if self._overwritten is None:
            self._overwritten = {}
            for record in self.undo:
                self._overwritten.setdefault(id(record[1]), []).append(record)
        known = self._overwritten.get(id(owner), [])
        records = known[bisect.bisect_right(known, event, key=operator.itemgetter(0)) :]
        if not records:
            return obj
        buffer = owner.copy(order="K")
        if buffer.strides != owner.strides:
            buffer = primitives.relayout(owner)
        for _, _, array, key, old in reversed(records):
            view = buffer if array is owner else primitives.same_view(buffer, owner, array)
            view[key] = old
        return buffer if obj is owner else primitives.same_view(buffer, owner, obj)

    # ---- replay --------------------------------------------------------------------------------

    def replay(
        self,
        values: dict[int, Any] | None = None,
        *,
        double: bool = False,
        replace: dict[int, Any] | None = None,
        until: int | None = None,
        base: Run | None = None,
        dirty: set[int] | None = None,
        edited: Mapping[int, Operation] | None = None,
    ) -> Run:
        """Compute the tape again from its leaves.

        Parameters
        ----------
        values : dict of node to object
            Leaves that take another value.
        double : bool
            Compute in float64 where the program used a smaller float.
        replace : dict of node to object
            Nodes whose computed value is overwritten before it is used.
        until : int
            Stop after this operation index.
        base, dirty : Run, set of nodes
            Compute only operations whose result is in `dirty`; all else is taken from `base`.
        edited : dict of int to Operation
            What to compute in place of operations, by their index.

        Returns
        -------
        Run
        """
        if base is not None:
            run = Run(list(base.env))
            self.complete(run)
        else:
            run = Run([None] * len(self.nodes))
        env = run.env
        given = values or {}
        replace = replace or {}
        if base is None:
            for node in self.nodes:
                if node.operation is None:
                    value = given[node.index] if node.index in given else self.value(node.index)
                    env[node.index] = as_double(value) if double else value
        else:
            for index, value in given.items():
                env[index] = value
        for index, value in replace.items():
            if self.nodes[index].operation is None:
                env[index] = value
        resolve = lambda ref: env[ref.node]  # noqa: E731
        with np.errstate(all="ignore"):
            for operation in self.operations[: None if until is None else until + 1]:
                out = operation.out
                if dirty is not None and out not in dirty:
                    continue
                if out in replace:
                    env[out] = replace[out]
                    continue
                if edited is not None:
                    operation = edited.get(operation.index, operation)
                if any(env[node] is None for node in operation.inputs):
                    env[out] = None
                    continue
                try:
                    if operation.nested:
                        args = map_refs(operation.args, resolve)
                        kwargs = map_refs(operation.kwargs, resolve) if operation.kwargs else {}
                    else:
                        args = [env[a.node] if type(a) is Ref else a for a in operation.args]
                        kwargs = operation.kwargs
                    result = operation.function(*args, **kwargs)
                    if operation.mutates:
                        result = self._stored(operation, result, double)
                except Exception:
                    env[out] = None
                    run.failed.append(operation.index)
                    continue
                if double and not operation.mutates:
                    result = as_double(result)
                env[out] = result
                if type(result) is bool or type(result) is np.bool_:
                    recorded = self.nodes[out].obj
                    if np.size(recorded) == 1 and bool(result) != bool(recorded):
                        run.flipped.append(operation.index)
        return run

    def complete(self, run: Run) -> None:
        """Give a run made earlier a place for each node that has been appended since."""
        run.env.extend([None] * (len(self.nodes) - len(run.env)))

    def _stored(self, operation: Operation, result: Any, double: bool) -> Any:
        """Give a result the dtype and shape of the array that it is stored into."""
        like = self.nodes[operation.out].obj
        dtype = like.dtype
        if double and dtype.kind == "f":
            dtype = np.dtype(float)
        if isinstance(result, np.ndarray) and result.shape == like.shape and result.dtype == dtype:
            return result
        out = np.empty(like.shape, dtype)
        np.copyto(out, result, casting="unsafe")
        return np.asmatrix(out) if type(like) is np.matrix else out

    def validate(self) -> None:
        """Check single assignment and order; raises AssertionError on a broken tape."""
        made: set[int] = {n.index for n in self.nodes if n.operation is None}
        for position, operation in enumerate(self.operations):
            assert operation.index == position
            for node in operation.inputs:
                assert node in made, f"operation {position} reads %{node} before it is made"
            assert operation.out not in made, f"%{operation.out} is made twice"
            assert self.nodes[operation.out].operation == position
            made.add(operation.out)

    def unfaithful(self, run: Run) -> set[int]:
        """Return the nodes whose replayed value differs from the recorded one."""
        different: set[int] = set()
        for operation in self.operations:
            recorded = self.value(operation.out)
            again = run.env[operation.out]
            if type(recorded) in (tuple, list) or type(recorded) not in TRACKED:
                continue
            if again is None or not agrees(again, recorded):
                different.add(operation.out)
        return different


def agrees(a: Any, b: Any) -> bool:
    """Whether a replayed value equals the recorded one, up to the rounding of the BLAS."""
    if type(a) is float and type(b) is float:
        return a == b or (a != a and b != b) or abs(a - b) <= 1e-9 * abs(b)
    x, y = np.asarray(a), np.asarray(b)
    if x.shape != y.shape:
        return False
    if x.dtype.kind not in "fc":
        return bool(np.array_equal(x, y))
    tolerance = 1e-4 if y.dtype.itemsize <= 4 else 1e-9
    with np.errstate(all="ignore"):
        scale = np.max(np.abs(y), initial=0.0, where=np.isfinite(y))
        return bool(np.allclose(x, y, rtol=tolerance, atol=tolerance * scale, equal_nan=True))


def as_double(value: Any) -> Any:
    """Return a float16/32 value in float64, anything else as it is."""
    if isinstance(value, (np.ndarray, np.floating)) and value.dtype.kind == "f":
        return value if value.dtype.itemsize == 8 else value.astype(np.float64)
    return value


@dataclass(slots=True)
class _Frame:
    """A call that runs, and the calls begun in it: their arguments come before their bodies."""

    call: int
    name: str
    begun: list[tuple[int, str]] = field(default_factory=list)


def _enter(frames: list[_Frame], function: str) -> None:
    """Leave or enter calls so that code of a function runs on top."""
    name = function.rpartition(".")[2]
    for depth in range(len(frames) - 1, -1, -1):
        frame = frames[depth]
        for position in range(len(frame.begun) - 1, -1, -1):
            call, callee = frame.begun[position]
            if callee == name:
                del frame.begun[position:]
                frames[depth + 1 :] = [_Frame(call, name)]
                return
        if frame.name == name:
            del frames[depth + 1 :]
            return
    if name == "<module>":
        del frames[1:]


# ---- building ----------------------------------------------------------------------------------


class _Builder:
    def __init__(self, log: Sequence[Event], start: int, stop: int) -> None:
        self.log = log
        self.start = start
        self.stop = stop
        self.tape = Tape()
        self.known: dict[int, tuple[int, int]] = {}
        self.owners: dict[int, list[Any]] = {}
        """id(owner) -> [owner, current node, version]."""
        self.event = start

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
        if kind in TRACKED and kind is not np.bool_:
            return Ref(self.ref(value))
        if kind is list:
            return [self.tree(item) for item in value]
        if kind is tuple:
            entry = self.known.get(id(value))
            if entry is not None:
                return Ref(entry[0])
            return tuple([self.tree(item) for item in value])
        if kind is dict:
            return {key: self.tree(item) for key, item in value.items()}
        if kind is slice:
            return slice(self.tree(value.start), self.tree(value.stop), self.tree(value.step))
        return value

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
        if obj is owner:
            node = holder[1]
        else:
            node = self.view(obj, owner, holder)
        self.known[id(obj)] = (node, id(owner))
        self.stamps[id(obj)] = holder[2]
        return node

    stamps: dict[int, int]

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
                holder = self.owner(owner)
            self.known[id(obj)] = (node, id(owner))
            self.stamps[id(obj)] = holder[2]
        else:
            self.known[id(obj)] = (node, 0)

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

    site = 0

    def run(self, boundaries: Sequence[int]) -> Tape:
        self.stamps = {}
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
        return tape

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
            if type(out) is np.bool_ or type(out) is bool:
                # There are two of each, shared by all: a truth value has no identity.
                self.emit(site, function, refs, self.tree(kwargs) if kwargs else {}, out)
                return
            if id(out) in self.known:
                return  # it exists: float(x), max(0, x), or made by instrumented code below
            if function is OPAQUE:
                node = self.opaque(site, refs, kwargs, out)
            else:
                node = self.emit(site, function, refs, self.tree(kwargs) if kwargs else {}, out)
            self.bind(out, node)
            return
        array, key, old = undo
        self.event -= 1  # views of what was there before the store
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


def collect(value: Any, found: dict[int, None]) -> None:
    """Gather the nodes referred to anywhere inside a tree of arguments."""
    kind = type(value)
    if kind is Ref:
        found[value.node] = None
    elif kind is list or kind is tuple:
        for item in value:
            collect(item, found)
    elif kind is dict:
        for item in value.values():
            collect(item, found)
    elif kind is slice:
        for item in (value.start, value.stop, value.step):
            collect(item, found)


def contains_ref(value: Any) -> bool:
    """Whether a tree of arguments refers to any node."""
    found: dict[int, None] = {}
    collect(value, found)
    return bool(found)


def build(log: Sequence[Event], start: int, stop: int, boundaries: Sequence[int] = ()) -> Tape:
    """Build the tape of the events ``log[start:stop]``.

    Parameters
    ----------
    log : sequence of Event
        The recorder's log; the objects in it are shared, not copied.
    boundaries : sequence of int
        Log positions at which iterations begin; `Tape.boundaries` gives the operation indices.
    """
    tape = _Builder(log, start, stop).run(boundaries)
    for position in range(stop, len(log)):
        undo = log[position][5]
        if undo is not None:
            array, key, old = undo
            owner = primitives.owner_of(array)
            tape.undo.append((position, owner, array, key, old))
            tape._changed.add(id(owner))
    return tape


def refs_in(args: Any) -> Iterator[tuple[tuple[Any, ...], int]]:
    """Yield ``(path, node)`` for every reference inside a tree of arguments."""
    stack: list[tuple[tuple[Any, ...], Any]] = [((i,), a) for i, a in enumerate(args)]
    while stack:
        path, value = stack.pop()
        kind = type(value)
        if kind is Ref:
            yield path, value.node
        elif kind is list or kind is tuple:
            stack.extend([((*path, i), item) for i, item in enumerate(value)])
