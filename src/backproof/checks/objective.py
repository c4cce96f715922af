"""The gradient that a program hands to an optimiser, against the cost that it hands over with it.

The optimiser's one flat vector is judged part by part where the program splits it: what the user
wants to know is whether ``Theta1_grad`` or ``Theta2_grad`` is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backproof.calculus.adjoint import is_differentiable
from backproof.checks.claims import Claim, ClaimNames, as_updates, called
from backproof.checks.gradient import StepEvidence, judge_step
from backproof.checks.merge import merged
from backproof.checks.parts import join, split
from backproof.hypotheses import Hypothesis
from backproof.names import Names
from backproof.trace.alive import is_sound
from backproof.trace.appended import append, site_like
from backproof.trace.event import Event
from backproof.trace.optimisers import Evaluation
from backproof.trace.site import SITES
from backproof.trace.tape import Ref, Tape, build, map_refs


def judge_evaluation(
    evaluation: Evaluation, log: Sequence[Event], *, earlier: dict[int, str] | None = None
) -> StepEvidence | str:
    """Judge one recorded evaluation of a cost and its gradient.

    Returns
    -------
    StepEvidence or str
        The reason why there is nothing to judge.
    """
    tape = build(log, evaluation.start, len(log))
    point = _leaf(tape, evaluation.points[0])
    if point is None:
        return "the function does not use its argument"
    again = tape.last.get(id(evaluation.points[-1]))
    copied = None if again is None else tape.producer(again)
    # (A function that changes its argument in place has made another node of it.)
    if again is not None and copied is not None and copied.function is np.copy:
        tape = as_one(tape, again, point, copied.event)
    cost = _node(tape, evaluation.cost)
    if cost is None:
        return "the cost that the function returns was not recorded"
    if not is_sound(evaluation.cost):
        return "the cost that the function returns is not finite"
    gradient = _gradient(tape, evaluation.gradient)
    if gradient is None:
        return "the gradient that the function returns was not recorded"
    whole = Claim(_name(tape, point, evaluation), point, gradient)
    claims = split(tape, point, gradient, tape.ancestors([cost])) or [whole]
    updates = as_updates(tape, claims)
    if not updates:
        return "the gradient has another number of entries than the argument"
    names = ClaimNames(Names({site.file.path for site in SITES}, earlier), claims)
    made = tape.producer(cost)
    line = made.where.span.line if made is not None else 0
    texts = called(tape, cost)
    title = texts[0] if texts else made.where.text if made is not None else "cost"
    hypothesis = Hypothesis(title, cost, line=line, exact=True)
    evidence = judge_step(
        tape, updates, evaluation.number, names, given=[hypothesis], moved=[point]
    )
    evidence.evaluation = (point, gradient, evaluation.call)
    return evidence


def as_one(tape: Tape, again: int, point: int, event: int) -> Tape:
    """Let the vector of the second function be that of the first, and share what both compute."""
    for operation in tape.operations:
        if again in operation.inputs:
            operation.args = map_refs(
                operation.args, lambda ref: Ref(point if ref.node == again else ref.node)
            )
            operation.inputs = tuple(
                dict.fromkeys(point if n == again else n for n in operation.inputs)
            )
    return merged(tape, event)[0]


def _leaf(tape: Tape, obj: Any) -> int | None:
    for node in tape.nodes:
        if node.operation is None and node.obj is obj:
            return node.index
    return None


def _node(tape: Tape, obj: Any) -> int | None:
    """Return the node of a returned cost; one wrapped in ``[[J]]`` or a list counts as well."""
    node = tape.last.get(id(obj))
    if node is not None and np.size(obj) == 1 and is_differentiable(obj):
        return node
    return None


def _gradient(tape: Tape, obj: Any) -> int | None:
    """Return the node of a returned gradient; a list of numbers or arrays is put together."""
    node = tape.last.get(id(obj))
    if node is not None and isinstance(obj, np.ndarray | np.generic | float):
        return node
    if not isinstance(obj, (list, tuple)) or not obj or not tape.operations:
        return None
    parts = [tape.last.get(id(item)) for item in obj]
    if any(part is None for part in parts):
        return None
    refs = [Ref(part) for part in parts if part is not None]
    last = tape.producer(refs[-1].node)
    site = site_like(last.site if last is not None else tape.operations[-1].site)
    flat = [Ref(append(tape, np.ravel, (ref,), site)) for ref in refs]
    return append(tape, join, tuple(flat), site)


def _name(tape: Tape, point: int, evaluation: Evaluation) -> str:
    """Return what the program calls the vector."""
    names = called(tape, point)
    return names[0] if names else "x"
