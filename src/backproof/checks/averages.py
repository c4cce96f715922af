"""The averages that an optimiser keeps, and what contradicts itself in two of them.

These are their shares and their corrections.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.arithmetic import DIVIDE, covers, is_in
from backproof.carries import carries_of
from backproof.checks.cause.passed_on import renamed_at
from backproof.checks.gradient import StepEvidence
from backproof.checks.places import Place, statement_of
from backproof.checks.slips import Slip
from backproof.roles import Parameter
from backproof.trace.tape import Ref

#: Relative difference of numbers that are equal.
EQUAL = 1e-7
#: Relative difference of steps that are equal: an epsilon stands beside the root.
NEAR = 1e-4
#: The same of the rates of different steps: one that shrinks slowly follows no rule.
STEADY = 1e-6
#: Entries that must agree.
LEAST_ENTRIES = 3
#: What a correction must differ from one by.
TELLING = 1e-3
#: Decays of an average.
LEAST_DECAY, MOST_DECAY = 0.3, 1.0

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Average:
    """A value that keeps `decay` of its old self and adds `share` of a gradient, or its square."""

    value: Array
    decay: float
    share: float
    squared: bool
    place: Place
    correction: float | None
    """The number that it is divided by."""
    corrected: Place
    """Where it is."""
    source: int
    """The node of its old self."""

    @property
    def age(self) -> int:
        """The number of steps t for which the correction is that of this average, or 0."""
        return 0 if self.correction is None else power(1 - self.correction, self.decay)


def power(value: float, base: float) -> int:
    """Return the whole number n ≥ 1 with ``value = base ** n``, or 0."""
    if not 0 < value < 1:
        return 0
    n = round(float(np.log(value) / np.log(base)))
    return n if n and abs(value - base**n) < EQUAL * value else 0


def both_corrected(first: float, second: float) -> str:
    """Say how both averages are corrected, by their decays."""
    return f"divide the first by 1 - {first:g} ** t, the second by 1 - {second:g} ** t"


def corrections(first: Average, second: Average) -> Iterator[Slip]:
    """Find an average that is divided by what belongs to the other, or by more than one."""
    if first.correction is None or second.correction is None or (first.age and second.age):
        return
    if min(abs(1 - first.correction), abs(1 - second.correction)) < TELLING:
        return  # late in a run a correction is one, whatever decays
    help = both_corrected(first.decay, second.decay)
    pairs = ((first, second, "first", "second"), (second, first, "second", "first"))
    for one, other, name, beside in pairs:
        assert one.correction is not None
        t = 0 if one.age else power(1 - one.correction, other.decay)
        if t and other.age in (0, t):
            reason = f"the {name} average is corrected with the decay of the {beside}"
        elif other.age and abs(one.correction - 1 - one.decay**other.age) < EQUAL:
            reason = f"the {name} average is divided by 1 + {one.decay:g} ** t, not 1 - …"
        else:
            continue
        yield Slip(one.corrected, "wrong-operand", reason, help)
    for one, other, name, _ in pairs:
        if one.age or not other.age or one.correction is None or one.correction >= 1:
            continue
        meant = (1 - one.correction) ** (1 / other.age)
        written = abs(meant - round(meant, 5)) < EQUAL and LEAST_DECAY < meant < MOST_DECAY
        if written and abs(one.decay - other.decay) < EQUAL:
            yield Slip(
                one.place, "wrong-operand",
                f"the {name} average decays by {one.decay:g}, as the other does, and is corrected "
                f"for a decay by {meant:g}",
                f"keep {meant:g} of the old average, and add {1 - meant:g} of the new value",
            )  # fmt: skip


def fit_together(first: Average, second: Average) -> bool:
    """Whether nothing of two averages speaks against their shares and their corrections."""
    late = all(abs(1 - (a.correction or 1.0)) < TELLING for a in (first, second))
    return _is_shared_out(first, second) and first.age == second.age and (late or first.age > 0)


def _is_shared_out(first: Average, second: Average) -> bool:
    """Whether each adds what its decay leaves, of the gradient that the author has in mind."""
    size = (1 - first.decay) / first.share
    return abs(second.share * size**2 / (1 - second.decay) - 1) < EQUAL


def shares(first: Average, second: Average) -> Iterator[Slip]:
    """Find an average that adds another share than its decay leaves: that of the other one."""
    if _is_shared_out(first, second):
        return
    for one, other in ((first, second), (second, first)):
        wrong = {
            "the share that the other average adds": 1 - other.decay,
            "as much as it keeps": one.decay,
        }
        if one.age and abs(other.share - (1 - other.decay)) < EQUAL:
            # What is divided by 1 - βᵗ adds a share of 1 - β.
            wrong["all of it"] = 1.0
        for what, share in wrong.items():
            if abs(one.share - share) < EQUAL and abs(share - (1 - one.decay)) > EQUAL:
                yield Slip(
                    one.place, "wrong-operand",
                    f"the average of its {'squared ' if one.squared else ''}gradients keeps "
                    f"{one.decay:g} of the old value and adds {one.share:g} of the new one, {what}",
                    f"add {1 - one.decay:g} of the new one",
                )  # fmt: skip


def averages_in(
    evidence: StepEvidence, parameter: Parameter, own: Array, *, sums: bool = False
) -> Iterator[Average]:
    """Yield the averages of a gradient, or of its square, that the new value is made of."""
    tape, env = evidence.tape, evidence.run.env
    carries = carries_of(tape)
    olds = {n for p in evidence.params for n in p.old}
    for node in sorted(tape.ancestors([parameter.updates[0].new])):
        for source, decay in carries.carry.get(node, {}).items():
            kept = LEAST_DECAY < decay < MOST_DECAY or (sums and decay == MOST_DECAY)
            if source in olds or not kept:
                continue
            made = tape.producer(node)
            merges = carries.merges(node, source)
            if made is None or len(merges) != 1 or merges[0][0] != made.index:
                continue
            added = env[merges[0][1]]
            if np.size(added) != own.size or np.size(env[node]) != own.size:
                continue
            value = np.asarray(env[node], float).reshape(-1)
            for squared, of in ((False, own), (True, own * own)):
                share = _ratio(np.asarray(added, float).reshape(-1), of)
                if share is not None:
                    place = statement_of(made.where)
                    correction = _correction(evidence, node)
                    passed = renamed_at(tape, node)
                    plain = place if passed is None else statement_of(passed)
                    number, there = (None, plain) if correction is None else correction
                    yield Average(value, decay, share, squared, place, number, there, source)


def _ratio(values: Array, of: Array) -> float | None:
    """Return the one number that makes all entries of a value of another, if there is one."""
    known = np.abs(of) > 1e-6 * np.max(np.abs(of), initial=0.0)
    if np.count_nonzero(known) < LEAST_ENTRIES:
        return None
    ratios = values[known] / of[known]
    middle = float(np.median(ratios))
    return middle if middle and np.max(np.abs(ratios / middle - 1)) < EQUAL else None


def constant_of(change: Array, first: Array, divisor: Array) -> float | None:
    """Return c where a change is ``c · first / (divisor + ε)``, whatever ε ≥ 0 is."""
    known = (change != 0) & (first != 0) & (divisor > 0)
    if np.count_nonzero(known) <= LEAST_ENTRIES:
        return None
    inverse, x = first[known] / change[known], divisor[known]
    basis = np.stack([x, np.ones(x.size)], axis=1) / np.abs(inverse)[:, None]
    (slope, offset), *_ = np.linalg.lstsq(basis, np.sign(inverse), rcond=None)
    gap = float(np.max(np.abs(basis @ [slope, offset] - np.sign(inverse))))
    alike = np.ptp(x) <= EQUAL * np.max(x)
    return (
        float(1 / slope)
        if slope and gap < NEAR and offset * slope >= -EQUAL and not alike
        else None
    )


def change_of(evidence: StepEvidence, parameter: Parameter) -> Array:
    """Return by how much a step changes a parameter."""
    env, update = evidence.run.env, parameter.updates[0]
    change: Array = np.asarray(env[update.new], float) - np.asarray(env[update.old], float)
    return change.reshape(-1)


def _correction(evidence: StepEvidence, node: int) -> tuple[float, Place] | None:
    """Return the number that an average is divided by, and where."""
    tape, env = evidence.tape, evidence.run.env
    for index in tape.users[node]:
        operation = tape.operations[index]
        if covers(operation) and operation.inputs[-1] == node:
            return _correction(evidence, operation.out)  # ``m[:] = …``
        if is_in(operation.function, DIVIDE) and len(operation.args) == 2:
            top, bottom = operation.args
            number = env[bottom.node] if type(bottom) is Ref else bottom
            if type(top) is Ref and top.node == node and np.size(number) == 1:
                return float(np.sum(number)), statement_of(operation.where)
    return None
