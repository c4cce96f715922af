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
from backproof.checks.moves import LEAST_ROWS, MOST_BYTES, MOST_MOVES
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
        for mixed in (reshape.after, reshape.after.T):
            for x, y, data in ((X, None, X), (None, Y, Y)):
                if not is_scaled(mixed, data):
                    continue
                for whole in _samples(reshape.before, len(data)):
                    if is_scaled(whole, data):
                        continue
                    right = dependence(whole if x is not None else X, whole if y is not None else Y)
                    if right is not None and right.sure:
                        place = statement_of(SITES[reshape.site])
                        yield misaligned(
                            place, right, given[0],
                            f"the reshape mixes the samples: each of the {len(data)} is made of "
                            "pieces of several others",
                            advice="keep the axis of the samples first and transpose then: "
                            "`X.reshape(m, -1).T`",
                        )  # fmt: skip
                        return
