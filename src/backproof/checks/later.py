"""A second network whose cost reads what the first has become, where the first is all wrong.

A generator learns by the values that the discriminator has just got. No cost of the step fits the
discriminator's gradients then, nor, at the values before, the generator's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backproof.checks.gradient import StepEvidence
from backproof.checks.scales import is_natural
from backproof.updates import Update


def updated_last(
    evidence: StepEvidence, updates: Sequence[Update]
) -> Iterator[tuple[list[Update], frozenset[int]]]:
    """Yield what is updated last, where a cost reads new values of the others, and these."""
    for hypothesis in (fit.hypothesis for fit in evidence.others):
        if hypothesis.own and hypothesis.after:
            within = evidence.tape.ancestors([hypothesis.node])
            first = {u.old for u in updates if u.new in within}
            if 0 < len(first) < len(updates):
                held = frozenset(u.new for u in updates if u.old in first)
                yield [u for u in updates if u.old not in first], held


def explains_all(evidence: StepEvidence) -> bool:
    """Whether a cost of the program's fits several gradients, and none is wrong under it."""
    fit = evidence.fit
    if fit is None or fit.hypothesis.registered or fit.wrong:
        return False
    return len(fit.chosen) >= 2 and is_natural(fit.scale)


def without_cost_of(evidence: StepEvidence, other: StepEvidence) -> None:
    """Forget the costs that belong to another network's gradients, and their parts."""
    if other.fit is not None:
        theirs = evidence.tape.ancestors([other.fit.hypothesis.node])
        evidence.others = [f for f in evidence.others if f.hypothesis.node not in theirs]
