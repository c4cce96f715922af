"""BP306 and BP302 where the weights start so small that the cost stays: a saddle, and no minimum.

Near zero all units of a layer do the same, and nearly nothing: sigmoids behind ``randn * 0.01``
give one half whatever the inputs are. The recorded step is repeated from weights of the usual size,
and from the program's own, as it is and longer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.calculus.slices import StepMap, Vector
from backproof.checks.advice import advise, rate_place, short
from backproof.checks.observation import Observation
from backproof.checks.places import statement_of
from backproof.checks.pooled import affordable, alike, cost_at, repeat, unexplained
from backproof.checks.stepping import Trial, turns
from backproof.finding import Finding

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: Steps that the program must have taken, the share of its cost that it may have gained, and of the
#: labels' variance that it leaves.
STEPS, STIRRED, CONSTANT = 100, 0.05, 0.9
#: Gain of each layer's weights, deviation times √n: below the first they are small, of the second
#: they are large enough to break the symmetry.
SMALL, USUAL = 0.3, (1.0, 3.0)
#: Times the step that is tried, the share of the last cost that a trial must end below, the share
#: that the same steps from the program's own weights must stay above, and the work that they take.
FACTORS, HALVED, STAYS, WORK = (1.0, 10.0, 50.0), 0.5, 0.9, 2.0
FEWEST = 50
#: Deviation of the numbers that are tried for zeros, and the share of the cost they must get below.
START, MOVES = 0.3, 0.8


def check(record: Record) -> Iterator[Finding]:
    """Judge a cost that stays from first weights that are zero, or small in all layers."""
    if record.found or record.nonfinite is not None or record.steps < STEPS:
        return
    zero = all_zero(record)
    if zero is not None:
        yield zero
        return
    first, last = record.first, record.last
    if record.learns(STIRRED) or unexplained(last) < CONSTANT or not _is_small(first):
        return
    if first.map is None or first.map.cost is None or last.cost is None or not first.stateless:
        return
    if first.rate is None or len(turns(record, first)) != 1 or 2 * last.step < record.steps:
        return
    record.meter.allowed += WORK
    runs = len(FACTORS) * (1 + len(USUAL))
    steps = affordable([first.map], 0.8 * record.meter.left / runs, record.steps)
    limit = HALVED * last.cost
    for factor in FACTORS if steps >= FEWEST else ():
        own = _end(first.map, first.map.theta, factor, steps)
        if own < limit and factor > 1.0:
            yield _too_short(record, first, last, Trial(factor, steps, own, 0))
            return
        for gain in USUAL:
            cost = _end(first.map, _scaled(first, gain), factor, steps)
            if cost < limit and own > STAYS * last.cost:
                yield _too_small(record, first, last, Trial(factor, steps, cost, 0), gain)
                return


def all_zero(record: Record) -> Finding | None:
    """Find parameters that start as zero, each the factor of another's gradient: none moves."""
    seen = alike(record)
    maps = [o.map for o in seen if o.map is not None]
    stands = all(not np.any(v) for o in seen for v in (*o.values, *o.changes))
    if len(maps) < 4 or not stands or len(seen[0].values) < 2:
        return None
    steps = affordable(maps, 0.5 * record.meter.left, record.steps)
    start = START * np.random.default_rng(0).standard_normal(maps[0].theta.shape)
    theta = repeat(maps, [1.0] * len(maps), start, steps)
    with np.errstate(all="ignore"):
        before, cost = cost_at(maps, maps[0].theta), cost_at(maps, theta)
    if steps < FEWEST or not cost < MOVES * before:
        return None
    first, names = seen[0], ", ".join(f"`{name}`" for name in seen[0].names[:4])
    return advise(
        "BP303", "symmetric-init", record.birthplace(first, 0),
        f"{names} start at zero and stay there: the gradient of each is a product with the others",
        "draw the weights at random",
        {"parameters": list(first.names), "steps": [o.step for o in seen],
         "trial": {"steps": steps, "cost": cost, "cost_first": before}},
        severity="error", confidence="proven",
        notes=[
            f"no judged step changes them; from small random numbers {steps} of these steps bring "
            f"the cost from {short(before)} to {short(cost)}"
        ],
    )  # fmt: skip


