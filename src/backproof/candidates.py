"""Recognises a training loop: two iterations of it in a row that change the same parameter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from backproof.arithmetic import is_in
from backproof.carries import carries_of, dependence
from backproof.entries import STORES
from backproof.grouping import parameters
from backproof.hypotheses import program_costs
from backproof.names import Names
from backproof.registry import registry
from backproof.trace.event import TRACKED, Event
from backproof.trace.loops import LoopInstance
from backproof.trace.tape import Tape, build
from backproof.updates import Update, begin_of, chained, find_updates, is_shared, read_in

#: Sets of iterations that run the same statements, which may end the steps.
MOST_GROUPS = 3


@dataclass(frozen=True, slots=True)
class Candidate:
    """A loop that may be the training loop: two iterations of it, as positions in the log."""

    site: int
    bounds: tuple[int, int, int]
    sites: frozenset[int]
    count: int
    around: tuple[LoopInstance, ...] = ()
    """The loops that run around it."""
    later: list[tuple[int, int, int]] = field(default_factory=list)
    """Its first iteration each time that it was entered again: positions in the log, and number."""
    passed: list[int] = field(default_factory=list)
    """Where further iterations began while it waited, as positions in the log."""
    period: int = 1
    """Iterations of a step: gradients may be gathered over several before an update."""
    overlaps: bool = False
    """A step begins in one iteration, after its update, and ends in the next: ``step(); run()``."""

    @property
    def last(self) -> tuple[int, int]:
        """Where the last step, with all that it needs, begins and ends in the log."""
        first, second, end = self.bounds
        return (first if self.overlaps else second), end


def repeated_updates(
    log: Sequence[Event], bounds: tuple[int, int, int]
) -> tuple[Tape, list[Update]]:
    """Return the tape and the updates of two iterations.

    These are ``log[first:second]`` and ``log[second:end]``; of the updates, only those of values
    that go from the one to the other.
    """
    first, _, end = bounds
    tape = build(log, first, end, bounds)
    a, b, c = tape.boundaries
    before = find_updates(tape, a, b, later=read_in(tape, b, c))
    after = find_updates(tape, b, c, sites=sites_of(tape, before)) if before else []
    kept = chained(before, after)
    if sites_of(tape, before).isdisjoint(sites_of(tape, [u for u in kept if u in after])):
        kept = []  # what the next iteration adds to a parameter it reads is no update of it
    carries = carries_of(tape, (a, b))
    known = {update.old for update in kept}
    for update in find_updates(tape, b, c) if kept else ():
        # `w = b = 0.0` are one object before the first iteration; afterwards they are told apart.
        sources = carries.carry.get(update.old, {}) if update.old in carries.merged else {}
        shared = any(is_shared(tape.nodes[s].obj) for s in sources)
        if update.old not in known and (shared or _is_newborn(tape, update, (a, b))):
            kept.append(update)
    return tape, kept


def _is_newborn(tape: Tape, update: Update, window: tuple[int, int]) -> bool:
    """Whether the first iteration makes a parameter, and updates it by the same statement."""
    made, again = tape.producer(update.old), tape.producer(update.new)
    if made is None or again is None or made.site != again.site or not made.inputs:
        return False
    first = tape.nodes[made.inputs[0]].operation
    return first is not None and window[0] <= first < made.index < window[1]


def overlapping(tape: Tape, bounds: tuple[int, int, int]) -> list[Update] | None:
    """Return the updates of an iteration whose forward pass is in the one before.

    The tape is that of both.
    """
    first, second, _ = bounds
    updates = find_updates(tape, 0, len(tape.operations))
    begins = [begin_of(tape, [update]) for update in updates]
    made = [tape.operations[index].event for u in updates for index, _ in u.merges]
    if not begins or not all(first < begin < second for begin in begins):
        return None
    if min(made) < second or any(u.repeated for u in updates):
        return None
    return updates


def gathered(log: Sequence[Event], marks: Sequence[int]) -> Iterator[tuple[int, int, int, int]]:
    """Yield windows of several iterations that may be steps: ``if i % k == 0: update()``.

    Each is the bounds of two steps, of which every last iteration, and no other, runs some
    statements; and the number of iterations from the one to the other.
    """
    runs: dict[int, list[int]] = {}
    for number, (start, stop) in enumerate(pairwise(marks)):
        for site in {event[0] for event in log[start:stop]}:
            runs.setdefault(site, []).append(number)
    groups: dict[tuple[int, ...], int] = {}
    for numbers in runs.values():
        if len(numbers) >= 3 and all(b - a > 1 for a, b in pairwise(numbers[-3:])):
            last = tuple(numbers[-3:])
            groups[last] = groups.get(last, 0) + 1
    for last in sorted(groups, key=lambda g: -groups[g])[:MOST_GROUPS]:
        first, second, end = (marks[number + 1] for number in last)
        yield first, second, end, last[2] - last[1]


def has_cost(log: Sequence[Event], candidate: Candidate) -> bool:
    """Whether what a loop updates has a cost, of the program's or of those that networks have."""
    tape = build(log, *candidate.last)
    updates = find_updates(tape, 0, len(tape.operations), sites=candidate.sites)
    known = [u for u in updates if u.sites(tape) & candidate.sites]
    params = parameters(tape, known, Names(set(), passing=set()))
    return not params or bool(program_costs(tape, params) or registry(tape, params))


