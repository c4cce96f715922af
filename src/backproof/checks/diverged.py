"""BP301 where curvature does not tell it: the cost grows or stays, and smaller steps bring it down.

The curvature of a long step is too dear to be measured, that of a step that has left its valley
says nothing, and neither does that of a step with a momentum of its own. The judged steps are
repeated in turn from the first parameters, with their size and with a tenth, a hundredth, a
thousandth of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from backproof.calculus.slices import StepMap
from backproof.checks.advice import advise, rate_place, short
from backproof.checks.observation import Observation
from backproof.checks.places import statement_of
from backproof.checks.pooled import affordable, alike, cost_at, in_time, repeat
from backproof.finding import Finding

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: The cost has grown by this factor, or has stayed above this share of the first.
GROWN = 10.0
STAYED = 0.8
#: Smaller steps must end below this share of what the program's own come to, in the trial and in
#: the run, and of the first cost.
BETTER = 0.6
FALLS = 0.8
SHARES = (0.1, 0.01, 0.001)
FEWEST, LONGEST = 20, 120


def check(record: Record) -> Iterator[Finding]:
    """Judge a cost that has grown, or has not come down."""
    if record.found or record.nonfinite is not None:
        return
    seen = alike(record)
    if len(seen) < 2 or seen[0].rate is None:
        return
    first, last = seen[0], seen[-1]
    maps = [o.map for o in seen if o.map is not None]
    if not in_time(record, maps, 3 * len(maps)):
        return
    costs = [cost_at(maps, m.theta) for m in maps]
    before, after = costs[0], costs[-1]
    if not before > 0 or min(o.cost or 0.0 for o in seen) < 0:
        return  # a likelihood, or a reward: what is low is not what is meant
    grown = max(costs) > GROWN * before
    if not (grown and after > FALLS * before) and not after > STAYED * before:
        return
    if not first.stateless:
        # Before its first step an optimiser has no state: that step is one of the gradient alone.
        maps = maps[:1] if first.step == 0 and grown else []
    tried = _smaller(record, maps, after, own=first.stateless) if maps else None
    if tried is not None:
        yield _finding(record, seen, first, last, (before, max(costs), after), tried)


def _smaller(
    record: Record, maps: Sequence[StepMap], after: float, *, own: bool
) -> tuple[float, int, float, float] | None:
    """Return (share, steps, the cost that it comes to, that of the program's own size)."""
    runs = len(SHARES) + own
    steps = affordable(maps, 0.4 * record.meter.left / runs, min(LONGEST, record.steps))
    if steps < FEWEST:
        return None
    start = maps[0].theta
    first = cost_at(maps, start)

    def end(share: float) -> float:
        theta = repeat(maps, [share] * len(maps), start, steps)
        with np.errstate(all="ignore"):
            found = cost_at(maps, theta) if np.all(np.isfinite(theta)) else np.inf
        return found if np.isfinite(found) else np.inf

    known = end(1.0) if own else np.inf
    limit = min(BETTER * known, BETTER * after, FALLS * first)
    for share in SHARES:
        cost = end(share)
        if cost < limit:
            return share, steps, cost, known
    return None


def _finding(
    record: Record, seen: Sequence[Observation], first: Observation, last: Observation,
    costs: tuple[float, float, float], tried: tuple[float, int, float, float],
) -> Finding:  # fmt: skip
    before, most, after = costs
    share, steps, cost, own = tried
    rate = first.rate
    assert rate is not None
    smaller = rate.value * share
    if most > GROWN * before:
        how = f"training diverges: with the step size {short(rate.value)} the cost grows from "
        how += f"{short(before)} to {short(most)}"
    else:
        how = f"the step size {short(rate.value)} is too large: the cost comes from "
        how += f"{short(before)} to {short(after)}, with smaller steps to {short(cost)}"
    notes = [
        f"the costs are those of the parameters of steps {first.step} and {last.step} on the data "
        f"of {len(seen)} judged steps",
        f"tried on the recorded steps: {steps} steps with {short(smaller)} bring the cost to "
        f"{short(cost)}"
        + (f", with {short(rate.value)} to {short(own)}" if np.isfinite(own) else ""),
    ]
    return advise(
        "BP301", "learning-rate-too-high", rate_place(rate.text, rate.value, rate.site), how,
        f"use a step of about {float(f'{smaller:.1g}'):g}",
        {"learning_rate": rate.value, "cost_first": before, "cost_most": most, "cost_last": after,
         "trial": {"steps": steps, "rate": smaller, "cost": cost}},
        notes=notes, related=[(statement_of(rate.site), "call-site")], confidence="proven",
    )  # fmt: skip
