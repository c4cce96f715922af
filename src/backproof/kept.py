"""What an optimiser keeps, and adds to a gradient: a velocity, an average, noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, MULTIPLY, is_in
from backproof.carries import Carries, carries_of
from backproof.trace.tape import Operation, Ref, Tape
from backproof.updates import is_shared


def is_kept(tape: Tape, carries: Carries, operation: Operation, beside: Sequence[int]) -> bool:
    """Whether what stands beside a gradient in a sum is an optimiser's memory, or noise.

    A constant is a part of the gradient itself: the labels of ``p - y``. A memory may begin in this
    step, with zeros.
    """
    if not any(np.any(np.asarray(tape.nodes[n].obj)) for n in beside):
        return True
    held = carries.carry.get(operation.out, {})
    kept = {s for s, factor in held.items() if factor > 0 or _goes_on(tape, s, operation.out)}
    made = tape.ancestors(beside) | set(beside)
    if not kept.isdisjoint(made) or any(tape.nodes[n].kind == "draw" for n in made):
        return True
    return any(_is_share(tape, n) for n in beside)


def _is_share(tape: Tape, node: int) -> bool:
    """Whether a value is a number times one from before: ``0.9 * v``, with any sign."""
    made = tape.producer(node)
    if made is None or not is_in(made.function, MULTIPLY):
        return False
    before = [n for n in made.inputs if tape.producer(n) is None]
    objs = [tape.nodes[n].obj for n in before]
    kept = [
        v for v in objs
        if isinstance(v, np.ndarray | np.floating) or (type(v) is float and not is_shared(v))
    ]  # fmt: skip
    return bool(kept) and len(made.inputs) <= 2


def _goes_on(tape: Tape, source: int, node: int) -> bool:
    """Whether an old value is added to what it is taken from: ``m += 0.1 * (g - m)``."""
    further = tape.reach([node])
    users = (tape.operations[i] for i in tape.users[source])
    return any(is_in(o.function, ADD) and not further.isdisjoint(o.inputs) for o in users)


def still_holds(tape: Tape, value: Any, other: Any, old: int) -> bool:
    """Whether a summand holds all of what an earlier step left: no momentum, not reset.

    In ``m + (1 − β)·(g − m)`` the `other` summand takes a part of it away; an `old` parameter is
    no accumulator.
    """
    kept = [
        source for source, factor in carries_of(tape).of(value).items()
        if factor == 1.0 and source != old and tape.nodes[source].operation is None
        and np.any(np.asarray(tape.value(source)))
    ]  # fmt: skip
    if not kept or type(other) is not Ref:
        return bool(kept)
    return not tape.ancestors([other.node]).issuperset(kept)
