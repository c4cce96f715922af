"""BP403 inputs-and-labels-misaligned: rows that were moved without the rows that belong to them.

Noise looks like misaligned data, so a program is only blamed for a rearrangement that was seen: the
inputs must say nothing about the labels as they are, and much about them once it is undone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.checks.advice import advise
from backproof.checks.dependence import Dependence, dependence, is_scaled
from backproof.checks.moves import LEAST_ROWS, Cut, Move
from backproof.checks.observation import Observation
from backproof.checks.places import Place, statement_of
from backproof.finding import Finding
from backproof.trace.primitives import owner_of
from backproof.trace.site import SITES

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: Share of what the inputs tell of the labels that may be left where rows have slipped.
SLIPPED = 0.4
#: The same where a few entries of two series go together by chance.
CHANCE = 0.05
ONE_ORDER = "move both by one order: `order = rng.permutation(n)`, then `X[order]` and `Y[order]`"


# ---- the verdict -------------------------------------------------------------------------------


def check(record: Record) -> Iterator[Finding]:
    """Judge whether inputs and labels belong together."""
    found = batches(record) or (arrays(record) if record.moves.seen else None) or lists(record)
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
    shifted = np.ptp(left - right) == 0  # of one series, or both of whole arrays
    if len(left) < LEAST_ROWS or (shifted and not _are_pairs(last)):
        return None
    if left.max() >= len(X) or right.max() >= len(Y):
        return None  # numbers of rows of another array, of which this one is a part
    # The same pairs again are no others that agree with them.
    met = np.unique(np.column_stack([left, right]), axis=0)
    given = dependence(X[met[:, 0]], Y[met[:, 1]])
    right_pairs = dependence(X, Y)
    if right_pairs is None or not right_pairs.sure or (given is not None and given.sure):
        return None
    nothing = given is not None and (given.none or given.explained < CHANCE * right_pairs.explained)
    if shifted and not nothing:
        return None
    place, other = last.labels_taken, last.inputs_taken
    if place is None:  # they were cut before the training
        source = last.samples.labels_source
        cuts = (c for c in record.moves.cuts if owner_of(c.array) is owner_of(source))
        place = next((SITES[c.site] for c in cuts), None)
    if place is None:
        return None
    return misaligned(
        statement_of(place), right_pairs, given,
        f"inputs and labels of a step are different rows: row {int(left[left != right][0])} of "
        f"the inputs meets label {int(right[left != right][0])}",
        [(statement_of(other), "definition")] if other is not None else [],
    )  # fmt: skip


def _are_pairs(seen: Observation) -> bool:
    """Whether inputs and labels are of two arrays, neither a part of a longer one."""
    X, Y = seen.samples.inputs_source, seen.samples.labels_source
    return all(
        isinstance(v, np.ndarray) and owner_of(v).shape[:1] == v.shape[:1] for v in (X, Y)
    ) and (owner_of(X) is not owner_of(Y))


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
    X, Y = known[0]
    best: tuple[Dependence, Move, Move | None] | None = None
    wholes = _wholes(record.first, record.moves.cuts)
    longer = None if wholes is None else _longer(wholes, record.moves.cuts)
    now = max(1.0 if g is None else g.explained for g in given)
    if longer is None and any(g is None or not g.none for g in given):
        return None
    candidates = [] if longer is not None else list(_undone(X, Y, record.moves.found))
    if longer is not None:
        candidates += _apart(*longer, longer, record.moves.masked)
    elif wholes is not None:
        candidates += _apart(X, Y, wholes, record.moves.seen)
        whole = all(part is not None for part in wholes)
        candidates += _undone(*wholes, record.moves.found) if whole else ()
    for x, y, move, other in candidates:
        found = dependence(x, y)
        # Before the first row that is left out, chosen rows and first rows are still the same.
        if found is None or not found.sure or now > SLIPPED * found.explained:
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
    if move in record.moves.masked:
        title = "rows are chosen here by a condition, without the rows that belong to them"
        cut = _cut_beside(move, record.moves.cuts)
        if cut is not None:
            related, place = [(place, "definition")], statement_of(SITES[cut.site])
            title = f"the first {cut.length} rows are not those that belong to the chosen ones"
        return misaligned(place, found, given[0], title, related, "choose both by one condition")
    return misaligned(place, found, given[0], title, related)


def _cut_beside(move: Move, cuts: Sequence[Cut]) -> Cut | None:
    """Return where as many first rows were taken as others were chosen by a condition."""
    return next((c for c in cuts if not c.start and _is_as_long(c, move)), None)


def _is_as_long(cut: Cut, move: Move) -> bool:
    """Whether as many rows were taken, of as many."""
    return cut.length == move.length and len(cut.array) == len(move.before)


def lists(record: Record) -> Finding | None:
    """Find two lists that were shuffled one by one."""
    moved = [
        (site, x, y) for site, before, after in record.moves.lists
        if (x := _numbers(before)) is not None and (y := _numbers(after)) is not None
    ]  # fmt: skip
    for second in reversed(moved):
        for first in moved:
            if first is second or len(first[1]) != len(second[1]) or record.learns(0.5):
                continue
            if _are_the_same(first[1], second[1]):
                continue  # one list, in two epochs
            given = dependence(first[2], second[2])
            right = dependence(first[1], second[1])
            if given is not None and given.none and right is not None and right.sure:
                return misaligned(
                    statement_of(SITES[second[0]]), right, given,
                    "inputs and labels are shuffled differently: their rows no longer belong "
                    "together", [(statement_of(SITES[first[0]]), "definition")],
                    "shuffle pairs: `pairs = list(zip(inputs, labels))`",
                )  # fmt: skip
    return None if record.learns(0.5) else _one_list(record, moved)


def _are_the_same(one: Any, other: Any) -> bool:
    """Whether two lists hold the same rows, in whatever order."""
    return one.shape == other.shape and np.array_equal(
        one[np.lexsort(one.T)], other[np.lexsort(other.T)]
    )


def _one_list(record: Record, moved: Sequence[tuple[int, Any, Any]]) -> Finding | None:
    """Find one list that was shuffled or sorted, and a step that meets all of it with the other."""
    pair = pair_of(record.first)
    given = dependence(*pair) if pair is not None and moved else None
    if pair is None or given is None or not given.none:
        return None
    for site, before, after in moved:
        for position in (0, 1):
            if not is_scaled(after, pair[position]):
                continue
            again = (before, pair[1]) if position == 0 else (pair[0], before)
            right = dependence(*again)
            if right is not None and right.sure:
                return misaligned(
                    statement_of(SITES[site]), right, given,
                    "one list is put in another order here, without the one that belongs to it",
                    (), "shuffle pairs: `pairs = list(zip(inputs, labels))`",
                )  # fmt: skip
    return None


def _numbers(rows: Sequence[Any]) -> Any:
    """Return a list of numbers, or of lists of them, as samples × columns; None of others."""
    if len(rows) < LEAST_ROWS:
        return None
    try:
        found = np.array(rows, dtype=float)
    except (TypeError, ValueError):
        return None
    return found.reshape(len(rows), -1) if found.ndim in (1, 2) and found.size else None


def pair_of(seen: Observation) -> tuple[Any, Any] | None:
    """Return inputs and labels as they meet, all of them where steps see few."""
    samples = seen.samples
    if samples.inputs is None or samples.labels is None:
        return None
    X, Y = _source(seen, "inputs"), _source(seen, "labels")
    whole = X is not None and Y is not None and len(X) == len(Y)
    if whole and samples.inputs_rows is not None and len(samples.inputs_rows) < len(X):
        return (X, Y) if np.array_equal(samples.inputs_rows, samples.labels_rows) else None
    if X is not None and Y is not None and _same_rows(seen):
        count = min(len(X), len(Y))  # of the longer one the first rows have been taken
        return X[:count], Y[:count]
    if len(samples.inputs) != len(samples.labels) or len(samples.inputs) < LEAST_ROWS:
        return None
    return samples.inputs, samples.labels


def _same_rows(seen: Observation) -> bool:
    """Whether a batch takes rows of the same numbers from inputs and labels, and not the first."""
    left, right = seen.samples.inputs_rows, seen.samples.labels_rows
    if left is None or right is None or np.array_equal(left, np.arange(len(left))):
        return False
    return bool(np.array_equal(left, right))


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


def _wholes(seen: Observation, cuts: Sequence[Cut]) -> tuple[Any, Any] | None:
    """Return the arrays of which inputs and labels are runs of rows; None where neither is."""
    samples, found = seen.samples, []
    sources = (_source(seen, "inputs"), _source(seen, "labels"))
    lengths = [len(s) for s in sources if s is not None]
    for what, rows in (("inputs", samples.inputs_rows), ("labels", samples.labels_rows)):
        whole = _source(seen, what)
        part = whole is not None and rows is not None and LEAST_ROWS <= len(rows) < len(whole)
        longer = len(lengths) == 2 and min(lengths) < len(whole) and _same_rows(seen)
        if longer or (part and np.array_equal(rows, rows[0] + np.arange(len(rows)))):
            found.append(whole)
            continue
        # Labels that a function has made one-hot come from a cut of which nothing else is known.
        own = samples.labels if what == "labels" and whole is None else whole
        whole = _indices(own)
        found.append(next((w for w, cut in _cut_rows(cuts) if is_scaled(cut, whole)), None))
    X, Y = found
    return None if X is None and Y is None else (X, Y)


def _indices(rows: Any) -> Any:
    """Return the classes of one-hot rows as a column, other rows as they are."""
    hot = rows is not None and rows.ndim == 2 and rows.shape[1] > 1
    hot = hot and bool(np.all((rows == 0) | (rows == 1)) and np.all(rows.sum(axis=1) == 1))
    return np.argmax(rows, axis=1).reshape(-1, 1).astype(float) if hot else rows


def _longer(wholes: tuple[Any, Any], cuts: Sequence[Cut]) -> tuple[Any, Any] | None:
    """Return arrays of different lengths that inputs and labels are first rows of, cut by cut."""
    X, Y = wholes
    for _ in range(len(cuts) if X is not None and Y is not None else 0):
        if len(X) != len(Y):
            return X, Y
        of = [w for w, cut in _cut_rows(cuts) if len(w) > len(Y) and is_scaled(cut, Y)]
        if not of:
            break
        Y = of[0]
    return None


def _cut_rows(cuts: Sequence[Cut]) -> Iterator[tuple[Any, Any]]:
    """Yield the arrays that were cut, and the parts, as rows of floats: copies have other types."""
    for cut in cuts:
        rows = np.asarray(cut.array, dtype=float).reshape(len(cut.array), -1)
        yield rows, rows[cut.start : cut.start + cut.length]


def _apart(
    X: Any, Y: Any, wholes: tuple[Any, Any], moves: Sequence[Move]
) -> Iterator[tuple[Any, Any, Move, None]]:
    """Yield the pairs of a split that chose rows of one array, and the first ones of the other."""
    for move in moves:
        if move.before is None or move.order is None:
            continue
        chosen = move.before.reshape(len(move.before), -1)
        rows = chosen[move.order]
        for given, other, is_inputs in ((X, wholes[1], True), (Y, wholes[0], False)):
            if other is None or len(other) != len(chosen) or move.length != len(given):
                continue
            if not is_scaled(rows, given):
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
