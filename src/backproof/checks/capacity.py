"""BP307 on all samples: a model whose every minimum lies far above what the inputs tell.

A handful of samples is learnt by heart by two units; three spirals are not. The recorded step is
followed down from where the program stands and from other starts. What it leaves there is compared
with what the nearest other samples leave, which need no training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.calculus.slices import StepMap
from backproof.checks.advice import advise, short
from backproof.checks.dependence import explained_by_nearest
from backproof.checks.fitting import descend, explained, is_straight
from backproof.checks.layers import Units
from backproof.checks.observation import Observation
from backproof.checks.places import Place, statement_of
from backproof.checks.pooled import FEW, alike, unexplained
from backproof.checks.stepping import turns
from backproof.checks.tiny_set import Together
from backproof.checks.units import STILL, flat_share, silent
from backproof.finding import Finding

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: Share of the labels' variance that the nearest samples explain, and the share of that below
#: which the model has stayed.
PREDICTABLE = 0.75
POOR = 0.5
#: Steps that the program must have taken, and samples that it must see.
STEPS, SAMPLES = 100, 60
#: Samples of a step where steps see different ones.
BATCH = 8
#: Starts beside where the program stands; none may come below this share of its cost.
STARTS = 3
LEAST = 0.75
#: Steps of a descent, as many for each parameter of a small model, and what all of them may take
#: beside the trials before: so much, or a share of the program's own work.
ENOUGH, EACH = 80, 10
WORK, SHARE = 0.8, 0.4
#: Smaller steps that leave this share of the cost are no remedy.
CURED = 0.75


class Moved:
    """A recorded step, begun elsewhere."""

    def __init__(self, step: StepMap | Together, theta: Any) -> None:
        self.change, self.cost, self.meter = step.change, step.cost, step.meter
        self.theta = theta


def check(record: Record) -> Iterator[Finding]:
    """Judge whether the model can do more than it does."""
    if record.nonfinite is not None or record.steps < STEPS or not _is_open(record):
        return
    first, last = record.first, record.last
    seen = [last] if len(turns(record, last)) == 1 else _batches(record)
    if not seen or any(o.samples.output is None for o in seen):
        return
    inputs, labels = (_joined(seen, what) for what in ("inputs", "labels"))
    steps = [m for o in seen if (m := o.fresh()) is not None and m.cost is not None]
    if inputs is None or labels is None or last.map is None or len(steps) < len(seen):
        return
    step: StepMap | Together = steps[0]
    if len(steps) > 1:
        step = Together(steps, last.map.theta)
    if steps[0].theta.shape != last.map.theta.shape or len(inputs) < SAMPLES:
        return
    if len(labels) != len(inputs) or any(_is_lost(units) for _, units in last.layers):
        return
    nearest = explained_by_nearest(inputs, labels)
    own = max(explained(o) for o in seen[-FEW:])
    if last.samples.alike:
        own = min(own, 1 - unexplained(*seen[-FEW:]))
    if nearest < PREDICTABLE or own > POOR * nearest:
        return
    found = _minima(step, last.map.theta, first, record)
    if found is None:
        return
    record.found[:] = [replace(f, severity="note") for f in record.found]
    yield _finding(record, last, nearest, own, found)


def _batches(record: Record) -> list[Observation]:
    """Return the judged steps where each sees a batch worth the name."""
    seen = alike(record)
    rows = [o.samples.inputs_rows for o in seen]
    known = all(r is not None and len(r) >= BATCH for r in rows) and len(seen) >= FEW
    return seen if known and all(o.stateless for o in seen) else []


def _joined(seen: Sequence[Observation], what: str) -> Any:
    """Return the inputs or labels of some steps together, None where one has none."""
    parts = [getattr(o.samples, what) for o in seen]
    return None if any(p is None for p in parts) else np.concatenate(parts)


def _is_lost(units: Units) -> bool:
    """Whether a layer has no slope left to be led by."""
    if units.rectifies:
        return float(np.mean(silent(units))) > STILL
    return units.saturates and flat_share(units) > STILL


def _is_open(record: Record) -> bool:
    """Whether nothing is known that explains why the cost stays where it is.

    A step that makes it bounce does not, where smaller ones do not bring it down.
    """
    trials = [f.evidence.get("trial") for f in record.found if f.severity != "note"]
    return all(
        isinstance(t, dict) and "own_cost" in t and t["cost"] > CURED * t["own_cost"]
        for t in trials
    )


def _minima(
    step: StepMap | Together, theta: Any, first: Observation, record: Record
) -> tuple[float, float, int] | None:
    """Return (the program's cost, the least that is reached, starts); None where one gets lower."""
    assert step.cost is not None
    own = step.cost(theta)
    generator = np.random.default_rng(0)
    scale = max(0.5, float(np.std(np.concatenate([np.ravel(v) for v in first.values]))))
    starts = [theta, *(scale * generator.standard_normal(theta.shape) for _ in range(STARTS))]
    least, ended = np.inf, 0
    work = max(WORK, SHARE * record.steps * step.effort)
    record.meter.allowed += work
    for start in starts:
        enough = min(ENOUGH, EACH * theta.size)
        found = descend(Moved(step, start), work / len(starts), enough=enough)
        if found is None:
            continue  # no gradient to go down by, or not enough work
        if found[1] < LEAST * own:
            return None
        least, ended = min(least, found[1]), ended + 1
    return (own, least, ended) if ended >= STARTS else None


def _finding(
    record: Record, last: Observation, nearest: float, own: float, found: tuple[float, float, int]
) -> Finding:
    model, advice, place = described(record, last)
    start, least, starts = found
    return advise(
        "BP307", "too-small-model", place,
        f"the model ({model}) is too small: from {starts} starts the cost comes to {short(least)} "
        "at best",
        advice,
        {"cost": start, "cost_least": least, "starts": starts, "explained": own,
         "explained_by_neighbours": nearest},
        notes=[
            f"tried on the recorded step: {starts} starts, steps of adapted size; the program has "
            f"come to {short(start)}",
            f"the inputs say more: the nearest other samples explain {100 * nearest:.0f} % of the "
            f"labels' variance, the output {100 * max(own, 0):.0f} %",
        ],
        confidence="proven",
    )  # fmt: skip


def described(record: Record, seen: Observation) -> tuple[str, str, Place]:
    """Return what a model is, what to do, and where it is made."""
    hidden = [(la, u) for la, u in seen.layers if la.hidden]
    home = record.first if record.first.names == seen.names else seen
    sizes = [np.size(v) for v in seen.values]
    if not seen.layers:
        place = record.birthplace(home, int(np.argmax(sizes)))
        model = f"{sum(sizes)} number{'s' if sum(sizes) > 1 else ''}"
        return model, "give it a bias, a hidden layer, or more units", place
    layer, units = seen.layers[0]
    place = record.birthplace(home, layer.weight)
    if hidden and all(is_straight(u) for _, u in hidden):
        return (
            f"{len(seen.layers)} layers without an activation between them: one linear map",
            "put an activation (tanh, ReLU) between the layers",
            statement_of(seen.sites[layer.product]),
        )
    if hidden:
        size = units.z.shape[0]
        return f"{size} hidden unit{'s' if size > 1 else ''}", "give the layer more units", place
    return "a single layer", "add a hidden layer", place
