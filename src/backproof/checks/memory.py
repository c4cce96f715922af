"""BP306 where the last state of a recurrent network does not know its first inputs any more.

Measured on the tape, whatever the cell is made of: what a change of the first input does to the
cost, beside what one of a later input does. Inputs that are not needed may be forgotten, so only a
run that learns nothing is asked.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backproof.arithmetic import is_in
from backproof.calculus.adjoint import adjoints, is_differentiable
from backproof.checks.advice import advise, short
from backproof.checks.places import place_of
from backproof.checks.pooled import unexplained
from backproof.entries import STORES
from backproof.finding import Finding
from backproof.roles import Parameter
from backproof.trace.site import Site
from backproof.trace.tape import Operation, Run, Tape

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: Times that a statement takes in an input for it to be a sequence, and how far behind it the state
#: is joined with what it makes.
UNROLLED, NEAR = 6, 4
#: What is left of the first input's influence, steps of the run, and the share of the cost by which
#: it has come down, or of the labels' variance that is left, where it learns nothing.
GONE, STEPS, STIRRED, OPEN = 1e-4, 100, 0.2, 0.8


@dataclass(frozen=True, slots=True)
class Memory:
    """A sequence of inputs: where they are taken in, how many, what is left of the first one."""

    site: Site
    times: int
    left: float
    weights: frozenset[int]
    """The parameters (by index) that are read at every time."""


def find_memory(
    tape: Tape, run: Run, params: Sequence[Parameter], cost: int | None
) -> Memory | None:
    """Return how much of its first input a recurrent step remembers; None for other steps."""
    if cost is None:
        return None
    olds = {n: i for i, p in enumerate(params) for n in p.old}
    moving, forward = tape.reach(olds), tape.ancestors([cost])
    taken: dict[Site, list[Operation]] = {}
    for operation in tape.operations:
        if operation.out in forward and operation.out in moving:
            inputs = operation.inputs
            entry = any(n not in moving and np.size(run.env[n]) for n in inputs)
            entry = entry or (operation.function is operator.getitem and olds.keys() >= set(inputs))
            if entry and is_differentiable(run.env[operation.out]):
                taken.setdefault(operation.where, []).append(operation)
    chains = [c for c in (_chain(tape, ops, forward) for ops in taken.values()) if c]
    if not chains:
        return None
    bar = adjoints(tape, run, {cost: np.ones_like(np.asarray(run.env[cost], dtype=float))}).of
    best: Memory | None = None
    for chain in chains:
        sizes = [float(np.linalg.norm(np.ravel(bar.get(o.out, 0.0)))) for o in chain]
        if not 0 < max(sizes) < np.inf:
            continue
        left = sizes[0] / max(sizes)
        if best is None or left > best.left:
            last = len(tape.operations)
            held = [{olds[n] for n in _near(tape, o, forward, last) if n in olds} for o in chain]
            best = Memory(chain[0].where, len(chain), left, frozenset(set.intersection(*held)))
    return best


def _chain(tape: Tape, taken: Sequence[Operation], forward: set[int]) -> list[Operation]:
    """Return the executions of one sequence: each is joined with what comes of the first.

    It is so before the next one. (Rows that are put together in the end are no sequence.)
    """
    if len(taken) < UNROLLED:
        return []
    behind = tape.reach([taken[0].out]) & forward
    ends = [*(o.index for o in taken[1:]), len(tape.operations)]
    chain = [taken[0]]
    for operation, end in zip(taken[1:], ends[1:], strict=True):
        if not _near(tape, operation, forward, end) & behind:
            break
        chain.append(operation)
    return chain if len(chain) >= UNROLLED else []


def _near(tape: Tape, operation: Operation, forward: set[int], end: int) -> set[int]:
    """Return what is computed next, before `end`, with what an operation gives, and of what.

    What is stored beside it in an array has nothing to do with it.
    """
    ends, found = {operation.out}, set(operation.inputs)
    for _ in range(NEAR):
        users = [
            o for i in {i for n in ends for i in tape.users[n] if i < end}
            if (o := tape.operations[i]).out in forward and not is_in(o.function, STORES)
        ]  # fmt: skip
        ends = {o.out for o in users}
        for node in (n for o in users for n in o.inputs):
            made = tape.producer(node)
            found.add(node)
            found.update(() if made is None else made.inputs)
        found |= ends
    return found


def check(record: Record) -> Iterator[Finding]:
    """Judge what a recurrent network remembers, where it has learnt nothing."""
    if any(f.severity != "note" for f in record.found) or record.nonfinite is not None:
        return
    first, last = record.first.memory, record.last.memory
    if first is None or last is None or record.first is record.last or record.steps < STEPS:
        return
    known = [o.memory.left for o in record.seen if o.memory is not None]
    if max(known[0], float(np.median(known))) > GONE or record.learns(STIRRED):
        return
    if 0 < unexplained(*record.seen) < OPEN:
        return
    values = [np.asarray(v) for v in record.first.values]
    weights = sorted(
        first.weights, key=lambda i: (values[i].ndim == 2 and len(set(values[i].shape)) == 1,
                                      values[i].size), reverse=True
    )  # fmt: skip
    place = record.birthplace(record.first, weights[0]) if weights else place_of(first.site)
    through = f"through `{record.first.names[weights[0]]}`" if weights else "through time"
    yield advise(
        "BP306", "vanishing-gradient", place,
        f"the gradients vanish {through}: after {first.times} times {short(known[0])} is left of "
        "what the first input says",
        "start the recurrent weights as an orthogonal matrix, or with variance 1/n; in a gated "
        "cell start the bias of the gates that keep the state at 1",
        {"times": first.times, "left": known, "steps": [o.step for o in record.seen]},
        notes=[
            f"a change of the first input moves the cost {short(float(np.median(known)))} times as "
            f"much as one of a later input (median of {len(known)} judged steps), and the cost "
            "does not come down",
        ],
    )  # fmt: skip
