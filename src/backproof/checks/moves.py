"""Rows that a program moves: shuffles, selections, sorted columns, a run of an array's rows."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.checks.contents import contents
from backproof.trace.event import SOURCE, Event
from backproof.trace.operations import contains_ref
from backproof.trace.primitives import owner_of
from backproof.trace.site import SITES
from backproof.trace.tape import Ref, Tape

LEAST_ROWS = 24
#: Rearrangements that are kept, and bytes of contents.
MOST_MOVES = 12
MOST_BYTES = 16_000_000


@dataclass(frozen=True, slots=True)
class Move:
    """Rows that changed their order: row i is the former row ``order[i]``.

    ``before`` is the former content where no order of rows gives the new one (columns sorted each
    by itself), or where only some of the rows were taken.
    """

    site: int
    length: int
    order: Any
    before: Any = None


@dataclass(frozen=True, slots=True)
class Cut:
    """An array of which `length` rows were taken, from `start` on: ``y[:n]``, ``y[n:]``."""

    site: int
    array: Any
    start: int
    length: int


class Moves:
    """Gathers rearrangements of rows over the events of a run."""

    def __init__(self) -> None:
        self.found: list[Move] = []
        self.cuts: list[Cut] = []
        self.masked: list[Move] = []
        """Rows that were chosen by a condition: ``X[~np.isnan(X).any(axis=1)]``."""
        self.lists: Sequence[tuple[int, list[Any], list[Any]]] = ()
        """Where lists were shuffled, what they held before, and after."""
        self._bytes = 0

    @property
    def seen(self) -> list[Move]:
        """All of them, those by conditions last."""
        return [*self.found, *self.masked]

    def add(self, log: Sequence[Event], later: Sequence[Event] = ()) -> None:
        """Look through events before the judged steps; `later` are those since."""
        for (site, function, args, kwargs, _, undo), out in zip(
            log, contents(log, later), strict=True
        ):
            if type(out) is not np.ndarray or site < 0 or not out.ndim:
                continue
            if max(out.shape) < LEAST_ROWS:
                continue
            if undo is not None:
                if (function is SOURCE or function is np.sort) and undo[1] is Ellipsis:
                    self.changed(site, undo[2], out)
            elif function is operator.getitem and type(args[1]) is slice:
                self.cut(site, args[0], args[1])
            elif function is operator.getitem:
                self.taken(site, args[0], args[1])
            elif function is np.sort:
                self.changed(site, args[0], out)
            elif function is np.unique and kwargs and kwargs.get("axis") == 0:
                rows = order_of(args[0], out) if isinstance(args[0], np.ndarray) else None
                self.taken(site, args[0], rows)
            elif function is np.take and len(args) == 2 and not kwargs:
                self.taken(site, args[0], args[1])
            elif function is SOURCE and "permutation" in SITES[site].text:
                numbers = out.ndim == 1 and np.array_equal(np.sort(out), np.arange(len(out)))
                before = None if numbers else _with_rows_of(out, log)
                if before is not None:
                    self.changed(site, before, out)

    def look(self, tape: Tape) -> None:
        """Look at a recorded step: shuffles and selections of rows within it."""
        for event, owner, array, key, old in tape.undo:
            if key is Ellipsis and array is owner and np.ndim(old) and len(old) >= LEAST_ROWS:
                drawn = [n for n in tape.nodes if n.event == event and n.kind == "draw"]
                if drawn:
                    self.changed(tape.draws[event], old, tape.value(drawn[0].index))
        for operation in tape.operations:
            if operation.function is operator.getitem and type(operation.args[0]) is Ref:
                key = operation.args[1]
                parts = key if type(key) is tuple else (key,)
                if type(key) is slice and not contains_ref(key):
                    self.cut(operation.site, tape.value(operation.args[0].node), key)
                if any(type(part) is Ref for part in parts):
                    values = tuple(tape.value(k.node) if type(k) is Ref else k for k in parts)
                    array = tape.value(operation.args[0].node)
                    self.taken(operation.site, array, values)

    def changed(self, site: int, before: Any, after: Any) -> None:
        """Rows of an array were put in another order."""
        if not isinstance(before, np.ndarray) or np.shape(before) != np.shape(after):
            return
        if len(self.found) >= MOST_MOVES or before.nbytes > MOST_BYTES or not before.ndim:
            return
        if len(before) < LEAST_ROWS:
            return
        order = order_of(before, after)
        if order is None:
            self._keep(Move(site, len(before), None, before.copy()))
        elif not np.array_equal(order, np.arange(len(order))):
            self._keep(Move(site, len(before), order))

    def cut(self, site: int, array: Any, key: slice) -> None:
        """Rows of an array were taken that stand one after the other."""
        counts = all(n is None or isinstance(n, int | np.integer) for n in (key.start, key.stop))
        runs = counts and key.step in (None, 1)
        if not runs or not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
            return
        start, stop, _ = key.indices(len(array))
        fits = array.ndim <= 2 and LEAST_ROWS <= stop - start < len(array)
        if fits and len(self.cuts) < MOST_MOVES:
            self.cuts.append(Cut(site, array, start, stop - start))

    def taken(self, site: int, array: Any, key: Any) -> None:
        """Rows of an array, or its columns, were chosen by an array of numbers."""
        if not isinstance(array, np.ndarray):
            return
        axis, key = _chosen(key)
        if axis >= array.ndim or not isinstance(key, np.ndarray):
            return
        array = np.moveaxis(array, axis, 0)
        if key.dtype.kind == "b" and key.shape == array.shape[:1] != ():
            rows = np.flatnonzero(key)
            if LEAST_ROWS <= len(rows) < len(key) and len(self.masked) < MOST_MOVES:
                self._keep(Move(site, len(rows), rows, array), self.masked)
            return
        if key.ndim != 1 or key.dtype.kind not in "iu" or len(key) < LEAST_ROWS or not array.ndim:
            return
        if len(array) < len(key) or len(self.found) >= MOST_MOVES:
            return
        if key.min() < 0 or np.unique(key).size != len(key):
            return
        if len(key) == len(array):
            if not np.array_equal(key, np.arange(len(key))):
                self._keep(Move(site, len(key), key.copy()))
        else:
            self._keep(Move(site, len(key), key.copy(), array))

    def _keep(self, move: Move, among: list[Move] | None = None) -> None:
        size = 0 if move.before is None else int(move.before.nbytes)
        if self._bytes + size <= MOST_BYTES:
            self._bytes += size
            (self.found if among is None else among).append(move)


def _chosen(key: Any) -> tuple[int, Any]:
    """Return (axis, numbers) of a key that chooses along one axis: ``X[order]``, ``X[:, order]``.

    The numbers are None where it does something else.
    """
    parts = key if type(key) is tuple else (key,)
    numbers = [(i, part) for i, part in enumerate(parts) if isinstance(part, np.ndarray)]
    whole = sum(type(part) is slice and part == slice(None) for part in parts)
    return numbers[0] if len(numbers) == 1 and whole == len(parts) - 1 else (0, None)


def order_of(before: Any, after: Any) -> Any:
    """Return the row numbers ``o`` with ``after == before[o]``, or None."""
    rows: dict[bytes, list[int]] = {}
    for number, row in enumerate(np.ascontiguousarray(before)):
        rows.setdefault(row.tobytes(), []).append(number)
    order = np.empty(len(after), dtype=int)
    for number, row in enumerate(np.ascontiguousarray(after)):
        left = rows.get(row.tobytes())
        if not left:
            return None
        order[number] = left.pop(0)
    return order


def _with_rows_of(out: Any, log: Sequence[Event]) -> Any:
    """Return an array of the log that has the same rows."""
    seen: set[int] = set()
    for event in reversed(log):
        for value in (event[4], *(event[2] or ())):
            if not isinstance(value, np.ndarray) or value is out or value.shape != out.shape:
                continue
            if id(owner_of(value)) in seen or value.dtype != out.dtype:
                continue
            seen.add(id(owner_of(value)))
            if not np.array_equal(value, out) and order_of(value, out) is not None:
                return value
    return None
