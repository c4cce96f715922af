"""The second witness: differences of the real program, which knows nothing of our tape and rules.

At the start of a step that will be judged a sleeping copy of the program is made. When the adjoint
has said what it thinks of the gradients, the copy is asked for the program's own cost at perturbed
parameters. What it contradicts is not claimed. Where it cannot answer, the replay has to do.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from backproof.calculus.differences import extrapolated
from backproof.checks.gradient import StepEvidence, decisive
from backproof.checks.match import compare
from backproof.costs import COSTS
from backproof.hypotheses import Hypothesis
from backproof.trace.checkpoint import obstacle
from backproof.trace.imports import is_testing
from backproof.trace.memory import place_of
from backproof.trace.recorder import Recorder
from backproof.trace.sleeper import Question, Sleeper, fall_asleep
from backproof.trace.tape import Tape

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
#: Numbers in all parameters of a step, beyond which it is not asked about.
MOST_ENTRIES = 4_000_000
#: Relative rounding of a cost, by the bytes of the smallest float that it is computed from.
EPSILON = {8: 2.2e-16, 4: 1.2e-7}
#: The step size is this share of a parameter's largest entry, or more where the cost's rounding
#: asks for it; then such multiples of that.
SHARE, LADDER = 1e-4, (1.0, 0.1, 3.0, 10.0)
#: What stands for the largest entry where that is smaller.
SMALLEST = 1e-2
#: A difference agrees up to this share of what is at stake: the true gradient, or its distance to
#: the author's.
AGREES = 1e-5
#: Differences count if what they leave open is below this share of what is at stake.
SHARP = 0.02
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
            made = question_of(view, self._log, self._patience, self._is_open)
            self._settled = made is None
            if made is None:
                break
            question, claims, epsilon = made
            dialogue = Dialogue(self, sleeper, epsilon)
            if dialogue.begin(question):
                answers = [dialogue.about(number, claim) for number, claim in enumerate(claims)]
                found = {c.index: a for c, a in zip(claims, answers, strict=True) if a is not None}
                self._answered.update((c.name, c.wrong) for c in claims if c.index in found)
                self._settled = len(found) == len(claims)
                break
            if dialogue.over or not evidence.jitter:
                break
            # There the program takes another path than the recorded one.
        return found

    def _is_open(self, name: str, wrong: bool) -> bool:
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

    def __init__(self, witness: Witness, sleeper: Sleeper, epsilon: float) -> None:
        self.witness = witness
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

    def begin(self, question: Question) -> bool:
        """Ask for the cost at the parameters themselves; False if there is no answer."""
        taken = self.sleeper.pose(question, PATIENCE)
        if taken is None:
            return False
        self.witness.seconds += taken
        before = self.witness.seconds
        costs = self._costs(0, [0.0], WRONG_BUDGET)
        if costs is None:
            return False
        self.here, self.each = costs[0], self.witness.seconds - before
        return True

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


# ---- from the evidence to a question -----------------------------------------------------------


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
        if (claim := _claim(evidence, index, nodes, is_open)) is not None
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
    epsilon = _epsilon(tape, node)
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


def _epsilon(tape: Tape, node: int) -> float | None:
    """Return the rounding of the smallest float that a value was computed from."""
    smallest = 8
    for n in tape.ancestors([node]):
        obj = tape.nodes[n].obj
        if isinstance(obj, (np.ndarray, np.generic)) and obj.dtype.kind == "f":
            smallest = min(smallest, obj.dtype.itemsize)
    return EPSILON.get(smallest)


def _claim(
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
