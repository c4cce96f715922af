"""Parameters that a step joins to one vector, updates, and takes apart again.

``theta = np.concatenate((W1.ravel(), W2.ravel())); theta -= rate * grad; set_params(theta)``; or to
the rows of a matrix: ``np.array([n.w for n in neurons])``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from backproof.arithmetic import is_in
from backproof.trace import primitives
from backproof.trace.tape import Operation, Ref, Tape

if TYPE_CHECKING:
    from backproof.carries import Carries
    from backproof.updates import Update

JOINING = {np.concatenate, np.hstack, np.append}
#: What makes an array of its rows.
STACKING = {np.array, np.asarray, np.stack, np.vstack}


def joined(carries: Carries, operation: Operation) -> tuple[int, ...]:
    """Return the old values that an operation joins to one vector, each of them whole; or none."""
    tape = carries.tape
    first = operation.args[0]
    listed = type(first) in (list, tuple)
    vector = np.ndim(tape.nodes[operation.out].obj) == 1
    stacked = listed and not vector and is_in(operation.function, STACKING)
    if not (stacked or (vector and is_in(operation.function, JOINING))):
        return ()
    parts = list(first) if listed else [a for a in operation.args if type(a) is Ref]
    sources: list[int] = []
    for part in parts:
        held = carries.of(part)
        if len(held) != 1 or (type(part) is Ref and part.node in carries.merged):
            return ()
        source, factor = next(iter(held.items()))
        size = np.size(tape.nodes[source].obj)
        if factor != 1.0 or source in sources or size != np.size(tape.nodes[part.node].obj):
            return ()
        sources.append(source)
    return tuple(sources) if len(sources) > 1 else ()


def taken_apart(tape: Tape, carries: Carries, updates: list[Update]) -> list[Update]:
    """Return the updates with those of joined vectors as updates of what was joined."""
    found: list[Update] = []
    for update in updates:
        sources = carries.packs.get(update.old)
        if sources is None:
            found.append(update)
        else:
            found += _parts(tape, carries, update, sources)
    return found


def _parts(
    tape: Tape, carries: Carries, update: Update, sources: tuple[int, ...]
) -> Iterator[Update]:
    """Yield an update for each joined value, with the last view of the new vector in its place."""
    whole = tape.nodes[update.new].obj
    after = (tape.nodes[update.new].operation or 0) + 1
    begin = 0
    for source in sources:
        size = np.size(tape.nodes[source].obj)
        views = [
            o.out for o in tape.operations[after : carries.stop]
            if update.old in carries.carry.get(o.out, ()) and np.size(tape.nodes[o.out].obj) == size
            and _offset(tape.nodes[o.out].obj, whole) == begin
        ]  # fmt: skip
        if views:
            yield replace(update, old=source, new=views[-1], copies=(), pack=update.old)
        begin += size


def _offset(part: object, whole: object) -> int | None:
    """Return at which entry of a vector a view of it begins."""
    if not isinstance(part, np.ndarray) or not isinstance(whole, np.ndarray) or not whole.size:
        return None
    if primitives.owner_of(part) is not primitives.owner_of(whole):
        return None
    distance = part.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    return int(distance // whole.itemsize)
