"""Slips in an optimiser's averages: shares, roots and corrections that contradict each other.

``m = β₁·m + (1 − β₂)·g`` is no average of gradients, ``m / (1 − β₂ᵗ)`` no correction of one that
decays by β₁. What an author means is read from the program itself: the decays from what is kept of
the old averages, the gradient from the verdict, the correction from the steps of the run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backproof.checks.advice import advise
from backproof.checks.averages import (
    EQUAL,
    LEAST_ENTRIES,
    NEAR,
    STEADY,
    TELLING,
    Average,
    averages_in,
    both_corrected,
    change_of,
    constant_of,
    corrections,
    fit_together,
    shares,
)
from backproof.checks.by_averages import goes_by_averages
from backproof.checks.cause.diagnosis import Diagnosis
from backproof.checks.counted import Counts
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import author_value
from backproof.checks.places import Place, statement_of
from backproof.checks.slips import Slip, misused
from backproof.finding import Finding
from backproof.roles import Parameter

#: Judged steps whose sizes must follow one rule for it to be known.
LEAST_STEPS = 3

Array = np.ndarray[Any, Any]
#: What a step may be multiplied by at the t-th step, with the decays of both averages.
Rule = Callable[[float, float, int], float]

RIGHT: dict[str, Rule] = {
    "both": lambda a, b, t: np.sqrt(1 - b**t) / (1 - a**t),
    "none": lambda a, b, t: 1.0,
}
ONE_SIDED: dict[str, Rule] = {
    "the first average is corrected, the second is not": lambda a, b, t: 1 / (1 - a**t),
    "the second average is corrected, the first is not": lambda a, b, t: np.sqrt(1 - b**t),
}


#: Cause, reason and help where each parameter has a count of steps that is one more.
ONE_BY_ONE = (
    "mutated-value", "its corrections count a step for each parameter, not one for all of them",
    "count on once in a step, before the loop over the parameters",
)  # fmt: skip
#: The same where the step grows with the root.
MULTIPLIED = (
    "wrong-operand", "it is multiplied by the root of the average of squares",
    "divide by the root",
)  # fmt: skip
#: The same where the count stays the same.
STUCK = (
    "mutated-value", "the count of steps that its corrections read stays the same",
    "count on by one in each step",
)  # fmt: skip


@dataclass(slots=True)
class Course:
    """The sizes of one parameter's steps: how far it goes for its averages, by the step."""

    name: str
    averages: tuple[Average, Average]
    place: Place
    sizes: dict[int, float] = field(default_factory=dict)

    @property
    def decays(self) -> tuple[float, float]:
        """The decays of the first and the second average."""
        return self.averages[0].decay, self.averages[1].decay

    def uncorrected(self, rule: str) -> tuple[Place, str]:
        """Return where the average that lacks its correction is divided by a number, and why."""
        average = self.averages[rule.startswith("the first")]
        if average.correction is None and average.corrected != average.place:
            return average.corrected, rule  # ``m_hat = m``
        if average.correction is None or abs(average.correction - 1 + average.decay) > EQUAL:
            return self.place, rule
        which = "second" if average.squared else "first"
        return average.corrected, (
            f"the {which} average is divided by 1 - {average.decay:g}, the same in every step"
        )

    def rule(self) -> str:
        """Return which rule most sizes of the run follow, '' where none does, or several.

        Not all: averages may start anew in the middle, and so may the count of steps.
        """
        steps = sorted(self.sizes)
        counts = {}
        for name, rule in (RIGHT | ONE_SIDED).items():
            rates = np.array([self.sizes[n] / rule(*self.decays, n + 1) for n in steps])
            alike = np.abs(rates[:, None] / rates - 1) < STEADY
            counts[name] = int(np.max(np.sum(alike, axis=1), initial=0))
        (best, most), (_, second) = Counter(counts).most_common(2)
        enough = most >= max(LEAST_STEPS, len(steps) / 2)
        return best if enough and most > second + 1 else ""


