"""BP307 on a handful of samples: XOR and one neuron, where there are too few to ask the neighbours.

The judged steps are taken together and their cost is followed down to minima from several starts.
A model that could tell the classes apart gets there from one of them; the program has not either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.calculus.slices import StepMap
from backproof.checks.advice import advise, short
from backproof.checks.fitting import FLAT_GRADIENT, descend
from backproof.checks.observation import Observation
from backproof.checks.pooled import alike, cost_at, unexplained
from backproof.finding import Finding

if TYPE_CHECKING:
    from backproof.checks.training import Record

FEWEST, MOST = 4, 12
#: Share of each of the two classes, and steps that the program itself must have taken.
BALANCED = 0.25
STEPS = 200
#: Starts, beside where the program stands.
STARTS = 6
#: Share of the labels' variance that the program leaves, where it stands.
POOR = 0.6
#: No start may come below this share of the cost that the program has come to.
LEAST = 0.9


class Together:
    """Some steps as one: the mean of their changes and of their costs."""

    def __init__(self, steps: Sequence[StepMap], theta: Any) -> None:
        self.steps = steps
        self.theta = theta
        self.meter = steps[0].meter
        self.effort = sum(step.effort for step in steps)

    def change(self, theta: Any) -> Any:
        """Return the mean change."""
        return np.mean([s.change(theta) for s in self.steps], axis=0)

    def cost(self, theta: Any) -> float:
        """Return the mean cost."""
        return cost_at(self.steps, theta)


def check(record: Record) -> Iterator[Finding]:
    """Judge a model of a few samples."""
    if record.found or record.nonfinite is not None or record.steps < STEPS:
        return
    seen = distinct(alike(record))
    last = record.last
    if not seen or not all(o.stateless for o in seen):
        return
    if len({np.shape(o.samples.labels)[1:] for o in seen}) > 1:
        return
    labels = np.concatenate([o.samples.labels for o in seen])
    inputs = np.concatenate([o.samples.inputs for o in seen])
    if not FEWEST <= len(labels) <= MOST or labels.shape[1] != 1 or len(inputs) != len(labels):
        return
    values, counts = np.unique(labels, return_counts=True)
    if values.size != 2 or counts.min() < BALANCED * len(labels):
        return
    if len(np.unique(inputs, axis=0)) < len(inputs):
        return
    late = [o for o in record.seen if 2 * o.step >= last.step and o.samples.output is not None]
    if not late or unexplained(*late, variance=float(np.var(labels))) < POOR:
        return
    maps = [o.map for o in seen if o.map is not None]
    least = _least(maps, alike(record)[-1].map, record)
    if least is None:
        return
    start, cost, starts = least
    layer = next((la for la, _ in seen[0].layers), None)
    sizes = [np.size(v) for v in seen[0].values]
    index = layer.weight if layer is not None else int(np.argmax(sizes))
    yield advise(
        "BP307", "too-small-model", record.birthplace(seen[0], index),
        f"the model cannot fit its {len(labels)} samples: at every minimum the cost is "
        f"{short(cost)} or more",
        "add a hidden layer, or units to it: no line separates these samples",
        {"samples": len(labels), "cost": start, "cost_least": cost, "starts": starts,
         "step": last.step},
        notes=[
            f"tried on the recorded steps together, from {starts} starts: steps of adapted size "
            f"end where the gradient is gone, at {short(cost)} at least; the program has come to "
            f"{short(start)}"
        ],
    )  # fmt: skip


def distinct(seen: Sequence[Observation]) -> list[Observation]:
    """Return steps that see different samples; one of those that see the same."""
    found: dict[bytes, Observation] = {}
    for o in seen:
        if o.samples.inputs is not None and o.samples.labels is not None:
            found.setdefault(np.asarray(o.samples.inputs).tobytes(), o)
    return list(found.values())


def in_turn(seen: Sequence[Observation], count: int) -> bool:
    """Whether so many samples are all there are: step after step, they come round again."""
    turns: dict[int, bytes] = {}
    inputs = [(o.step % count, np.asarray(o.samples.inputs).tobytes()) for o in seen]
    again = all(turns.setdefault(turn, sample) == sample for turn, sample in inputs)
    return again and len(turns) == len(set(turns.values())) == count < len(seen)


def _least(
    maps: Sequence[StepMap], last: StepMap | None, record: Record
) -> tuple[float, float, int] | None:
    """Return (the program's cost, the least at a minimum, starts); None where one gets lower."""
    if last is None:
        return None
    generator = np.random.default_rng(0)
    own = cost_at(maps, last.theta)
    scale = max(1.0, float(np.std(maps[0].theta)))
    starts = [last.theta, *(
        scale * generator.standard_normal(last.theta.shape) for _ in range(STARTS)
    )]  # fmt: skip
    least, ended = np.inf, 0
    for theta in starts:
        found = descend(Together(maps, theta), 0.8 * record.meter.left / STARTS)
        if found is None:
            continue
        if found[1] < LEAST * own:
            return None
        if found[3] <= FLAT_GRADIENT or found[0] == found[1]:
            least, ended = min(least, found[1]), ended + 1
    return (own, least, ended) if ended > STARTS // 2 else None
