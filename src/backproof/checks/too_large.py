"""BP301 step-too-large: a step beyond the curvature's bound, and a trial of a smaller one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.checks.advice import advise, rate_place, short
from backproof.checks.observation import Observation
from backproof.checks.places import statement_of
from backproof.checks.pooled import affordable, alike, cost_at, in_time, unexplained
from backproof.checks.stepping import Trial, attempt, payable, ratio, turns
from backproof.finding import Finding

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: A smaller step counts as better if it brings the cost this much further down (share of the
#: author's). Below it, a bouncing cost at the edge of stability is normal and harmless
#: (Cohen et al. 2021, figure 1: training proceeds with λ hovering just above 2/η).
BETTER = 0.05
#: Shares of the stable step 2/λ that are tried. Half of it is the classical optimum for a
#: quadratic, 1/λ.
SHARES = (0.5, 0.25)
#: Judged steps whose cost is this many times the first one's lie far outside the landscape that
#: the program starts in: their curvature says nothing about a step to choose.
FAR = 10.0
#: A run that has lowered its cost by this share has come where it was meant to, bouncing or not.
LEARNT = 0.9
#: … unless it bounces still, leaves this share of the labels' variance, and smaller steps from the
#: first parameters, no more of them, end below this share of its end.
LEFT, HELD_UP = 0.03, 0.5
#: It has lost what it had gained where its cost is so many times the least, and open by this share.
AGAIN, OPEN = 10.0, 0.3
#: So many judged steps that all go up their own cost are no bouncing.
ALWAYS = 6
SMALLER, LONGEST, WORK = (0.5, 0.3, 0.1), 400, 0.6


def check(record: Record) -> Iterator[Finding]:
    """Judge whether the step size is too large for the judged steps."""
    found = too_large(record)
    if found is not None:
        yield found


def too_large(record: Record) -> Finding | None:
    """Find a step above the stability bound that keeps the cost from falling."""
    seen = [s for s in record.comparable() if s.map is not None]
    curved = [s for s in seen if s.stability is not None]
    if not curved or all(s.rate is None for s in curved):
        return None
    calm = [s for s in curved if s.cost is not None and s.cost <= FAR * abs(seen[0].cost or 0.0)]
    over = [s for s in calm if ratio(s) > 1.0 and (s.rate is not None or calm[0].rate is not None)]
    rising = [s for s in seen if _rises(s)]
    broke = record.nonfinite is not None or any(not _finite(s.cost_after) for s in seen)
    if not over or not (rising or broke):
        return None
    worst = max(over, key=ratio)
    costs = [float(s.cost) for s in seen if s.cost is not None]
    if costs[0] < 0 and len(rising) == len(seen):
        return None  # a likelihood, which is climbed
    # Each step makes its own sample worse: what has been learnt is thrown about.
    always = len(rising) == len(seen) >= ALWAYS
    harmed = broke or always or costs[-1] > 1.5 * costs[0]
    if not harmed and record.learns(LEARNT):
        # At the edge of stability, or on a batch that no other step sees.
        held_up = _held_up(record, seen, over)
        if held_up is None:
            return None
        return _finding_large(calm, worst, held_up, proven=True, diverges=False)
    trials = _trials(record, over)
    overflow = record.nonfinite is not None and record.nonfinite.evidence.get("overflow")
    diverges = bool(overflow) or costs[-1] > 1.5 * costs[0]
    proven = False
    if trials is not None:
        own, better = trials
        gain = own.cost - better.cost
        proven = gain > BETTER * abs(own.cost) if np.isfinite(own.cost) else True
    if not proven and not harmed and (len(over) < 3 or (_falls(costs) and not _is_lost(record))):
        return None
    return _finding_large(calm, worst, trials, proven=proven, diverges=diverges)


def _rises(seen: Observation) -> bool:
    if seen.cost is None or seen.cost_after is None:
        return False
    return not _finite(seen.cost_after) or seen.cost_after > seen.cost * (1 + 1e-6)


def _finite(value: float | None) -> bool:
    return value is not None and bool(np.isfinite(value))


def _falls(costs: list[float]) -> bool:
    """Whether the cost comes down over the judged steps, bouncing or not."""
    return min(costs[1:], default=0.0) < 0.9 * costs[0] and costs[-1] < 0.9 * costs[0]


def _is_lost(record: Record) -> bool:
    """Whether most of what had been gained is lost again, on the data of all judged steps."""
    maps = [o.map for o in alike(record) if o.map is not None]
    if len(maps) < 4 or not in_time(record, maps, len(maps) ** 2):
        return False
    with np.errstate(all="ignore"):
        costs = [cost_at(maps, step.theta) for step in maps]
    return costs[-1] > max(AGAIN * min(costs), OPEN * costs[0])


def _trials(record: Record, over: list[Observation]) -> tuple[Trial, Trial] | None:
    """Try the author's step and smaller ones from where it overshoots, late and early."""
    usable = [s for s in over if s.map is not None and s.stateless]
    if not usable:
        return None
    found: tuple[Trial, Trial] | None = None
    for start in (usable[-1], usable[0])[: len(usable)]:
        maps = turns(record, start)
        assert start.map is not None
        theta = start.map.theta
        steps = payable(record, maps, len(SHARES) + 1)
        if steps < 20:
            return None
        own = attempt(maps, theta, 1.0, steps, record.meter.left)
        if own is None:
            return None
        best: Trial | None = None
        for share in SHARES:
            scale = share / ratio(start)
            other = attempt(maps, theta, scale, max(own.steps, len(maps)), record.meter.left)
            if other is not None and (best is None or other.cost < best.cost):
                best = other
        if best is None:
            return None
        if own.cost - best.cost > BETTER * abs(own.cost) or not np.isfinite(own.cost):
            return own, best
        found = found or (own, best)
    return found