class Moments:
    """Fed with every judged step of a run, asked for findings at its end."""

    def __init__(self) -> None:
        self.slips: dict[Slip, list[str]] = {}
        self.courses: dict[str, Course] = {}
        self.counts = Counts()
        self.steps: set[int] = set()
        """Judged steps after the first."""
        self.shown: dict[Slip, set[int]] = {}
        """In which of these a slip shows."""
        self.going_on: dict[str, set[int]] = {}
        """In which steps a parameter is moved as averages of its gradients say."""
        self.doubtful: set[str] = set()
        """Parameters whose averages do not fit together in some step."""

    def look(self, evidence: StepEvidence) -> None:
        """Look at the averages of a judged step."""
        fit = evidence.fit
        if fit is None or fit.wrong:
            return
        self.steps |= {evidence.step} - {0}
        for i, (level, _, _) in fit.chosen.items():
            parameter = evidence.params[i]
            for slip in misused(evidence, i):
                self._note(slip, parameter.name)
                self.shown.setdefault(slip, set()).add(evidence.step)
            # What is averaged may hold a penalty beside the gradient that is right.
            values = (author_value(evidence.run, parameter, n) for n in range(level, -1, -1))
            owns = [own for own in values if own is not None]
            if any(goes_by_averages(evidence, parameter, own) for own in owns):
                self.going_on.setdefault(parameter.name, set()).add(evidence.step)
            pairs = (_pair(evidence, parameter, own) for own in owns)
            pair = next((pair for pair in pairs if pair is not None), None)
            if pair is None:
                continue
            self.counts.note(
                evidence.step, parameter.name, pair[0].age or pair[1].age, pair[0].corrected
            )
            for slip in (*shares(*pair), *corrections(*pair)):
                self._note(slip, parameter.name)
            if not fit_together(*pair):
                self.doubtful.add(parameter.name)
            root = constant_of(
                change_of(evidence, parameter), pair[0].value, np.sqrt(pair[1].value)
            )
            if root is None and _multiplies(change_of(evidence, parameter), pair):
                merge = evidence.tape.operations[parameter.updates[0].merges[-1][0]].where
                self._note(Slip(statement_of(merge), *MULTIPLIED), parameter.name)
            if root is not None:
                merge = evidence.tape.operations[parameter.updates[0].merges[-1][0]].where
                course = Course(parameter.name, pair, statement_of(merge))
                course = self.courses.setdefault(parameter.name, course)
                course.sizes[evidence.step] = root

    def _note(self, slip: Slip, name: str) -> None:
        names = self.slips.setdefault(slip, [])
        if name not in names:
            names.append(name)

    def proven(self) -> frozenset[str]:
        """Return the parameters that go by averages which are kept; none if any contradicts."""
        if not self.steps or any(self.findings()):
            return frozenset()
        return frozenset(
            name for name, steps in self.going_on.items()
            if self.steps <= steps and name not in self.doubtful
        )  # fmt: skip

    def findings(self) -> Iterator[Finding]:
        """Say what contradicts itself in the averages, and in their corrections."""
        rules = {name: course.rule() for name, course in self.courses.items()}
        for name, rule in rules.items():
            if rule in ONE_SIDED:
                course, certain = self.courses[name], "both" in rules.values()
                place, reason = course.uncorrected(rule)
                self._note(
                    Slip(place, "missing-factor", reason, both_corrected(*course.decays), certain),
                    name,
                )
        for name, place in self.counts.stuck().items():
            self._note(Slip(place, *STUCK), name)
        for name in self.counts.names():
            self._note(Slip(self.counts.place(name), *ONE_BY_ONE), name)
        for slip, names in self.slips.items():
            always = len(self.steps) >= LEAST_STEPS and self.shown.get(slip, set()) >= self.steps
            if slip.lasting and not always:
                continue
            shown = ", ".join(f"`{n}`" for n in names[:4]) + (" …" if len(names) > 4 else "")
            yield advise(
                "BP102", slip.cause, slip.place,
                f"the optimiser's step of {shown} contradicts itself: {slip.reason}",
                slip.help, {"parameters": names, "rule": "optimiser"},
                severity="error" if slip.certain else "warning",
                confidence="proven" if slip.certain else "likely",
            )  # fmt: skip


def rootless(evidence: StepEvidence) -> list[tuple[Diagnosis, tuple[int, ...]]]:
    """Find steps that an optimiser divides by an average of squares, not by its root."""
    fit = evidence.fit
    assert fit is not None
    found: dict[int, tuple[Diagnosis, list[int]]] = {}
    few: list[tuple[int, int]] = []
    for i in fit.wrong:
        parameter, truth = evidence.params[i], fit.matches[i].truth
        pair = None if truth is None else _pair(evidence, parameter, truth)
        merge = evidence.tape.operations[parameter.updates[0].merges[-1][0]].where
        if truth is not None and truth.size <= LEAST_ENTRIES:
            few.append((i, merge.index))
        if pair is None:
            continue
        first, second = (average.value for average in pair)
        if constant_of(change_of(evidence, parameter), first, second) is None:
            continue
        diagnosis = Diagnosis(
            "BP101", "missing-factor", merge,
            "its step is divided by the average of squares, not by its root",
            "divide by the square root of the average", evidence={"rule": "optimiser"},
        )  # fmt: skip
        found.setdefault(merge.index, (diagnosis, []))[1].append(i)
    for i, index in few:  # whose entries say nothing, but the statement is the same
        if index in found and i not in found[index][1]:
            found[index][1].append(i)
    return [(diagnosis, tuple(members)) for diagnosis, members in found.values()]


def _pair(
    evidence: StepEvidence, parameter: Parameter, own: Array
) -> tuple[Average, Average] | None:
    """Return the one average of gradients and the one of their squares, if these are all."""
    if len(parameter.updates) != 1 or own.size < LEAST_ENTRIES:
        return None
    averages = list(averages_in(evidence, parameter, own))
    first = [a for a in averages if not a.squared]
    second = [a for a in averages if a.squared]
    return (first[0], second[0]) if len(first) == len(second) == 1 else None


def _multiplies(change: Array, pair: tuple[Average, Average]) -> bool:
    """Whether a change is ``c · first · (root of the second + ε)``."""
    first, root = pair[0].value, np.sqrt(np.abs(pair[1].value))
    known = (change != 0) & (first != 0) & (root > 0)
    if np.count_nonzero(known) <= LEAST_ENTRIES:
        return False
    ratio, x = change[known] / first[known], root[known]
    slope, offset = np.polyfit(x, ratio, 1)
    gap = float(np.max(np.abs(slope * x + offset - ratio)))
    telling = np.ptp(x) > TELLING * np.max(x) and abs(offset) < abs(slope) * np.max(x)
    return bool(telling and offset * slope >= -EQUAL and gap < NEAR * np.max(np.abs(ratio)))