def sites_of(tape: Tape, updates: Sequence[Update]) -> frozenset[int]:
    """Return the source sites that updates are made at."""
    return frozenset(site for update in updates for site in update.sites(tape))


def sweeps(
    log: Sequence[Event], outer: tuple[int, int, int], inner: Sequence[tuple[int, int]]
) -> bool:
    """Whether a loop goes through the entries of its parameters, after a forward pass for all.

    ``e = r - P[i] @ Q[j]``, then ``for k …: P[i, k] += η * (e * Q[j, k] - λ * P[i, k])``: each of
    the `inner` windows of the log is only a part of a step of the loop around it.
    """
    first, _, end = outer
    window = next(((a, b) for a, b in inner if first <= a < b <= end), None)
    if window is None:
        return False
    tape = build(log, first, window[1], (first, *window))
    _, start, stop = tape.boundaries
    updates = find_updates(tape, start, stop)
    entries = [tape.producer(u.new) for u in updates]
    if not any(e is not None and is_in(e.function, STORES) for e in entries):
        return False
    before = {o.out for o in tape.operations[:start]}
    olds = {n for u in updates for n in tape.ancestors([u.old])}
    moving = dependence(tape, dict.fromkeys(olds - before, 1), 0, start)
    read = tape.ancestors([delta for u in updates for _, delta in u.merges])
    return any(n in moving and n not in olds for n in read & before)


def readings(log: Sequence[Event], start: int, stop: int) -> set[int]:
    """Return the ids of all values that are read between two positions of the log."""
    found: set[int] = set()
    stack: list[Any] = []
    for position in range(start, stop):
        stack.extend(log[position][2])
        while stack:
            value = stack.pop()
            if type(value) in TRACKED:
                found.add(id(value))
            elif type(value) in (list, tuple):
                stack.extend(value)
    return found


def inside(
    log: Sequence[Event], begun: dict[int, list[int]]
) -> tuple[int, tuple[int, int, int], frozenset[int]] | None:
    """Return the loop that trains among those inside a step, two iterations of it, its sites.

    `begun` has for each loop where its iterations begin, in the order of their first ones.
    """
    for site, starts in reversed(begun.items()):
        if len(starts) < 2:
            continue
        first, second, end = (*starts, len(log))[:3]
        tape, kept = repeated_updates(log, (first, second, end))
        if kept and not any(update.repeated for update in kept):
            return site, (first, second, end), sites_of(tape, kept)
    return None
