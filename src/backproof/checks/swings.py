"""BP301 with a momentum: the iterates swing through the valley, and the cost stays.

A heavy ball of momentum β goes on for 1 / (1 − β) steps: 10 at 0.9, 1,000 at 0.999 (Polyak 1964,
"Some methods of speeding up the convergence of iteration methods"). The recorded steps without
their state are repeated with a velocity of ours. Where that comes to what the program has come to,
it is repeated with less momentum, and with smaller steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backproof.calculus.slices import StepMap, Vector
from backproof.checks.advice import advise, rate_place, short
from backproof.checks.observation import Observation
from backproof.checks.places import statement_of
from backproof.checks.pooled import affordable, alike, cost_at, in_time
from backproof.finding import Finding

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: Momentum from which on it is judged, above which it is lowered, and what to.
LEAST, HIGH, USUAL = 0.5, 0.95, 0.9
#: Shares of the step size that are tried.
SHARES = (0.3, 0.1, 0.03)
#: A run is open above this share of its first cost; it swings where so many of its late steps go
#: up, or has not come down where it is above the second share.
OPEN, RISING, STAYED = 0.05, 0.3, 0.8
#: A trial must end below this share of what the program has come to, and of its repetition.
BETTER = 0.5
FEWEST, LONGEST, WORK = 40, 600, 2.0
#: Relative difference of the second step to the program's own.
SAME = 1e-6


@dataclass(frozen=True, slots=True)
class Ball:
    """A momentum and a step size, as a share of the program's."""

    momentum: float
    share: float = 1.0


def check(record: Record) -> Iterator[Finding]:
    """Judge the momentum, where nothing else explains that the cost stays."""
    if record.found or record.nonfinite is not None:
        return
    seen = alike(record)
    if len(seen) < 4 or seen[0].rate is None or seen[0].step:
        return
    momentum = max(o.momentum for o in seen)
    maps = [m for o in seen if (m := o.fresh()) is not None and m.cost is not None]
    if momentum < LEAST or len(maps) < len(seen) or not in_time(record, maps, 2 * len(maps)):
        return
    with np.errstate(all="ignore"):
        costs = [cost_at(maps, step.theta) for step in maps]
    late = [i for i, o in enumerate(seen) if 10 * o.step >= seen[-1].step][-3:]
    before, after = costs[0], float(np.mean([costs[i] for i in late]))
    rising = np.mean([(o.cost_after or 0.0) > (o.cost or 0.0) for o in seen])
    if not after > OPEN * before > 0 or min(o.cost or 0.0 for o in seen) < 0:
        return
    if rising < RISING and after < STAYED * before:
        return
    if not _is_ball(seen, maps, momentum):
        return
    tried = _trials(record, seen, maps, momentum, after)
    if tried is not None:
        yield _finding(seen, momentum, (before, after), *tried)


def _is_ball(seen: Sequence[Observation], maps: Sequence[StepMap], momentum: float) -> bool:
    """Whether a velocity of ours makes the second step as the program does."""
    if [o.step for o in seen[:2]] != [0, 1]:
        return False
    first, second = maps[:2]
    velocity = momentum * first.change(first.theta) + second.change(second.theta)
    taken = np.concatenate([np.ravel(change) for change in seen[1].changes])
    return bool(np.linalg.norm(velocity - taken) <= SAME * np.linalg.norm(taken))


def _is_mean(first: Observation, step: StepMap, momentum: float) -> bool:
    """Whether the velocity is a mean of gradients, ``β·v + (1 − β)·g``, and no sum of them."""
    assert first.rate is not None
    size = np.sqrt(sum(float(np.sum(g**2)) for g in first.gradients if g is not None))
    share = float(np.linalg.norm(step.change(step.theta))) / (first.rate.value * size or np.inf)
    return share < 2 * (1 - momentum)


def _trials(
    record: Record, seen: Sequence[Observation], maps: Sequence[StepMap], momentum: float,
    after: float,
) -> tuple[Ball, int, float, float] | None:  # fmt: skip
    """Return (what helps, steps, the cost that it comes to, that of the program's own)."""
    balls = [Ball(momentum, share) for share in SHARES]
    if momentum > HIGH and not _is_mean(seen[0], maps[0], momentum):
        balls.insert(0, Ball(USUAL))
    record.meter.allowed += WORK
    changes = [step.change(maps[0].theta) for step in maps]
    if all(np.allclose(c, changes[0], rtol=1e-6, atol=1e-12) for c in changes):
        maps = maps[:1]  # all see the same data
    most = min(LONGEST, record.steps)
    steps = affordable(maps, 0.7 * record.meter.left / (len(balls) + 1), most)
    if steps < FEWEST:
        return None
    own = roll(maps, Ball(momentum), steps)
    for ball in balls:
        cost = roll(maps, ball, steps)
        if cost < BETTER * min(own, after):
            return ball, steps, cost, own
    return None


def roll(maps: Sequence[StepMap], ball: Ball, steps: int) -> float:
    """Return the mean cost over the last fifth of so many steps with a velocity."""
    theta: Vector = maps[0].theta
    velocity = np.zeros_like(theta)
    costs: list[float] = []
    with np.errstate(all="ignore"):
        for number in range(steps):
            change = maps[number % len(maps)].change(theta)
            velocity = ball.momentum * velocity + ball.share * change
            theta = theta + velocity
            if not np.all(np.isfinite(theta)):
                return np.inf
            if number % len(maps) == len(maps) - 1 and 5 * number >= 4 * (steps - len(maps)):
                costs.append(cost_at(maps, theta))
    return float(np.mean(costs)) if costs else np.inf


def _finding(
    seen: Sequence[Observation], momentum: float, costs: tuple[float, float], ball: Ball,
    steps: int, cost: float, own: float,
) -> Finding:  # fmt: skip
    rate = seen[0].rate
    assert rate is not None
    before, after = costs
    lower = ball.momentum < momentum
    what = (
        f"the momentum {short(momentum)} is too large" if lower else
        f"the step size {short(rate.value)} is too large for the momentum {short(momentum)}"
    )  # fmt: skip
    with_what = (
        f"the momentum {short(ball.momentum)}" if lower
        else f"the step size {short(rate.value * ball.share)}"
    )  # fmt: skip
    known = f"{short(own)}" if np.isfinite(own) else "beyond the floats"
    return advise(
        "BP301", "learning-rate-too-high", rate_place(rate.text, rate.value, rate.site),
        f"{what}: the cost swings, from {short(before)} to {short(after)}",
        f"use {with_what}",
        {"learning_rate": rate.value, "momentum": momentum, "cost_first": before,
         "cost_last": after, "steps": [o.step for o in seen],
         "trial": {"steps": steps, "momentum": ball.momentum, "rate": rate.value * ball.share,
                   "cost": cost, "own_cost": own}},
        notes=[
            f"the program's steps go on in one direction for about {short(1 / (1 - momentum))} "
            "steps",
            f"tried on the recorded steps, {steps} steps from the first parameters: with "
            f"{with_what} the cost comes to {short(cost)}, as it is to {known}",
        ],
        related=[(statement_of(rate.site), "call-site")], confidence="proven",
    )  # fmt: skip
