"""BP401 inputs-not-scaled: the conditioning of the first layer, and what scaling would change.

A first layer's curvature is that of its inputs' second moments: features of very different sizes
make a valley that no single step size suits. That alone is no fault; here it must keep the program
from learning, and the same step on standardised inputs must learn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.calculus.curvature import sharpness
from backproof.calculus.slices import StepMap
from backproof.checks.advice import advise, short
from backproof.checks.observation import Observation
from backproof.checks.places import Place, statement_of
from backproof.checks.pooled import (
    FEW,
    affordable,
    alike,
    cost_at,
    inputs_of,
    repeat,
    unexplained,
)
from backproof.checks.stepping import Trial
from backproof.checks.units import FLAT, SATURATED, flat_share
from backproof.finding import Finding

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: Inputs count as unscaled when a feature is this large, or this much larger than another
#: (LeCun et al. 1998, "Efficient BackProp", 4.3: mean zero, equal covariance about one). The
#: factors are far above what trains well in practice: pixels / 255, one-hot columns, raw z-scores.
LARGE = 10.0
UNEQUAL = 50.0
#: Where features of this size saturate a layer, its weights are too large.
SMALL = 2.0
#: The trial must end below this share of the program's own cost after as many steps.
BETTER = 0.6
#: A program whose cost fell by this share learns, scaled or not.
LEARNT = 0.5
#: … and so does one whose trial, with the inputs as they are, ends below this share of its start.
LEARNS = 0.7
LONGEST = 120
#: A run that learns is judged when it is so many times longer than the trial, and still leaves
#: this share of the labels' variance. The trial must end below this share of its cost: a last bias
#: that creeps to its place does no harm.
LONG = 4
POOR = 0.1
CLOSES = 0.25
LEAST = 24
#: … and a first layer that is saturated throughout is blamed when this share is left.
OPEN = 0.3


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of the features: root mean squares, and the condition of their second moments."""

    sizes: Any
    deviations: Any
    condition: float
    condition_scaled: float

    @property
    def unscaled(self) -> bool:
        """Whether the inputs are large or of very different sizes."""
        varying = self.deviations[self.deviations > 0]
        if not varying.size:
            return False
        return bool(
            np.max(self.sizes) > LARGE
            or (varying.size > 1 and np.max(varying) > UNEQUAL * np.min(varying))
        )


def measure(inputs: Any) -> Scale:
    """Measure inputs of shape samples × features (a constant column is a bias)."""
    deviations = inputs.std(axis=0)
    deviations = np.where(deviations < 1e-9 * (1 + np.abs(inputs).max(axis=0)), 0.0, deviations)
    sizes = np.sqrt(np.mean(inputs**2, axis=0))
    some = deviations > 0
    raw = np.column_stack([inputs[:, some], np.ones(len(inputs))])
    scaled = np.column_stack([standardised(inputs[:, some]), np.ones(len(inputs))])
    return Scale(sizes[some], deviations[some], _condition(raw), _condition(scaled))


def standardised(x: Any, axis: int = 0) -> Any:
    """Return data with mean zero and deviation one along an axis; constants stay."""
    deviation = x.std(axis=axis, keepdims=True)
    flat = deviation <= 1e-9 * (1 + np.abs(x).max(axis=axis, keepdims=True))
    return np.where(flat, x, (x - x.mean(axis=axis, keepdims=True)) / np.where(flat, 1, deviation))


def _condition(x: Any) -> float:
    values = np.linalg.eigvalsh(x.T @ x / len(x))
    top = float(values[-1])
    least = float(values[values > 1e-13 * top][0]) if top > 0 else 0.0
    return top / least if least else np.inf


def check(record: Record) -> Iterator[Finding]:
    """Judge the inputs of the first layer."""
    # A bias that starts as a constant float is only known as a parameter after the first step.
    first = max((record.comparable() or record.seen)[:3], key=lambda o: len(o.names))
    samples, inputs = first.samples, inputs_of(record, first)
    known = samples.inputs_leaf is not None or samples.inputs_nodes is not None
    if inputs is None or not known or len(inputs) < FEW:
        return
    if inputs.shape[1] > 2_000:
        return
    scale = measure(inputs)
    if not scale.sizes.size or not scale.unscaled:
        return
    few = len(samples.inputs) < FEW
    broke = record.nonfinite is not None or (not few and diverges(record))
    slow = not broke and record.learns(LEARNT)
    saturated = _saturates(record.seen[:FEW] if few else [first])
    late = [o for o in record.comparable() if 2 * o.step >= record.last.step]
    late = late if few else [record.last]
    still = saturated and _saturates(late) and _left(record, late) > OPEN
    if slow and not still and (few or not _poor(record)):
        return
    trial = _turns(record, inputs) if few else _trial(record, first, slow=slow)
    unlearnt = still or (saturated and not record.learns(0.1))
    if trial is None and (not unlearnt or float(np.max(scale.sizes)) < SMALL):
        return
    place = _place(record, first)
    if place is not None:
        yield _finding(record, scale, place, trial, saturated=saturated, broke=broke)


