"""BP301 where no curvature was measured: the cost has grown, and smaller steps make it fall.

The curvature of a long step is too dear to be measured, and that of a step that has left its valley
says nothing. The first judged step is repeated with a tenth of its size, or a hundredth.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from backproof.checks.advice import advise, rate_place, short
from backproof.checks.places import statement_of
from backproof.checks.pooled import affordable, alike, cost_at, in_time
from backproof.checks.step_size import attempt
from backproof.finding import Finding

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: The cost must have grown by this factor, and come below this share of the first in the trial.
GROWN = 10.0
FALLS = 0.9
SHARES = (0.1, 0.01)
FEWEST, LONGEST = 20, 60


def check(record: Record) -> Iterator[Finding]:
    """Judge a cost that has grown."""
    if record.found or record.nonfinite is not None:
        return
    seen = alike(record)
    if len(seen) < 2 or seen[0].rate is None or not seen[0].stateless:
        return
    first, last = seen[0], seen[-1]
    maps = [o.map for o in seen if o.map is not None]
    if not in_time(record, maps, 3 * len(maps)):
        return
    before, after = cost_at(maps, maps[0].theta), cost_at(maps, maps[-1].theta)
    if not before > 0 or after < GROWN * before:
        return
    steps = affordable(maps, 0.3 * record.time_left(), LONGEST)
    if steps < FEWEST:
        return
    assert first.rate is not None
    own = maps[0].cost(maps[0].theta) if maps[0].cost is not None else np.inf
    for share in SHARES:
        trial = attempt(first, share, steps, record.deadline)
        if trial is None or not trial.cost < FALLS * own:
            continue
        rate, tried = first.rate, first.rate.value * share
        yield advise(
            "BP301", "learning-rate-too-high", rate_place(rate.text, rate.value, rate.site),
            f"training diverges: with the step size {short(rate.value)} the cost grows from "
            f"{short(before)} to {short(after)}",
            f"use a step of about {float(f'{tried:.1g}'):g}",
            {"learning_rate": rate.value, "cost_first": before, "cost_last": after,
             "trial": {"steps": trial.steps, "rate": tried, "cost": trial.cost}},
            notes=[
                f"the costs are those of the parameters of steps {first.step} and {last.step} on "
                f"the data of {len(seen)} judged steps",
                f"tried on the recorded step: {trial.steps} steps with {short(tried)} bring its "
                f"cost from {short(own)} to {short(trial.cost)}",
            ],
            related=[(statement_of(rate.site), "call-site")], confidence="proven",
        )  # fmt: skip
        return
