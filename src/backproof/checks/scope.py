"""What could stand in the place of a value: the other values of a step, by family.

A family is what one source site made in its executions, or one container's items: `A[1]`, `A[2]`
… or the hidden states of all time steps. An edit that takes `Z[l]` for `A[l]` in one execution
takes the counterpart in the others: as many members further on as the operand is.
"""

from __future__ import annotations

import operator
import re
from bisect import bisect_left
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from backproof.calculus.adjoint import is_differentiable
from backproof.checks.claims import called, returned_as
from backproof.checks.slopes import Slopes
from backproof.history import VARIABLE
from backproof.trace.event import Parts
from backproof.trace.site import SITES
from backproof.trace.tape import Operation, Ref, Run, Tape

MOST_ALTERNATIVES = 80
MOST_OF_FAMILY = 4
#: Statements whose values nothing reads, above which these say nothing.
MOST_UNUSED = 6
#: Entries of a cotangent that other values are compared with.
LARGEST = 50_000
#: What may stand before a cost, and the relative difference up to which two values are one.
FACTORS, CLOSE = (1.0, -1.0, 2.0, -2.0, 0.5, -0.5), 1e-9


class Scope:
    """The values of one step.

    Parameters
    ----------
    name : callable (node) -> str or None
        What the user calls a leaf.
    olds : sequence of int
        The parameters before the step.
    held : set of int
        What the updates of another cost have made: there it stands for itself.
    forward, errors : set of int
        The nodes of the forward pass, and those where labels meet the output.
    cotangents : mapping of node to value
        What the chain rule gives for the values of the forward pass.
    """

    def __init__(
        self, tape: Tape, run: Run, name: Callable[[int], str | None], olds: Sequence[int],
        forward: set[int], errors: set[int], cotangents: Mapping[int, Any],
        held: set[int],
    ) -> None:  # fmt: skip
        self.tape = tape
        self.run = run
        self.name = name
        self._texts: dict[int, str] = {}
        self._families: dict[Any, list[int]] = {}
        self._place: dict[int, tuple[Any, int]] = {}
        self._named: dict[int, bool] = {}
        self._firsts: dict[int, int | None] = {}
        self._fitting: dict[tuple[tuple[int, ...], bool], list[tuple[list[int], list[int]]]] = {}
        """The values that fit a shape, by family, and the operations that make them."""
        self.constants = _constants(tape)
        """Numbers that the program writes, other than 0, 1 and 2."""
        self._latest = {id(n.obj): n.index for n in tape.nodes}
        """The last version of each object: arrays may be changed in place."""
        self._varying = tape.reach(olds)
        # In an engine no output meets labels: what is no forward value carries the error there.
        all_nodes = set(range(len(tape.nodes)))
        self._with_error = tape.reach(errors, held) | errors if errors else all_nodes - forward
        self.slopes = Slopes(tape, run, self._varying & forward)
        """Those of the functions of the forward pass."""
        self.unused: set[int] = set()
        """Errors that get a name and are never read."""
        self._ends: dict[tuple[int, ...], tuple[list[int], Any]] = {}
        """The values that these functions make, with their cotangents, by `without_ones`."""
        shapes: dict[tuple[int, ...], list[int]] = {}
        for end in sorted(self.slopes.ends):
            if end in cotangents and 0 < np.count_nonzero(cotangents[end]) <= LARGEST:
                shapes.setdefault(without_ones(cotangents[end]), []).append(end)
        for shape, nodes in shapes.items():
            rows = [np.asarray(cotangents[n], dtype=float).reshape(-1) for n in nodes]
            self._ends[shape] = nodes, np.stack(rows)
        self._shapes: dict[int, tuple[int, ...]] = {}
        for node in tape.nodes:
            if is_differentiable(run.env[node.index]):
                self._shapes[node.index] = np.shape(run.env[node.index])
                family = self._family_of(node.index)
                members = self._families.setdefault(family, [])
                self._place[node.index] = (family, len(members))
                members.append(node.index)

    def _family_of(self, node: int) -> Any:
        operation = self.tape.producer(node)
        if operation is not None:
            return operation.site
        name = self.name(node)
        return node if name is None else re.sub(r"\d+", "#", name)

    # ---- looking at values ---------------------------------------------------------------------

    def text(self, node: int) -> str:
        """What the user calls a node."""
        if node not in self._texts:
            operation = self.tape.producer(node)
            if operation is None:
                value = self.tape.nodes[node].obj
                text = self.name(node) or (f"{value:g}" if type(value) is float else "the data")
                if VARIABLE.search(text):  # one of many that one statement updates
                    text = next(iter(called(self.tape, node)), text)
            else:
                where = operation.where
                text = where.targets[0] if where.targets and where.is_value else where.text
                if where.kind.startswith("aug") and not operation.mutates:
                    text = where.text
                text = self._part_name(operation) or returned_as(self.tape, operation) or text
            self._texts[node] = " ".join(text.split())
        return self._texts[node]

    def name_of(self, node: int) -> str:
        """What the program calls a value that a helper returned, or else its text."""
        names = called(self.tape, node)
        return " ".join(names[0].split()) if names else self.text(node)

    def held_as(self, node: int) -> str | None:
        """Return where the program keeps a value at the end of the step: ``relu2.dinputs``."""
        if self._latest[id(self.tape.nodes[node].obj)] != node:
            return None
        path = self.name(node)
        return path if path is not None and "." in path else None

    def _part_name(self, operation: Operation) -> str:
        """Return the name of one of several results: ``s`` where ``c, s = np.split(theta, 2)``."""
        if operation.function is not operator.getitem or type(operation.args[1]) is not int:
            return ""
        whole = operation.args[0]
        if type(whole) is not Ref or type(self.tape.nodes[whole.node].obj) is not Parts:
            return ""
        targets = ",".join(operation.where.targets[:1])
        names = [name.strip() for name in targets.strip("()[]").split(",")]
        count = len(self.tape.nodes[whole.node].obj)
        return names[operation.args[1]] if len(names) == count else ""

    def is_named(self, node: int) -> bool:
        """Whether the program has a name for a value: it can stand in an edit as it is."""
        if node not in self._named:
            maker = self.tape.producer(node)
            if maker is None:
                self._named[node] = self.name(node) is not None
            else:
                assigned = maker.where.is_value and bool(maker.where.targets)
                self._named[node] = assigned or bool(returned_as(self.tape, maker))
        return self._named[node]

    def is_visible(self, node: int, function: str) -> bool:
        """Whether code of a function can use a value by its name: no local of another one."""
        maker = self.tape.producer(node)
        text = self.text(node)
        if maker is None or not text.isidentifier():
            return True
        places = [maker.where, *(SITES[site] for _, site in self.tape.flows.get(node, ()))]
        call = self.tape.called_from(maker)
        places += [] if call is None else [call]
        return any(
            p.function in (function, "<module>") and text in ",".join(p.targets) for p in places
        )

    def ndim(self, node: int) -> int:
        """Return the number of dimensions of a value."""
        return np.ndim(self.run.env[node])

    def value(self, node: int) -> Any:
        """Return what a value was in the step."""
        return self.tape.nodes[node].obj

    def size(self, node: int) -> int:
        """Return the number of entries of a value."""
        return int(np.size(self.run.env[node]))

    def is_version(self, node: int, other: int) -> bool:
        """Whether two nodes are one object at different times, changed in between."""
        first, second = self.tape.nodes[node].obj, self.tape.nodes[other].obj
        return (first is second and isinstance(first, np.ndarray)) or (
            self.tape.producer(other) is None and self.name(other) is not None
            and self.tape.producer(node) is not None and self.text(node) == self.name(other)
        )  # fmt: skip

    def is_local(self, node: int) -> bool:
        """Whether a value depends on parameters and on no labels: a slope, an activation."""
        return node in self._varying and node not in self._with_error

    def varies(self, node: int) -> bool:
        """Whether a value depends on the parameters."""
        return node in self._varying

    def is_data(self, node: int) -> bool:
        """Whether a value was there before the step and is no parameter: inputs, labels."""
        return self.tape.producer(node) is None and node not in self._varying

    def carries_error(self, node: int) -> bool:
        """Whether a value depends on labels."""
        return node in self._with_error

    def whose(self, value: Any) -> int | None:
        """Return the value of a function of the forward pass that has this cotangent, if one has.

        Up to one of the factors that stand before a cost: a sign, the 2 of a square, a half.
        """
        nodes, cotangents = self._ends.get(without_ones(value), ([], None))
        if not nodes:
            return None
        x = np.asarray(value, dtype=float).reshape(-1)
        for factor in FACTORS:
            close = np.abs(x - factor * cotangents) <= CLOSE * np.abs(x)
            same = np.flatnonzero(close.all(axis=1))
            if same.size:
                return int(nodes[same[0]])
        return None

    def find_unused(self, used: Container[int]) -> None:
        """Find the errors that get a name and are never read, if they are few."""
        found = [
            o for o in self.tape.operations
            if o.out not in used and o.where.is_value and not self.tape.users[o.out]
            and self.carries_error(o.out) and self.ndim(o.out)
        ]  # fmt: skip
        few = len({o.site for o in found}) <= MOST_UNUSED
        self.unused = {o.out for o in found} if few else set()

    def made_after(self, node: int, index: int) -> bool:
        """Whether a node does not exist yet when an operation is executed."""
        made = self.tape.nodes[node].operation
        return made is not None and made >= index

    # ---- alternatives --------------------------------------------------------------------------

    def alternatives(self, node: int, index: int, *, broadcast: bool = False) -> Iterator[int]:
        """Yield values that could stand for `node` in operation `index`, named ones first.

        With `broadcast`, all values that broadcast to its shape.
        """
        key = np.shape(self.run.env[node]), broadcast
        if key not in self._fitting:
            self._fitting[key] = self._by_family(*key)
        found: list[int] = []
        for members, made in self._fitting[key]:
            fitting = members[: bisect_left(made, index)]
            if node in fitting:
                fitting.remove(node)
            if len(fitting) > MOST_OF_FAMILY:
                # Those made last are the nearest in a loop over layers or time steps.
                fitting = [*fitting[-MOST_OF_FAMILY + 1 :], fitting[0]]
            found += fitting
        found.sort(key=lambda m: (self.is_named(m), m), reverse=True)
        yield from found[:MOST_ALTERNATIVES]

    def _by_family(
        self, shape: tuple[int, ...], broadcast: bool
    ) -> list[tuple[list[int], list[int]]]:  # fmt: skip
        """Return the values of a shape by family, and the operations that make them."""
        found: list[tuple[list[int], list[int]]] = []
        nodes, shapes = self.tape.nodes, self._shapes
        fits = {other: _fits(other, shape, broadcast) for other in set(shapes.values())}
        for members in self._families.values():
            fitting = [m for m in members if fits[shapes[m]]]
            made = [-1 if (i := nodes[m].operation) is None else i for m in fitting]
            if fitting:
                found.append((fitting, made))
        return found

    def place(self, node: int) -> tuple[Any, int]:
        """Return a value's family and its number in it."""
        return self._place[node]

    def members(self, node: int) -> list[int]:
        """Return a value's family."""
        return self._families[self._place[node][0]]

    def neighbour(self, node: int, distance: int) -> int | None:
        """Return the value that stands so many places further on in the family of `node`."""
        if node not in self._place:
            return None
        family, position = self._place[node]
        members = self._families[family]
        position += distance
        return members[position] if 0 <= position < len(members) else None

    def is_of(self, node: int, family: Any) -> bool:
        """Whether a value belongs to a family."""
        place = self._place.get(node)
        return place is not None and place[0] == family

    def senses(self, node: int) -> tuple[int, ...]:
        """Ways in which the members of a family may follow those of another."""
        family, _ = self._place[node]
        return (1, -1) if len(self._families[family]) > 1 else (0,)

    def counterpart(self, own: int, other: int, there: int, sense: int) -> int | None:
        """Return what stands to `there` as `other` stands to `own`."""
        if there == own or sense == 0:
            return other
        start, place = self._place.get(own), self._place.get(there)
        if start is None or place is None or place[0] != start[0]:
            return None
        first = start[1]
        wanted, position = self._place[other]
        members = self._families[wanted]
        position += sense * (place[1] - first)
        if position == -1:
            return self._before(members[0])
        return members[position] if 0 <= position < len(members) else None

    def _before(self, first: int) -> int | None:
        """Return what a loop reads in the round before it reads the first of a family.

        ``h = step(h)`` starts with an `h` that was made elsewhere.
        """
        if first not in self._firsts:
            self._firsts[first] = None
            for user in self.tape.users[first]:
                operation = self.tape.operations[user]
                rounds = self.tape.operations[:user]
                last = next((o for o in reversed(rounds) if o.site == operation.site), None)
                pairs = zip(operation.args, () if last is None else last.args, strict=False)
                for own, other in pairs:
                    refs = type(own) is Ref and type(other) is Ref
                    if refs and own.node == first and self._is_alike(other.node, first):
                        self._firsts[first] = other.node
        return self._firsts[first]

    def _is_alike(self, node: int, other: int) -> bool:
        """Whether two nodes are arrays of as many entries along each axis."""
        pair = node, other
        if not set(pair) <= self._shapes.keys():
            return False
        return without_ones(self.run.env[node]) == without_ones(self.run.env[other])


def without_ones(value: Any) -> tuple[int, ...]:
    """Return the shape of a value without axes of one entry: a row is like a flat vector."""
    return tuple(n for n in np.shape(value) if n != 1)


def _fits(shape: tuple[int, ...], like: tuple[int, ...], broadcast: bool) -> bool:
    if shape == like:
        return True
    if not broadcast or len(shape) > len(like):
        return False
    return all(n in (1, m) for n, m in zip(shape[::-1], like[::-1], strict=False))


def _constants(tape: Tape) -> tuple[float, ...]:
    found: dict[float, None] = {}
    for operation in tape.operations:
        for arg in operation.args:
            if type(arg) is float and arg not in (0.0, 1.0, 2.0, 0.5):
                found[arg] = None
        if len(found) > 6:
            break
    return tuple(found)