def _left(record: Record, late: Sequence[Observation]) -> float:
    """Return the share of the labels' variance, over all judged steps, that late ones leave."""
    labels = [o.samples.labels for o in record.seen if o.samples.labels is not None]
    if not labels or len({y.shape[1] for y in labels}) > 1:
        return 0.0
    return unexplained(*late, variance=float(np.mean(np.var(np.concatenate(labels), axis=0))))


def _poor(record: Record) -> bool:
    """Whether a long run, for all that its cost has fallen, leaves much of the labels open."""
    last = record.comparable()[-1]
    if record.steps < LONG * LONGEST or last.step < LONGEST or last.samples.labels is None:
        return False
    return len(last.samples.labels) >= LEAST and unexplained(last) > POOR


def diverges(record: Record) -> bool:
    """Whether the cost grew, or left the floats."""
    costs = [c for o in record.seen for c in (o.cost, o.cost_after) if c is not None]
    if any(not np.isfinite(c) for c in costs):
        return True
    return bool(costs) and costs[-1] > 1.5 * abs(costs[0])


def _saturates(seen: Sequence[Observation]) -> float:
    """Return the share of the first layer's units that the inputs drive to their asymptotes."""
    shares: list[float] = []
    for o in seen:
        for layer, units in o.layers:
            if layer.weight != o.layers[0][0].weight or not units.saturates:
                continue
            shares.append(flat_share(units) if units.steepest * FLAT > 0 else 0.0)
    share = float(np.mean(shares)) if shares else 0.0
    return share if share > SATURATED else 0.0


def _place(record: Record, seen: Observation) -> Place | None:
    site = record.births.of(seen.samples.inputs_source)
    if site is not None:
        return statement_of(site)
    if seen.samples.inputs_place is not None:
        return seen.samples.inputs_place
    if seen.layers:
        return statement_of(seen.sites[seen.layers[0][0].product])
    return statement_of(seen.update_sites[0])


# ---- the trial ---------------------------------------------------------------------------------


def _trial(record: Record, seen: Observation, *, slow: bool) -> tuple[Trial, Trial] | None:
    """Train as long with the inputs as they are and standardised: (own, scaled)."""
    samples = seen.samples
    if seen.map is None or samples.retry is None or not seen.stateless:
        return None
    scaled = _on_standardised(seen)
    if scaled is None:
        return None
    steps = affordable([scaled], 0.2 * record.meter.left, min(LONGEST, max(record.steps, 1)))
    if steps < 20 or scaled.cost is None or seen.map.cost is None:
        return None
    own = _train(seen.map, 1.0, steps)
    if own is None or (not slow and own.cost < LEARNS * seen.map.cost(seen.map.theta)):
        return None
    reference = (
        min(own.cost, record.comparable()[-1].cost or np.inf) if np.isfinite(own.cost) else np.inf
    )
    start = float(scaled.cost(scaled.theta))
    factors = [1.0]
    change = scaled.change(scaled.theta)
    top = sharpness(lambda t: -scaled.change(t), scaled.theta, change) if np.any(change) else None
    if top is not None and top.value > 0:
        factors.append(1.0 / top.value)
    for factor in factors:
        other = _train(scaled, factor, steps)
        if other is None or not np.isfinite(other.cost):
            continue
        if other.cost < (CLOSES if slow else BETTER) * reference and other.cost < BETTER * start:
            return own, other
    return None


def _on_standardised(seen: Observation) -> StepMap | None:
    """Return the step on standardised inputs: those of an array, or single numbers."""
    samples = seen.samples
    assert samples.retry is not None
    if samples.inputs_leaf is None:
        return _standardised(seen, *_mean_and_deviation(samples.inputs))
    leaf = np.asarray(samples.inputs_source, dtype=float)
    try:
        return samples.retry({samples.inputs_leaf: standardised(leaf, samples.inputs_axis)})
    except Exception:
        return None


def _mean_and_deviation(inputs: Any) -> tuple[Any, Any]:
    """Return both for each feature; a constant has a deviation of zero."""
    deviation = inputs.std(axis=0)
    flat = deviation <= 1e-9 * (1 + np.abs(inputs).max(axis=0))
    return inputs.mean(axis=0), np.where(flat, 0.0, deviation)


