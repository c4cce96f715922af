"""From what the adjoint says of a judged step to what the program is asked about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.checks.gradient import StepEvidence, decisive
from backproof.costs import COSTS
from backproof.hypotheses import Hypothesis
from backproof.trace.memory import place_of
from backproof.trace.sleeper import Question
from backproof.trace.tape import Tape

#: Numbers in all parameters of a step, beyond which it is not asked about.
MOST_ENTRIES = 4_000_000
#: Relative rounding of a cost, by the bytes of the smallest float that it is computed from.
EPSILON = {8: 2.2e-16, 4: 1.2e-7}
#: What stands for the largest entry where that is smaller.
SMALLEST = 1e-2
#: What a copy makes of the program's output where the program computes no cost.
FORMULAS = {cost.title: cost for cost in COSTS}


@dataclass(slots=True)
class Claim:
    """What the adjoint says about one parameter, and how it would show in the cost."""

    index: int
    name: str
    wrong: bool
    size: float
    """What the step sizes are relative to."""
    moves: dict[int, np.ndarray[Any, Any]]
    slope: float
    """The cost's slope in that direction, by the adjoint."""
    stake: float
    slack: float = 0.0
    """By how much the program's own cost, with its epsilon, may have another slope."""


def question_of(
    evidence: StepEvidence, log: list[Any], patience: float, is_open: Callable[[str, bool], bool]
) -> tuple[Question, list[Claim], float] | None:
    """Return what to ask the copy about a judged step, wrong gradients first; None for nothing."""
    fit, tape = evidence.fit, evidence.tape
    if fit is None or fit.run is None or fit.hypothesis.after or fit.hypothesis.held:
        return None
    goal = _goal(tape, fit.hypothesis, log)
    if goal is None:
        return None
    node, event = goal
    nodes = [n for p in evidence.params for n in p.old]
    claims = [
        claim for index in range(len(evidence.params))
        if (claim := claim_of(evidence, index, nodes, is_open)) is not None
    ]  # fmt: skip
    if not claims:
        return None
    places, base = [], []
    for n in nodes:
        if tape.nodes[n].operation is not None or tape.nodes[n].kind != "leaf":
            return None
        place = place_of(tape.nodes[n].obj, tape.value(n))
        if place is None:
            return None
        places.append(place)
        base.append(np.asarray(fit.run.env[n], dtype=float))
    if sum(value.size for value in base) > MOST_ENTRIES:
        return None
    epsilon = epsilon_of(tape, node)
    if epsilon is None:
        return None
    claims.sort(key=lambda claim: not claim.wrong)
    labels = None
    if fit.hypothesis.registered and fit.hypothesis.joins[0].labels is not None:
        labels = np.asarray(fit.run.env[fit.hypothesis.joins[0].labels], dtype=float)
    question = Question(
        places=tuple(places),
        base=tuple(base),
        directions=tuple(claim.moves for claim in claims),
        sites=np.array([e[0] for e in log[: event + 1]], np.int64).tobytes(),
        patience=patience,
        formula=fit.hypothesis.title if labels is not None else "",
        labels=labels,
    )
    return question, claims, epsilon


def _goal(tape: Tape, hypothesis: Hypothesis, log: list[Any]) -> tuple[int, int] | None:
    """Return the node that a hypothesis is about and the event whose result it is."""
    node = hypothesis.node
    if hypothesis.registered:
        if len(hypothesis.joins) > 1 or hypothesis.joins[0].labels is None:
            return None
        if hypothesis.title not in FORMULAS:
            return None
        node = hypothesis.joins[0].output
    if tape.nodes[node].operation is None:
        return None
    event = tape.nodes[node].event
    if event >= len(log) or log[event][4] is not tape.nodes[node].obj:
        return None
    return node, event


def epsilon_of(tape: Tape, node: int) -> float | None:
    """Return the rounding of the smallest float that a value was computed from."""
    smallest = 8
    for n in tape.ancestors([node]):
        obj = tape.nodes[n].obj
        if isinstance(obj, (np.ndarray, np.generic)) and obj.dtype.kind == "f":
            smallest = min(smallest, obj.dtype.itemsize)
    return EPSILON.get(smallest)


def claim_of(
    evidence: StepEvidence, index: int, nodes: list[int], is_open: Callable[[str, bool], bool]
) -> Claim | None:
    """Return what is claimed about a parameter, unless it is nothing or has been asked before."""
    fit, parameter = evidence.fit, evidence.params[index]
    assert fit is not None
    assert fit.run is not None
    status, reason = evidence.status(index)
    wrong = status == "wrong"
    if status == "unverified" or reason == "zero" or not is_open(parameter.name, wrong):
        return None
    truth, decides = fit.matches[index].truth, decisive(evidence, index)
    if truth is None or decides is None or not decides[1]:
        return None
    direction, stake = decides
    moves: dict[int, np.ndarray[Any, Any]] = {}
    offset, size = 0, SMALLEST
    for n in parameter.old:
        value = np.asarray(fit.run.env[n])
        part = direction[offset : offset + value.size]
        moves[nodes.index(n)] = part.reshape(value.shape)
        offset += value.size
        size = max(size, float(np.max(np.abs(value), initial=0.0)))
    return Claim(
        index, parameter.name, wrong, size, moves, float(truth @ direction), stake,
        2 * fit.slack.get(index, 0.0),
    )  # fmt: skip
