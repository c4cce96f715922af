"""BP203 where an epsilon is no small number: ``x / np.sqrt(var + eps)`` of a variance far below it.

What a normalisation is to make of size one comes out small, and the layers behind it hardly see it.
The recorded step is repeated with the epsilon below the variance: only what then learns is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.arithmetic import ADD, is_in
from backproof.calculus.slices import StepMap
from backproof.checks.advice import advise, short
from backproof.checks.origin import name_of
from backproof.checks.places import definition, place_of
from backproof.checks.pooled import affordable, cost_at, repeat
from backproof.finding import Finding
from backproof.trace.site import Site
from backproof.trace.tape import Operation, Ref, Run, Tape

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: An epsilon is a number up to this size; it swamps what is so many times smaller throughout.
LARGEST = 1e-2
SWAMPS = 10.0
#: With so small a share of the least variance in its place …
SHARE = 1e-3
#: … the trial must end below this share of what the step as it is comes to.
BETTER = 0.6
LEARNT = 0.5
FEWEST, LONGEST = 20, 120
ROOTS = {"sqrt", "pow", "power", "rsqrt"}
MOST_OPERATIONS = 4_000


@dataclass(frozen=True, slots=True)
class Swamped:
    """An epsilon, the largest value that it is added to, and the step with a smaller one."""

    site: Site
    text: str
    epsilon: float
    largest: float
    step: StepMap


def find_swamped(
    tape: Tape, run: Run, cost: int | None, remake: Callable[[Tape, Run], StepMap]
) -> Swamped | None:
    """Return the epsilon of a forward pass that swamps a variance, if there is one."""
    if cost is None or len(tape.operations) > MOST_OPERATIONS:
        return None
    forward = tape.ancestors([cost])
    for operation in tape.operations:
        if operation.out not in forward or not is_in(operation.function, ADD):
            continue
        known = _parts(tape, run, operation)
        if known is None:
            continue
        position, epsilon, variance = known
        largest = float(np.max(variance))
        least = float(np.min(variance[variance > 0], initial=largest))
        args = list(operation.args)
        args[position] = SHARE * least
        edited = copy(tape)
        edited.operations = list(tape.operations)
        edited.operations[operation.index] = replace(operation, args=tuple(args))
        edited.forget()
        texts = operation.where.operands
        step = remake(edited, edited.replay(double=True))
        text = texts[position] if len(texts) == len(args) else ""
        return Swamped(operation.where, text, epsilon, largest, step)
    return None


def _parts(tape: Tape, run: Run, operation: Operation) -> tuple[int, float, Any] | None:
    """Return (position of the epsilon, its value, what it is added to) where it swamps that."""
    if len(operation.args) != 2:
        return None
    users = [tape.operations[i] for i in tape.users[operation.out]]
    if not any(name_of(user.function) in ROOTS for user in users):
        return None
    for position in (1, 0):
        given, other = operation.args[position], operation.args[1 - position]
        if type(given) is Ref:
            leaf = tape.nodes[given.node].operation is None
            given = run.env[given.node] if leaf else None
        if given is None or np.ndim(given) or not isinstance(given, (float, np.floating)):
            continue
        epsilon = float(given)
        if not 0 < epsilon <= LARGEST or type(other) is not Ref:
            continue
        value = np.asarray(run.env[other.node], dtype=float)
        if value.size and np.all(value >= 0) and 0 < SWAMPS * np.max(value) < epsilon:
            return position, epsilon, value
    return None


def check(record: Record) -> Iterator[Finding]:
    """Judge the epsilons of normalisations."""
    if record.found or record.nonfinite is not None or record.learns(LEARNT):
        return
    first = next((o for o in record.seen if o.swamped is not None and o.map is not None), None)
    if first is None or first.swamped is None or first.map is None:
        return
    known, own, other = first.swamped, first.fresh(), first.swamped.step
    if (
        own is None
        or own.cost is None
        or other.cost is None
        or own.theta.shape != other.theta.shape
    ):
        return
    steps = affordable([own], 0.3 * record.meter.left, min(LONGEST, record.steps))
    if steps < FEWEST:
        return
    with np.errstate(all="ignore"):
        before = cost_at([own], own.theta)
        as_is = cost_at([own], repeat([own], [1.0], own.theta, steps))
        tried = cost_at([other], repeat([other], [1.0], other.theta, steps))
    if not (np.isfinite(tried) and tried < BETTER * as_is and tried < BETTER * before):
        return
    size = float(np.sqrt(known.largest / known.epsilon))
    place = definition(known.text, known.epsilon) if known.text else None
    yield advise(
        "BP203", "numeric-nonfinite", place or place_of(known.site),
        f"the epsilon {short(known.epsilon)} is far above the variance (at most "
        f"{short(known.largest)}): what is normalised comes to a size of {short(size)}, not 1",
        f"take an epsilon far below it, as {known.largest * SHARE:.0e}, or scale the data",
        {"epsilon": known.epsilon, "variance": known.largest, "size": size, "step": first.step,
         "trial": {"steps": steps, "own_cost": as_is, "cost": tried}},
        notes=[
            f"tried on the recorded step: {steps} steps come to {short(as_is)}, with the smaller "
            f"epsilon to {short(tried)}"
        ],
        related=[(place_of(known.site), "call-site")], confidence="proven",
    )  # fmt: skip
