"""What is missing where a value only gets another name: ``dx1 = dxmu1`` without its ``+ dxmu2``."""

from __future__ import annotations

import operator
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backproof.checks.edits.edit import LARGE, Edit, short
from backproof.checks.found import Executions
from backproof.checks.scope import Scope
from backproof.trace.primitives import set_item
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Operation, Ref, Tape

#: A statement that computes nothing.
RENAMING = re.compile(r"([\w.]+(?:\[[\w'\"]+\])?)\s*=\s*([\w.]+(?:\[[\w'\"]+\])?)$")
#: Executions of such a statement above which it is left alone.
MOST_TIMES = 50
#: What a part costs that is missing there: less than in an expression that has parts already.
PRICE = 1.8


@dataclass(frozen=True, slots=True)
class Renamed:
    """A statement that gives values another name, in its executions.

    Attributes
    ----------
    values : list of (node, event)
        What it has handed on, and when.
    readers : dict
        Operation index -> (position in `values`, node) for what reads the values by later names.
    """

    site: int
    values: list[tuple[int, int]]
    readers: dict[int, tuple[int, int]]


def renamings(
    tape: Tape, groups: dict[int, list[Operation]], nodes: Iterable[int] = ()
) -> Iterator[Renamed]:
    """Yield the statements of the backward pass that compute nothing, and what reads on.

    Or those that give some other `nodes` a name under which the backward pass reads them.
    """
    backward = nodes or {o.out for operations in groups.values() for o in operations}
    index = {o.index for operations in groups.values() for o in operations}
    found: dict[int, list[tuple[int, int]]] = {}
    for node in backward:
        for event, site in tape.flows.get(node, ()):
            if RENAMING.match(_text(SITES[site])):
                found.setdefault(site, []).append((node, event))
    for site, some in found.items():
        values = sorted(some, key=lambda value: value[1])
        if len(values) > MOST_TIMES:
            continue
        readers: dict[int, tuple[int, int]] = {}
        for number, (node, event) in enumerate(values):
            before = _names_before(tape, node, event, SITES[site])
            for i in tape.users[node]:
                reader = tape.operations[i]
                later = reader.index in index and reader.event > event
                if later and before.isdisjoint(reader.where.operands):
                    readers[reader.index] = (number, node)
        if readers:
            yield Renamed(site, values, readers)


def _text(site: Site) -> str:
    return site.file.slice(site.statement).strip()


def _names_before(tape: Tape, node: int, event: int, site: Site) -> set[str]:
    """Return what a value was called when a statement gave it another name."""
    match = RENAMING.match(_text(site))
    names = {match[2]} if match else set()
    made = tape.producer(node)
    if made is not None and made.where.is_value:
        names.update(made.where.targets)
    for other, place in tape.flows.get(node, ()):
        if other < event:
            names.update(SITES[place].targets)
            earlier = RENAMING.match(_text(SITES[place]))
            names.update([earlier[2]] if earlier else [])
    return names - ({match[1]} if match else set())


def missing_parts(
    scope: Scope, tape: Tape, groups: dict[int, list[Operation]]
) -> Iterator[tuple[Executions, Edit]]:
    """Yield the factors and terms that may be missing where values only get another name."""
    for renamed in renamings(tape, groups):
        operations = tuple(tape.operations[i] for i in sorted(renamed.readers))
        executions = Executions(renamed.site, operations)
        for edit in _edits(scope, tape, renamed):
            yield executions, edit


def forgotten_labels(
    scope: Scope, tape: Tape, groups: dict[int, list[Operation]], forward: Collection[int]
) -> Iterator[tuple[Executions, Edit]]:
    """Yield the data that may be missing where the output becomes the error: ``delta = a``."""
    for renamed in renamings(tape, groups, forward):
        node, event = renamed.values[0]
        operations = tuple(tape.operations[i] for i in sorted(renamed.readers))
        text = short(_text(SITES[renamed.site]))
        output = text.partition("=")[2].strip()
        latest: dict[str, int] = {}
        for other in _data(scope, tape, np.shape(scope.value(node))):
            made = tape.producer(other)
            kept = _stored_in(tape, other)
            if scope.is_named(kept) and (made is None or made.event <= event):
                latest[scope.text(kept)] = other
        for name, other in latest.items():
            parts = _parts(scope, other, renamed.values, 1)
            if parts is not None:
                yield Executions(renamed.site, operations), Edit(
                    "missing-term", f"`{name}` is not subtracted in `{text}`",
                    f"use `{output} - {name}` in place of `{output}`",
                    _Joined(renamed, parts, operator.sub), PRICE, expected=name, derived=other,
                )  # fmt: skip


