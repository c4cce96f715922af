"""The training loop around an engine: when to look, when to stop, what to do on divergence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from backproof.nn import schedules
from backproof.nn.divergence import diverged
from backproof.nn.engine import Engine, Failure, Plan, Samples, Session, State
from backproof.nn.inference import logits
from backproof.nn.mathematics import Array, mean_cost
from backproof.nn.progress import Callback, Epoch, Reporter
from backproof.nn.sharpness import probe, sharpness

# Multiply-adds that an engine may do before it comes back: an interrupt is heard within seconds.
WORK: Final = 2e10
# Steps that one call is given in advance.
STEPS: Final = 1 << 20
# From the largest float down to zero.
HALVINGS: Final = 2100
# Epochs after which the sharpness is measured again, at the latest.
MEASURE_EVERY: Final = 64
# A step is half of what is stable: the sharpness grows during training.
SAFETY: Final = 0.5
# A measurement may raise the step by this: what is flat here may be steep a step further.
GROWTH: Final = 2.0


@dataclass(frozen=True, slots=True)
class Course:
    """How long to train, with which steps, and when to stop.

    Attributes
    ----------
    epochs : int
        The most epochs of this call.
    first_epoch, total_epochs : int
        Where the schedule stands, and its length.
    learning_rate : float or None
        None to measure it from the sharpness.
    schedule, step_size, step_factor
        As in `schedules.rates`.
    tol : float or None
        Stop when neither cost nor score has become better by this for ``patience`` epochs.
    patience : int
    on_divergence : "raise" or "backtrack"
    """

    epochs: int
    first_epoch: int
    total_epochs: int
    learning_rate: float | None
    schedule: str
    step_size: int
    step_factor: float
    tol: float | None
    patience: int
    on_divergence: Literal["raise", "backtrack"]


@dataclass(slots=True)
class History:
    """What is kept of each epoch; ``norms`` in blocks of (epochs, L)."""

    costs: list[float] = field(default_factory=list)
    norms: list[Array] = field(default_factory=list)
    scores: list[float] | None = None
    learning_rate: float = math.nan

    def add(self, costs: Array, norms: Array) -> None:
        """Take note of some epochs."""
        self.costs += costs.tolist()
        self.norms.append(norms)

    def forget(self, epochs: int) -> None:
        """Drop the last epochs: their steps were undone."""
        if epochs:
            del self.costs[-epochs:]
            self.norms = [np.concatenate(self.norms)[:-epochs]]
            if self.scores is not None:
                del self.scores[-epochs:]


@dataclass(slots=True)
class Watch:
    """Looks at the end of each epoch: validation, callbacks, progress; says when to stop.

    With validation samples, "better" is a higher accuracy, or the same one with a lower cost on
    them, and the best weights are kept in ``best``.
    """

    plan: Plan
    samples: Samples
    state: State
    history: History
    course: Course
    report: Reporter
    callbacks: Sequence[Callback]
    validation: Samples | None = None
    best: Array | None = None
    best_rank: tuple[float, float] = (-math.inf, -math.inf)
    top_accuracy: float = -math.inf
    top_cost: float = -math.inf
    stale: int = 0

    def chunk(self, done: int) -> int:
        """Epochs that may be done before the next look."""
        if self.callbacks or self.validation is not None or self.course.tol is not None:
            return 1
        return self.report.chunk(done)

    def end(self, cost: float, norms: Array, rate: float, done: int) -> bool:
        """Take note of an epoch; return whether to stop. ``done`` counts this call's epochs."""
        self.history.costs.append(cost)
        self.history.norms.append(norms[np.newaxis])
        self.history.learning_rate = rate
        stop = self.patience_is_over(cost, self.score())
        if self.callbacks or self.report.wants(done):
            scores = self.history.scores
            epoch = Epoch(
                number=done,
                total=self.course.epochs,
                cost=cost,
                learning_rate=rate,
                measure_accuracy=lambda: self.measure(self.samples)[0],
                gradient_norms=tuple(map(float, norms)),
                validation_score=scores[-1] if scores else None,
            )
            if self.report.wants(done):
                self.report(epoch)
            for callback in self.callbacks:  # each of them is told, whoever wants to stop
                stop |= callback(epoch) is True
        return stop

    def score(self) -> tuple[float, float] | None:
        """Accuracy and negative cost on the validation samples; the best weights are kept."""
        if self.validation is None:
            return None
        accuracy, cost = self.measure(self.validation)
        if self.history.scores is None:
            self.history.scores = []
        self.history.scores.append(accuracy)
        return accuracy, -cost

    def patience_is_over(self, cost: float, rank: tuple[float, float] | None) -> bool:
        """Whether the last epochs brought nothing."""
        if rank is None and self.course.tol is None:
            return False
        tol = self.course.tol or 0.0
        accuracy, negative_cost = rank if rank is not None else (0.0, -cost)
        if rank is not None and rank > self.best_rank:
            self.best_rank = rank
            self.best = self.state.parameters.flat.copy()
        # Accuracy is coarse on a few samples, and cost rises while a net grows too sure: as long
        # as one of them becomes better, there is something to wait for.
        if accuracy > self.top_accuracy or negative_cost > self.top_cost + tol:
            self.stale = 0
        else:
            self.stale += 1
        self.top_accuracy = max(self.top_accuracy, accuracy)
        self.top_cost = max(self.top_cost, negative_cost)
        return self.stale >= self.course.patience

    def measure(self, samples: Samples) -> tuple[float, float]:
        """Weighted accuracy and cost of the weights as they are."""
        p = self.state.parameters
        z = logits(samples.X, p.W, p.b, self.plan.activation, samples.rows)
        hit = (z > 0) == (samples.y > 0.5)
        return float(np.average(hit, weights=samples.weight)), mean_cost(
            z, samples.y, samples.weight
        )


