"""BP302 for a step size that was fine at first and has come to nothing long before the end.

A rate that is lowered in every batch instead of every epoch is gone after a few hundred updates;
what follows is idle. The judged steps are repeated from where the program stands, with the step
size that it began with.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from backproof.checks.advice import advise, rate_place, short
from backproof.checks.observation import Observation
from backproof.checks.places import lowered, statement_of
from backproof.checks.pooled import affordable, alike, cost_at, in_time, repeat
from backproof.finding import Finding

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: Share of the first step size below which a schedule has ended, and of the run after which no
#: more is said: cosine and exponential schedules come to 1e-2 or 1e-3 near the end.
GONE = 1e-3
EARLY = 0.5
#: A step that changes the cost by less than this share of it stands still.
STILL = 1e-3
#: The cost must still be this share of the first, and the trial must bring it below this share.
OPEN = 0.05
BETTER = 0.7
LONGEST = 300
#: Share of the first step size below which a recorded step tells no direction any more.
ROUNDED = 1e-7


def check(record: Record) -> Iterator[Finding]:
    """Judge a step size that changes over the run."""
    if record.found or record.nonfinite is not None:
        return
    seen = [o for o in alike(record) if o.rate is not None]
    # A rate of 0 is no number that a step is made of: it is known by the steps that do not move.
    idle = [o for o in alike(record) if seen and o.step > seen[-1].step and not _moves(o)]
    if len(seen) + len(idle) < 4 or len(seen) < 2:
        return
    rates = [o.rate.value for o in seen if o.rate is not None]
    first, last = seen[0], seen[-1]
    assert first.rate is not None
    assert last.rate is not None
    start = max(rates[:3])
    small = [o for o, rate in zip(seen, rates, strict=True) if rate < GONE * start and _is_still(o)]
    if first.rate.site != last.rate.site:
        return
    if len(idle) < 2:
        if len(small) < 2 or small[-1] is not last:
            return
        while small[0] is not seen[-len(small)]:
            small.pop(0)  # a velocity moved on for a while
        if len(small) < 2:
            return
    since, left = (idle[0].step, 0.0) if len(idle) > 1 else (small[0].step, rates[-len(small)])
    if since > EARLY * record.steps:
        return
    seen = [*seen, *idle]
    maps = [o.map for o in seen if o.map is not None]
    if not in_time(record, maps, 3 * len(maps)):
        return
    before, now = cost_at(maps, maps[0].theta), cost_at(maps, maps[-1].theta)
    # A step of almost nothing is lost in the parameters: what would be scaled is rounding.
    usable = [
        (start / rate, step) for o, rate in zip(seen, rates, strict=False)
        if rate > ROUNDED * start and (step := o.fresh()) is not None
    ]  # fmt: skip
    steps = [step for _, step in usable]
    count = affordable(steps, 0.5 * record.meter.left, LONGEST) if steps else 0
    if not now > OPEN * before or count < 20:
        return
    theta = repeat(steps, [scale for scale, _ in usable], maps[-1].theta, count)
    tried = cost_at(maps, theta)
    if not tried < BETTER * now:
        return
    rate = first.rate
    yield advise(
        "BP302", "learning-rate-too-low",
        lowered(rate.text) or rate_place(rate.text, rate.value, rate.site),
        f"the step size falls from {short(start)} to {short(left)} by step {since} of "
        f"{record.steps}: the steps after it change nothing",
        "let it fall once an epoch, not at every update, or more slowly",
        {"rates": rates, "steps": [o.step for o in seen], "cost_first": before, "cost": now,
         "trial": {"steps": count, "rate": start, "cost": tried}},
        notes=[
            f"on the data of {len(seen)} judged steps the cost was {short(before)} at first and is "
            f"{short(now)}; {count} more steps on them with {short(start)} bring it to "
            f"{short(tried)}"
        ],
        related=[(statement_of(rate.site), "call-site")], confidence="proven",
    )  # fmt: skip


def _moves(seen: Observation) -> bool:
    """Whether a step changes any parameter."""
    return any(np.any(change) for change in seen.changes)


def _is_still(seen: Observation) -> bool:
    """Whether a step leaves its cost as it is."""
    if seen.cost is None or seen.cost_after is None:
        return False
    return abs(seen.cost - seen.cost_after) <= STILL * abs(seen.cost)
