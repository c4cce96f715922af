"""BP301 step-too-large and BP302 step-too-small: curvature against the step, and a trial.

The eigenvalue says what can go wrong, the trial whether it does: the recorded step is repeated as
a map of the parameters, with the author's step size and with another, and the costs are compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.calculus.slices import StepMap, Vector
from backproof.checks.advice import advise, rate_place, short
from backproof.checks.observation import Observation
from backproof.checks.places import statement_of
from backproof.checks.pooled import FEW, affordable, alike, cost_at, in_time, progress
from backproof.costs import STRAIGHT
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
#: Shares that are tried where a step is too small: samples one by one bear less than one of them.
CAREFUL = (0.5, 0.25, 0.05)
#: Judged steps whose cost is this many times the first one's lie far outside the landscape that
#: the program starts in: their curvature says nothing about a step to choose.
FAR = 10.0
#: Steps of a trial at most; fewer where the budget does not allow them.
LONGEST = 150
#: η·λ below this moves along the steepest direction by less than a thousandth of the way to its
#: minimum in a step; the flatter directions by less still.
TINY = 1e-3
#: Below this share of the bound a run that gains less than `SLOW` of its cost is compared with a
#: trial of longer steps, no more of them than it takes, that must come below `HALVED` of its end.
SMALL, SLOW, HALVED = 0.05, 0.3, 0.5
#: A run that has lowered its cost by more than this share is learning, however slowly.
PROGRESS = 0.2
#: … and one that has lowered it by this share has come where it was meant to, bouncing or not.
LEARNT = 0.9
#: An optimiser with a state is judged after so many steps that gain less than this share of the
#: cost, by so many times longer ones that come below this share of it.
LEAST, STIRRED = 100, 0.02
#: The same where steps see batches, and all of them are asked.
STIRRED_SAMPLED = 0.05
LONGER, LEAST_TRIED, FALLS = (1e2, 1e3, 1e4, 1e5, 1e6), 20, 0.7


@dataclass(frozen=True, slots=True)
class Trial:
    """The cost of `steps` repetitions from one point, with the step scaled by `scale`.

    ``cost`` is the mean over the last fifth of them: a bouncing cost is no better for a dip.
    """

    scale: float
    steps: int
    cost: float
    rises: int
    """How often the cost went up."""


def attempt(
    maps: Sequence[StepMap], start: Vector, scale: float, steps: int, most: float
) -> Trial | None:
    """Repeat recorded steps in turn with their changes scaled; None where that takes too much.

    Their mean cost is taken after each turn.
    """
    if any(step.cost is None for step in maps):
        return None
    most += maps[0].meter.spent
    theta, costs = start, [cost_at(maps, start)]
    for _ in range(max(1, steps // len(maps))):
        for step in maps:
            theta = theta + scale * step.change(theta)
        costs.append(cost_at(maps, theta) if np.all(np.isfinite(theta)) else np.inf)
        if maps[0].meter.spent > most:
            return None
        if not np.isfinite(costs[-1]):
            break
    rises, turns = int(np.sum(np.diff(costs) > 0)), len(costs) - 1
    end = float(np.mean(costs[-max(1, turns // 5) :]))
    return Trial(scale, turns * len(maps), end, rises)


def turns(record: Record, start: Observation) -> list[StepMap]:
    """Return the steps that a trial repeats in turn: one alone where all see the same data."""
    seen = [o for o in alike(record) if o.stateless]
    if start.map is None:
        return []
    maps = [o.map for o in seen if o.map is not None]
    if start not in seen or not in_time(record, maps, len(maps)):
        return [start.map]
    changes = [step.change(start.map.theta) for step in maps]
    own = changes[seen.index(start)]
    same = all(np.allclose(c, own, rtol=1e-6, atol=1e-12, equal_nan=True) for c in changes)
    return [start.map] if same else maps


def check(record: Record) -> Iterator[Finding]:
    """Judge whether the step size is too large for the judged steps."""
    found = too_large(record)
    if found is not None:
        yield found


def check_small(record: Record) -> Iterator[Finding]:
    """Judge whether it is too small, where it is not too large: formulas come before it."""
    large = any(f.code == "BP301" for f in record.found)
    straight = any(o.title in STRAIGHT for o in record.seen)  # and so without a curvature
    found = None if large or straight else too_small(record) or too_small_with_state(record)
    yield from () if found is None else (found,)


# ---- too large ---------------------------------------------------------------------------------


def ratio(seen: Observation) -> float:
    """Return η·λ over its bound; above one a step overshoots the valley it is in."""
    if seen.stability is None or not seen.stability.converged:
        return 0.0
    return seen.stability.value / seen.bound


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
    trials = _trials(record, over)
    costs = [float(s.cost) for s in seen if s.cost is not None]
    if costs[0] < 0 and len(rising) == len(seen):
        return None  # a likelihood, which is climbed
    harmed = broke or costs[-1] > 1.5 * costs[0]
    if not harmed and record.learns(LEARNT):
        return None  # at the edge of stability, or on a batch that no other step sees
    overflow = record.nonfinite is not None and record.nonfinite.evidence.get("overflow")
    diverges = bool(overflow) or costs[-1] > 1.5 * costs[0]
    proven = False
    if trials is not None:
        own, better = trials
        gain = own.cost - better.cost
        proven = gain > BETTER * abs(own.cost) if np.isfinite(own.cost) else True
    if not proven and not harmed and (len(over) < 3 or _falls(costs)):
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
        steps = _affordable(record, maps, len(SHARES) + 1)
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


def _affordable(record: Record, maps: Sequence[StepMap], runs: int) -> int:
    """Return how many steps of a trial fit into the work that is left."""
    return affordable(maps, 0.25 * record.meter.left / runs, min(LONGEST, max(record.steps, 1)))


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


# ---- too small ---------------------------------------------------------------------------------


def too_small_with_state(record: Record) -> Finding | None:
    """Find the same for an optimiser with momentum or moments: its first step has none yet."""
    seen = record.comparable()
    first, last = (seen[0], seen[-1]) if len(seen) > 1 else (None, None)
    if first is None or last is None or first.map is None or first.rate is None:
        return None
    if all(o.stateless for o in seen) or first.step or record.steps < LEAST:
        return None
    if record.nonfinite is not None:
        return None
    maps = fresh(record, first)
    known = (first.cost, last.cost) if len(maps) == 1 else progress(record)
    few = first.samples.inputs is None or len(first.samples.inputs) < FEW
    if few or known is None or first.cost is None or last.cost is None:
        return None
    start, end = (float(cost) for cost in known if cost is not None)
    gained = (start - end) * record.steps / max(1, last.step)
    if start <= 0 or gained > (STIRRED if len(maps) == 1 else STIRRED_SAMPLED) * start:
        return None
    most = min(_affordable(record, maps, len(LONGER)), record.steps)
    for scale in LONGER if most >= LEAST_TRIED else ():
        trial = attempt(maps, first.map.theta, scale, most, record.meter.left)
        if trial is not None and trial.cost < FALLS * start:
            rate, tried = first.rate, first.rate.value * scale
            return advise(
                "BP302", "learning-rate-too-low", rate_place(rate.text, rate.value, rate.site),
                f"the step size {short(rate.value)} is too small: {record.steps} steps hardly move "
                "the cost", f"use a step of about {float(f'{tried:.1g}'):g}",
                {"learning_rate": rate.value, "cost_first": start, "cost_last": end,
                 "steps": record.steps, "suggestion": float(f"{tried:.1g}"),
                 "trial": {"steps": trial.steps, "rate": tried, "cost": trial.cost}},
                notes=[
                    f"the cost goes from {short(start)} to {short(end)} up to step {last.step}",
                    f"tried on the recorded steps, before the optimiser has a state: {trial.steps} "
                    f"times with {short(tried)} bring the cost to {short(trial.cost)}",
                ],
                related=[(statement_of(rate.site), "call-site")], confidence="proven",
            )  # fmt: skip
    return None


def fresh(record: Record, first: Observation) -> list[StepMap]:
    """Return steps without an optimiser's state: the first alone where all see the same data."""
    assert first.map is not None
    maps = [o.fresh() for o in others] if first in (others := alike(record)) else []
    known = [step for step in maps if step is not None and step.cost is not None]
    if len(known) < 2 or len(known) != len(maps) or not in_time(record, known, len(known)):
        return [first.map]
    costs = [cost_at([step], first.map.theta) for step in known]
    return [first.map] if np.ptp(costs) <= 1e-9 * abs(costs[0]) else known