def _held_up(
    record: Record, seen: list[Observation], over: list[Observation]
) -> tuple[Trial, Trial] | None:
    """Try smaller steps from the first parameters, where a run bounces to its end, and is open."""
    first, last = seen[0], seen[-1]
    late = [o for o in over if 4 * o.step >= last.step]
    if len(late) < 2 or not unexplained(last) > LEFT or first.map is None or not first.stateless:
        return None
    if len(turns(record, first)) != 1:
        return None
    record.meter.allowed += WORK
    runs = len(SMALLER) + 1
    steps = affordable([first.map], 0.7 * record.meter.left / runs, min(LONGEST, record.steps))
    if steps < 0.25 * record.steps:
        return None
    own = attempt([first.map], first.map.theta, 1.0, steps, record.meter.left)
    for share in SMALLER:
        other = attempt([first.map], first.map.theta, share, steps, record.meter.left)
        if own is None or other is None or last.cost is None:
            return None
        if other.cost < HELD_UP * min(own.cost, last.cost):
            return own, other
    return None


def _finding_large(
    seen: list[Observation], worst: Observation, trials: tuple[Trial, Trial] | None,
    *, proven: bool, diverges: bool,
) -> Finding:  # fmt: skip
    rate = worst.rate or seen[0].rate
    assert rate is not None
    place = rate_place(rate.text, rate.value, rate.site)
    curvatures = [
        s.stability.value / (s.rate or rate).value for s in seen
        if s.stability is not None and s.stability.converged
    ]  # fmt: skip
    limit = worst.bound / rate.value
    stable = rate.value / ratio(worst)
    suggestion = float(f"{0.5 * stable:.1g}")
    evidence: dict[str, Any] = {
        "learning_rate": rate.value, "sharpness_min": min(curvatures),
        "sharpness_max": max(curvatures), "limit": limit, "momentum": worst.momentum,
        "steps": [s.step for s in seen], "stable_step": stable,
        "residual": worst.stability.residual if worst.stability else None,
        "cost": [s.cost for s in seen], "suggestion": suggestion,
    }  # fmt: skip
    bound = "2/η" if not worst.momentum else "2·(1 + β)/η"
    notes = [
        f"sharpness λ (top eigenvalue of the Hessian) between {short(min(curvatures))} and "
        f"{short(max(curvatures))} over {len(curvatures)} judged steps; stable below {bound} = "
        f"{short(limit)}"
    ]  # fmt: skip
    if trials is not None:
        own, better = trials
        evidence["trial"] = {
            "steps": own.steps, "own_cost": own.cost, "own_rises": own.rises,
            "rate": rate.value * better.scale, "cost": better.cost, "rises": better.rises,
        }  # fmt: skip
        suggestion = float(f"{rate.value * better.scale:.1g}")
        evidence["suggestion"] = suggestion
        notes.append(
            f"tried on the recorded step, {own.steps} steps: with {short(rate.value)} the cost "
            f"rises {own.rises} times and comes to {short(own.cost)}, with "
            f"{short(rate.value * better.scale)} it rises {better.rises} times and comes to "
            f"{short(better.cost)}"
        )
    what = "training diverges" if diverges else "the cost bounces"
    title = (
        f"{what}: the step size {short(rate.value)} is too large for the curvature "
        f"(λ = {short(max(curvatures))} > {short(limit)})"
    )
    return advise(
        "BP301", "learning-rate-too-high", place, title, f"use a step of about {suggestion:g}",
        evidence, notes=notes, related=[(statement_of(rate.site), "call-site")],
        confidence="proven" if proven else "likely",
    )  # fmt: skip