def train(engine: Engine, watch: Watch) -> None:
    """Train by first-order steps until the course ends.

    Raises
    ------
    DivergenceError
        The last good weights are restored before.
    """
    plan, course, state, samples = watch.plan, watch.course, watch.state, watch.samples
    session = engine.session(plan, samples, state)
    rate = Rate(watch)
    longest = _longest_chunk(session, samples, state)
    done = halvings = 0
    while done < course.epochs:
        size = rate.current(done)
        k = min(course.epochs - done, watch.chunk(done), rate.chunk(done), longest)
        rates = schedules.rates(
            course.schedule,
            size,
            first_epoch=course.first_epoch + done,
            epochs=k,
            batches=session.batches,
            total_epochs=course.total_epochs,
            step_size=course.step_size,
            step_factor=course.step_factor,
        )
        costs, norms = np.empty(k), np.empty((k, len(state.parameters.W)))
        failure = session.train(rates, costs, norms)
        whole = k if failure is None else failure.epoch
        if whole:
            # Only the last epoch of a chunk is looked at.
            watch.history.add(costs[: whole - 1], norms[: whole - 1])
            done += whole
            last = whole - 1
            if watch.end(float(costs[last]), norms[last], float(rates[last, -1]), done):
                return
        if failure is not None:
            halvings += 1
            number = course.first_epoch + done + 1
            undone = (state.steps - state.good_steps) // session.batches
            _give_up_or_restore(failure, number, float(rates[failure.epoch, 0]), watch, halvings)
            watch.history.forget(undone)
            done -= undone
            rate.lower()


def _longest_chunk(session: Session, samples: Samples, state: State) -> int:
    work = len(samples) * state.parameters.flat.size
    return max(1, min(STEPS // session.batches, int(WORK // work)))


def _give_up_or_restore(
    failure: Failure, epoch: int, rate: float, watch: Watch, halvings: int
) -> None:
    """Restore the last good weights, and raise unless the step is to be made smaller."""
    state, course = watch.state, watch.course
    lenient = course.on_divergence == "backtrack" or course.learning_rate is None
    hopeless = halvings > HALVINGS or math.isnan(state.first_cost)
    if lenient and not hopeless:
        np.copyto(state.parameters.flat, state.good)
        state.first_moment.fill(0)
        state.second_moment.fill(0)
        state.steps = state.good_steps = 0
        return
    raise diverged(failure, epoch, rate, watch.plan, watch.samples, state)


class Rate:
    """The step size: as given, or half of what the sharpness bears, measured again and again.

    The sharpness is measured before epochs 0, 1, 2, 4, 8, …, then every 64: it grows most at first.
    Between two measurements it may double without harm. Should training diverge all the same, or
    with ``on_divergence="backtrack"``, the step is halved.
    """

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.given = watch.course.learning_rate
        self.scale = 1.0
        self.measured = math.nan
        self.direction: Array | None = None
        self.next = 0
        # Momentum bears longer steps on a parabola, but what it has gathered carries on where the
        # ground rises: the sum of its steps, η/(1 - μ), is held to what plain steps bear.
        plan = watch.plan
        self.factor = 2 * SAFETY * (1 - plan.momentum if plan.optimizer == "sgd" else 1)

    def chunk(self, done: int) -> int:
        """Epochs to the next measurement."""
        return self.watch.course.epochs if self.given is not None else self.next - done

    def current(self, done: int) -> float:
        """Return the step size before the schedule."""
        if self.given is not None:
            return self.given * self.scale
        if done >= self.next:
            self.measure()
            self.next = done + min(MEASURE_EVERY, max(1, done))
        return self.measured * self.scale

    def measure(self) -> None:
        """Measure the sharpness; keep the step where it cannot be.

        Of mini-batches the sharpest of a few counts, since each step sees only one.
        """
        watch = self.watch
        plan, n = watch.plan, len(watch.samples)
        batches: list[Array | None] = [None]
        if plan.batch_size < n:
            draw = np.random.default_rng(self.next)
            batches = [np.sort(draw.choice(n, plan.batch_size, replace=False)) for _ in range(4)]
        sharpest = 0.0
        for rows in batches:
            session = probe(plan, watch.samples, watch.state, rows)
            found, self.direction = sharpness(session, watch.state, self.direction)
            sharpest = max(sharpest, found)
        if sharpest == math.inf:
            if math.isnan(self.measured):
                failure = Failure(0, None, math.nan)
                raise diverged(failure, 1, math.nan, plan, watch.samples, watch.state)
        elif sharpest > 0:
            longest = math.inf if math.isnan(self.measured) else GROWTH * self.measured
            self.measured = min(self.factor / sharpest, longest)
        elif math.isnan(self.measured):
            self.measured = 1.0  # flat as far as can be seen

    def lower(self) -> None:
        """Halve it."""
        self.scale /= 2