def _is_small(first: Observation) -> bool:
    """Whether there is a hidden layer, and the weights of all are small and no copies."""
    gains = [units.gain for _, units in first.layers]
    hidden = any(layer.hidden for layer, _ in first.layers)
    return hidden and len(gains) > 1 and min(gains) > 0 and max(gains) < SMALL


def _scaled(first: Observation, gain: float) -> Vector:
    """Return the first parameters with weights of that gain."""
    factors = {layer.weight: gain / units.gain for layer, units in first.layers}
    return np.concatenate([
        np.ravel(value) * factors.get(index, 1.0) for index, value in enumerate(first.values)
    ])  # fmt: skip


def _end(step: StepMap, theta: Vector, factor: float, steps: int) -> float:
    """Return the cost after so many steps, each so many times as long."""
    with np.errstate(all="ignore"):
        for _ in range(steps):
            theta = theta + factor * step.change(theta)
        cost = step.cost(theta) if step.cost is not None and np.all(np.isfinite(theta)) else np.inf
    return float(cost) if np.isfinite(cost) else np.inf


def _too_short(record: Record, first: Observation, last: Observation, trial: Trial) -> Finding:
    """Say that longer steps from the same weights get away."""
    assert first.rate is not None
    rate, known, evidence = first.rate, *_known(record, first, last, trial)
    longer = short(rate.value * trial.scale)
    return advise(
        "BP302", "learning-rate-too-low", rate_place(rate.text, rate.value, rate.site),
        f"the step size {short(rate.value)} is too small: {record.steps} steps hardly move the "
        "cost", f"use a step of about {longer}", evidence,
        notes=[known, f"tried on the recorded step: {_ends(first, trial)}"], confidence="proven",
        related=[(statement_of(rate.site), "call-site")],
    )  # fmt: skip


def _too_small(
    record: Record, first: Observation, last: Observation, trial: Trial, gain: float
) -> Finding:
    """Say that the weights are, and longer steps do not help alone."""
    assert first.rate is not None
    known, evidence = _known(record, first, last, trial)
    longer = short(first.rate.value * trial.scale)
    return advise(
        "BP306", "vanishing-gradient", record.birthplace(first, first.layers[0][0].weight),
        "the weights start so small that all outputs are alike, and stay so: the cost does not "
        f"move in {record.steps} steps",
        "draw them with a deviation of about 1/√n, of n inputs of the layer"
        + ("" if trial.scale == 1.0 else f", and use a step of about {longer}"),
        evidence | {"gain_tried": gain},
        notes=[
            known,
            f"tried on the recorded step: from weights with a deviation of {short(gain)}/√n "
            f"{_ends(first, trial)}; from the program's own it stays",
        ],
        confidence="proven",
    )  # fmt: skip


def _ends(first: Observation, trial: Trial) -> str:
    assert first.rate is not None
    longer = short(first.rate.value * trial.scale)
    return f"{trial.steps} steps with {longer} bring the cost to {short(trial.cost)}"


def _known(
    record: Record, first: Observation, last: Observation, trial: Trial
) -> tuple[str, dict[str, Any]]:
    """Return what the run has come to, in words and as evidence."""
    assert first.rate is not None
    evidence = {
        "cost_first": first.cost, "cost_last": last.cost, "steps": record.steps,
        "gain": {first.names[layer.weight]: units.gain for layer, units in first.layers},
        "trial": {
            "steps": trial.steps, "rate": first.rate.value * trial.scale, "cost": trial.cost,
        },
    }  # fmt: skip
    cost = short(last.cost or 0.0)
    return f"the cost is {cost} at step {last.step}, {short(first.cost or 0.0)} at first", evidence
