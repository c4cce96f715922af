"""BP202 before it fails: quotients and logarithms of exponentials whose arguments near overflow.

``exp(t) / (1 + exp(t))`` and a softmax without its maximum are inf / inf, ``log(1 + exp(t))`` is
inf, once ``exp(t)`` leaves the range of its type: at 709 in float64, 88.7 in float32. What the
judged steps have reached is held against that, and the step is repeated with the argument beyond
it: only formulas that really fail there are named (``1 / (1 + exp(-t))`` does not).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.arithmetic import ADD, DIVIDE, EXPONENTIALS, MULTIPLY, is_in
from backproof.checks.advice import advise, short
from backproof.checks.origin import name_of
from backproof.checks.places import place_of
from backproof.finding import Finding
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Operation, Ref, Tape

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: Share of the way to overflow, and an argument that no sound score has: exp(140) is 1e61.
NEAR = 0.5
ABSURD = 140.0
#: … and that still is none where a judged step has passed the former.
STILL = 70.0
LOGARITHMS = {"log", "log2", "log10"}
SUMS = {"add", "sub", "subtract", "sum", "iadd", "pow", "power", "square"}
MOST_OPERATIONS = 4_000


@dataclass(frozen=True, slots=True)
class Failure:
    """An operation that fails when the argument of an exponential has grown some more."""

    site: int
    exponential: int
    step: int
    top: float
    limit: float
    kind: str
    becomes: float
    quotient: bool
    over_sum: bool
    argument: str


@dataclass(slots=True)
class Looming:
    """Gathers exponentials near their overflow over the judged steps."""

    latest: dict[int, tuple[int, float]] = field(default_factory=dict)
    """Site of an exponential -> the latest step and its largest argument there."""
    failures: dict[int, Failure] = field(default_factory=dict)

    def look(self, tape: Tape, step: int) -> None:
        """Look at a recorded step."""
        if len(tape.operations) > MOST_OPERATIONS:
            return
        for operation in tape.operations:
            if not is_in(operation.function, EXPONENTIALS) or len(operation.args) != 1:
                continue
            given = operation.args[0]
            out = np.asarray(tape.value(operation.out))
            if type(given) is not Ref or out.dtype.kind != "f" or not out.size:
                continue
            argument = np.asarray(tape.value(given.node), dtype=float)
            top = float(np.max(argument))
            known = self.latest.get(operation.site)
            top = max(top, known[1]) if known is not None and known[0] == step else top
            self.latest[operation.site] = (step, top)
            limit = float(np.log(np.finfo(out.dtype).max))
            if operation.site in self.failures or not _near(top, limit):
                continue
            failing = _fails(tape, operation, given.node, argument * (1.05 * limit / top))
            if failing is not None:
                found, becomes, over_sum = failing
                texts = operation.where.operands
                self.failures[operation.site] = Failure(
                    found.site, operation.site, step, top, limit, str(out.dtype), becomes,
                    is_in(found.function, DIVIDE), over_sum, texts[-1] if texts else "z",
                )  # fmt: skip


def _near(top: float, limit: float, absurd: float = ABSURD) -> bool:
    return np.isfinite(top) and limit > top > min(NEAR * limit, absurd)


def _fails(
    tape: Tape, exponential: Operation, node: int, beyond: Any
) -> tuple[Operation, float, bool] | None:
    """Return the first quotient or logarithm that fails with the argument beyond overflow."""
    family = {
        o.out for o in tape.operations[exponential.index :]
        if is_in(o.function, EXPONENTIALS) and o.inputs == (node,)
    }  # fmt: skip
    over_sum = False
    for operation in tape.operations[exponential.index + 1 :]:
        inputs = set(operation.inputs)
        if not inputs & family:
            continue
        name = name_of(operation.function)
        if name in SUMS or is_in(operation.function, ADD) or is_in(operation.function, MULTIPLY):
            over_sum = over_sum or name == "sum"
            others = [n for n in inputs - family if np.size(tape.nodes[n].obj) > 1]
            if all(_is_exponential(tape, n) for n in others):
                family.add(operation.out)
            continue
        quotient = is_in(operation.function, DIVIDE) and inputs <= family and len(inputs) == 2
        if not quotient and name not in LOGARITHMS:
            continue
        given = np.asarray(tape.value(node))
        value = beyond.reshape(given.shape).astype(
            given.dtype if given.dtype.kind == "f" else float
        )
        with np.errstate(all="ignore"):
            run = tape.replay(replace={node: value if given.ndim else float(value)})
        became = run.env[operation.out]
        if became is None:  # math.exp raises
            return operation, np.inf, over_sum
        result = np.asarray(became, dtype=float)
        recorded = np.asarray(tape.value(operation.out), dtype=float)
        bad = ~np.isfinite(result)
        if np.any(bad) and np.all(np.isfinite(recorded)):
            return operation, float(result[bad].flat[0]), over_sum
    return None


def _is_exponential(tape: Tape, node: int) -> bool:
    """Whether a value is an exponential: ``exp(-t)`` beside ``exp(t)``."""
    made = tape.producer(node)
    return made is not None and is_in(made.function, EXPONENTIALS)


def check(record: Record) -> Iterator[Finding]:
    """Judge formulas that are near their overflow."""
    if record.nonfinite is not None or any(f.code == "BP202" for f in record.found):
        return
    for failure in record.looming.failures.values():
        step, top = record.looming.latest[failure.exponential]
        if not _near(top, failure.limit, STILL):
            continue
        top = max(top, failure.top)
        site: Site = SITES[failure.site]
        text = " ".join(site.text.split())
        t = failure.argument
        if failure.quotient:
            stable = f"1 / (1 + np.exp(-({t})))" if not failure.over_sum else (
                f"subtract the maximum first: `z = {t}`, then `np.exp(z - z.max(axis, "
                "keepdims=True))`"
            )  # fmt: skip
            message = stable if failure.over_sum else f"write `{stable}` (for both signs, by parts)"
        else:
            message = "compute it from the scores: `np.logaddexp(0, t)`, or take their maximum out"
        shown = "nan" if np.isnan(failure.becomes) else "inf"
        places = [place_of(site), place_of(SITES[failure.exponential])]
        if failure.over_sum:
            places.reverse()  # a maximum is subtracted where the exponential is taken
        place, other = places
        yield advise(
            "BP202", "numeric-unstable", place,
            f"`{text}` is {shown} once an exponent passes {short(failure.limit)}: they have come "
            f"to {short(top)}",
            message,
            {"step": step, "top": top, "limit": failure.limit, "dtype": failure.kind,
             "becomes": shown},
            notes=[
                f"step {failure.step} repeated with exponents 5 % beyond the range of "
                f"{failure.kind} gives {shown} here; the exact value is finite"
            ],
            related=[(other, "consequence" if failure.over_sum else "definition")],
            confidence="proven",
        )  # fmt: skip
        return
