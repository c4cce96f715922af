"""BP306 in a recurrent network: gradients that explode or vanish on their way back through time.

The recurrent weights multiply the gradient once for every step of the sequence. Where they enlarge
it, the first update throws the weights far away, the units saturate, and the slope is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from backproof.checks.advice import advise, short
from backproof.checks.dependence import dependence
from backproof.checks.observation import Observation
from backproof.checks.pooled import repeat, unexplained
from backproof.checks.units import flat_share
from backproof.finding import Finding

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: Times that a step multiplies by the same weights for them to be recurrent.
UNROLLED = 8
#: Early judged steps, and an update so many times the weights it changes.
EARLY = 4
THROWN = 3.0
#: Share of the units that are flat at the end, and of the labels' variance that is left.
FLAT = 0.8
USELESS = 0.5
#: By how much a change of the first state must grow to the last, and the flat units beside it.
EXPLODED = 300.0
STIFF = 0.5
#: Steps of a trial where the numbers of a run end, and a share of the cost that is far lower.
TRIED, FAR = 10, 1e-3
#: What may be left of a change of the state, and a cost that has come down by less stands still.
VANISHED = 1e-6
STIRRED = 0.2
#: Share of the labels' variance that the inputs of one time must explain.
TELLING = 0.3


def check(record: Record) -> Iterator[Finding]:
    """Judge the recurrent weights."""
    if record.found:
        return
    first, last = record.first, record.last
    weights = [layer.weight for layer, _ in first.layers]
    for index in dict.fromkeys(weights):
        value = np.asarray(first.values[index])
        square = value.ndim == 2 and value.shape[0] == value.shape[1] > 1
        if not square or weights.count(index) < UNROLLED:
            continue
        name = first.names[index]
        early = [o for o in record.seen[:EARLY] if name in o.names]
        sizes = [
            (float(np.linalg.norm(o.changes[o.names.index(name)])), o.step) for o in early
        ]  # fmt: skip
        size, step = max(sizes)
        times = size / max(float(np.linalg.norm(value)), 1e-300)
        gain = float(np.sqrt(np.mean(value**2) * value.shape[0]))
        flat = [flat_share(u) for la, u in last.layers if last.names[la.weight] == name]
        grown = growth(first, index)
        thrown = times >= THROWN and gain >= 1 and bool(flat) and np.mean(flat) >= FLAT
        if record.nonfinite is not None:
            factor = grown ** (-1 / weights.count(index))
            tamed = tamed_by(first, index, factor) if grown > EXPLODED else ""
            if tamed:
                yield _overflows(record, index, grown, gain, tamed)
                return
            continue
        if not thrown and not (grown > EXPLODED and bool(flat) and np.mean(flat) >= STIFF):
            vanished = vanishing(record, index)
            if vanished is not None:
                yield vanished
                return
            continue
        if unexplained(last) < USELESS:
            continue
        what = f"the update of `{name}` at step {step} is {short(times)} times the weights"
        if not thrown:
            what = f"on the way back through `{name}` they grow {short(grown)} times"
        yield advise(
            "BP306", "exploding-gradient", record.birthplace(first, index),
            f"the gradients explode through time: {what}",
            f"scale the recurrent weights by {short(1 / gain)} (variance 1/n or less, or an "
            "orthogonal matrix), and limit the norm of the gradient",
            {"parameter": name, "step": step, "times": times, "gain": gain,
             "growth": grown, "flat_at_the_end": float(np.mean(flat))},
            notes=[
                f"each step of the sequence multiplies by `{name}`, whose gain (deviation times "
                f"√n) is {short(gain)}; at step {last.step} {100 * np.mean(flat):.0f} % of its "
                "units are saturated"
            ],
        )  # fmt: skip
        return


def _overflows(record: Record, index: int, grown: float, gain: float, tamed: str) -> Finding:
    """Return what is to be said where numbers end because of it."""
    first = record.first
    name = first.names[index]
    return advise(
        "BP306", "exploding-gradient", record.birthplace(first, index),
        f"the signals explode through time: `{name}` enlarges them {short(grown)} times",
        f"scale the recurrent weights by {short(1 / gain)} (variance 1/n or less, or an "
        "orthogonal matrix), and limit the norm of the gradient",
        {"parameter": name, "step": first.step, "gain": gain, "growth": grown},
        notes=[
            f"each step of the sequence multiplies by `{name}`, whose gain (deviation times √n) is "
            f"{short(gain)}",
            f"tried on the recorded step: with `{name}` scaled so that signals keep their size, "
            + tamed,
        ],
        confidence="proven",
    )  # fmt: skip


def tamed_by(seen: Observation, index: int, factor: float) -> str:
    """Return what some weights, scaled, are better for; "" where they are not.

    A few steps lower the cost with them, and do not as they are; or it is far lower from the start.
    """
    step = seen.fresh()
    if step is None or step.cost is None or len(seen.values) <= index:
        return ""
    start = step.theta.copy()
    before = sum(np.size(v) for v in seen.values[:index])
    start[before : before + np.size(seen.values[index])] *= factor
    with np.errstate(all="ignore"):
        own = step.cost(repeat([step], [1.0], step.theta, TRIED))
        tried = step.cost(repeat([step], [1.0], start, TRIED))
        first, given = step.cost(start), step.cost(step.theta)
    if np.isfinite(tried) and tried < first and not own < given:
        return f"{TRIED} steps lower the cost; as it is they do not"
    if first < FAR * given:
        return f"the cost is {short(first)} from the start, and not {short(given)}"
    return ""


def vanishing(record: Record, index: int) -> Finding | None:
    """Find inputs that the labels depend on, and that the last states do not know of any more.

    Both are measured: what the inputs of each time tell of the labels, over all judged steps, and
    what the recurrent weights leave of a change of the state at that time.
    """
    first, last = record.first, record.last
    name = first.names[index]
    if last is first or name not in last.names or record.learns(STIRRED):
        return None
    steps = [o for o in record.seen if len(o.samples.executions) == len(first.samples.executions)]
    pairs = [
        (o.samples.executions, o.samples.labels) for o in steps if o.samples.labels is not None
    ]
    for time in range(len(first.samples.executions)):
        left = max(growth(first, index, time), growth(last, last.names.index(name), time))
        if not pairs or not 0 < left < VANISHED:
            return None
        rows = [(x[time][1], y) for x, y in pairs if len(x[time][1]) == len(y)]
        if len({(x.shape[1], y.shape[1]) for x, y in rows}) != 1:
            return None
        known = dependence(*(np.concatenate(part) for part in zip(*rows, strict=True)))
        if known is None or not known.sure or known.explained < TELLING:
            continue
        if not (_is_unread(first, time) and _is_unread(last, time)):
            return None
        value = np.asarray(first.values[index])
        gain = float(np.sqrt(np.mean(value**2) * value.shape[0]))
        return advise(
            "BP306", "vanishing-gradient", record.birthplace(first, index),
            f"the gradients vanish through time: `{name}` leaves {short(left)} of them",
            "start the recurrent weights as an orthogonal matrix, or with variance 1/n",
            {"parameter": name, "gain": gain, "left": left, "time": time,
             "explained": known.explained},
            notes=[
                f"the inputs of time {time} explain {100 * known.explained:.0f} % of the labels' "
                f"variance; exchanged between the samples they leave the cost as it is, at the "
                "first judged step and at the last",
                f"the gain of `{name}` (deviation times √n) is {short(gain)}",
            ],
            confidence="proven",
        )  # fmt: skip
    return None


def _is_unread(seen: Observation, time: int) -> bool:
    """Whether the cost stays as it is with the inputs of a time exchanged between the samples."""
    _, rows, node = seen.samples.executions[time]
    if seen.map is None or seen.map.cost is None or seen.samples.retry is None:
        return False
    value = np.asarray(seen.map.slice.run.env[node])
    axis = 1 if value.T.shape == rows.shape and np.array_equal(value.T, rows) else 0
    if value.ndim != 2 or value.shape[axis] != len(rows):
        return False
    order = np.random.default_rng(0).permutation(len(rows))
    again = seen.samples.retry({node: np.take(value, order, axis=axis)})
    if again.cost is None:
        return False
    own, other = seen.map.cost(seen.map.theta), again.cost(seen.map.theta)
    return bool(abs(other - own) <= VANISHED * abs(own))


def growth(seen: Observation, index: int, since: int = 0) -> float:
    """Return how many times a small change of a state has grown in the last one.

    ``v ← σ′(z_t)·(W·v)`` from step to step, the root mean square over samples and directions.
    """
    steps = [units for layer, units in seen.layers if layer.weight == index][since:]
    if not steps or any(u.weights is None or u.slope.shape != u.z.shape for u in steps):
        return 1.0
    count, samples = steps[0].slope.shape
    if any(u.weights.shape != (count, count) or u.slope.shape[1] != samples for u in steps):
        return 1.0
    v = np.random.default_rng(0).standard_normal((count, samples))
    start = float(np.linalg.norm(v))
    for units in steps:
        v = units.slope * (units.weights @ v)
    return float(np.linalg.norm(v)) / start
