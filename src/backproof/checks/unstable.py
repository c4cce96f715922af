"""BP202 unstable-formula: right in exact arithmetic, lost in floating point, here or soon.

The way from the logits to the cost and to the gradient is evaluated again with 60 digits, at the
recorded logits and at those that training is heading to. What an epsilon makes of cost and gradient
is measured by the same evaluation without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.arithmetic import EXPONENTIALS, is_in
from backproof.calculus.precision import DIGITS, as_floats, without_epsilon
from backproof.checks.advice import advise, short
from backproof.checks.formula import Formula, Reading
from backproof.checks.observation import Observation
from backproof.checks.origin import name_of
from backproof.checks.places import place_of
from backproof.finding import Finding
from backproof.trace.site import Site
from backproof.trace.tape import Operation, Ref

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: Relative error of the cost from which on its printed value misleads, and of the gradient from
#: which on the step goes elsewhere. Rounding alone makes 1e-13 at most.
COST = 0.1
GRADIENT = 0.05
#: Logits below this leave sigmoid and softmax all their digits in float64 (in float32 half of it).
CALM = 12.0
MOST_ELEMENTS = 20_000
#: Logits are followed to where they will be after as many steps again.
AGAIN = 2.0


def check(record: Record) -> Iterator[Finding]:
    """Judge the formulas between the logits and the cost."""
    seen = next((o for o in reversed(record.seen) if o.formula is not None), None)
    if seen is None or seen.formula is None or record.nonfinite is not None:
        return
    found = _judge(record, seen, 1.0)
    if found is None:
        factor = _heading(record)
        found = _judge(record, seen, factor) if factor > 1.05 else None
    if found is not None:
        yield found


def _heading(record: Record) -> float:
    """Return by which factor the logits will have grown after as many steps again.

    Where samples are separated the logits grow with the logarithm of the steps (Soudry et al.
    2018, "The implicit bias of gradient descent on separable data").
    """
    sizes = [
        (o.step + 1, float(np.max(np.abs(o.formula.logits), initial=0.0))) for o in record.seen
        if o.formula is not None
    ]  # fmt: skip
    if len(sizes) < 2 or sizes[-1][1] <= 0:
        return 1.0
    (t1, z1), (t2, z2) = sizes[-2:]
    if t2 <= t1 or z2 <= z1 or z2 < CALM:
        return 1.0
    ahead = AGAIN * max(record.steps, t2)
    return float(min(4.0, 1 + (z2 - z1) / z2 * np.log(ahead / t2) / np.log(t2 / t1)))


def _error(own: Any, true: Any) -> float:
    """Return the relative error in the largest norm; infinite where `own` is not finite."""
    if own is None:
        return 0.0
    own, true = np.asarray(own, dtype=float), np.asarray(true, dtype=float)
    if own.shape != true.shape or not np.all(np.isfinite(true)):
        return 0.0
    if not np.all(np.isfinite(own)):
        return np.inf
    size = float(np.max(np.abs(true), initial=0.0))
    return float(np.max(np.abs(own - true), initial=0.0)) / size if size > 1e-200 else 0.0


def _judge(record: Record, seen: Observation, factor: float) -> Finding | None:
    formula = seen.formula
    assert formula is not None
    top = float(np.max(np.abs(formula.logits), initial=0.0)) * factor
    if top < CALM or formula.elements > MOST_ELEMENTS:
        return None
    if record.meter.left < 1e-5 * formula.elements:
        return None
    reading = formula.read(factor)
    if reading is None:
        return None
    limits = [COST if formula.cost and i == 0 else GRADIENT for i in range(len(reading.own))]
    errors = [_error(a, b) for a, b in zip(reading.own, reading.exact, strict=True)]
    biases = [_error(a, b) for a, b in zip(reading.own, reading.plain, strict=True)]
    lost = [i for i, e in enumerate(errors) if e > limits[i]]
    biased = [i for i, e in enumerate(biases) if e > limits[i] and i not in lost]
    if not lost and not biased:
        return None
    # A gradient that goes elsewhere is worse than a cost that misleads.
    return _finding(seen, formula, reading, (lost or biased)[-1], bool(lost), factor, top, errors,
                    biases)  # fmt: skip


def _blamed(formula: Formula, reading: Reading, end: int, lost: bool) -> Site | None:
    """Return where an output loses its digits: a bad result of good operands, or an epsilon."""
    needed = _ancestors(formula.part.operations, formula.part.outputs[end])
    for operation in formula.part.operations:
        if operation.out not in needed:
            continue
        if not lost:
            env = formula.part.run.env
            given = [env[a.node] if type(a) is Ref else a for a in operation.args]
            if without_epsilon(name_of(operation.function), given) is not None:
                return operation.where
            continue
        error = _elementwise(reading.values[operation.out], reading.truth.get(operation.out))
        before = max(
            (_elementwise(reading.values.get(n), reading.truth.get(n)) for n in operation.inputs
             if n in reading.values), default=0.0,
        )  # fmt: skip
        if error > 1e-3 and before < 1e-2 * min(error, 1.0):
            return (_overflowing(formula, reading, operation) or operation).where
    return None


def _overflowing(formula: Formula, reading: Reading, quotient: Operation) -> Operation | None:
    """Return the exponential of which both sides of a quotient are made that is inf / inf."""
    sides = [reading.values.get(n) for n in quotient.inputs]
    if len(sides) != 2 or any(v is None or not np.any(np.isinf(v)) for v in sides):
        return None
    behind = _ancestors(formula.part.operations, quotient.out)
    return next((o for o in formula.part.operations
                 if o.out in behind and is_in(o.function, EXPONENTIALS)), None)  # fmt: skip


def _ancestors(operations: list[Operation], end: int) -> set[int]:
    found = {end}
    for operation in reversed(operations):
        if operation.out in found:
            found.update(operation.inputs)
    return found


def _elementwise(own: Any, true: Any) -> float:
    """Return the worst relative error of any element."""
    if own is None or true is None:
        return 0.0
    try:
        a, b = np.asarray(own, dtype=float), as_floats(true)
    except (TypeError, ValueError):
        return 0.0
    if a.shape != b.shape or not b.size:
        return 0.0
    with np.errstate(all="ignore"):
        error = np.where(b != 0, np.abs(a - b) / np.abs(b), 0.0)
    error = np.where(np.isfinite(b) & (np.abs(b) > 1e-300), error, 0.0)
    return float(np.max(np.where(np.isnan(error), np.inf, error)))


# ---- the stable form ---------------------------------------------------------------------------


def _softplus(z: Any, y: Any) -> float:
    return float(np.sum(np.logaddexp(0, z) - y * z))


def _log_sum_exp(axis: int) -> Callable[[Any, Any], float]:
    def cost(z: Any, y: Any) -> float:
        shifted = z - z.max(axis=axis, keepdims=True)
        return float(np.sum(y * (np.log(np.exp(shifted).sum(axis=axis, keepdims=True)) - shifted)))

    return cost


def stable_cost(formula: Formula, hard: float, truth: float) -> tuple[str, float] | None:
    """Return (text, error at the hard logits) of a cost from the logits that is the same one.

    It must equal the author's at calm logits, up to one factor, and the exact value at hard ones.
    """
    z = np.asarray(formula.logits, dtype=float)
    y = formula.label
    if y is None or not formula.cost:
        return None
    y = np.asarray(y, dtype=float)
    if y.size != z.size:
        return None
    y = y.reshape(z.shape)
    name, label = formula.names
    forms: list[tuple[str, Callable[[Any, Any], float]]] = [
        (f"np.logaddexp(0, {name}) - {label} * {name}", _softplus)
    ]
    for axis in range(z.ndim) if z.ndim == 2 else ():
        shift = f"{name} - {name}.max(axis={axis}, keepdims=True)"
        text = (
            f"S = {shift}; cost -= {label} * (S - np.log(np.exp(S).sum(axis={axis}, "
            "keepdims=True)))"
        )
        forms.append((text, _log_sum_exp(axis)))
    top = float(np.max(np.abs(z)))
    for text, form in forms:
        ratios = []
        for size in (1.0, 2.0, 3.0):
            calm = z * (size / top)
            own = formula.part({formula.node: calm})[0]
            value = form(calm, y)
            ratios.append(float(np.ravel(own)[0]) / value if own is not None and value else np.nan)
        if not np.all(np.isfinite(ratios)) or np.ptp(ratios) > 1e-5 * abs(ratios[0]):
            continue
        value = ratios[0] * form(z * hard, y)
        return text, abs(value - truth) / abs(truth)
    return None


def _finding(
    seen: Observation, formula: Formula, reading: Reading, end: int, lost: bool, factor: float,
    top: float, errors: list[float], biases: list[float],
) -> Finding | None:  # fmt: skip
    site = _blamed(formula, reading, end, lost)
    if site is None:
        return None
    is_cost = formula.cost and end == 0
    what = "the cost" if is_cost else "the gradient"
    own = np.asarray(reading.own[end], dtype=float)
    true = (reading.exact if lost else reading.plain)[end]
    worst = int(np.argmax(np.abs(np.nan_to_num(own - true, nan=np.inf)))) if own.size > 1 else 0
    mine, right = float(own.reshape(-1)[worst]), float(np.ravel(true)[worst])
    text = " ".join(site.text.split())
    when = f"at step {seen.step}" if factor == 1.0 else f"once the logits reach {short(top)}"
    why = "loses its digits" if lost else "holds an epsilon that decides"
    shown = short(mine) if np.isfinite(mine) else str(mine)
    title = f"`{text}` {why}: {what} is {shown} {when}, not {short(right)}"
    notes = [
        f"logits up to {short(top)}; evaluated again with {DIGITS} digits"
        + ("" if lost else " and without the epsilon")
    ]
    evidence: dict[str, Any] = {
        "step": seen.step, "logits": top, "heading": factor != 1.0, "own": mine if
        np.isfinite(mine) else None, "true": right,
        "errors": [e if np.isfinite(e) else None for e in errors],
        "epsilon_errors": [e if np.isfinite(e) else None for e in biases],
    }  # fmt: skip
    message = "compute it from the logits"
    if formula.cost:
        stable = stable_cost(formula, factor, float(np.ravel(reading.plain[0])[0]))
        if stable is not None and stable[1] < 1e-9:
            message = f"compute the cost from the logits: `{stable[0]}`"
            notes.append(
                "that form equals the cost where the logits are small (up to its factor), and the "
                f"exact value here to {stable[1]:.1g}"
            )
            evidence["stable"] = stable[0]
    if not is_cost:
        message = f"its derivative with respect to the logits is `A - {formula.names[1]}`"
    return advise(
        "BP202", "numeric-nonfinite", place_of(site), title, message, evidence, notes=notes,
        severity="warning" if factor == 1.0 else "note", confidence="proven",
    )  # fmt: skip
