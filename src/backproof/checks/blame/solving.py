"""What a number of the backward pass should have been: solved from the entries made of it.

Gradients are linear in the values of the backward pass, so one entry says what a number has to be,
and the others whether that is so. No cotangent need be guessed, of which there are as many in a
network of numbers as there are values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backproof.checks.blame.replays import Replays
from backproof.checks.match import author_value, spread
from backproof.roles import Parameter
from backproof.trace.tape import Operation, Run

#: Executions of a site that are solved one by one.
MOST_EXECUTIONS = 24
#: Relative size of the move by which slopes are measured, and the error that counts as none.
MOVE, EXACT = 0.5, 1e-7
#: Entries that must agree: one number alone can always be reached.
LEAST = 2


def solved(replays: Replays, operations: Sequence[Operation], wrong: set[int]) -> dict[int, Any]:
    """Return what the numbers that a site makes should have been, where the entries agree."""
    start = replays.start
    if len(operations) > MOST_EXECUTIONS:
        return {}
    if any(type(start.env[o.out]) not in (float, np.float64) for o in operations):
        return {}
    own = {i: _entries(replays, start, i) for i in sorted(wrong)}
    found: dict[int, Any] = {}
    for operation in operations:
        value = _solve(replays, operation.out, own)
        if value is not None:
            found[operation.out] = value
    return found


Entries = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], int]


def _entries(replays: Replays, run: Run, index: int) -> Entries | None:
    """Return the author's gradient, what it should be, and its level: that of its right entries."""
    match = replays.fit.matches[index]
    if match.truth is None:
        return None
    wanted = replays.scale * match.truth
    best: Entries | None = None
    most = -1
    for level in range(len(match.parameter.levels)):
        own = _value(run, match.parameter, level, wanted.size)
        if own is None:
            continue
        right = int(np.count_nonzero(_close(own, wanted) & (wanted != 0)))
        if right >= most:  # the innermost of those that show as much
            best, most = (own, wanted, level), right
    return best


def _value(run: Run, parameter: Parameter, level: int, size: int) -> Any:
    own = author_value(run, parameter, level)
    return own if own is None or own.size == size else spread(parameter, own, size)


def _close(a: Any, b: Any) -> Any:
    return np.abs(a - b) <= EXACT * np.abs(b)


def _solve(replays: Replays, node: int, own: dict[int, Entries | None]) -> float | None:
    """Return the number with which all entries that are made of it are right."""
    value = float(replays.start.env[node])
    move = MOVE * (abs(value) or 1.0)
    run = replays.replayed({node: value + move})
    before, wanted, slopes = [], [], []
    for i, entries in own.items():
        if entries is None:
            return None
        moved = _value(run, replays.fit.matches[i].parameter, entries[2], entries[0].size)
        if moved is None or not np.all(np.isfinite(moved)):
            return None
        before.append(entries[0])
        wanted.append(entries[1])
        slopes.append((moved - entries[0]) / move)
    a, b, slope = (np.concatenate(parts) for parts in (before, wanted, slopes))
    made = np.abs(slope) > EXACT * np.max(np.abs(slope), initial=0.0)
    if np.count_nonzero(made) < LEAST or np.all(_close(a[made], b[made])):
        return None
    worst = int(np.argmax(np.abs(slope)))
    by = (b[worst] - a[worst]) / slope[worst]
    if not np.isfinite(by) or not np.all(_close((a + by * slope)[made], b[made])):
        return None
    return value + float(by)
