"""The cost of a recorded step as a function: of the parameters, or of the outputs."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, SUBTRACT, is_in
from backproof.calculus.slices import Packing, Slice
from backproof.checks.gradient import StepEvidence
from backproof.checks.sense import meant
from backproof.hypotheses import Hypothesis
from backproof.roles import Parameter
from backproof.trace.tape import Ref, Run, Tape

#: A step with more operations is only looked at for its numbers, not evaluated again.
MOST_OPERATIONS = 12_000
#: How a running total grows: ``loss += …``, ``loss -= log(p)``.
IN_PLACE = {operator.iadd, operator.isub}


def way_of(evidence: StepEvidence) -> float:
    """Return 1 where steps go down their cost, -1 where they are to go up it, else 0.

    ``e += np.sum(y * np.log(p))`` is the cost turned round.
    """
    assert evidence.fit is not None
    ways = [d > 0 for d in evidence.fit.directions.values()]
    if not any(ways):
        return 1.0
    own = evidence.fit.hypothesis.own
    return -1.0 if all(ways) and own and meant(evidence) <= 0 else 0.0


def cost_function(
    tape: Tape, run: Run, hypothesis: Hypothesis, params: Sequence[Parameter], sign: float
) -> Callable[[Any], float]:
    """Return the cost as a function of the parameters, times `sign`."""
    old = [n for p in params for n in p.old]
    packing = Packing(run, old)
    start = [n for p in params for n in p.new] if hypothesis.after else old
    part = Slice(tape, run, start, [hypothesis.node])
    rename = dict(zip(old, start, strict=True))

    # A registered cost is a sum; the mean compares with a cost that the program prints.
    count = sum(np.size(run.env[j.output]) for j in hypothesis.joins) or 1
    carried = _carried(tape, run, hypothesis.node, set(old))

    def value(theta: Any) -> float:
        given = {rename[n]: v for n, v in packing.unpack(theta).items()}
        (out,) = part(given)
        return sign * (float(np.ravel(out)[0]) - carried) / count if out is not None else np.nan

    return value


def _carried(tape: Tape, run: Run, node: int, olds: set[int]) -> float:
    """Return what a running total, ``loss += …``, held before the step."""
    moving = tape.reach(olds)
    for _ in range(MOST_OPERATIONS):
        made = tape.producer(node)
        sums = made is not None and is_in(made.function, ADD | SUBTRACT | IN_PLACE)
        if made is None or not sums:
            break
        first = made.args[0]
        if type(first) is not Ref or np.size(tape.nodes[first.node].obj) != 1:
            break
        node = first.node
    total = tape.nodes[node].operation is None and node not in moving
    value = run.env[node] if total else None
    return float(np.ravel(value)[0]) if value is not None and np.size(value) == 1 else 0.0


def cost_of_output(
    tape: Tape, run: Run, output: int, cost: int, sign: float
) -> Callable[[Any], float] | None:
    """Return the cost as a function of what is added to the outputs, samples × columns.

    Times `sign`.
    """
    part = Slice(tape, run, [output], [cost])
    like = run.env[output]
    value = np.asarray(like, dtype=float)
    if not part.operations or value.ndim > 2:
        return None

    def moved(by: Any) -> float:
        if by.size != value.size:
            return np.nan
        shift = by.T if by.shape[0] != value.shape[0] and value.ndim == 2 else by
        given = value + shift.reshape(value.shape)
        (out,) = part({output: float(given) if type(like) is float else given})
        return sign * float(np.ravel(out)[0]) if out is not None else np.nan

    return moved