def _turns(record: Record, inputs: Any) -> tuple[Trial, Trial] | None:
    """Repeat the judged steps in turn with their inputs as they are and standardised."""
    seen = [o for o in alike(record) if o.stateless and o.samples.retry is not None]
    mean, deviation = _mean_and_deviation(inputs)
    own = [o.map for o in seen if o.map is not None]
    scaled = [m for o in seen if (m := _standardised(o, mean, deviation)) is not None]
    if len(own) < FEW or len(scaled) < len(own):
        return None
    most = min(LONGEST, record.steps)
    count = affordable([*own[:2], *scaled[:2]], 0.2 * record.meter.left, most)
    if count < 20:
        return None
    ends: list[float] = []
    for maps in (own, scaled):
        theta = repeat(maps, [1.0] * len(maps), maps[0].theta, count)
        ends.append(cost_at(maps, theta))
    reference = min(ends[0], cost_at(own, own[-1].theta))
    if ends[1] < BETTER * reference and ends[1] < BETTER * cost_at(scaled, scaled[0].theta):
        return Trial(1.0, count, ends[0], 0), Trial(1.0, count, ends[1], 0)
    return None


def _standardised(seen: Observation, mean: Any, deviation: Any) -> StepMap | None:
    """Return a step with the few samples that it reads standardised."""
    samples = seen.samples
    if samples.inputs_nodes is not None and samples.retry is not None:
        x = np.where(deviation > 0, (samples.inputs - mean) / np.where(deviation > 0, deviation, 1),
                     samples.inputs)  # fmt: skip
        nodes = zip(samples.inputs_nodes.ravel(), x.ravel(), strict=True)
        numbers = {int(n): float(v) for n, v in nodes if n >= 0}
        known = np.all((samples.inputs_nodes >= 0) | (deviation == 0))
        return samples.retry(numbers) if known else None
    leaves = {leaf for leaf, *_ in samples.executions} or {samples.inputs_leaf}
    run = seen.map.slice.run.env if seen.map is not None else ()
    given: dict[int, Any] = {}
    for leaf in leaves:
        if leaf is None or samples.retry is None:
            return None
        value = np.asarray(run[leaf], dtype=float)
        for shape in ((1, -1), (-1, 1)):
            m, d = mean.reshape(shape), deviation.reshape(shape)
            fits = value.ndim == 2 and value.shape[shape.index(-1)] == mean.size
            if fits or value.shape == mean.shape:
                m, d = (m, d) if fits else (mean, deviation)
                given[leaf] = np.where(d > 0, (value - m) / np.where(d > 0, d, 1.0), value)
                break
        else:
            return None
    assert samples.retry is not None
    return samples.retry(given)


def _train(step: StepMap, scale: float, steps: int) -> Trial | None:
    if step.cost is None:
        return None
    theta = step.theta
    with np.errstate(all="ignore"):
        for _ in range(steps):
            theta = theta + scale * step.change(theta)
            if not np.all(np.isfinite(theta)):
                return Trial(scale, steps, np.inf, 0)
        return Trial(scale, steps, float(step.cost(theta)), 0)


def _finding(
    record: Record, scale: Scale, place: Place, trial: tuple[Trial, Trial] | None,
    *, saturated: float, broke: bool,
) -> Finding:  # fmt: skip
    largest, least = float(np.max(scale.sizes)), float(np.min(scale.sizes))
    evidence: dict[str, Any] = {
        "rms_max": largest, "rms_min": least, "condition": scale.condition,
        "condition_scaled": scale.condition_scaled, "saturated": saturated,
    }  # fmt: skip
    notes = [
        f"root mean square of the features between {short(least)} and {short(largest)}; condition "
        f"of their second moments {short(scale.condition)}, standardised "
        f"{short(scale.condition_scaled)}"
    ]
    if saturated:
        notes.append(
            f"{100 * saturated:.0f} % of the first layer's activations are flat from the start"
        )
    if trial is not None:
        own, other = trial
        rate = record.first.rate
        evidence["trial"] = {
            "steps": own.steps, "own_cost": own.cost, "cost": other.cost, "factor": other.scale,
        }  # fmt: skip
        how = ", the step as it is"
        if other.scale != 1.0:
            how = f" and with {short(other.scale)} times the step"
        if other.scale != 1.0 and rate is not None:
            how = f" and with a step of {short(rate.value * other.scale)}"
        own_cost = short(own.cost) if np.isfinite(own.cost) else "beyond the floats"
        notes.append(
            f"tried on the recorded step, {own.steps} steps: with these inputs the cost comes to "
            f"{own_cost}, standardised{how} to {short(other.cost)}"
        )
    if largest > UNEQUAL * least:
        what = f"features of very different sizes ({short(least)} and {short(largest)})"
    else:
        what = f"inputs are not scaled: their root mean square is {short(largest)}"
    effect = (
        "training diverges" if broke else
        "the first layer saturates" if saturated else "the cost hardly falls"
        if not record.learns(LEARNT) else "the cost falls much more slowly than it could"
    )  # fmt: skip
    return advise(
        "BP401", "unscaled-inputs", place, f"{effect}: {what}",
        "standardise each feature: `X = (X - X.mean(axis)) / X.std(axis)`, along the samples",
        evidence, notes=notes, confidence="proven" if trial is not None else "likely",
    )  # fmt: skip
