"""BP302 step-too-small: a run that hardly moves, and a trial of a longer step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.calculus.slices import StepMap
from backproof.checks.advice import advise, rate_place, short
from backproof.checks.observation import Observation
from backproof.checks.pace import Rate
from backproof.checks.places import statement_of
from backproof.checks.pooled import (
    FEW,
    affordable,
    alike,
    cost_at,
    in_time,
    progress,
    unexplained,
)
from backproof.checks.stepping import LONGEST, Trial, attempt, payable, ratio, turns
from backproof.checks.tiny_set import FEWEST as FEWEST_SAMPLES
from backproof.checks.tiny_set import MOST as MOST_SAMPLES
from backproof.checks.tiny_set import distinct, in_turn
from backproof.costs import STRAIGHT
from backproof.finding import Finding

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: Shares of the stable step that are tried: samples one by one bear less than one of them.
SHARES = (0.5, 0.25, 0.05)
#: η·λ below this moves along the steepest direction by less than a thousandth of the way to its
#: minimum in a step; the flatter directions by less still.
TINY = 1e-3
#: Below this share of the bound a run that gains less than `SLOW` of its cost is compared with a
#: trial of longer steps, no more of them than it takes, that must come below `HALVED` of its end.
SMALL, SLOW, HALVED = 0.05, 0.3, 0.5
#: A run that has lowered its cost by more than this share is learning, however slowly.
PROGRESS = 0.2
#: One of so many steps that gains less than this share is compared as well: it was left off early.
FEWEST, STOPPED = 30, 0.1
#: Samples of all judged steps together, where each sees others.
MANY = 200
#: Longer steps that are tried on a handful of samples, one by one, the share of the labels'
#: variance that they must leave now, and the work that this may take beside.
FACTORS, UNTOLD, WORK = (10.0, 50.0, 200.0), 0.6, 1.0
#: An optimiser with a state is judged after so many steps that gain less than this share of the
#: cost, by so many times longer ones that come below this share of it; one that gains up to `SLOW`
#: by no more steps than it takes itself, that come below `HALVED` of its end.
LEAST, STIRRED = 100, 0.02
#: The same where steps see batches, and all of them are asked.
STIRRED_SAMPLED = 0.05
LONGER, LEAST_TRIED, FALLS = (1e2, 1e3, 1e4, 1e5, 1e6), 20, 0.7


def check(record: Record) -> Iterator[Finding]:
    """Judge whether it is too small, where it is not too large: formulas come before it."""
    large = any(f.code == "BP301" for f in record.found)
    straight = any(o.title in STRAIGHT for o in record.seen)  # and so without a curvature
    found = None
    if not large and not straight:
        found = too_small(record) or too_small_with_state(record) or on_a_handful(record)
    yield from () if found is None else (found,)


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
    still = gained <= (STIRRED if len(maps) == 1 else STIRRED_SAMPLED) * start
    if start <= 0 or gained > SLOW * start:
        return None
    limit = FALLS * start if still else HALVED * (start - gained)
    record.meter.allowed += WORK
    most = min(payable(record, maps, len(LONGER)), record.steps)
    for scale in LONGER if most >= LEAST_TRIED else ():
        trial = attempt(maps, first.map.theta, scale, most, record.meter.left)
        if trial is not None and trial.cost < limit:
            return _finding(
                record, first.rate, trial, {"cost_first": start, "cost_last": end},
                f"the cost goes from {short(start)} to {short(end)} up to step {last.step}",
                "tried on the recorded steps, before the optimiser has a state",
            )  # fmt: skip
    return None


def fresh(record: Record, first: Observation) -> list[StepMap]:
    """Return steps without an optimiser's state: the first alone where all see the same data."""
    assert first.map is not None
    others = alike(record)
    maps = [o.fresh() for o in others] if first in others else []
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
        least = FEWEST if expected <= STOPPED * abs(first.cost) else LEAST
        costs = (first.cost, first.cost - expected)
        if not few and len(maps) > 1 and len(first.samples.inputs) * len(maps) >= MANY:
            pooled = progress(record)  # on the same batches
            costs = pooled if pooled is not None else (0.0, 0.0)
            expected = (costs[0] - costs[1]) * max(1.0, record.steps / max(1, last.step))
            least = LEAST if expected > STOPPED * costs[0] else FEWEST
        elif few or len(maps) != 1:
            return None
        if not costs[0] > 0 or expected > SLOW * costs[0] or record.steps < least:
            return None
        limit = HALVED * (costs[0] - expected)
        steps = min(payable(record, maps, 2), LONGEST)
    else:
        limit = np.inf
        steps = min(payable(record, maps, 1), 100) if maps else 0
    if steps < 5:
        return None
    assert first.map is not None
    start = first.map.theta
    own, trial = cost_at(maps, start), None
    for share in SHARES:
        scale = share / ratio(first)
        trial = attempt(maps, start, scale, steps, record.meter.left)
        enough = max(expected, 0.02 * abs(own)) * (3 if limit == np.inf else 1)
        if trial is not None and own - trial.cost >= enough and trial.cost < limit:
            break
    else:
        return None
    assert trial is not None
    if trial.cost < 0 < min(s.cost for s in seen if s.cost is not None):
        return None  # a sum of margins, whose branches were not taken anew
    assert first.stability is not None
    curvature = first.stability.value / rate.value
    evidence = {
        "sharpness": curvature, "limit": first.bound / rate.value, "cost_first": first.cost,
        "cost_last": last.cost, "stable_step": first.bound / curvature,
    }  # fmt: skip
    known = (
        f"the cost goes from {short(first.cost)} to {short(last.cost)} up to step {last.step}; "
        f"sharpness λ = {short(curvature)} allows steps up to {short(first.bound / curvature)}"
    )
    return _finding(record, rate, trial, evidence, known, "tried on the recorded step")


