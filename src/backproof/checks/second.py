"""The second cost of a step that trains two networks: a generator, a discriminator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from backproof.agenda import LARGE_STEP
from backproof.checks.accusation import Accusation
from backproof.checks.choice import is_full
from backproof.checks.gradient import StepEvidence
from backproof.checks.later import Judge, is_part, later_cost
from backproof.checks.moved import alternates
from backproof.checks.scales import is_natural
from backproof.clock import Clock
from backproof.updates import Update

#: What shows which cost is meant, where no gradient fits any.
Shown = tuple[Accusation, ...]

#: Steps with the same wrong gradients after which no other cost is looked for, and where steps take
#: long to judge.
MOST_ALONE, MOST_LARGE = 2, 1


class SecondCost:
    """Judges gradients that are wrong under one cost under another one of the program.

    Parameters
    ----------
    judge : callable (tape, updates, step, held nodes) -> StepEvidence
    aside : callable (evidence) -> accusations
        Searches the edit that shows which cost is meant, where none of the gradients fits any.
    """

    def __init__(
        self, clock: Clock, judge: Judge, aside: Callable[[StepEvidence], Shown]
    ) -> None:  # fmt: skip
        self.clock, self.judge, self.aside = clock, judge, aside
        self._alone: Counter[Any] = Counter()
        """Costs and what is wrong under them -> steps in which no other cost was found."""

    def cost_of(
        self, evidence: StepEvidence, updates: list[Update]
    ) -> tuple[StepEvidence | None, Shown]:
        """Return the step as the second cost judges it, if there is one, and what shows that."""
        fit = evidence.fit
        wrong = range(len(evidence.params)) if fit is None else fit.wrong
        case = (fit and fit.hypothesis.title, tuple(evidence.params[i].name for i in wrong))
        if self._alone[case] >= (MOST_LARGE if self.clock.judging > LARGE_STEP else MOST_ALONE):
            return None, ()
        found = self._found(evidence, updates)
        self._alone[case] += found[0] is None
        return found

    def _found(
        self, evidence: StepEvidence, updates: list[Update]
    ) -> tuple[StepEvidence | None, Shown]:
        fit = evidence.fit
        if fit is None:
            return later_cost(evidence, updates, self.judge), ()
        if fit.hypothesis.registered or len(fit.wrong) < 2 or not fit.chosen:
            return None, ()
        mine = {u.old for i in fit.wrong for u in evidence.params[i].updates}
        held = frozenset(u.new for u in updates if u.old not in mine)
        their = [u for u in updates if u.old in mine]
        other = self.judge(evidence.tape, their, evidence.step, held)
        found = other.fit
        if found is None and all(alternates(evidence.tape, evidence.params, i) for i in fit.wrong):
            shown = self.aside(other)
            return (other, shown) if shown else (None, ())
        if found is None or (found.hypothesis.registered and not _is_ensemble(evidence, other)):
            return None, ()
        if is_part(evidence.tape, fit.hypothesis.node, found.hypothesis.node):
            return None, ()  # a cost and a part of it are no two costs
        return other if len(found.chosen) >= 2 and is_natural(found.scale) else None, ()


def _is_ensemble(evidence: StepEvidence, other: StepEvidence) -> bool:
    """Whether the same statements train several networks, each by an error of its own.

    What one of them makes of its samples may be another one's input, and is data to that.
    """
    if evidence.fit is None or other.fit is None or not is_full(other.fit):
        return False
    own, their = (
        {e.tape.operations[u.merges[-1][0]].site for p in params for u in p.updates if u.merges}
        for e, params in (
            (evidence, [evidence.params[i] for i in evidence.fit.chosen]), (other, other.params)
        )
    )  # fmt: skip
    return own <= their
