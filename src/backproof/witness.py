"""The second witness: differences of the real program, which knows nothing of our tape and rules.

At the start of a step that will be judged a sleeping copy of the program is made. When the adjoint
has said what it thinks of the gradients, the copy is asked for the program's own cost at perturbed
parameters. What it contradicts is not claimed. Where it cannot answer, the replay has to do.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from backproof.calculus.differences import extrapolated
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import compare
from backproof.questions import FORMULAS, Claim, question_of
from backproof.trace.checkpoint import obstacle
from backproof.trace.imports import is_testing
from backproof.trace.recorder import Recorder
from backproof.trace.sleeper import Sleeper, fall_asleep

#: CPU seconds that all costs of a run may take; wrong gradients may have the larger number.
BUDGET, WRONG_BUDGET = 0.3, 1.0
#: Steps at whose start a copy is made: later ones seldom claim what has not been claimed before.
#: While a copy sleeps, memory that is written to is copied (big nets: 0.15 s a judged step), so a
#: step of more bytes than `LIGHT` is watched only until all that it claims has been answered.
MOST_COPIES = 6
LIGHT = 5_000_000
#: A step that takes more CPU seconds than this is not run again.
LONGEST = 1.0
#: Seconds that one evaluation may take: so many, or so many times the recorded step's. One that
#: takes longer hangs (a lock that another thread held when the copy was made).
SHORTEST, TIMES = 2.0, 10.0
#: Seconds that the program waits for all answers, whatever happens.
PATIENCE = 12.0
#: The step size is this share of a parameter's largest entry, or more where the cost's rounding
#: asks for it; then such multiples of that.
SHARE, LADDER = 1e-4, (1.0, 0.1, 3.0, 10.0)
#: A difference agrees up to this share of what is at stake: the true gradient, or its distance to
#: the author's.
AGREES = 1e-5
#: Differences count if what they leave open is below this share of what is at stake.
SHARP = 0.02


class Costs(Protocol):
    """What answers with costs: a copy of the program, or a function of its own."""

    def costs(
        self, points: Sequence[tuple[int, float]], seconds: float
    ) -> tuple[Sequence[float | None], float] | None:
        """Return the cost at points of the claims' lines, and the seconds taken."""
        ...


@dataclass(slots=True)
class Witness:
    """Keeps the copy of the step at hand, and asks it.

    Attributes
    ----------
    again : bool
        This process is a copy that runs a step again.
    seconds : float
        CPU time of all copies so far.
    """

    again: bool = False
    seconds: float = 0.0
    copies: int = 0
    failures: list[str] = field(default_factory=list)
    _sleeper: Sleeper | None = None
    _log: list[Any] = field(default_factory=list)
    _heavy: bool = False
    _settled: bool = False
    """All claims of the last step that was asked about have been answered."""
    _begun: tuple[float, float] = (0.0, 0.0)
    _patience: float = SHORTEST
    _answered: set[tuple[str, bool]] = field(default_factory=set)

    # ---- called by the conductor ---------------------------------------------------------------

    def watch(self, recorder: Recorder, site: int) -> bool:
        """A step begins that will be judged; True in a copy that is to run it, recorder started."""
        self.end()
        if (
            self.copies >= MOST_COPIES
            or (self._settled and self._heavy)
            or self.seconds >= WRONG_BUDGET
            or obstacle()
        ):
            return False
        self.copies += 1
        try:
            self._sleeper = fall_asleep(recorder, site, FORMULAS)
        except OSError as error:
            self.failures.append(f"the program could not be copied: {error}")
            return False
        self.again = self._sleeper is None
        self._log = recorder.log
        self._begun = time.perf_counter(), time.process_time()
        return self.again

    def recorded(self) -> None:
        """The step is over, and will now be judged."""
        if self._sleeper is None:
            return
        sizes = (getattr(event[4], "nbytes", 0) for event in self._log[:20_000])
        self._heavy = len(self._log) > 20_000 or sum(sizes) > LIGHT
        self._patience = max(SHORTEST, TIMES * (time.perf_counter() - self._begun[0]))
        if time.process_time() - self._begun[1] > LONGEST:
            self.end()

    def end(self) -> None:
        """The step has been judged, or will not be."""
        if self._sleeper is not None:
            sleeper, self._sleeper = self._sleeper, None
            sleeper.end()

    def leave(self) -> None:
        """The program has come to an end: so does this process, if it is a copy of it."""
        if self.again:
            os._exit(0)
        self.end()

    # ---- called by the judge -------------------------------------------------------------------

    def ask(self, evidence: StepEvidence) -> dict[int, bool]:
        """Return for parameters whether the program confirms what the adjoint says of them.

        Those about which the program gives no answer, or no clear one, are left out.
        """
        if self._sleeper is None:
            return {}
        try:
            return self._ask(self._sleeper, evidence)
        except Exception as error:
            if is_testing():
                raise
            self.failures.append(f"step {evidence.step} could not be run again: {error!r}")
            return {}

    def _ask(self, sleeper: Sleeper, evidence: StepEvidence) -> dict[int, bool]:
        found: dict[int, bool] = {}
        for at in ("jittered", "recorded"):
            view = evidence if at == "jittered" else unmoved(evidence)
            made = question_of(view, self._log, self._patience, self.is_open)
            self._settled = made is None
            if made is None:
                break
            question, claims, epsilon = made
            dialogue = Dialogue(self, sleeper, epsilon)
            taken = sleeper.pose(question, PATIENCE)
            if taken is not None:
                self.seconds += taken
                found = dialogue.answers(claims)
            if found or dialogue.begun:
                self._settled = len(found) == len(claims)
                break
            if dialogue.over or not evidence.jitter:
                break
            # There the program takes another path than the recorded one.
        return found

    def heard(self, claims: Sequence[Claim], found: Collection[int]) -> None:
        """Note which claims have been answered."""
        self._answered.update((c.name, c.wrong) for c in claims if c.index in found)

    def is_open(self, name: str, wrong: bool) -> bool:
        """Whether the program may yet be asked about a claim."""
        return (name, wrong) not in self._answered and (wrong or self.seconds < BUDGET)