def on_a_handful(record: Record) -> Finding | None:
    """Find the same where the data is a handful of samples, seen one by one: XOR, a truth table."""
    seen = alike(record)
    handful = distinct(seen)
    if not FEWEST_SAMPLES <= len(handful) <= MOST_SAMPLES or not in_turn(seen, len(handful)):
        return None
    first, rate = seen[0], seen[0].rate
    if rate is None or first.map is None or any(not o.stateless for o in seen):
        return None
    known = progress(record)
    late = [o for o in seen if 2 * o.step >= record.last.step]
    labels = np.concatenate([o.samples.labels for o in handful])
    if known is None or known[0] <= 0 or known[0] - known[1] > SLOW * known[0]:
        return None
    if record.steps < LEAST:
        return None
    whole = len(distinct(late)) == len(handful)
    if whole and unexplained(*late, variance=float(np.var(labels))) < UNTOLD:
        return None
    record.meter.allowed += WORK
    maps = [o.map for o in handful if o.map is not None]
    steps = affordable(maps, 0.5 * record.meter.left / len(FACTORS) / 2, record.steps)
    for factor in FACTORS:
        trial = attempt(maps, first.map.theta, factor, steps, record.meter.left)
        if trial is not None and trial.cost < HALVED * known[1]:
            return _finding(
                record, rate, trial, {"cost_first": known[0], "cost_last": known[1]},
                f"the cost of all {len(handful)} samples goes from {short(known[0])} to "
                f"{short(known[1])} up to step {seen[-1].step}",
                "tried on the recorded steps, one sample after the other",
            )  # fmt: skip
    return None


def _finding(
    record: Record, rate: Rate, trial: Trial, evidence: dict[str, Any], known: str, how: str
) -> Finding:
    """Return the finding that a trial with a longer step proves."""
    tried = rate.value * trial.scale
    suggestion = float(f"{tried:.1g}")
    evidence |= {
        "learning_rate": rate.value, "steps": record.steps, "suggestion": suggestion,
        "trial": {"steps": trial.steps, "rate": tried, "cost": trial.cost},
    }  # fmt: skip
    notes = [
        known,
        f"{how}: {trial.steps} steps with {short(tried)} bring the cost to {short(trial.cost)}",
    ]
    return advise(
        "BP302", "learning-rate-too-low", rate_place(rate.text, rate.value, rate.site),
        f"the step size {short(rate.value)} is too small: {record.steps} steps hardly move the "
        "cost", f"use a step of about {suggestion:g}", evidence, notes=notes,
        related=[(statement_of(rate.site), "call-site")], confidence="proven",
    )  # fmt: skip
