"""Which costs the steps judged so far have shown to be meant."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from backproof.checks.choice import is_full
from backproof.checks.covered import Open
from backproof.checks.direction import is_single
from backproof.checks.gradient import StepEvidence
from backproof.checks.sense import is_called_a_cost
from backproof.joins import output_joins

#: Outputs of a step that are compared with one another.
MOST_JOINS = 40
#: How many times as many steps a usual cost must fit as fit none.
UNFIT = 4


class KnownCosts:
    """Learns from every judged step.

    Attributes
    ----------
    titles : list of str
        Of the costs that fitted, the latest first.
    reported : (str, int) or None
        Title and line of the cost that the report names.
    """

    def __init__(self) -> None:
        self.titles: list[str] = []
        self.reported: tuple[str, int] | None = None
        self._sure = False
        """Whether a cost fitted that would not fit any gradient below one output of one sample."""
        self._own = False
        """Whether a cost that the program computes explained any gradient."""
        self._usual = 0
        """How many steps a usual cost fits, and not the program's own."""
        self._unfit: list[tuple[int, tuple[str, ...]]] = []
        """Those that neither fits, and their parameters."""
        self._varied = False
        """Whether one fitted where the outputs of several samples differ from one another."""

    def learn(self, evidence: StepEvidence) -> None:
        """Note the cost that fits a step."""
        self._doubt(evidence)
        if evidence.fit is None:
            return
        hypothesis = evidence.fit.hypothesis
        if hypothesis.title not in self.titles:
            self.titles.insert(0, hypothesis.title)
        self._sure |= not (hypothesis.registered and is_single(evidence))
        self._varied = self._varied or not _is_constant(evidence)
        if self.reported is None or not hypothesis.registered:
            self.name(evidence)

    def _doubt(self, evidence: StepEvidence) -> None:
        """Note a step in which none of the costs that the program computes fits."""
        own = [f for f in (evidence.fit, *evidence.others) if f is not None and f.hypothesis.own]
        self._own |= any(f.chosen for f in own)
        if self._own or evidence.reason or evidence.unfaithful:
            return
        if not any(is_called_a_cost(evidence, f) for f in own):
            return
        if evidence.fit is None:
            self._unfit.append((evidence.step, tuple(p.name for p in evidence.params)))
        else:
            self._usual += 1

    def by_chance(self) -> Iterator[Open]:
        """Yield what a usual cost fits in some steps, where the program's own fits in none.

        Of samples with the label 0, ``(o - y) * (1 - o)`` is the gradient of an absolute error.
        """
        if self._own or not self._usual or UNFIT * len(self._unfit) < self._usual:
            return
        for step, names in self._unfit:
            yield Open(names, f"in step {step} no cost fits, and in none the program's own")

    def name(self, evidence: StepEvidence) -> None:
        """Let the report name the cost of a step."""
        if evidence.fit is not None:
            self.reported = (evidence.fit.hypothesis.title, evidence.fit.hypothesis.line)

    def is_known(self, evidence: StepEvidence) -> bool:
        """Whether other steps have shown which cost is meant.

        What fits one output of one sample, and not that of another, may be chance, if a cost of
        the program's fits both by numbers that no program has. Of weights that are all zero every
        output is 0.5, and ``(y - p) * p`` half the error.
        """
        if not self._varied:
            return False
        own = any(f.hypothesis.own and is_full(f) for f in evidence.others)
        return bool(self.titles) and (self._sure or not own)

    def is_absent(self, evidence: StepEvidence) -> bool:
        """Whether a cost that fitted another step is not computed in this one."""
        known = set(self.titles) if self.is_known(evidence) else set()
        return bool(known) and not any(f.hypothesis.title in known for f in evidence.others)

    def is_wrong(self, evidence: StepEvidence) -> bool:
        """Whether a step computes the program's cost that fits others, and all of it is wrong."""
        return any(
            f.hypothesis.own and f.hypothesis.title in self.titles and f.wrong
            for f in evidence.others
        )


def _is_constant(evidence: StepEvidence) -> bool:
    """Whether the outputs of all samples of a step are one number, when its errors are taken."""
    env = evidence.run.env
    joins = output_joins(evidence.tape, evidence.params, limit=MOST_JOINS)
    values = [np.ravel(env[join.output]) for join in joins if env[join.output] is not None]
    return any(v.size > 1 and np.ptp(v.astype(float)) == 0.0 for v in values)