def too_small(record: Record) -> Finding | None:
    """Find a step so far below the bound that the run hardly moves."""
    seen = [s for s in record.seen if s.cost is not None]
    curved = [s for s in seen if s.stability is not None]
    rate = curved[0].rate if curved else None
    if len(seen) < 2 or rate is None or record.nonfinite is not None:
        return None
    if any(not s.stateless for s in seen):
        return None
    first, last = curved[0], seen[-1]
    assert first.cost is not None
    assert last.cost is not None
    if not all(0 < ratio(s) < SMALL for s in curved):
        return None
    tiny = all(ratio(s) < TINY for s in curved)
    # The last judged step is not the last step: with ever smaller gains per step, as in descent,
    # the whole run gains at most in proportion to its length.
    fallen = first.cost - last.cost
    few = first.samples.inputs is None or len(first.samples.inputs) < FEW
    same = progress(record) if few else None
    if same is not None:
        fallen = same[0] - same[1]  # the costs of two steps are on different samples
    expected = fallen * max(1.0, record.steps / max(1, last.step - first.step))
    maps = turns(record, first)
    if expected > PROGRESS * abs(first.cost) or not tiny:
        # A run that does come down must be halved by no more steps than it takes itself.
        if few or len(maps) != 1 or expected > SLOW * abs(first.cost) or record.steps < LEAST:
            return None
        least = HALVED * (first.cost - expected)
        steps = min(_affordable(record, maps, 2), LONGEST)
    else:
        least = np.inf
        steps = min(_affordable(record, maps, 1), 100) if maps else 0
    if steps < 5:
        return None
    assert first.map is not None
    start = first.map.theta
    own, trial = cost_at(maps, start), None
    for share in CAREFUL:
        scale = share / ratio(first)
        trial = attempt(maps, start, scale, steps, record.meter.left)
        enough = max(expected, 0.02 * abs(own)) * (3 if least == np.inf else 1)
        if trial is not None and own - trial.cost >= enough and trial.cost < least:
            break
    else:
        return None
    assert trial is not None
    if trial.cost < 0 < min(s.cost for s in seen if s.cost is not None):
        return None  # a sum of margins, whose branches were not taken anew
    place = rate_place(rate.text, rate.value, rate.site)
    assert first.stability is not None
    curvature = first.stability.value / rate.value
    tried = rate.value * scale
    evidence = {
        "learning_rate": rate.value,
        "sharpness": curvature,
        "limit": first.bound / rate.value,
        "cost_first": first.cost,
        "cost_last": last.cost,
        "steps": record.steps,
        "stable_step": first.bound / curvature,
        "suggestion": float(f"{tried:.1g}"),
        "trial": {"steps": trial.steps, "rate": tried, "cost": trial.cost},
    }
    notes = [
        f"the cost goes from {short(first.cost)} to {short(last.cost)} up to step {last.step}; "
        f"sharpness λ = {short(curvature)} allows steps up to {short(first.bound / curvature)}",
        f"tried on the recorded step: {trial.steps} steps with {short(tried)} bring the cost to "
        f"{short(trial.cost)}",
    ]
    return advise(
        "BP302", "learning-rate-too-low", place,
        f"the step size {short(rate.value)} is too small: {record.steps} steps hardly move the "
        "cost", f"use a step of about {float(f'{tried:.1g}'):g}", evidence, notes=notes,
        related=[(statement_of(rate.site), "call-site")], confidence="proven",
    )  # fmt: skip
