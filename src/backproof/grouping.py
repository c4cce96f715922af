"""A step's updates grouped into parameters, each with the levels on the way to its gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backproof.arithmetic import SUBTRACT
from backproof.carries import carries_of, dependence
from backproof.controls import decided_dependence
from backproof.descent import Descent
from backproof.entries import last_stored
from backproof.reads import entries_met
from backproof.roles import Level, Parameter
from backproof.trace.tape import Tape
from backproof.updates import Update

#: Summands of a parameter's change that are looked through for a gradient in all of them.
MOST_MERGES = 4


def parameters(tape: Tape, updates: Sequence[Update], name: Any) -> list[Parameter]:
    """Group a step's updates into parameters and find the levels of each.

    Scalars that the same statement updates form one parameter; arrays stand alone.
    """
    sizes = recorded_sizes(tape)
    groups: dict[Any, list[Update]] = {}
    for update in updates:
        shape = np.shape(tape.nodes[update.old].obj)
        key: Any = update.old
        if shape == ():
            held = name.container(tape.nodes[update.new].obj)
            # Of numbers that are gone already, the statement that called a helper may tell.
            calls = (tape.called_from(tape.operations[index]) for index, _ in update.merges)
            key = (frozenset(update.sites(tape)), held or frozenset(c and c.index for c in calls))
        elif update.pack >= 0:
            key = ("pack", update.pack)
        groups.setdefault(key, []).append(update)
    carries = carries_of(tape)
    bits = {update.old: 1 << number for number, update in enumerate(updates)}
    depends = dependence(tape, bits, 0, len(tape.operations))
    if any(not depends.get(delta, 0) & bits[u.old] for u in updates for _, delta in u.merges):
        depends = decided_dependence(tape, bits, 0, len(tape.operations), carries)

    data = entries_met(tape, bits)

    def descent(update: Update) -> Descent:
        return Descent(tape, update, sizes, depends, bits[update.old], data)

    found: list[Parameter] = []
    for members in groups.values():
        parameter = Parameter(name.of(tape, members), tuple(members))
        same = sum(p.name.partition(" (")[0] == parameter.name for p in found)
        if same:
            parameter.name += f" ({same + 1})"
        parameter.decay = tuple(carries.carry.get(u.new, {}).get(u.old, 1.0) for u in members)
        if len(members) == 1 or members[0].pack >= 0:
            several = len(members[0].merges) > 1
            size = np.size(tape.nodes[members[0].old].obj)
            if several and all(np.size(tape.nodes[d].obj) < size for _, d in members[0].merges):
                _entry_by_entry(tape, parameter, descent(members[0]))
            if not parameter.levels:
                parameter.levels = _levels(members[0], descent)
            if not parameter.levels and several:
                _entry_by_entry(tape, parameter, descent(members[0]))
        elif all(len(u.merges) == 1 for u in members):
            parameter.levels = _shared_levels(tape, members, descent)
        found.append(parameter)
    return found


def recorded_sizes(tape: Tape) -> set[float]:
    """Return the lengths of the axes of all arrays of a step, and small constants."""
    sizes: set[float] = set()
    for node in tape.nodes:
        shape = np.shape(node.obj) if isinstance(node.obj, np.ndarray) else ()
        sizes.update(float(n) for n in shape if n > 1)
        if len(shape) == 2:
            sizes.add(float(shape[0] * shape[1]))
    return sizes


def _levels(update: Update, descent: Callable[[Update], Descent]) -> list[Level]:
    """Levels of an array that one Δ is added to, beside a decay of its own (AdamW's ``η λ W``).

    Where several are, those that all have: Nesterov's ``W + μ·v - η·g`` with ``v = … - η·g``.
    """
    way = descent(update)
    merges = update.merges
    if len(merges) > 1:
        merges = tuple(m for m in merges if not way.only_scales_old(m[1]))
    if len(merges) < 2:
        return way.levels(merges[0]) if merges else []
    if len(merges) > MOST_MERGES:
        return []
    first, *others = [way.levels(merge) for merge in merges]
    known = [{(level.nodes, level.sign) for level in other if not level.keys} for other in others]
    return [
        Level(level.nodes, None, level.deep, level.sign, level.updating, turn=level.turn)
        for level in first
        if not level.keys and all((level.nodes, level.sign) in nodes for nodes in known)
    ]  # fmt: skip


def _shared_levels(
    tape: Tape, members: Sequence[Update], descent: Callable[[Update], Descent]
) -> list[Level]:
    """Levels of a group of scalars: those that every member has."""
    first = members[:400]
    if len(members) > len(first):
        sign = _sign(tape, members[0])
        return [Level(tuple(u.merges[0][1] for u in members), sign, sign=sign)]
    return _common([descent(u).levels(u.merges[0]) for u in first])


def _entry_by_entry(tape: Tape, parameter: Parameter, way: Descent) -> None:
    """Find the levels of an array whose entries are updated one at a time: ``W[j, i] -= …``."""
    update = parameter.updates[0]
    held = last_stored(tape, [update.new]).get(update.new)
    if held is None:
        return
    made = {tape.operations[index].out: (index, delta) for index, delta in update.merges}
    flat = held.reshape(-1)
    places = np.flatnonzero(flat != update.old)
    order = list(dict.fromkeys(flat[places].tolist()))
    runs = [np.flatnonzero(flat == node) for node in order]
    if set(order) != set(made) or any(
        run.size != np.size(tape.nodes[made[node][1]].obj) or run[-1] - run[0] + 1 != run.size
        for node, run in zip(order, runs, strict=True)
    ):
        return  # entries that are updated twice, or not one after another in memory
    way.entry_by_entry = True
    parameter.levels = _common([way.levels(made[node]) for node in order])
    if places.size < held.size:
        parameter.rows = places


def _common(descents: Sequence[Sequence[Level]]) -> list[Level]:
    """Return the levels that all of several values have, joined."""
    shared: list[Level] = []
    for row in zip(*descents, strict=False):
        if any(level.keys for level in row):
            break
        factors = {level.factor for level in row}
        if len(factors) != 1 or len({level.turn for level in row}) != 1:
            break
        shared.append(
            Level(tuple(n for level in row for n in level.nodes), factors.pop(), row[0].deep,
                  row[0].sign, row[0].updating, turn=row[0].turn)
        )  # fmt: skip
    return shared


def _sign(tape: Tape, update: Update) -> float:
    operation = tape.operations[update.merges[0][0]]
    return -1.0 if operation.function in SUBTRACT else 1.0
