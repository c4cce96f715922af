"""BP403 inputs-and-labels-misaligned: rows that were moved without the rows that belong to them.

Noise looks like misaligned data, so a program is only blamed for a rearrangement that was seen: the
inputs must say nothing about the labels as they are, and much about them once it is undone.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.checks.advice import advise
from backproof.checks.contents import contents
from backproof.checks.dependence import Dependence, dependence
from backproof.checks.observation import Observation
from backproof.checks.places import Place, statement_of
from backproof.finding import Finding
from backproof.trace.event import SOURCE, Event
from backproof.trace.primitives import owner_of
from backproof.trace.site import SITES
from backproof.trace.tape import Ref, Tape

if TYPE_CHECKING:
    from backproof.checks.training import Record

LEAST_ROWS = 24
#: Rearrangements that are kept, and bytes of contents.
MOST_MOVES = 12
MOST_BYTES = 16_000_000
ONE_ORDER = "move both by one order: `order = rng.permutation(n)`, then `X[order]` and `Y[order]`"


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


class Moves:
    """Gathers rearrangements of rows over the events of a run."""

    def __init__(self) -> None:
        self.found: list[Move] = []
        self.cuts: list[tuple[Any, int]] = []
        """Arrays whose first rows were taken, and how many: ``y[:n]``."""
        self._bytes = 0

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
                self.cut(args[0], args[1])
            elif function is operator.getitem:
                self.taken(site, args[0], args[1])
            elif function is np.sort:
                self.changed(site, args[0], out)
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

    def cut(self, array: Any, key: slice) -> None:
        """The first rows of an array were taken."""
        begins = key.start in (None, 0) and key.step in (None, 1) and type(key.stop) is int
        if not begins or not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
            return
        if array.ndim <= 2 and LEAST_ROWS <= key.stop < len(array) and len(self.cuts) < MOST_MOVES:
            self.cuts.append((array, key.stop))

    def taken(self, site: int, array: Any, key: Any) -> None:
        """Rows of an array, or its columns, were chosen by an array of numbers."""
        if not isinstance(array, np.ndarray):
            return
        axis, key = _chosen(key)
        if axis >= array.ndim or not isinstance(key, np.ndarray):
            return
        array = np.moveaxis(array, axis, 0)
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

    def _keep(self, move: Move) -> None:
        size = 0 if move.before is None else int(move.before.nbytes)
        if self._bytes + size <= MOST_BYTES:
            self._bytes += size
            self.found.append(move)


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


# ---- the verdict -------------------------------------------------------------------------------


def check(record: Record) -> Iterator[Finding]:
    """Judge whether inputs and labels belong together."""
    found = batches(record) or (arrays(record) if record.moves.found else None)
    if found is not None:
        yield found


def batches(record: Record) -> Finding | None:
    """Find steps that take the rows of inputs and labels by different numbers."""
    pairs = [
        (o.samples.inputs_rows, o.samples.labels_rows, o) for o in record.seen
        if o.samples.inputs_rows is not None and o.samples.labels_rows is not None
        and len(o.samples.inputs_rows) == len(o.samples.labels_rows)
    ]  # fmt: skip
    if not pairs:
        return None
    left = np.concatenate([p[0] for p in pairs])
    right = np.concatenate([p[1] for p in pairs])
    last: Observation = pairs[-1][2]
    X, Y = _source(last, "inputs"), _source(last, "labels")
    if X is None or Y is None or len(X) != len(Y) or np.mean(left != right) < 0.5:
        return None
    if len(left) < LEAST_ROWS or np.ptp(left - right) == 0:
        return None
    if left.max() >= len(X) or right.max() >= len(Y):
        return None  # numbers of rows of another array, of which this one is a part
    given = dependence(X[left], Y[right])
    right_pairs = dependence(X, Y)
    if right_pairs is None or not right_pairs.sure or (given is not None and given.sure):
        return None
    place, other = last.labels_taken, last.inputs_taken
    if place is None:
        return None
    return misaligned(
        statement_of(place), right_pairs, given,
        f"inputs and labels of a step are different rows: row {int(left[left != right][0])} of "
        f"the inputs meets label {int(right[left != right][0])}",
        [(statement_of(other), "definition")] if other is not None else [],
    )  # fmt: skip


def _source(seen: Observation, what: str) -> Any:
    """Return the array that the data of a step comes from, samples first."""
    samples = seen.samples
    source = samples.inputs_then if what == "inputs" else samples.labels_then
    axis = samples.inputs_axis if what == "inputs" else samples.labels_axis
    if not isinstance(source, np.ndarray) or source.dtype.kind not in "fiub" or source.ndim > 2:
        return None
    return np.moveaxis(np.asarray(source, dtype=float), axis, 0).reshape(source.shape[axis], -1)


def arrays(record: Record) -> Finding | None:
    """Find rows that were rearranged before the step: undone, they belong together again."""
    pairs = [pair_of(o) for o in (record.first, record.last)]
    known = [p for p in pairs if p is not None]
    if not known:
        return None
    given = [dependence(*p) for p in known]
    if any(g is None or not g.none for g in given):
        return None
    X, Y = known[0]
    best: tuple[Dependence, Move, Move | None] | None = None
    wholes = _wholes(record.first, record.moves.cuts)
    candidates = list(_undone(X, Y, record.moves.found))
    if wholes is not None:
        candidates += _apart(X, Y, wholes, record.moves.found)
        whole = all(part is not None for part in wholes)
        candidates += _undone(*wholes, record.moves.found) if whole else ()
    for x, y, move, other in candidates:
        found = dependence(x, y)
        if found is None or not found.sure:
            continue
        if best is None or (found.explained > best[0].explained + 0.05):
            best = found, move, other
    if best is None:
        return None
    found, move, other = best
    place = statement_of(SITES[move.site])
    title = (
        "inputs and labels are shuffled differently: their rows no longer belong together"
        if other is not None else "rows are moved here without the rows that belong to them"
    )  # fmt: skip
    related = [(statement_of(SITES[other.site]), "definition")] if other is not None else []
    return misaligned(place, found, given[0], title, related)


def pair_of(seen: Observation) -> tuple[Any, Any] | None:
    """Return inputs and labels as they meet, all of them where steps see few."""
    samples = seen.samples
    if samples.inputs is None or samples.labels is None:
        return None
    X, Y = _source(seen, "inputs"), _source(seen, "labels")
    whole = X is not None and Y is not None and len(X) == len(Y)
    if whole and samples.inputs_rows is not None and len(samples.inputs_rows) < len(X):
        return (X, Y) if np.array_equal(samples.inputs_rows, samples.labels_rows) else None
    if len(samples.inputs) != len(samples.labels) or len(samples.inputs) < LEAST_ROWS:
        return None
    return samples.inputs, samples.labels


def _undone(X: Any, Y: Any, moves: Sequence[Move]) -> Iterator[tuple[Any, Any, Move, Move | None]]:
    """Yield inputs and labels with moves undone, and the moves."""
    fitting = [m for m in moves if m.length == len(X)]
    for move in reversed(fitting):
        if move.order is not None and move.before is None:
            back = np.argsort(move.order)
            yield X[back], Y, move, None
            yield X, Y[back], move, None
        elif move.order is None and move.before is not None:
            before = move.before.reshape(len(move.before), -1)
            if before.shape == X.shape:
                yield before, Y, move, None
            if before.shape == Y.shape:
                yield X, before, move, None
    for second in reversed(fitting):
        for first in fitting:
            if first is second or first.order is None or second.order is None:
                continue
            if np.array_equal(first.order, second.order):
                continue
            if first.before is None and second.before is None:
                yield X[np.argsort(first.order)], Y[np.argsort(second.order)], second, first
            elif first.before is not None and second.before is not None:
                whole = first.before.reshape(len(first.before), -1)
                if len(whole) > int(second.order.max()) and np.array_equal(whole[first.order], X):
                    yield whole[second.order], Y, second, first


def _wholes(seen: Observation, cuts: Sequence[tuple[Any, int]]) -> tuple[Any, Any] | None:
    """Return the arrays of which inputs and labels are parts (``X[:n]``), None where they are none.

    They are of one length where both are there.
    """
    samples, found = seen.samples, []
    for what, rows in (("inputs", samples.inputs_rows), ("labels", samples.labels_rows)):
        whole = _source(seen, what)
        part = whole is not None and rows is not None and LEAST_ROWS <= len(rows) < len(whole)
        if part and np.array_equal(rows, np.arange(len(rows))):
            found.append(whole)
            continue
        found.append(next((w for w, n in _cut_rows(cuts) if np.array_equal(w[:n], whole)), None))
    X, Y = found
    if X is not None and Y is not None and len(X) != len(Y):
        return None
    return None if X is None and Y is None else (X, Y)


def _cut_rows(cuts: Sequence[tuple[Any, int]]) -> Iterator[tuple[Any, int]]:
    """Yield the arrays that were cut, as rows of floats: a copy of the part has another type."""
    for array, count in cuts:
        yield np.asarray(array, dtype=float).reshape(len(array), -1), count


def _apart(
    X: Any, Y: Any, wholes: tuple[Any, Any], moves: Sequence[Move]
) -> Iterator[tuple[Any, Any, Move, None]]:
    """Yield the pairs of a split that chose rows of one array, and the first ones of the other."""
    for move in moves:
        if move.before is None or move.order is None or move.length != len(X):
            continue
        chosen = move.before.reshape(len(move.before), -1)
        rows = chosen[move.order]
        for given, other, is_inputs in ((X, wholes[1], True), (Y, wholes[0], False)):
            if other is None or len(other) != len(chosen) or not np.array_equal(rows, given):
                continue
            yield (X, other[move.order], move, None) if is_inputs else (
                other[move.order], Y, move, None
            )  # fmt: skip


def misaligned(
    place: Place, right: Dependence, given: Dependence | None, title: str,
    related: Sequence[tuple[Place, str]] = (), advice: str = ONE_ORDER,
) -> Finding:  # fmt: skip
    """Return the finding that inputs and labels do not belong together as they are."""
    now = given.explained if given is not None else 0.0
    chance = given.by_chance if given is not None else 0.0
    return advise(
        "BP403", "shuffled-labels-misaligned", place, title,
        advice,
        {
            "explained": now, "explained_by_chance": chance, "explained_aligned": right.explained,
            "deviations_aligned": right.deviations,
        },
        severity="error", confidence="proven", related=related,
        notes=[
            f"as they are, the inputs explain {100 * max(now, 0):.0f} % of the labels' variance "
            f"(permuted labels: up to {100 * max(chance, 0):.0f} %); aligned, "
            f"{100 * right.explained:.0f} % (nearest neighbours or a line, leave-one-out)"
        ],
    )  # fmt: skip
