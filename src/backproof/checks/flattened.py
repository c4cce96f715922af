"""BP403 for arrays that a reshape has mixed: ``X.reshape(d, m)`` for ``X.reshape(m, d).T``.

The shape is right, and each sample is made of pieces of several others. A program is only blamed
where its inputs say nothing about the labels, and much once the samples are kept together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.checks.alignment import misaligned, pair_of
from backproof.checks.contents import contents
from backproof.checks.dependence import dependence, is_scaled
from backproof.checks.moves import LEAST_ROWS, MOST_BYTES, MOST_MOVES, Move
from backproof.checks.places import statement_of
from backproof.finding import Finding
from backproof.trace.event import Event
from backproof.trace.primitives import Method
from backproof.trace.site import SITES

if TYPE_CHECKING:
    from backproof.checks.training import Record


@dataclass(frozen=True, slots=True)
class Reshape:
    """An array as it was, and as it was after it was given two axes."""

    site: int
    before: Any
    after: Any


class Reshapes:
    """Gathers reshapes to matrices over the events of a run."""

    def __init__(self) -> None:
        self.found: list[Reshape] = []
        self._bytes = 0

    def add(self, log: Sequence[Event], later: Sequence[Event] = ()) -> None:
        """Look through events before the judged steps; `later` are those since."""
        for event, out in zip(log, contents(log, later), strict=True):
            site, function, args = event[:3]
            if type(out) is not np.ndarray or site < 0 or out.ndim != 2 or event[5] is not None:
                continue
            if not (function == Method("reshape") or function is np.reshape) or not args:
                continue
            before = args[0]
            if not isinstance(before, np.ndarray) or before.ndim < 2 or event[3]:
                continue
            if min(out.shape) < 2 or max(out.shape) < LEAST_ROWS or out.dtype.kind not in "fiub":
                continue
            if any(_samples(before, n) for n in out.shape) and len(self.found) < MOST_MOVES:
                self._bytes += out.nbytes
                if self._bytes <= MOST_BYTES:
                    self.found.append(Reshape(site, np.array(out).reshape(before.shape), out))


def _samples(before: Any, count: int) -> list[Any]:
    """Return an array as samples × features, by its first or its last axis."""
    axes = [axis for axis in (0, before.ndim - 1) if before.shape[axis] == count]
    return [np.moveaxis(before, axis, 0).reshape(count, -1) for axis in axes]


def check(record: Record) -> Iterator[Finding]:
    """Find inputs or labels that a reshape has mixed."""
    if not record.reshapes.found or any(f.code == "BP403" for f in record.found):
        return
    known = [p for p in (pair_of(o) for o in (record.first, record.last)) if p is not None]
    given = [dependence(*p) for p in known]
    if not known or any(g is None or not g.none for g in given):
        return
    X, Y = known[0]
    for reshape in record.reshapes.found:
        for whole, is_inputs in _unmixed(reshape, X, Y, record.moves.seen):
            right = dependence(whole, Y) if is_inputs else dependence(X, whole)
            if right is None or not right.sure:
                continue
            yield misaligned(
                statement_of(SITES[reshape.site]), right, given[0],
                f"the reshape mixes the samples: each of the {len(X)} is made of pieces of several",
                advice="keep the axis of the samples first, and transpose then: "
                "`X.reshape(m, -1).T`",
            )  # fmt: skip
            return


def _unmixed(reshape: Reshape, X: Any, Y: Any, moves: Sequence[Move]) -> Iterator[tuple[Any, bool]]:
    """Yield the samples with the values that belong together, and whether they are the inputs."""
    for mixed in (reshape.after, reshape.after.T):
        for data, is_inputs in ((X, True), (Y, False)):
            if mixed.shape[1] != data.shape[1]:
                continue
            for rows in _chosen(len(mixed), len(data), moves):
                if is_scaled(mixed[rows], data):
                    for whole in _samples(reshape.before, len(mixed)):
                        if not is_scaled(whole[rows], data):
                            yield whole[rows], is_inputs
                    break


def _chosen(length: int, count: int, moves: Sequence[Move]) -> Iterator[Any]:
    """Yield the rows that a program may have taken since: the first, the last, shuffled ones."""
    if count <= length:
        yield slice(0, count)
        yield slice(length - count, length)
    for move in moves:
        if move.order is not None and move.length == count and move.order.max() < length:
            yield move.order