def unmoved(evidence: StepEvidence) -> StepEvidence:
    """Return what the adjoint says about a step at the very parameters that the program had."""
    assert evidence.fit is not None
    run = evidence.tape.replay(double=True)
    fit = compare(evidence.tape, run, evidence.fit.hypothesis, evidence.params)
    return replace(evidence, run=run, fit=fit, jitter=0.0)


class Dialogue:
    """Asks one copy for costs, and draws conclusions from them."""

    def __init__(self, witness: Witness, sleeper: Costs, epsilon: float) -> None:
        self.witness = witness
        self.begun = False
        self.sleeper = sleeper
        self.epsilon = epsilon
        self.deadline = time.perf_counter() + PATIENCE
        self.here = 0.0
        self.each = 0.0
        self.patience = witness._patience

    @property
    def over(self) -> bool:
        """Whether the copy will not answer any more."""
        return time.perf_counter() >= self.deadline

    def answers(self, claims: list[Claim]) -> dict[int, bool]:
        """Return what the program says of the claims, by parameter; nothing where it is silent."""
        before = self.witness.seconds
        costs = self._costs(0, [0.0], WRONG_BUDGET)
        if costs is None:
            return {}
        self.here, self.each, self.begun = costs[0], self.witness.seconds - before, True
        said = [self.about(number, claim) for number, claim in enumerate(claims)]
        found = {c.index: a for c, a in zip(claims, said, strict=True) if a is not None}
        self.witness.heard(claims, found)
        return found

    def _costs(self, claim: int, ts: list[float], budget: float) -> list[float] | None:
        """Return the costs at several points of a claim's line; None if one is missing."""
        left = self.deadline - time.perf_counter()
        if left <= 0 or self.witness.seconds + len(ts) * self.each > budget:
            return None
        begun = time.perf_counter()
        answer = self.sleeper.costs([(claim, t) for t in ts], left)
        if answer is None or time.perf_counter() - begun > self.patience:
            self.deadline = 0.0  # it hangs, and would again
            self.witness.copies = MOST_COPIES
            return None
        costs = [c for c in answer[0] if c is not None and np.isfinite(c)]
        self.witness.seconds += answer[1]
        return costs if len(costs) == len(ts) else None

    def about(self, number: int, claim: Claim) -> bool | None:
        """Whether the program agrees with the adjoint; None where that is not clear.

        A difference that agrees needs no estimate of its error, one that does not agree needs it
        to be small, and to be so at two step sizes without a kink between.
        """
        against = 0
        rounding = 4 * self.epsilon * abs(self.here)
        least = 4 * 20 * rounding / (SHARP * claim.stake)
        for rung in LADDER:
            h = rung * max(SHARE * claim.size, least)
            if h < least / 4 or h > claim.size:
                continue
            budget = WRONG_BUDGET if claim.wrong or against else BUDGET
            wide = self._costs(number, [h, -h], budget)
            if wide is None:
                continue
            noise = rounding / h
            plain = (wide[0] - wide[1]) / (2 * h)
            if abs(plain - claim.slope) <= max(20 * noise, AGREES * claim.stake, claim.slack):
                return True
            near = self._costs(number, [h / 2, -h / 2], budget)
            if near is None:
                continue
            slope, error = extrapolated(h, *wide, *near)
            tolerance = max(20 * (error + noise), AGREES * claim.stake, claim.slack)
            gap = abs(slope - claim.slope)
            if gap <= tolerance <= SHARP * claim.stake:
                return True
            bend = abs(near[0] - 2 * self.here + near[1]) / (h / 2)
            if gap <= 5 * tolerance or bend > 0.1 * gap:
                continue  # it is not clear, or a kink lies here and either slope is right
            against += 1
            if against == 2:
                return False
        return None
