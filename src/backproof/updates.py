"""Which values a step updates: ``new = c·old + Δ`` where Δ depends on the old value itself.

A parameter's gradient is taken at the parameter, so its change depends on its own old value
through the forward pass. Loss totals, counters, running statistics and the moments of an optimiser
do not have this property; a velocity that is added to the weights (Nesterov) has it, and is dropped
because it only feeds another location's update.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, DIVIDE, MULTIPLY, NEGATE, SUBTRACT, is_in, keeps
from backproof.carries import SMALLEST, Carries, carries_of, dependence
from backproof.controls import decided_dependence
from backproof.entries import entry_dependence
from backproof.packs import taken_apart
from backproof.trace import primitives
from backproof.trace.primitives import Attribute, strided_view
from backproof.trace.site import SITES
from backproof.trace.tape import Operation, Ref, Tape

#: A number in a source.
NUMBER = re.compile(r"(?<![\w.])(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
#: Operations through which an average reads its own old value.
SCALING = MULTIPLY | DIVIDE
LINEAR = ADD | SUBTRACT | NEGATE | SCALING


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
    again: bool = False
    """The same step updates the new value once more."""
    pack: int = -1
    """The vector that `old` was joined to with others; the Δ of `merges` is that of all of it."""

    def sites(self, tape: Tape) -> frozenset[int]:
        """The source sites of the merging operations."""
        return frozenset(tape.operations[index].site for index, _ in self.merges)


def is_shared(value: Any) -> bool:
    """Whether a float may be one constant object in several places (``b = c = total = 0.0``).

    It is none that the program has written, where that is not in its source: 0.3 + 0.2.
    """
    return type(value) is float and value == round(value, 3) and abs(value) in _written(len(SITES))


@lru_cache(maxsize=4)
def _written(sites: int) -> frozenset[float]:
    """Return the numbers in the source of the program, and those that need not stand there."""
    texts = {site.file.path: site.file.text for site in SITES[:sites]}
    numbers = (float(n) for text in texts.values() for n in NUMBER.findall(text))
    return frozenset({0.0, 0.5, 1.0, *numbers})


def is_of_several(tape: Tape, update: Update) -> bool:
    """Whether one float stands in several places that the step updates each: ``[w] * n``."""
    if type(tape.nodes[update.old].obj) is not float:
        return False
    sites = update.sites(tape)
    users = [tape.operations[index] for index in tape.users[update.old]]
    return sum(o.site in sites and _stays(o, update.old) for o in users) > 1


def _stays(operation: Operation, old: int) -> bool:
    """Whether the new value stands where the old one stood: ``w[i] -= …``."""
    first, where = operation.args[0], operation.where
    same = bool(where.targets) and where.targets[0] in where.operands
    return type(first) is Ref and first.node == old and (where.kind.startswith("aug") or same)


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
    carries = carries_of(tape, (start, stop))
    if carries.factors:
        # Between scalars every product looks like a decay: w·h with an activation h of 0.9.
        # What is added to the 1 of ``1 - η·λ`` does not depend on it: no parameter, it stays.
        candidates = {s for n in carries.merged for s in carries.carry.get(n, ())}
        bits = {s: 1 << i for i, s in enumerate(candidates)}
        depends = dependence(tape, bits, start, stop)
        sources = {
            s
            for n in carries.merged
            for s, made in carries.links[n][1].items()
            if any(depends.get(delta, 0) & bits.get(s, 0) for _, delta in made)
        }
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
            if np.size(tape.nodes[source].obj) != np.size(tape.nodes[operation.out].obj):
                continue  # a row of the data that gradients were added to
            if keeps(operation) and not operation.mutates:
                copies.setdefault(source, []).append(operation.out)
            elif (later and latest.get(source) in later and operation.out not in later) or (
                sites and source in latest and not operation.mutates
                and _merges_elsewhere(carries, operation, sites)
            ):  # fmt: skip
                continue
            else:
                latest[source] = operation.out
                copies[source] = []
                ways.setdefault(source, []).append(operation.out)
    for source, outs in ways.items():
        outs = [n for n in outs if not _is_in_view(tape, n)] or outs
        if kept is not None and len({id(tape.nodes[n].obj) for n in outs}) > 1:
            new = outs[kept([tape.nodes[n].obj for n in outs])]
            if new != latest[source]:
                latest[source] = new
                copies[source] = []
    if not latest:
        return []
    bits = {source: 1 << i for i, source in enumerate(latest)}
    within = _within_packs(carries, bits)
    bits_of = bits | _views(tape, bits, start) | within
    depends = dependence(tape, bits_of, start, stop)
    joined = {
        source: [
            (index, delta)
            for index, delta in carries.merges(new, source)
            if not _is_old(tape, delta, start)
            and carries.carry.get(delta, {}).get(source, 0.0) < SMALLEST
        ]
        for source, new in latest.items()
    }
    if any(not depends.get(delta, 0) & bits[s] for s, made in joined.items() for _, delta in made):
        depends = decided_dependence(tape, bits_of, start, stop, carries)
    merged: dict[int, tuple[tuple[int, int], ...]] = {}
    for source, made in joined.items():
        merges = tuple((i, delta) for i, delta in made if depends.get(delta, 0) & bits[source])
        if merges:
            merged[source] = merges
    again = _repeated(tape, merged, start, stop)
    found = [
        Update(source, latest[source], merges, tuple(copies.get(source, ())), source in again)
        for source, merges in merged.items()
    ]
    feeding = {
        source
        for update in found
        for source in carries.carry[update.new]
        if source != update.old and source not in shared and carries.carry[update.new][source] > 0
    }
    found = [u for u in found if u.old not in feeding and not _is_gradient(tape, u)]
    return taken_apart(tape, carries, _without_averages(tape, found, depends, bits))


def _is_gradient(tape: Tape, update: Update) -> bool:
    """Whether what an old value leads to is taken from it: ``g = w; g = g - y * x; w = w - g``."""
    users = (tape.operations[index] for index in tape.users[update.old])
    differences = [o for o in users if is_in(o.function, SUBTRACT) and len(o.inputs) == 2]
    taken = [o.inputs[1] for o in differences if o.inputs[0] == update.old]
    return tape.leads_to(update.new, taken)


def _within_packs(carries: Carries, bits: dict[int, int]) -> dict[int, int]:
    """Return the bits of what was joined: a step that reads it depends on the whole."""
    found: dict[int, int] = {}
    for pack, sources in carries.packs.items():
        for source in sources if pack in bits else ():
            found[source] = found.get(source, bits.get(source, 0)) | bits[pack]
    return found


def _without_averages(
    tape: Tape, updates: list[Update], depends: dict[int, int], bits: dict[int, int]
) -> list[Update]:
    """Return the updates but for an optimiser's moments, ``m += (1 - β) * (g - m)``, and the like.

    An average is no parameter where others read its new value, or none its old one.
    """
    averages = [u.old for u in updates if _is_average(tape, u, depends, bits[u.old])]
    others = [delta for u in updates if u.old not in averages for _, delta in u.merges]
    if not averages or not others:
        return updates
    read = tape.ancestors(others)
    return [
        u for u in updates
        if u.old not in averages or (u.old in read and read.isdisjoint((u.new, *u.copies)))
    ]  # fmt: skip


def _is_average(tape: Tape, update: Update, depends: dict[int, int], bit: int) -> bool:
    """Whether Δ depends on the old value by a share of it alone: ``m += (1 - β) * (g - m)``."""
    stack = [delta for _, delta in update.merges]
    seen = set(stack)
    while stack:
        node = stack.pop()
        if node == update.old or not depends.get(node, 0) & bit:
            continue
        made = tape.producer(node)
        turned = made is not None and made.function == Attribute("T")  # ``(S + S.T) / 2``
        if made is None or not (is_in(made.function, LINEAR) or keeps(made) or turned):
            return False
        if not any(depends.get(n, 0) & bit for n in made.inputs):
            return False  # a branch decides about it, which is no share
        factors = [a.node for a in made.args if type(a) is Ref]
        if is_in(made.function, SCALING) and len(factors) == 2:
            fixed = [n for n in factors if np.size(tape.nodes[n].obj) == 1 and not depends.get(n)]
            if not fixed:
                return False
        stack += [n for n in made.inputs if n not in seen]
        seen.update(made.inputs)
    return True


def turns(tape: Tape, updates: Sequence[Update]) -> list[tuple[int, int]]:
    """Split an iteration in which every parameter is updated several times, one after the other.

    By values of some after their last update, at least: of others, other rows may be updated.

    Returns
    -------
    list of (int, int)
        Half-open ranges of events that end with an update of all parameters each; empty where the
        iteration is one step.
    """
    if not any(update.repeated for update in updates):
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
    found, start = [], begin_of(tape, updates)
    for end in ends:
        stop = end + 1
        while stop < len(tape.operations) and _stores(tape.operations[stop]):
            stop += 1
        event = tape.operations[stop - 1].event + 1
        found.append((start, event))
        start = event
    return found


def begin_of(tape: Tape, updates: Sequence[Update]) -> int:
    """Return the event after the updates whose forward pass came before all that is recorded.

    ``update(); forward()`` in a loop, after a first ``forward()``: what the first update adds does
    not depend on the values that it changes, and the next one is judged at what they become.
    """
    carries = carries_of(tape, (0, len(tape.operations)))
    before = [
        tape.operations[index].event + 1
        for u in updates for index, _ in carries.merges(u.new, u.old)
        if index < u.merges[0][0] and tape.operations[index].site in u.sites(tape)
    ]  # fmt: skip
    return max(before, default=0)


def _stores(operation: Operation) -> bool:
    """Whether an operation only puts a value at its place."""
    function = operation.function
    return function in (primitives.set_item, primitives.patch_view, primitives.overwrite) or keeps(
        operation
    )


def _merges_elsewhere(carries: Carries, operation: Operation, sites: frozenset[int]) -> bool:
    _, merges = carries.links[operation.out]
    return bool(merges) and operation.site not in sites


def _repeated(
    tape: Tape, merged: dict[int, tuple[tuple[int, int], ...]], start: int, stop: int
) -> set[int]:
    """Return the sources some Δ of which is computed from what an earlier merge produced."""
    found = {source for source, merges in merged.items() if len(merges) > 1}
    for depend in (dependence, entry_dependence):
        bits: dict[int, int] = {}
        own = {source: 1 << i for i, source in enumerate(found)}
        for source, bit in own.items():
            for index, _ in merged[source][:-1]:
                out = tape.operations[index].out
                bits[out] = bits.get(out, 0) | bit
        if not bits:
            break
        depends = depend(tape, bits, start, stop)
        found = {
            source
            for source in found
            if any(depends.get(delta, 0) & own[source] for _, delta in merged[source])
        }
    return found


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


def _is_in_view(tape: Tape, node: int) -> bool:
    """Whether a value is what a view shows after a store: its owner has the source's layout."""
    made = tape.producer(node)
    while made is not None and (made.mutates or made.function is primitives.set_item):
        first = made.args[0] if made.args else None
        made = tape.producer(first.node) if type(first) is Ref else None
        if made is not None and made.function in (operator.getitem, strided_view):
            return True
    return False


def _is_old(tape: Tape, node: int, start: int) -> bool:
    index = tape.nodes[node].operation
    return index is None or index < start


def chained(first: Iterable[Update], second: Iterable[Update]) -> list[Update]:
    """Return the updates of two iterations in a row whose value goes from the one to the other."""
    before, after = list(first), list(second)
    olds = {update.old for update in after}
    news = {n for update in before for n in (update.new, *update.copies)}
    return [u for u in before if olds & {u.new, *u.copies}] + [u for u in after if u.old in news]
