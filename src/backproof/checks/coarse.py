"""BP203 in the data: a type too coarse for its values, and a variance that cancels.

Unix times in float32 are 128 s apart; readings of ten seconds become equal before anything is
computed with them. ``mean(x²) − mean(x)²`` loses its digits where the mean is large beside the
deviation. Both happen before the training loop, where no gradient shows them, the latter in layers
that normalise as well; what else a step loses is measured by `digits`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.arithmetic import ADD, DIVIDE, MULTIPLY, SUBTRACT, is_in
from backproof.checks.advice import advise, short
from backproof.checks.cancelled import Loss, cancelled_sums
from backproof.checks.origin import name_of
from backproof.checks.places import statement_of
from backproof.checks.rounding import digits_lost
from backproof.finding import Finding
from backproof.trace.event import Event
from backproof.trace.site import SITES
from backproof.trace.tape import Ref, Tape

if TYPE_CHECKING:
    from backproof.checks.training import Record

CASTS = {"astype", "array", "asarray", "asanyarray", "float32", "float16", "asfarray"}
LEAST_VALUES = 24
MOST_ELEMENTS = 200_000
MOST_LOOKED, MOST_OPERATIONS = 2_000, 5_000
#: A cast does harm when its error (root mean square) is more than this share of the deviation of
#: the data and leaves fewer than this share of the distinct values.
HARM = 0.03
LEFT = 0.5
#: Relative error of a variance; rounding alone makes 1e-5 of one in float32.
WRONG = 3e-3

Key = Any
#: (site, function, [(key, value)], key of the result, result)
Entry = tuple[int, Any, list[tuple[Key, Any]], Key, Any]


@dataclass(frozen=True, slots=True)
class Cast:
    """Values that a type cannot tell apart."""

    site: int
    kind: str
    before: int
    after: int
    error: float
    deviation: float
    spacing: float


@dataclass(frozen=True, slots=True)
class Variance:
    """A difference of squares: what it gives, and the variance of its data."""

    site: int
    got: float
    true: float
    kind: str
    operand: str


@dataclass(slots=True)
class Coarse:
    """Gathers what number formats have lost, over the events of a run."""

    casts: list[Cast] = field(default_factory=list)
    variances: list[Variance] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    looked: int = 0
    """Small types that were looked at."""

    def add(self, log: Sequence[Event], later: Sequence[Event] = ()) -> None:
        """Look through events before the judged steps; `later` are those since."""
        if not self.losses:
            self.losses += cancelled_sums(log, later)
        entries: list[Entry] = [
            (site, function, [(id(a), a) for a in args or ()], id(out), out)
            for site, function, args, _, out, _ in log
            if site >= 0
        ]
        for entry in entries:
            if self.casts or self.looked > MOST_LOOKED:
                break
            self.looked += isinstance(entry[4], np.ndarray) and entry[4].dtype.itemsize <= 4
            found = lost(entry)
            self.casts += [] if found is None else [found]
        self._cancelled(entries)

    def look(self, tape: Tape) -> None:
        """Look through a recorded step: batch norm computes its variances anew."""
        made: dict[Key, Entry] = {}
        operations = [] if self.variances else tape.operations[:MOST_OPERATIONS]
        for operation in operations:
            args = [
                (a.node, tape.value(a.node)) if type(a) is Ref else (id(a), a)
                for a in operation.args
            ]  # fmt: skip
            entry = operation.site, operation.function, args, operation.out, None
            made[operation.out] = entry
            if is_in(operation.function, SUBTRACT) and len(args) == 2:
                found = cancelled((*entry[:4], tape.value(operation.out)), made)
                if found is not None:
                    self.variances.append(found)
                    return

    def _cancelled(self, entries: Sequence[Entry]) -> None:
        if self.variances:
            return
        made: dict[Key, Entry] = {}
        for entry in entries:
            if is_in(entry[1], SUBTRACT) and len(entry[2]) == 2:
                found = cancelled(entry, made)
                if found is not None:
                    self.variances.append(found)
                    return
            made[entry[3]] = entry


def lost(entry: Entry) -> Cast | None:
    """Return what a cast, or a sum in a small type, makes equal that was not."""
    site, function, args, _, out = entry
    if not isinstance(out, np.ndarray) or out.dtype.kind != "f" or out.dtype.itemsize > 4:
        return None
    if not LEAST_VALUES <= out.size <= MOST_ELEMENTS or not args:
        return None
    try:
        if name_of(function) in CASTS:
            before: Any = np.asarray(args[0][1], dtype=float)
            if getattr(args[0][1], "dtype", np.dtype(float)).itemsize <= out.dtype.itemsize:
                return None
        elif is_in(function, ADD) and len(args) == 2:
            a, b = (np.asarray(v, dtype=float) for _, v in args)
            before = a + b
        else:
            return None
    except (TypeError, ValueError):
        return None
    if before.shape != out.shape or not (np.all(np.isfinite(before)) and np.all(np.isfinite(out))):
        return None
    with np.errstate(over="ignore"):
        again = before.astype(out.dtype)
    if not np.allclose(again, out, rtol=4 * float(np.finfo(out.dtype).eps), atol=0):
        return None  # one of them was changed in place since
    samples = 0 if out.ndim < 2 or out.shape[0] >= out.shape[1] else 1
    rows, kept = (np.moveaxis(x, samples, 0).reshape(x.shape[samples], -1) for x in (before, out))
    for column in range(rows.shape[1] if len(rows) >= LEAST_VALUES else 0):
        x, y = rows[:, column], kept[:, column]
        error, deviation = float(np.sqrt(np.mean((x - y) ** 2))), float(np.std(x))
        if not error > HARM * deviation > 0:
            continue
        distinct, left = np.unique(x).size, np.unique(y).size
        if distinct >= LEAST_VALUES and left < LEFT * distinct:
            spacing = float(np.spacing(np.max(np.abs(y))))
            return Cast(site, str(out.dtype), distinct, left, error, deviation, spacing)
    return None


def cancelled(entry: Entry, made: dict[Key, Entry]) -> Variance | None:
    """Return a variance ``mean(x²) − mean(x)²`` that has lost its digits."""
    site, _, (first, second), _, out = entry
    if not np.all(np.asarray(np.isfinite(out))) or np.asarray(out).dtype.kind != "f":
        return None
    data = _squared_of(_mean_of(first[0], made), made)
    if data is None or np.shape(second[1]) != np.shape(out):
        return None
    x = np.asarray(data[1])
    if not 4 <= x.size <= MOST_ELEMENTS or x.dtype.kind != "f":
        return None
    exact = x.astype(np.longdouble)
    for axis in (None, *range(x.ndim)):
        true = np.var(exact, axis=axis)
        mean = np.mean(exact, axis=axis)
        if true.size != np.size(out):
            continue
        got = np.asarray(out, dtype=np.longdouble).reshape(true.shape)
        squares = np.asarray(second[1], dtype=np.longdouble).reshape(true.shape)
        if not np.allclose(squares, mean**2, rtol=1e-3, atol=0):
            continue
        errors = np.abs(got - true)
        if not np.any(errors > WRONG * true):
            return None
        worst = int(np.argmax(errors / np.where(true > 0, true, 1)))
        return Variance(
            site, float(np.ravel(got)[worst]), float(np.ravel(true)[worst]), str(x.dtype),
            _text(data[0], made),
        )  # fmt: skip
    return None


def _mean_of(key: Key, made: dict[Key, Entry]) -> Key:
    """Return what a value is the mean of: ``np.mean(v)``, ``v.sum() / n``."""
    entry = made.get(key)
    if entry is None or not entry[2]:
        return None
    name = name_of(entry[1])
    if is_in(entry[1], DIVIDE):
        entry = made.get(entry[2][0][0])
        name = "" if entry is None else name_of(entry[1])
        if entry is None or name != "sum" or not entry[2]:
            return None
    return entry[2][0][0] if name in ("mean", "sum", "average") else None


def _squared_of(key: Key, made: dict[Key, Entry]) -> tuple[Key, Any] | None:
    """Return (key, value) of what a value is the square of."""
    entry = made.get(key)
    if entry is None or not entry[2]:
        return None
    name, args = name_of(entry[1]), entry[2]
    product = is_in(entry[1], MULTIPLY) and len(args) == 2 and args[0][0] == args[1][0]
    power = name in ("pow", "power") and len(args) == 2 and np.all(args[1][1] == 2)
    if product or power or name == "square":
        return args[0]
    return None


def _text(key: Key, made: dict[Key, Entry]) -> str:
    """Return how a value is called where it is made, if it has a name."""
    entry = made.get(key)
    targets = SITES[entry[0]].targets if entry is not None else ()
    return targets[0] if targets else "x"


# ---- the verdict -------------------------------------------------------------------------------


def check(record: Record) -> Iterator[Finding]:
    """Judge what the data has lost."""
    if record.nonfinite is not None:
        return
    for v in record.coarse.variances:
        site = SITES[v.site]
        error = abs(v.got - v.true) / v.true if v.true else np.inf
        yield digits_lost(
            site, v.got, v.true,
            f"write `np.var({v.operand})`, which takes the mean away before it squares",
            {"got": v.got, "true": v.true, "dtype": v.kind, "error": error},
            notes=[
                f"a variance as a difference of squares of {v.kind}: off by {short(100 * error)} %"
            ],
        )  # fmt: skip
        return
    for c in record.coarse.casts:
        yield advise(
            "BP203", "dtype", statement_of(SITES[c.site]),
            f"{c.kind} cannot tell these values apart: {c.before} distinct ones become {c.after}",
            "take the offset away first (`t - t[0]`), or keep the data in float64",
            {"dtype": c.kind, "distinct": c.before, "left": c.after, "error": c.error,
             "deviation": c.deviation, "spacing": c.spacing},
            notes=[
                f"neighbouring {c.kind} numbers are {short(c.spacing)} apart here; the data has a "
                f"standard deviation of {short(c.deviation)} and is off by {short(c.error)}"
            ],
            confidence="proven",
        )  # fmt: skip
        return
    for loss in record.coarse.losses:
        yield digits_lost(
            SITES[loss.site], loss.got, loss.true,
            "take a common offset away first (`X - X.mean(axis=0)`), or compute it in float64",
            {"got": loss.got, "true": loss.true, "dtype": loss.kind, "error": loss.error},
            notes=[
                f"numbers up to {short(loss.size)} nearly cancel in {loss.kind}: computed again in "
                f"float64, the result is off by {short(100 * loss.error)} % of its deviation"
            ],
        )  # fmt: skip
