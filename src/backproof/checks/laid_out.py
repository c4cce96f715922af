"""BP403 for labels laid out otherwise than their rows: class by class here, in turns there.

``np.tile(classes, m)`` goes through the classes m times, ``np.repeat(classes, m)`` gives m of each.
No rows are moved, but for both by one order; there is only one other layout, and under it the
inputs must say much about the labels of which they say nothing as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.checks.alignment import misaligned, pair_of
from backproof.checks.dependence import dependence
from backproof.checks.labels import labels_place
from backproof.finding import Finding

if TYPE_CHECKING:
    from backproof.checks.observation import Observation
    from backproof.checks.training import Record

#: Classes and repetitions of a layout.
MOST_CLASSES = 50
LEAST_REPEATS = 4


def check(record: Record) -> Iterator[Finding]:
    """Judge labels that stand in a regular order."""
    if record.found:
        return
    for seen, (X, Y) in _layouts(record):
        order = other_layout(Y)
        if order is None:
            continue
        given = dependence(X, Y)
        if given is None or not given.none:
            return
        right = dependence(X, Y[order])
        place = labels_place(record, seen)
        if right is None or not right.sure or place is None:
            return
        turns = np.array_equal(Y[0], Y[1])
        have, need = ("class by class", "in turns") if turns else ("in turns", "class by class")
        count = len(np.unique(Y, axis=0))
        fix = "np.tile(classes, m)" if turns else "np.repeat(classes, m)"
        yield misaligned(
            place, right, given,
            f"the labels stand {have}, the rows of the inputs {need}: they do not belong together",
            (), f"lay the {count} classes out as the rows are: `{fix}`",
        )  # fmt: skip
        return


def _layouts(record: Record) -> Iterator[tuple[Observation, tuple[Any, Any]]]:
    """Yield inputs and labels, as they are and as they were before both were shuffled alike."""
    for seen in (record.first, record.last):
        pair = pair_of(seen)
        if pair is None:
            continue
        X, Y = pair
        times = [rows for _, rows, _ in seen.samples.executions if len(rows) == len(Y)]
        yield seen, (np.column_stack(times) if times[1:] else X, Y)
        for move in record.moves.found:
            if move.order is not None and move.before is None and move.length == len(Y):
                back = np.argsort(move.order)
                yield seen, (X[back], Y[back])


def other_layout(labels: Any) -> Any:
    """Return the order that makes blocks of turns and turns of blocks; None for another layout."""
    rows = np.asarray(labels, dtype=float).reshape(len(labels), -1)
    number = np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)
    count = int(number.max(initial=0)) + 1
    if not 2 <= count <= MOST_CLASSES or len(number) % count:
        return None
    repeats = len(number) // count
    if repeats < LEAST_REPEATS:
        return None
    for shape in ((repeats, count), (count, repeats)):
        table = number.reshape(shape)
        lines = table if shape[0] == repeats else table.T
        if np.all(lines == lines[0]) and np.unique(lines[0]).size == count:
            return np.arange(len(number)).reshape(shape).T.reshape(-1)
    return None