def _data(scope: Scope, tape: Tape, shape: tuple[int, ...]) -> list[int]:
    """Return the arrays of numbers of a shape that depend on no parameter: labels may be whole."""
    return [
        n.index for n in tape.nodes
        if np.shape(n.obj) == shape and not scope.varies(n.index)
        and getattr(getattr(n.obj, "dtype", None), "kind", "") in "biuf" and shape
    ]  # fmt: skip


def _stored_in(tape: Tape, node: int) -> int:
    """Return the array that a store has put an entry into: zeros, with a 1 at the class."""
    while (made := tape.producer(node)) is not None and made.function is set_item:
        if type(made.args[0]) is not Ref:
            break
        node = made.args[0].node
    return node


def factors(scope: Scope, tape: Tape, renamed: Renamed) -> Iterator[Edit]:
    """Yield the factors alone, those among them that a helper returned beside another value."""
    found = _edits(scope, tape, renamed, returned=True)
    return (edit for edit in found if edit.cause == "missing-factor")


def _edits(scope: Scope, tape: Tape, renamed: Renamed, *, returned: bool = False) -> Iterator[Edit]:
    node, event = renamed.values[0]
    first = min(renamed.readers)
    if scope.size(node) > LARGE:
        return
    text = short(_text(SITES[renamed.site]))
    for other in scope.alternatives(node, first, broadcast=True):
        made = tape.producer(other)
        name = scope.text(other)
        if returned and not scope.is_named(other):
            name = scope.name_of(other)
        elif not scope.is_named(other):
            continue
        if not scope.ndim(other):
            continue
        if made is not None and made.event > event:
            continue
        for cause, what, join in (
            ("missing-factor", "factor", operator.mul), ("missing-term", "term", operator.add),
        ):  # fmt: skip
            for sense in (1, -1) if len(renamed.values) > 1 else (1,):
                parts = _parts(scope, other, renamed.values, sense)
                if parts is not None:
                    yield Edit(cause, f"the {what} `{name}` is missing in `{text}`",
                               f"put `{name}` in", _Joined(renamed, parts, join), PRICE,
                               expected=name, derived=other)  # fmt: skip


def _parts(
    scope: Scope, other: int, values: Sequence[tuple[int, int]], sense: int
) -> list[int] | None:
    """Return which member of a family belongs to each execution."""
    if len(values) == 1:
        return [other]
    members = scope.members(other)
    several, rest = divmod(len(members), len(values))  # a helper makes two gates in each time step
    if rest or not several:
        return None
    return members[scope.place(other)[1] % several :: several][::sense]


class _Joined:
    """Reads a value with another one multiplied or added."""

    def __init__(self, renamed: Renamed, parts: Sequence[int], join: Any) -> None:
        self.renamed = renamed
        self.parts = parts
        self.join = join

    def __call__(self, execution: Operation, _: int) -> Operation | None:
        number, node = self.renamed.readers[execution.index]
        inner, join, count = execution.function, self.join, len(execution.args)
        places = [i for i, a in enumerate(execution.args) if type(a) is Ref and a.node == node]
        if not places:
            return None

        def joined(*args: Any, **kwargs: Any) -> Any:
            value = join(args[places[0]], args[count])
            if np.shape(value) != np.shape(args[places[0]]):
                raise ValueError("another shape")
            given = [value if i in places else a for i, a in enumerate(args[:count])]
            return inner(*given, **kwargs)

        part = self.parts[number]
        return replace(
            execution, function=joined, args=(*execution.args, Ref(part)),
            inputs=(*execution.inputs, part),
        )  # fmt: skip
