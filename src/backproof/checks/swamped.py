"""BP203 where an epsilon is no small number: ``x / sqrt(var + eps)``, ``m / (sqrt(v) + eps)``.

What a normalisation is to make of size one comes out small, and the layers behind it hardly see it;
an optimiser that is to divide by the size of the gradients divides by a constant. The recorded step
is repeated with the epsilon far below what it is added to: only what then learns is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

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

#: An epsilon is a number up to this size, or one that is called so; it swamps what is so many times
#: smaller throughout.
LARGEST, CALLED = 1e-2, "eps"
SWAMPS = 10.0
#: With so small a share of what it is added to in its place …
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
    updates: bool
    """Whether it stands in the optimiser, and not in the forward pass."""


def find_swamped(
    tape: Tape,
    run: Run,
    cost: int | None,
    changes: Sequence[int],
    remake: Callable[[Tape], StepMap],
) -> Swamped | None:
    """Return the epsilon that swamps a variance, or the sizes of gradients, if there is one.

    Parameters
    ----------
    cost : int or None
        The node of the cost.
    changes : sequence of int
        The nodes that the parameters change by.
    remake : callable
        Makes the step of an edited tape.
    """
    if cost is None or len(tape.operations) > MOST_OPERATIONS:
        return None
    forward, feeding = tape.ancestors([cost]), tape.ancestors(changes)
    for operation in tape.operations:
        updates = operation.out not in forward
        if not is_in(operation.function, ADD) or operation.out not in feeding | forward:
            continue
        known = _parts(tape, run, operation, updates=updates)
        if known is None:
            continue
        position, epsilon, largest = known
        edited = copy(tape)
        edited.operations = list(tape.operations)
        for other in tape.operations if updates else (operation,):
            if other.where is not operation.where:
                continue
            place = _parts(tape, run, other, updates=updates)
            if place is None or place[1] != epsilon:
                return None  # no small number for some of the parameters, and one for others
            args = list(other.args)
            args[position] = SHARE * _least(tape, run, other, position)
            edited.operations[other.index] = replace(other, args=tuple(args))
            largest = max(largest, place[2])
        edited.forget()
        texts = operation.where.operands
        text = texts[position] if len(texts) == len(operation.args) else ""
        return Swamped(operation.where, text, epsilon, largest, remake(edited), updates)
    return None


def _least(tape: Tape, run: Run, operation: Operation, position: int) -> float:
    """Return the least positive value that the epsilon is added to."""
    other = operation.args[1 - position]
    assert type(other) is Ref
    value = np.asarray(run.env[other.node], dtype=float)
    return float(np.min(value[value > 0], initial=np.max(value)))


def _parts(
    tape: Tape, run: Run, operation: Operation, *, updates: bool
) -> tuple[int, float, float] | None:
    """Return (position of the epsilon, its value, the most it is added to) where it swamps that."""
    if len(operation.args) != 2:
        return None
    users = [tape.operations[i] for i in tape.users[operation.out]]
    rooted = any(name_of(user.function) in ROOTS for user in users)
    if not rooted and not updates:
        return None
    texts = operation.where.operands
    for position in (1, 0):
        given, other = operation.args[position], operation.args[1 - position]
        called = len(texts) == 2 and CALLED in texts[position].lower()
        if type(given) is Ref:
            leaf = tape.nodes[given.node].operation is None
            given = run.env[given.node] if leaf else None
        if given is None or np.ndim(given) or not isinstance(given, (float, np.floating)):
            continue
        epsilon = float(given)
        if not epsilon > 0 or (epsilon > LARGEST and not called) or type(other) is not Ref:
            continue
        made = tape.producer(other.node)
        if not rooted and (made is None or name_of(made.function) not in ROOTS):
            continue
        value = np.asarray(run.env[other.node], dtype=float)
        if value.size and np.all(value >= 0) and 0 < SWAMPS * np.max(value) < epsilon:
            return position, epsilon, float(np.max(value))
    return None


def check(record: Record) -> Iterator[Finding]:
    """Judge the epsilons of normalisations, and of optimisers."""
    if record.found or record.nonfinite is not None:
        return
    first = next((o for o in record.seen if o.swamped is not None and o.map is not None), None)
    if first is None or first.swamped is None or first.map is None:
        return
    known, own, other = first.swamped, first.fresh(), first.swamped.step
    if not known.updates and record.learns(LEARNT):
        return
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
        ends = [cost_at([own], own.theta)]
        ends.append(cost_at([own], repeat([own], [1.0], own.theta, steps)))
        if known.updates:  # so few steps must get further than the whole run
            ends += [own.cost(o.map.theta) for o in record.seen[-1:] if o.map is not None]
        tried = cost_at([other], repeat([other], [1.0], other.theta, steps))
    if not (np.isfinite(tried) and all(tried < BETTER * end for end in ends)):
        return
    place = definition(known.text, known.epsilon) if known.text else None
    smaller = f"{known.largest * SHARE:.0e}"
    yield advise(
        "BP203", "numeric-nonfinite", place or place_of(known.site),
        f"the epsilon {short(known.epsilon)} is far above {_meaning(known)}",
        f"take an epsilon far below it, as {smaller}" + ("" if known.updates
        else ", or scale the data"),
        {"epsilon": known.epsilon, "largest": known.largest, "step": first.step,
         "trial": {"steps": steps, "own_cost": ends[1], "cost": tried}},
        notes=[
            f"tried on the recorded step: {steps} steps come to {short(ends[1])}, with the smaller "
            f"epsilon to {short(tried)}"
        ],
        related=[(place_of(known.site), "call-site")], confidence="proven",
    )  # fmt: skip


def _meaning(known: Swamped) -> str:
    """Return what the epsilon is added to, and what comes of it."""
    if known.updates:
        return (
            f"the sizes of the gradients that it is added to (at most {short(known.largest)}): "
            "the step is divided by it, and not by them"
        )
    size = float(np.sqrt(known.largest / known.epsilon))
    return (
        f"the variance (at most {short(known.largest)}): what is normalised comes to a size of "
        f"{short(size)}, not 1"
    )
