"""The judged steps of a run taken together: many programs see one sample a step, or a few.

A cost on one sample says little about training, and the costs of two steps are on different data.
What the first parameters and the latest cost on the data of *all* judged steps can be compared;
steps with few samples are repeated one after the other, as the program does.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.calculus.slices import StepMap

if TYPE_CHECKING:
    from backproof.checks.observation import Observation
    from backproof.checks.training import Record

#: Steps with fewer samples are taken together.
FEW = 4


def alike(record: Record) -> list[Observation]:
    """Return the judged steps that are maps of the same parameters, under costs of one kind.

    Most have them all: a bias that starts as a constant is none in the first step.
    """
    usable = [o for o in record.comparable() if o.map is not None and o.map.cost is not None]
    kinds = [_kind(o) for o in usable]
    usual = max(kinds, key=kinds.count, default=None)
    found = [o for o, kind in zip(usable, kinds, strict=True) if kind == usual]
    return found if _in_one_order(found) else []


def _kind(seen: Observation) -> list[tuple[object, ...]]:
    """Return what tells the parameters of a step: where they are updated, their shapes.

    Lists of numbers may be called ``w`` and ``w[i]``. Names count where one statement updates
    several of one shape.
    """
    known = [
        (site, np.shape(v)) for site, v in zip(seen.update_sites, seen.values, strict=True)
    ]  # fmt: skip
    return [
        (*place, name if known.count(place) > 1 else "")
        for place, name in zip(known, seen.names, strict=True)
    ]


def _in_one_order(seen: Sequence[Observation]) -> bool:
    """Whether the numbers of a list stand in one order in all steps: the next goes on from one."""
    if not any(np.ndim(o) == 0 and np.size(v) > 1 for s in seen[:1] for o, v in
               zip(s.objects, s.values, strict=True)):  # fmt: skip
        return True
    follows = [
        np.allclose(np.ravel(v) + np.ravel(c), np.ravel(w), rtol=1e-9, atol=0)
        for a, b in pairwise(seen) if b.step == a.step + 1
        for v, c, w in zip(a.values, a.changes, b.values, strict=True)
    ]  # fmt: skip
    return bool(follows) and all(follows)


def inputs_of(record: Record, first: Observation) -> Any:
    """Return the inputs of a judged step; where it sees few samples, all that are known."""
    samples = first.samples
    own, source = samples.inputs, samples.inputs_then
    if own is None or len(own) >= FEW:
        return own
    if samples.inputs_rows is not None and np.ndim(source) == 2:
        whole = np.moveaxis(np.asarray(source, dtype=float), samples.inputs_axis, 0)
        if whole.shape[1] == own.shape[1] and len(whole) >= FEW:
            return whole
    rows = [
        rows for o in record.seen if o.samples.inputs is not None
        for rows in (o.samples.inputs, *(r for _, r, _ in o.samples.executions))
    ]  # fmt: skip
    return np.unique(np.concatenate([r for r in rows if r.shape[1] == own.shape[1]]), axis=0)


def cost_at(steps: Sequence[StepMap], theta: Any) -> float:
    """Return the mean cost of some parameters on the data of all these steps."""
    return float(np.mean([s.cost(theta) for s in steps if s.cost is not None]))


def unexplained(*seen: Observation, variance: float | None = None) -> float:
    """Return the mean square between labels and outputs, as a share of the labels' variance.

    Steps are taken together, and theirs is the variance unless another is given. One is what a
    constant leaves; 0 where labels and outputs cannot be compared.
    """
    pairs = [pair for o in seen if (pair := _compared(o)) is not None]
    if not pairs:
        return 0.0
    widths = [y.shape[1:] for y, _ in pairs]
    pairs = [p for p, width in zip(pairs, widths, strict=True) if width == pairs[0][0].shape[1:]]
    labels = np.concatenate([y for y, _ in pairs])
    outputs = np.concatenate([a for _, a in pairs])
    if variance is None:
        variance = float(np.mean(np.var(labels, axis=0)))
    return float(np.mean((labels - outputs) ** 2)) / variance if variance > 0 else 0.0


def _compared(seen: Observation) -> tuple[Any, Any] | None:
    """Return labels and outputs of one shape: of class indices the rows that probabilities meet."""
    labels, output = seen.samples.labels, seen.samples.output
    if labels is None or output is None:
        return None
    if seen.samples.classes:
        shares = output.ndim == 2 and np.all(output >= 0) and np.allclose(output.sum(axis=1), 1)
        indices = np.ravel(labels).astype(int)
        if not shares or len(indices) != len(output) or indices.max() >= output.shape[1]:
            return None
        return np.eye(output.shape[1])[indices], output
    return (labels, output) if labels.shape == output.shape else None


def progress(record: Record) -> tuple[float, float] | None:
    """Return the cost of the first judged parameters and that of the latest, on the same data.

    It is measured once; None where it cannot be, or would take too long.
    """
    if record.progressed is None:
        record.progressed = _progress(record)
    return record.progressed or None


def _progress(record: Record) -> tuple[float, float] | tuple[()]:
    maps = [o.map for o in alike(record) if o.map is not None]
    if len(maps) < 2 or not in_time(record, maps, 2 * len(maps)):
        return ()
    with np.errstate(all="ignore"):
        before, after = (cost_at(maps, m.theta) for m in (maps[0], maps[-1]))
    return (before, after) if np.isfinite(before) and np.isfinite(after) else ()


def in_time(record: Record, steps: Sequence[StepMap], evaluations: int) -> bool:
    """Whether so many evaluations of a cost fit into a third of the work that is left."""
    return evaluations * steps[0].effort < record.meter.left / 3


def repeat(steps: Sequence[StepMap], scales: Sequence[float], theta: Any, count: int) -> Any:
    """Take `count` steps in turn, each with its change scaled."""
    with np.errstate(all="ignore"):
        for number in range(count):
            turn = number % len(steps)
            theta = theta + scales[turn] * steps[turn].change(theta)
    return theta


def affordable(steps: Sequence[StepMap], work: float, most: int) -> int:
    """Return how many steps some work is enough for."""
    each = max(step.effort for step in steps)
    return int(min(most, work / max(each, 1e-6)))
