"""What a step loses to its number format: digits that cancel, updates that change nothing.

The step is computed again with more bits (float64 for a program in float32, 80-bit floats for one
in float64). Where a gradient or the cost comes out otherwise, the first operation that makes a bad
result of good operands is to blame, and stable forms are tried on its recorded operands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backproof.calculus.precision import HAS_EXTENDED, Unsupported, evaluate, extended
from backproof.roles import Parameter
from backproof.trace.site import Site
from backproof.trace.tape import Operation, Ref, Run, Tape

#: Error of a gradient or the cost, relative to the largest that it was in the judged steps: a
#: converged gradient is made of rounding, and harms nobody. Float32 has 7 digits, float64 16.
LOST = {4: 0.03, 8: 1e-3}
#: Share of an operation's results that have become zero, and results that it must have.
VANISHED, LEAST = 0.3, 8
MOST_OPERATIONS = 1_500
MOST_ELEMENTS = 80_000
MOST_PRODUCTS = 600_000


@dataclass(slots=True)
class Rounding:
    """What the number format does in one step."""

    errors: list[tuple[str, float, float]] = field(default_factory=list)
    """Of the cost and of gradients: name, absolute error, size."""
    site: Site | None = None
    operation: str = ""
    got: float = 0.0
    true: float = 0.0
    form: str = ""
    bits: int = 8
    stuck: float = 0.0
    """Share of the entries with a change that their type cannot hold."""
    lost: float = 0.0
    """Share of the step, by its square, that these entries should have made."""
    vanished: tuple[Site, str, float] | None = None
    """The first operation on the way to a gradient whose results are too small for their type: its
    site, the type, and the share of them that are zero and should not be."""


def measure(
    tape: Tape, run: Run, params: Sequence[Parameter], cost: int | None, gradients: Sequence[int]
) -> Rounding:
    """Compare a recorded step with itself in more bits."""
    found = Rounding()
    kinds = [np.asarray(tape.nodes[n].obj).dtype.itemsize for p in params for n in p.old]
    found.bits = 4 if min(kinds, default=8) <= 4 else 8
    _measure_updates(found, tape, run, params)
    ends = [n for n in (cost, *gradients) if n is not None]
    needed = tape.ancestors(ends)
    operations = [o for o in tape.operations if o.out in needed]
    found.vanished = _vanished(tape, run, tape.ancestors(gradients), operations)
    if not ends or len(operations) > MOST_OPERATIONS or _too_large(operations, run):
        return found
    if found.bits == 4:
        own: Any = {n: tape.value(n) for n in needed}
        exact: Any = run.env
    elif HAS_EXTENDED:
        own = run.env
        try:
            exact = evaluate(operations, run.env, lift=extended)
        except Unsupported:
            return found
    else:
        return found
    for node in ends:
        error, size = _difference(own[node], exact[node])
        found.errors.append(("the cost" if node == cost else "a gradient", error, size))
    limit = LOST[found.bits]
    if any(e > 0.1 * limit * s for _, e, s in found.errors):
        _blame(found, tape, operations, own, exact)
    return found


def _vanished(
    tape: Tape, run: Run, feeding: set[int], operations: Sequence[Operation]
) -> tuple[Site, str, float] | None:
    """Return the first operation that underflows in half precision."""
    for operation in operations[:MOST_OPERATIONS]:
        kind = getattr(tape.nodes[operation.out].obj, "dtype", None)
        exact = run.env[operation.out]
        if kind != np.float16 or operation.out not in feeding or exact is None:
            continue
        own = np.asarray(tape.value(operation.out))
        if own.shape != np.shape(exact) or own.size < LEAST:
            continue
        share = float(np.mean((own == 0) & (np.asarray(exact) != 0)))
        if share > VANISHED:
            return operation.where, str(kind), share
    return None


def _too_large(operations: Sequence[Operation], run: Run) -> bool:
    elements = products = 0
    for operation in operations:
        size = int(np.size(run.env[operation.out]))
        elements += size
        name = getattr(operation.function, "name", getattr(operation.function, "__name__", ""))
        if name in ("dot", "matmul", "einsum", "tensordot") and operation.inputs:
            products += size * int(max(np.shape(run.env[operation.inputs[0]]) or (1,)))
    return elements > MOST_ELEMENTS or products > MOST_PRODUCTS


def _difference(own: Any, exact: Any) -> tuple[float, float]:
    """Return the largest difference and the largest size."""
    try:
        a, b = np.asarray(own), np.asarray(exact)
        if a.shape != b.shape or not b.size or b.dtype.kind != "f" or a.dtype.kind != "f":
            return 0.0, 0.0
        with np.errstate(all="ignore"):
            error = np.max(np.abs(a.astype(b.dtype) - b))
        size = float(np.max(np.abs(b)))
        return (float(error), size) if np.isfinite(size) and np.isfinite(error) else (0.0, 0.0)
    except (TypeError, ValueError):
        return 0.0, 0.0


def _relative(own: Any, exact: Any) -> float:
    error, size = _difference(own, exact)
    return error / size if size else 0.0


def _blame(
    found: Rounding, tape: Tape, operations: Sequence[Operation], own: Any, exact: Any
) -> None:
    """Find the first operation that makes a bad result of good operands."""
    good = LOST[found.bits] / 100
    for operation in operations:
        error = _relative(own[operation.out], exact[operation.out])
        if error < LOST[found.bits]:
            continue
        before = max((_relative(own[n], exact[n]) for n in operation.inputs if n in needed_in(exact)
                      ), default=0.0)  # fmt: skip
        if before > good:
            continue
        a, b = (
            np.ravel(np.asarray(own[operation.out], dtype=float)),
            np.ravel(np.asarray(exact[operation.out], dtype=float)),
        )
        worst = int(np.argmax(np.abs(a - b)))
        found.site, found.got, found.true = operation.where, float(a[worst]), float(b[worst])
        found.operation = operation.where.text
        found.form = stable(tape, operation, own, exact)
        return


def needed_in(values: Any) -> Any:
    """Return what `in` tells of: the nodes that have a value."""
    return values if isinstance(values, dict) else range(len(values))


# ---- stable forms ------------------------------------------------------------------------------

FORMS: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("np.var({0})", np.var),
    ("np.var({0}, axis=0)", lambda x: np.var(x, axis=0)),
    ("np.var({0}, axis=1)", lambda x: np.var(x, axis=1)),
    ("np.var({0}, axis=0, keepdims=True)", lambda x: np.var(x, axis=0, keepdims=True)),
    ("np.var({0}, axis=1, keepdims=True)", lambda x: np.var(x, axis=1, keepdims=True)),
    ("2 * np.sin({0} / 2) ** 2", lambda x: 2 * np.sin(x / 2) ** 2),
    ("np.expm1({0})", np.expm1),
    ("-np.expm1({0})", lambda x: -np.expm1(x)),
    ("np.log1p({0})", np.log1p),
    ("1 / (1 + np.exp({0}))", lambda x: 1 / (1 + np.exp(x))),
    ("1 / np.cosh({0}) ** 2", lambda x: 1 / np.cosh(x) ** 2),
)


def stable(tape: Tape, operation: Operation, own: Any, exact: Any) -> str:
    """Return the text of a form of a recorded operand that has the exact value, or ''."""
    wanted = np.asarray(exact[operation.out], dtype=float)
    size = float(np.max(np.abs(wanted), initial=0.0))
    near = [operation.out]
    for _ in range(4):
        near += [n for o in (tape.producer(m) for m in list(near)) if o for n in o.inputs]
    for node in dict.fromkeys(near[1:]):
        value = tape.nodes[node].obj
        if not isinstance(value, (np.ndarray, np.floating, float)) or not size:
            continue
        x = np.asarray(own[node] if node in needed_in(own) else value)
        for text, form in FORMS:
            try:
                with np.errstate(all="ignore"):
                    out = np.asarray(form(x), dtype=float)
            except (TypeError, ValueError, np.exceptions.AxisError):
                continue
            limit = 1e-9 if x.dtype.itemsize >= 8 else 1e-4
            if out.shape == wanted.shape and np.max(np.abs(out - wanted)) <= limit * size:
                return text.format(_text(tape, node))
    return ""


def _text(tape: Tape, node: int) -> str:
    made = tape.producer(node)
    if made is not None and made.where.targets and made.where.is_value:
        return made.where.targets[0]
    for index in tape.users[node]:
        where = tape.operations[index].where
        for argument, text in zip(tape.operations[index].args, where.operands, strict=False):
            if type(argument) is Ref and argument.node == node:
                return text
    return made.where.text if made is not None else "x"


# ---- updates that are too small ----------------------------------------------------------------


def _measure_updates(found: Rounding, tape: Tape, run: Run, params: Sequence[Parameter]) -> None:
    stuck = moving = 0
    missed = whole = 0.0
    for parameter in params:
        for update in parameter.updates:
            old, new = np.asarray(tape.value(update.old)), np.asarray(tape.value(update.new))
            before, after = run.env[update.old], run.env[update.new]
            if before is None or after is None or old.shape != new.shape:
                continue
            change = np.asarray(after, dtype=float) - np.asarray(before, dtype=float)
            if new.dtype.kind == "f" and new.dtype.itemsize > old.dtype.itemsize:
                new = new.astype(old.dtype)  # stored in the type that it is kept in
            wanted = change != 0
            if old.dtype.itemsize >= 8:
                continue
            moving += int(np.sum(wanted))
            stuck += int(np.sum(wanted & (old == new)))
            missed += float(np.sum(np.where(old == new, change, 0.0) ** 2))
            whole += float(np.sum(change**2))
    found.stuck = stuck / moving if moving else 0.0
    found.lost = missed / whole if whole > 0 else 0.0
