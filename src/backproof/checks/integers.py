"""BP404 integer-arithmetic: small integers that wrap around, integer arrays that truncate.

NumPy computes in the type of its operands: ``-Y`` of a ``uint8`` array is 256 − Y, and a float
stored into an integer array loses its fraction, silently both. Every integer result is computed
again in float64; where the two differ, the type has decided the value.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backproof.checks.advice import advise, short
from backproof.checks.origin import name_of
from backproof.checks.places import Birthplaces, place_of, statement_of
from backproof.checks.refused import explain_cast
from backproof.finding import Finding
from backproof.trace import primitives
from backproof.trace.event import OPAQUE, SOURCE, Event
from backproof.trace.primitives import Method
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Operation, Ref, Tape, map_refs
from backproof.updates import Update

#: Functions that are computed again in float64.
ARITHMETIC = frozenset({
    "neg", "negative", "add", "sub", "subtract", "mul", "multiply", "pow", "power", "square",
    "dot", "matmul", "inner", "outer",
})  # fmt: skip
#: Those that overflow 32 bits as well. (Who mixes bits means to, and has unsigned ones.)
GROWING = frozenset({"mul", "multiply", "pow", "power", "square"})
#: Arrays are looked at in so many elements.
MOST_ELEMENTS = 50_000
#: A store truncates where more than this share of the stored numbers has a fraction.
FRACTIONAL = 0.5
#: Quotients of two arrays that say something.
LEAST = 8
#: Everything is lost where more than this share of what is not zero becomes zero.
LOST = 0.9


@dataclass(slots=True)
class Loss:
    """A place where an integer type decides a value, with one element as an example."""

    kind: str
    """'wraps', 'overflows', 'truncates', 'divides' or 'casts'."""
    site: int
    dtype: str
    got: float
    true: float
    operands: tuple[float, ...]
    count: int
    of: int
    array: Any = None
    """The integer array, whose birthplace is looked up at the end."""
    lost: int = 0
    """How many values that were not zero became zero."""
    made: Site | None = None


class Integers:
    """Gathers losses over the events of a run."""

    def __init__(self) -> None:
        self.losses: dict[tuple[int, str], Loss] = {}
        self.checked: dict[int, int] = {}
        self.raised: Finding | None = None

    # ---- what is looked at -----------------------------------------------------------------

    def add(self, log: Sequence[Event], births: Birthplaces) -> None:
        """Look through events before the judged steps."""
        for site, function, args, kwargs, out, undo in log:
            if type(out) is float or site < 0 or function is SOURCE or function is OPAQUE:
                continue
            dtype = getattr(out, "dtype", None)
            if dtype is None or dtype.kind not in "iu" or self.checked.get(site, 0) > 3:
                continue
            whole = undo is not None and undo[1] is Ellipsis and args and args[0] is undo[0]
            if whole and undo is not None and function is not primitives.set_item:
                args = (undo[2], *args[1:])
            for loss in losses_of(site, function, args, kwargs or {}, out):
                self._keep(loss, births)

    def look(self, tape: Tape, updates: Sequence[Update], births: Birthplaces) -> None:
        """Look at a recorded step; a wrapped value counts where it reaches an update."""
        harmed: set[int] | None = None
        for operation in tape.operations:
            obj = tape.nodes[operation.out].obj
            dtype = getattr(obj, "dtype", None)
            if dtype is None or dtype.kind not in "iu":
                continue
            if self.checked.get(operation.site, 0) > 3:
                continue
            resolve = lambda ref: tape.value(ref.node)  # noqa: E731
            args = tuple(map_refs(a, resolve) for a in operation.args)
            kwargs = {k: map_refs(v, resolve) for k, v in operation.kwargs.items()}
            if any(type(a) is Ref for a in args):
                continue
            out = tape.value(operation.out)
            for loss in losses_of(operation.site, operation.function, args, kwargs, out):
                if loss.kind != "truncates" and updates:
                    if harmed is None:
                        harmed = _harmed(tape, updates)
                    if operation.out not in harmed:
                        continue
                if operation.mutates:
                    loss.array, loss.made = obj, _maker(tape, operation)
                self._keep(loss, births)

    def _keep(self, loss: Loss, births: Birthplaces) -> None:
        self.checked[loss.site] = self.checked.get(loss.site, 0) + 1
        known = self.losses.get((loss.site, loss.kind))
        if known is not None:
            known.count, known.of = known.count + loss.count, known.of + loss.of
            known.lost += loss.lost
            if abs(loss.true - loss.got) > abs(known.true - known.got):
                known.true, known.got = loss.true, loss.got  # what is shown
            return
        if loss.made is None and isinstance(loss.array, np.ndarray):
            loss.made = births.of(loss.array)
        loss.array = None
        self.losses[loss.site, loss.kind] = loss

    def end(self, error: BaseException | None, births: Birthplaces) -> None:
        """The program is over, by an exception perhaps."""
        if error is not None and "Cannot cast ufunc" in str(error):
            self.raised = explain_cast(error, births)

    # ---- what is found ---------------------------------------------------------------------

    def findings(self) -> list[Finding]:
        """Return at most one finding: the first loss that does harm."""
        if self.raised is not None:
            return [self.raised]
        for loss in self.losses.values():
            if is_harmful(loss):
                return [_finding(loss)]
        return []


def _harmed(tape: Tape, updates: Sequence[Update]) -> set[int]:
    """Return what the updates and the scalars that depend on parameters are computed from.

    A comparison forgets the number: how often ``pred - y`` is not zero does not depend on wraps.
    """
    moving = tape.reach(u.old for u in updates)
    ends = [u.new for u in updates]
    compared: set[int] = set()
    for operation in tape.operations:
        obj = tape.nodes[operation.out].obj
        if getattr(obj, "dtype", None) == np.bool_ or type(obj) is bool:
            compared.add(operation.out)
        elif operation.out in moving and np.size(obj) == 1 and not tape.users[operation.out]:
            ends.append(operation.out)
    return tape.ancestors(ends, stop=compared)


def _maker(tape: Tape, operation: Operation) -> Site | None:
    """Return where an array that a step fills was made within that step."""
    made: Operation | None = operation
    while made is not None and made.mutates:
        first = made.args[0]
        made = tape.producer(first.node) if type(first) is Ref else None
    return made.where if made is not None else None


def losses_of(
    site: int, function: Any, args: Sequence[Any], kwargs: dict[str, Any], out: Any
) -> Iterator[Loss]:
    """Yield what an operation with an integer result loses."""
    name = name_of(function)
    if function is primitives.set_item or name in ("fill", "overwrite"):
        yield from _store(site, name, args, out)
    elif name == "astype" and isinstance(function, Method):
        yield from _cast(site, args, out)
    elif name in ("floordiv", "floor_divide"):
        yield from _quotient(site, args, out)
    elif name in ARITHMETIC and (
        out.dtype.itemsize <= 2 or (out.dtype.kind == "u" and name in ("neg", "negative", "sub",
                                                                     "subtract"))
        or (out.dtype == np.int32 and name in GROWING)
    ):  # fmt: skip
        yield from _wrap(site, function, args, kwargs, out)


def _wrap(
    site: int, function: Any, args: Sequence[Any], kwargs: dict[str, Any], out: Any
) -> Iterator[Loss]:
    small = [a for a in args if getattr(a, "dtype", None) == out.dtype]
    if not small or not np.size(out) or kwargs:
        return
    given = [np.asarray(a) for a in args if isinstance(a, (int, float, np.ndarray, np.generic))]
    if len(given) != len(args) or any(a.dtype.kind not in "iu" for a in given):
        return
    result = np.asarray(out)
    if all(a.shape in ((), result.shape) for a in given) and result.size > MOST_ELEMENTS:
        stride = result.size // MOST_ELEMENTS
        given = [a if a.shape == () else a.ravel()[::stride] for a in given]
        result = result.ravel()[::stride]
    elif sum(a.size for a in given) > 20 * MOST_ELEMENTS:
        return
    exact = np.asarray(function(*[a.astype(float) for a in given]))
    again = exact.astype(np.int64).astype(result.dtype)
    if exact.shape != result.shape or not np.array_equal(again, result):
        return  # an operand was changed since
    wrong = exact != result
    if not wrong.any():
        return
    first = tuple(int(i) for i in np.argwhere(wrong)[0]) if wrong.ndim else ()
    operands = tuple(
        float(a[first]) if a.shape == result.shape else float(a) for a in given
        if a.shape in ((), result.shape)
    )  # fmt: skip
    yield Loss(
        "wraps", site, str(result.dtype), float(result[first]), float(exact[first]), operands,
        int(wrong.sum()), int(wrong.size), next((a for a in small if np.size(a) > 1), small[0]),
    )  # fmt: skip


def _store(site: int, name: str, args: Sequence[Any], out: Any) -> Iterator[Loss]:
    value = args[-1]
    if isinstance(value, (bool, int, str)) or len(args) < 2:
        return
    try:
        stored = np.asarray(value)
    except ValueError:
        return
    if stored.dtype.kind in "iu" and stored.size and np.size(out):
        limits, true = np.iinfo(out.dtype), stored.astype(float)
        wrong = (true < limits.min) | (true > limits.max)
        if np.any(wrong):
            lost = float(true[wrong].ravel()[0])
            got = float(np.array(int(lost)).astype(out.dtype))
            yield Loss(
                "overflows", site, str(out.dtype), got, lost, (), int(wrong.sum()),
                int(stored.size), out,
            )  # fmt: skip
        return
    if stored.dtype.kind != "f" or not stored.size or not np.all(np.isfinite(stored)):
        return
    whole = np.trunc(stored)
    fraction = np.abs(stored - whole) > 1e-9
    if not fraction.any() and not np.any(stored):
        return
    most = int(np.argmax(np.abs(stored - whole)))
    yield Loss(
        "truncates", site, str(out.dtype), float(whole.ravel()[most]),
        float(stored.ravel()[most]), (), int(fraction.sum()), int(stored.size), out,
        int(np.sum((stored != 0) & (whole == 0))),
    )  # fmt: skip


def _cast(site: int, args: Sequence[Any], out: Any) -> Iterator[Loss]:
    x = np.asarray(args[0])
    if x.dtype.kind != "f" or x.size < 4 or not np.size(out):
        return
    values = x.ravel()[:: max(1, x.size // MOST_ELEMENTS)]
    some = np.abs(values[values != 0])
    # Rounding by `(x + 0.5).astype(int)` starts from numbers that are all above one half.
    if some.size < 4 or some.max() >= 1 or some.min() > 0.45:
        return
    yield Loss(
        "casts", site, str(np.asarray(out).dtype), 0.0, float(values[np.argmax(np.abs(values))]),
        (), int(some.size), int(values.size), None, int(some.size),
    )  # fmt: skip


def _quotient(site: int, args: Sequence[Any], out: Any) -> Iterator[Loss]:
    x, y = np.asarray(args[0]), np.asarray(args[1])
    if {x.dtype.kind, y.dtype.kind} <= {"i", "u"} and x.shape == y.shape and x.size >= LEAST:
        some = (x > 0) & (y > x)  # of counts and totals nothing is left
        lost = int(np.sum(some & (np.asarray(out) == 0)))
        if lost >= LOST * x.size and np.ptp(x):
            first = int(np.flatnonzero(some)[0])
            a, b = float(x.ravel()[first]), float(y.ravel()[first])
            yield Loss("divides", site, str(x.dtype), 0.0, a / b, (a, b), lost, x.size, x, lost)
        return
    if x.dtype.kind not in "iu" or x.size < 4 or x.ndim < 2 or np.size(args[1]) != 1:
        return
    by = float(np.ravel(args[1])[0])
    values = x.ravel()[:: max(1, x.size // MOST_ELEMENTS)].astype(float)
    some = values[values != 0]
    lost = int(np.sum(np.floor(some / by) == 0)) if by else 0
    if some.size and lost >= LOST * some.size:
        worst = float(some[np.argmax(np.where(some < by, some, -1))])
        yield Loss("divides", site, str(x.dtype), 0.0, worst / by, (worst, by), lost,
                   int(some.size), x, lost)  # fmt: skip


def is_harmful(loss: Loss) -> bool:
    """Whether the author cannot have meant it."""
    if loss.kind != "truncates":
        return True
    if loss.count < FRACTIONAL * loss.of:
        return False
    if _changes_entry(SITES[loss.site]):
        return True  # a sum or a parameter that is changed by fractions
    if loss.made is not None and not _asks_for_integers(loss.made.text):
        return True
    return loss.lost >= LOST * loss.count


def _changes_entry(site: Site) -> bool:
    """Whether a store puts back what it has read, changed: ``W[i] -= …``, ``W[i] = W[i] - …``."""
    if site.kind == "aug_item":
        return True
    try:
        (statement,) = ast.parse(site.file.slice(site.statement).strip()).body
    except (SyntaxError, ValueError):
        return False
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return False
    target = ast.unparse(statement.targets[0])
    parts = [n for n in ast.walk(statement.value) if isinstance(n, ast.Subscript)]
    return target in map(ast.unparse, parts)


def _asks_for_integers(text: str) -> bool:
    """Whether an expression that makes an array names an integer type, or draws integers."""
    return "int" in text or "dtype" in text or "arange" in text or "bool" in text


def _finding(loss: Loss) -> Finding:
    site = SITES[loss.site]
    place, related = place_of(site), []
    made = statement_of(loss.made) if loss.made is not None else None
    example: dict[str, Any] = {
        "dtype": loss.dtype, "got": loss.got, "true": loss.true, "elements": loss.count,
        "of": loss.of,
    }  # fmt: skip
    text = " ".join(site.text.split())
    if loss.kind == "wraps":
        title = (
            f"`{text}` wraps around: {loss.dtype} holds {short(loss.got)} instead of "
            f"{short(loss.true)}"
        )
        name = next((o for o in site.operands if o.isidentifier()), "the operand")
        message = f"convert before the arithmetic: `{name}.astype(float)`"
        notes = [f"{loss.count} of {loss.of} elements differ from the same expression in float64"]
        if made is not None:
            related.append((made, "definition"))
    elif loss.kind == "truncates":
        title = (
            f"an {loss.dtype} array truncates what is stored in it: {short(loss.true)} becomes "
            f"{short(loss.got)}"
        )
        message = "make it an array of floats: `dtype=float`"
        notes = [
            f"`{_line(site)}` stores {loss.of} numbers, {loss.count} of them with a fraction, "
            f"{loss.lost} become 0"
        ]
        if made is not None:
            place, related = made, [(statement_of(site), "call-site")]
    elif loss.kind == "overflows":
        title = (
            f"an {loss.dtype} array cannot hold what is stored in it: {short(loss.true)} becomes "
            f"{short(loss.got)}"
        )
        message = "make it an array of larger numbers: `dtype=int`"
        notes = [f"`{_line(site)}` stores {loss.of} numbers, {loss.count} of them too large"]
        if made is not None:
            place, related = made, [(statement_of(site), "call-site")]
    elif loss.kind == "divides":
        title = (
            f"`{text}` divides integers: {loss.count} of {loss.of} numbers become 0 "
            f"({short(loss.operands[0])} // {short(loss.operands[1])})"
        )
        message = f"divide with `/`: {short(loss.true)} is lost"
        notes = []
    else:
        title = f"`{text}` cuts all {loss.count} numbers to 0: they lie between −1 and 1"
        message = "keep the floats, or round them: `np.rint`"
        notes = [f"for instance {short(loss.true)} becomes 0"]
    return advise(
        "BP404", "dtype", place, title, message, example, severity="error", notes=notes,
        related=related, confidence="proven",
    )  # fmt: skip


def _line(site: Site) -> str:
    return " ".join(site.file.slice(site.statement).split())[:80]


def first_findings(findings: Iterable[Finding], found: Sequence[Finding]) -> list[Finding]:
    """Put what integers spoil first: a gradient that they make wrong is a consequence."""
    rest = [replace(f, severity="note") if f.severity == "error" else f for f in findings]
    return [*found, *rest]
