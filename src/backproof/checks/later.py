"""A second network whose cost reads what the first has become, where the first is all wrong.

A generator learns by the values that the discriminator has just got. No cost of the step fits the
discriminator's gradients then, nor, at the values before, the generator's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from backproof.arithmetic import DIVIDE, MULTIPLY, is_in, keeps
from backproof.checks.gradient import StepEvidence
from backproof.checks.scales import is_natural
from backproof.trace.tape import Tape
from backproof.updates import Update

Judge = Callable[[Tape, list[Update], int, frozenset[int]], StepEvidence]


def later_cost(
    evidence: StepEvidence, updates: Sequence[Update], judge: Judge
) -> StepEvidence | None:
    """Judge what is updated last under a cost that reads the new values of the others.

    Only a cost of the program's counts that fits several gradients, and under which none is wrong.
    """
    tried: set[frozenset[int]] = set()
    for hypothesis in (fit.hypothesis for fit in evidence.others):
        if not (hypothesis.own and hypothesis.after):
            continue
        within = evidence.tape.ancestors([hypothesis.node])
        first = {u.old for u in updates if u.new in within}
        if not 0 < len(first) < len(updates):
            continue
        held = frozenset(u.new for u in updates if u.old in first)
        if held in tried:
            continue
        tried.add(held)
        their = [u for u in updates if u.old not in first]
        other = judge(evidence.tape, their, evidence.step, held)
        fit = other.fit
        if fit is None or fit.hypothesis.registered or fit.wrong:
            continue
        if len(fit.chosen) >= 2 and is_natural(fit.scale):
            return other
    return None


def without_cost_of(evidence: StepEvidence, other: StepEvidence) -> None:
    """Forget the costs that belong to another network's gradients, and their parts."""
    if other.fit is not None:
        theirs = evidence.tape.ancestors([other.fit.hypothesis.node])
        evidence.others = [f for f in evidence.others if f.hypothesis.node not in theirs]


def is_part(tape: Tape, one: int, two: int) -> bool:
    """Whether one of two costs is made of the other, or of what the other is a fixed share of."""
    bare = [_unscaled(tape, node) for node in (one, two)]
    return bool(tape.ancestors([one]) & {two, bare[1]} or tape.ancestors([two]) & {one, bare[0]})


def _unscaled(tape: Tape, node: int) -> int:
    """Return what a cost is a fixed share of: the sample's own of ``c / len(batch)``."""
    made = tape.producer(node)
    while made is not None and (is_in(made.function, MULTIPLY | DIVIDE) or keeps(made)):
        inner = [n for n in made.inputs if tape.producer(n) is not None]
        if len(inner) != 1:
            break
        node, made = inner[0], tape.producer(inner[0])
    return node
