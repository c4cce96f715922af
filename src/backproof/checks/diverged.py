"""BP301 where curvature does not tell it: the cost grows or stays, and smaller steps bring it down.

It stays as well where the first steps have thrown the units to where they have no slope.

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
from backproof.checks.pooled import affordable, alike, cost_at, in_time, repeat, unexplained
from backproof.checks.units import DEAD, SAMPLES, SATURATED, STILL, flat_share, silent
from backproof.finding import Finding

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: The cost has grown by this factor, or has stayed above this share of the first.
GROWN = 10.0
STAYED = 0.8
#: … or above this one where most units have lost their slope since the first step.
OPEN = 0.05
#: … or leaves more than this share of the labels' variance.
POOR = 0.1
#: Smaller steps must end below this share of what the program's own come to, in the trial and in
#: the run, and of the first cost.
BETTER = 0.6
FALLS = 0.8
#: … where lost units show what is wrong with the program's own size.
LESS = 0.75
SHARES = (0.1, 0.01, 0.001)
FEWEST, LONGEST = 20, 120
#: Steps of a trial that shows what lost units cost, and the work that it may take beside.
LONGER, WORK = 600, 2.5


def check(record: Record) -> Iterator[Finding]:
    """Judge a cost that has grown, or has not come down."""
    if record.found or record.nonfinite is not None:
        return
    seen = alike(record)
    if not seen or seen[0].rate is None:
        return
    first, last = seen[0], seen[-1]
    maps = [o.map for o in seen if o.map is not None]
    lost = lost_units(first, record.last)
    if lost:
        record.meter.allowed += WORK
    if not in_time(record, maps, 3 * len(maps)):
        return
    thetas = [m.theta for m in maps]
    if len(seen) < 2:
        last = record.last  # no slope was left for the gradients of later steps to be known by
        if last is first or last.names != first.names or not lost_units(first, last):
            return
        thetas.append(np.concatenate([np.ravel(value) for value in last.values]))
        if thetas[0].shape != thetas[1].shape:
            return
    with np.errstate(all="ignore"):
        costs = [cost_at(maps, theta) for theta in thetas]
    before, after = costs[0], costs[-1]
    if not before > 0 or min(o.cost or 0.0 for o in seen) < 0:
        return  # a likelihood, or a reward: what is low is not what is meant
    grown = max(costs) > GROWN * before
    # Labels far from zero make the first cost large: what a constant leaves says what is open.
    if after <= OPEN * before and unexplained(record.last) <= POOR:
        lost = ""
    if not (grown and after > FALLS * before) and not after > STAYED * before and not lost:
        return
    if not first.stateless:
        # Before its first step an optimiser has no state: that step is one of the gradient alone.
        maps = maps[:1] if first.step == 0 and grown else []
    tried = _smaller(record, maps, after, own=first.stateless, lost=bool(lost)) if maps else None
    if tried is not None:
        yield _finding(seen, first, last, (before, max(costs), after), tried, lost)


def lost_units(first: Observation, last: Observation) -> str:
    """Say which units have lost their slope since the first step, if most of a layer have."""
    for layer, units in last.layers:
        before = next((u for la, u in first.layers if la.weight == layer.weight), None)
        if before is None or before.z.shape[0] != units.z.shape[0]:
            continue
        name = last.names[layer.weight]
        if units.rectifies and layer.hidden and units.z.shape[1] >= SAMPLES:
            was, now = (float(np.mean(silent(u))) for u in (before, units))
            if now >= DEAD and was < 1 - DEAD:
                count = units.z.shape[0]
                return f"{round(now * count)} of {count} ReLUs of `{name}` are dead since"
        if units.saturates and (layer.hidden or first.title == "squared error"):
            was, now = flat_share(before), flat_share(units)
            if now >= SATURATED and was < STILL:
                return f"{100 * now:.0f} % of the activations behind `{name}` are saturated since"
    return ""


def _smaller(
    record: Record, maps: Sequence[StepMap], after: float, *, own: bool, lost: bool
) -> tuple[float, int, float, float] | None:
    """Return (share, steps, the cost that it comes to, that of the program's own size)."""
    shares = (0.3, *SHARES) if lost else SHARES
    runs = len(shares) + own
    longest = min(LONGER if lost else LONGEST, record.steps)
    steps = affordable(maps, (0.8 if lost else 0.4) * record.meter.left / runs, longest)
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
    better = LESS if lost else BETTER
    limit = min(better * known, better * after, FALLS * first)
    for share in shares:
        cost = end(share)
        if cost < limit:
            return share, steps, cost, known
    return None


def _finding(
    seen: Sequence[Observation], first: Observation, last: Observation,
    costs: tuple[float, float, float], tried: tuple[float, int, float, float], lost: str,
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
        *([f"{lost}: they pass no gradient"] if lost else []),
    ]
    return advise(
        "BP301", "learning-rate-too-high", rate_place(rate.text, rate.value, rate.site), how,
        f"use a step of about {float(f'{smaller:.1g}'):g}",
        {"learning_rate": rate.value, "cost_first": before, "cost_most": most, "cost_last": after,
         "trial": {"steps": steps, "rate": smaller, "cost": cost}},
        notes=notes, related=[(statement_of(rate.site), "call-site")], confidence="proven",
    )  # fmt: skip
