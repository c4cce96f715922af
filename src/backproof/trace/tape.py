"""The tape: a step's events as pure operations on values in single assignment form.

`build` makes it of the recorder's log; it can be looked through, and computed again (`replay`).
"""

from __future__ import annotations

import bisect
import operator
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from typing import Any

import numpy as np

from backproof.trace import primitives
from backproof.trace.build import fill
from backproof.trace.chains import call_chains
from backproof.trace.doubles import (
    agrees,
    as_double,
    is_double,
    is_small_float,
    widened,
)
from backproof.trace.event import ARRAYS, TRACKED, Event, Parts
from backproof.trace.operations import Node, Operation, Ref, Run, map_refs, refs_in
from backproof.trace.site import SITES, Site
from backproof.trace.undo import Overwritten

__all__ = ["Node", "Operation", "Ref", "Run", "Tape", "build", "map_refs", "refs_in"]


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
        self._overwritten: dict[int, list[Overwritten]] | None = None
        """`undo` by the id of the array that owns the memory."""
        self._restored: dict[int, tuple[int, Any]] = {}
        """By the same id the memory as last asked for, and how many entries it does not undo."""
        self._values: dict[int, Any] = {}
        self._changed: set[int] = set()
        self._users: list[list[int]] | None = None
        self._parents: list[tuple[int, ...]] = []
        self._chains: list[tuple[int, ...]] | None = None
        self._small: tuple[int, set[int]] = 0, set()

    def forget(self) -> None:
        """Forget what is known of the operations: others have taken the places of some."""
        self._users = self._chains = None
        self._parents = []

    def append(self, node: Node, operation: Operation) -> None:
        """Put an operation, and what it makes, at the end."""
        self.nodes.append(node)
        self.operations.append(operation)
        self._chains = None
        if self._users is not None:
            self._users.append([])
            for read in operation.inputs:
                self._users[read].append(operation.index)

    # ---- looking around ------------------------------------------------------------------------

    def chains(self) -> list[tuple[int, ...]]:
        """Return for each operation the calls that it runs in, outermost first.

        The calls are indices into `calls`. A function that was entered otherwise (by a library, a
        decorator) belongs to the innermost call known.
        """
        if self._chains is None:
            self._chains = call_chains(self.operations, self.calls)
        return self._chains

    def called_from(self, operation: Operation) -> Site | None:
        """Return the call expression that entered the function of an operation, if known."""
        chain = self.chains()[operation.index]
        name = operation.where.function.rpartition(".")[2]
        if not chain or self.calls[chain[-1]][2].rpartition(".")[2] != name:
            return None
        return SITES[self.calls[chain[-1]][1]]

    def producer(self, node: int) -> Operation | None:
        """Return the operation that made a node (None for a leaf)."""
        index = self.nodes[node].operation
        return None if index is None else self.operations[index]

    def makers(self, nodes: Iterable[int]) -> list[Operation]:
        """Return the operations that made some nodes, in order of time."""
        made = [self.nodes[node].operation for node in nodes]
        return [self.operations[i] for i in sorted([i for i in made if i is not None])]

    @property
    def users(self) -> list[list[int]]:
        """For each node the indices of the operations that read it."""
        if self._users is None or len(self._users) != len(self.nodes):
            users: list[list[int]] = [[] for _ in self.nodes]
            for operation in self.operations:
                for node in operation.inputs:
                    users[node].append(operation.index)
            self._users = users
        return self._users

    @property
    def parents(self) -> list[tuple[int, ...]]:
        """For each node what the operation that made it reads; nothing for a leaf."""
        known, operations = self._parents, self.operations
        for node in self.nodes[len(known) :]:
            known.append(() if node.operation is None else operations[node.operation].inputs)
        return known

    def reach(self, start: Iterable[int], stop: set[int] | None = None) -> set[int]:
        """Return all nodes that depend on `start` (inclusive)."""
        found = set(start)
        live = found if stop is None else found - stop
        users = self.users
        first = min((users[node][0] for node in live if users[node]), default=None)
        for operation in () if first is None else self.operations[first:]:
            if not live.isdisjoint(operation.inputs):
                found.add(operation.out)
                if stop is not None and operation.out not in stop:
                    live.add(operation.out)
        return found

    def ancestors(
        self, start: Iterable[int], stop: set[int] | None = None, within: set[int] | None = None
    ) -> set[int]:
        """Return all nodes that `start` depends on (inclusive).

        Not beyond those in `stop`, nor those out of `within`.
        """
        parents = self.parents
        stack = [n for n in start if within is None or n in within]
        found = set(stack)
        while stack:
            node = stack.pop()
            if stop is not None and node in stop:
                continue
            for parent in parents[node]:
                if parent not in found and (within is None or parent in within):
                    found.add(parent)
                    stack.append(parent)
        return found

    def leads_to(self, node: int, ends: Iterable[int]) -> bool:
        """Whether any of some nodes depends on a value that the program has computed, or is it."""
        parents = self.parents
        stack = [n for n in ends if n >= node]  # what was made before it does not depend on it
        found = set(stack)
        while stack:
            for parent in parents[stack.pop()]:
                if parent >= node and parent not in found:
                    found.add(parent)
                    stack.append(parent)
        return node in found

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
                self._overwritten.setdefault(id(record[1]), []).append(Overwritten.of(record))
        known = self._overwritten.get(id(owner), [])
        first = bisect.bisect_right(known, event, key=operator.attrgetter("event"))
        if first == len(known):
            return obj
        last, later = self._restored.get(id(owner), (len(known), owner))
        if last < first:
            last, later = len(known), owner
        buffer = later.copy(order="K")
        if buffer.strides != owner.strides:
            buffer = primitives.relayout(later, owner.strides)
        memory, start = primitives.memory_of(buffer)
        for entry in reversed(known[first:last]):
            entry.undo(buffer, memory, start)
        self._restored[id(owner)] = first, buffer
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
        small: set[int] = self._small_floats() if double else set()
        with np.errstate(all="ignore"):
            for operation in self._due(dirty, until):
                out = operation.out
                if out in replace:
                    env[out] = replace[out]
                    continue
                if edited is not None:
                    operation = edited.get(operation.index, operation)
                if [read for read in operation.inputs if env[read] is None]:
                    env[out] = None
                    continue
                try:
                    if operation.nested:
                        args = map_refs(operation.args, resolve)
                        kwargs = map_refs(operation.kwargs, resolve) if operation.kwargs else {}
                    else:
                        args = [env[a.node] if type(a) is Ref else a for a in operation.args]
                        kwargs = operation.kwargs
                    function = operation.function
                    if out in small:
                        function, *args = map(widened, (function, *args))
                        kwargs = {name: widened(value) for name, value in kwargs.items()}
                    result = function(*args, **kwargs)
                    if not operation.mutates and is_double(result):
                        env[out] = result
                        continue
                    if isinstance(result, complex):
                        raise ValueError("a root of a negative number")
                    if operation.mutates:
                        result = self._stored(operation, result, double)
                except Exception:
                    env[out] = None
                    run.failed.append(operation.index)
                    continue
                if isinstance(result, (list, tuple)):
                    result = Parts(result)
                if type(result) is int and operation.function in (max, min):
                    result = float(result)  # ``max(z, 0)``; others may be an index
                if double and not operation.mutates:
                    result = as_double(result)
                env[out] = result
                run.compare(operation.index, result, self.nodes[out].obj)
        return run

    def _due(self, dirty: set[int] | None, until: int | None) -> Sequence[Operation]:
        """Return the operations that a replay looks at, in order of time."""
        operations = self.operations
        whole = bool(operations) and operations[-1].index == len(operations) - 1
        if dirty is None or 2 * len(dirty) > len(operations) or not whole:
            first = operations[: None if until is None else until + 1]
            return first if dirty is None else [o for o in first if o.out in dirty]
        found = self.makers(dirty)
        return found if until is None else [o for o in found if o.index <= until]

    def _small_floats(self) -> set[int]:
        """Return the nodes whose recorded values are of a smaller float than float64."""
        known, small = self._small
        if known != len(self.nodes):
            small = {node.index for node in self.nodes if is_small_float(node.obj)}
            self._small = len(self.nodes), small
        return small

    def edited(self, operations: Mapping[int, Operation]) -> Tape:
        """Return a tape of its own that computes some of the operations, by index, otherwise."""
        other = copy(self)
        other.nodes, other._values = list(self.nodes), dict(self._values)
        other.operations = [operations.get(o.index, o) for o in self.operations]
        other.forget()
        return other

    def complete(self, run: Run) -> None:
        """Give a run made earlier a place for each node that has been appended since."""
        run.env.extend([None] * (len(self.nodes) - len(run.env)))

    def _stored(self, operation: Operation, result: Any, double: bool) -> Any:
        """Give a result the dtype and shape of the array that it is stored into."""
        like = self.nodes[operation.out].obj
        dtype = like.dtype
        if double and dtype.kind == "f":
            dtype = np.dtype(float)
        if type(result) is type(like) and result.shape == like.shape and result.dtype == dtype:
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
        for operation in reversed(self.operations):  # memory is restored from what came later
            recorded = self.value(operation.out)
            again = run.env[operation.out]
            if type(recorded) in (tuple, list) or type(recorded) not in TRACKED:
                continue
            if again is None or not agrees(again, recorded):
                different.add(operation.out)
        return different


def build(log: Sequence[Event], start: int, stop: int, boundaries: Sequence[int] = ()) -> Tape:
    """Build the tape of the events ``log[start:stop]``.

    Parameters
    ----------
    log : sequence of Event
        The recorder's log; the objects in it are shared, not copied.
    boundaries : sequence of int
        Log positions at which iterations begin; `Tape.boundaries` gives the operation indices.
    """
    tape = Tape()
    fill(tape, log, start, stop, boundaries)
    return tape
