"""BP307 cannot-overfit-a-batch and BP405 one-class-prediction: what the model does with the data.

Both are last resorts: nothing else was found, the program has not learnt, and the labels can be
predicted from the inputs (neighbours do it). A program that is merely young gets neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from backproof.calculus.effort import Meter
from backproof.calculus.slices import StepMap
from backproof.checks.advice import advise, short
from backproof.checks.dependence import Dependence, dependence, targets
from backproof.checks.labels import labels_place, output_range
from backproof.checks.layers import Units
from backproof.checks.observation import Observation
from backproof.checks.places import Place, statement_of
from backproof.checks.same_batch import seen_in_part
from backproof.checks.same_inputs import equal_columns, same_inputs
from backproof.finding import Finding

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: Samples that a model is asked to learn by heart: the first number, or else the second.
HANDFULS = (12, 8)
#: The cost must stay above this share of its start, at a point where the gradient is this share of
#: its first size: a minimum, not a slow descent.
STUCK = 0.6
FLAT_GRADIENT = 5e-3
LONGEST = 400
#: Share of the labels' variance that neighbours must explain.
PREDICTABLE = 0.4
LEAST_STEPS = 20
#: From this share on the commonest class is a fair guess, and a model can settle on it.
MAJORITY = 0.75


def check_reach(record: Record) -> Iterator[Finding]:
    """Judge what the output can be, whatever the weights."""
    found = unreachable_class(record)
    if found is not None:
        yield found


def check(record: Record) -> Iterator[Finding]:
    """Judge a program that has not learnt although nothing else stands in its way."""
    found = unreachable_class(record)
    if found is None and not record.found and record.nonfinite is None:
        found = sorted_batches(record) or same_inputs(record) or equal_columns(record)
        found = found or seen_in_part(record)
        if found is None and record.steps >= LEAST_STEPS:
            found = cannot_overfit(record) or one_class(record)
    if found is not None:
        yield found


def _output_place(record: Record, seen: Observation) -> Place | None:
    layers = [layer for layer, _ in seen.layers if not layer.hidden]
    if seen.output_site is not None:
        return statement_of(seen.output_site)
    return statement_of(seen.sites[layers[-1].product]) if layers else None


# ---- one class ---------------------------------------------------------------------------------


def _binary(labels: Any) -> bool:
    return labels.shape[1] == 1 and set(np.unique(labels)) == {0.0, 1.0}


def unreachable_class(record: Record) -> Finding | None:
    """Find outputs on one side of ½ whatever the weights: sigmoid of a ReLU, softmax of one."""
    seen = next((o for o in record.seen if o.samples.labels is not None), None)
    if seen is None or seen.samples.output is None or seen.samples.classes:
        return None
    outputs = [o.samples.output for o in record.seen if o.samples.output is not None]
    labels, output = seen.samples.labels, seen.samples.output
    if not _binary(labels) or output.shape[1] != 1:
        return None
    low, high = output_range(seen)
    if all(np.all(o == 1.0) for o in outputs) and len(outputs) > 1 and len(output) > 1:
        why, advice = "the output is 1 for every sample, whatever the weights", (
            "a softmax over one unit is always 1: use a sigmoid, or two units, and normalise over "
            "the classes"
        )  # fmt: skip
    elif low >= 0.49 and high <= 1.001 and np.isfinite(high):
        why, advice = f"the output lies in ({short(low)}, {short(high)}), whatever the weights", (
            "give the sigmoid the sum itself, not one that was made positive before"
        )  # fmt: skip
    else:
        return None
    place = _output_place(record, seen)
    if place is None:
        return None
    share = float(np.mean(labels == 0))
    return advise(
        "BP405", "one-class-prediction", place, f"every sample is predicted as class 1: {why}",
        advice, {"range": [low, high], "share_of_class_0": share}, severity="warning",
        confidence="proven",
        notes=[f"{100 * share:.0f} % of the labels are 0"],
    )  # fmt: skip


def classes_of(values: Any) -> Any:
    """Return the class that each row stands for, or None where rows are no classes."""
    if values.shape[1] > 1:
        return np.argmax(values, axis=1)
    distinct = np.unique(values)
    if distinct.size <= 2 and set(distinct) <= {0.0, 1.0, -1.0}:
        return (values[:, 0] > 0).astype(int)
    return None


def predictions_of(seen: Observation, output: Any = None) -> Any:
    """Return the class that the output, of this step or another, predicts for each sample."""
    output = seen.samples.output if output is None else output
    if output.shape[1] > 1:
        return np.argmax(output, axis=1)
    low, high = output_range(seen)
    middle = 0.5 if low >= 0 and high <= 1.001 else 0.0
    return (output[:, 0] > middle).astype(int)


def sorted_batches(record: Record) -> Finding | None:
    """Find batches of one class each: the data is sorted by class and never shuffled."""
    seen = [o for o in record.seen if o.samples.labels is not None and o.samples.output is not None]
    seen = [o for o in seen if len(o.samples.labels) >= 8]
    if len(seen) < 4 or record.learns(0.5):
        return None
    found = []
    for o in seen:
        own = classes_of(o.samples.labels) if not o.samples.classes else o.samples.labels[:, 0]
        if own is None or np.unique(own).size != 1:
            return None
        found.append((o.step, int(own[0]), int(np.argmax(np.bincount(predictions_of(o))))))
    if len({c for _, c, _ in found}) < 2:
        return None
    place = labels_place(record, seen[0])
    taken = seen[0].labels_taken
    if place is None:
        return None
    listed = ", ".join(f"step {s}: {c}" for s, c, _ in found[:6])
    return advise(
        "BP405", "one-class-prediction", place,
        "every batch holds a single class: the network learns to answer that class and forgets it",
        "shuffle inputs and labels by one order, each epoch anew",
        {"steps": [s for s, _, _ in found], "class": [c for _, c, _ in found],
         "predicted": [p for _, _, p in found]},
        notes=[f"class of the batch at {listed}"], confidence="proven",
        related=[(statement_of(taken), "call-site")] if taken is not None else (),
    )  # fmt: skip


def one_class(record: Record) -> Finding | None:
    """Find a program that has settled on the same class for every sample."""
    seen = [o for o in record.seen[-2:] if o.samples.labels is not None]
    if len(seen) < 2 or any(o.samples.output is None or o.cost is None for o in seen):
        return None
    before, last = seen
    labels = last.samples.labels
    own = classes_of(labels) if not last.samples.classes else labels[:, 0].astype(int)
    if own is None or len(own) < 24 or last.step < 2 * before.step or last.step < 99:
        return None
    predicted = predictions_of(last)
    if np.unique(predicted).size != 1 or np.unique(predictions_of(before)).size != 1:
        return None
    counts = np.bincount(own)
    shares = counts[counts > 0] / len(own)
    assert last.cost is not None
    assert before.cost is not None
    if (
        shares.size < 2
        or np.max(shares) < MAJORITY
        or abs(before.cost - last.cost) > 0.02 * abs(last.cost)
    ):
        return None
    known = dependence(last.samples.inputs, labels)
    if known is None or not known.sure or known.explained < PREDICTABLE:
        return None
    if explained(last) > 0.5 * known.explained or record.learns(0.3):
        return None
    place = labels_place(record, last)
    if place is None:
        return None
    majority = float(np.max(shares))
    return advise(
        "BP405", "one-class-prediction", place,
        f"all {len(own)} samples are predicted as class {int(predicted[0])} "
        f"({100 * majority:.0f} % of them are of the commonest class)",
        "weight the rare class, or draw as many samples of each",
        {"class": int(predicted[0]), "shares": shares.tolist(), "explained": explained(last),
         "explained_by_neighbours": known.explained},
        notes=[_predictable(known, last)],
    )  # fmt: skip


def explained(seen: Observation) -> float:
    """Return the share of the labels' variance that the output explains, up to scale."""
    y, a = targets(seen.samples.labels), seen.samples.output
    x = np.column_stack([a, np.ones(len(a))])
    fitted = x @ np.linalg.lstsq(x, y, rcond=None)[0]
    return 1.0 - float(np.sum((y - fitted) ** 2) / np.sum(y**2))


def _predictable(known: Dependence, seen: Observation) -> str:
    return (
        f"the inputs say more: their nearest neighbours explain {100 * known.explained:.0f} % of "
        f"the labels' variance, the output {100 * max(explained(seen), 0):.0f} %"
    )


# ---- a handful ---------------------------------------------------------------------------------


def cannot_overfit(record: Record) -> Finding | None:
    """Train on a handful of samples, until a minimum: find that its cost is hardly lower."""
    last = max(record.seen[-2:], key=lambda o: o.step)
    seen = last
    samples = last.samples
    if samples.inputs is None or samples.labels is None or samples.output is None:
        return None
    if len(samples.inputs) != len(samples.labels) or not seen.layers or not seen.stateless:
        return None
    known = dependence(samples.inputs, samples.labels)
    if known is None or not known.sure or known.explained < PREDICTABLE:
        return None
    # A cost that fell from a bad start to that of a constant has not learnt either.
    if explained(last) > (0.15 if record.learns(0.3) else 0.5) * known.explained:
        return None
    for count in HANDFULS:
        step = _handful(seen, count)
        found = descend(step, record.meter.left * 0.45) if step is not None else None
        if found is not None and found[1] >= STUCK * found[0] and found[3] <= FLAT_GRADIENT:
            return _small(record, seen, last, known, count, found)
    return None


def _small(
    record: Record, seen: Observation, last: Observation, known: Dependence, count: int,
    found: tuple[float, float, int, float],
) -> Finding:  # fmt: skip
    start, end, steps, gradient = found
    layer, units = seen.layers[0]
    hidden = [la for la, _ in seen.layers if la.hidden]
    if hidden:
        size = units.z.shape[0]
        model = f"{size} hidden unit{'s' if size > 1 else ''}"
        advice = "give the first layer more units"
    else:
        model, advice = "a single layer", "add a hidden layer: no line separates these samples"
    place = record.birthplace(seen, layer.weight)
    if hidden and all(is_straight(u) for la, u in seen.layers if la.hidden):
        model = f"{len(seen.layers)} layers without an activation between them: one linear map"
        advice = "put an activation (tanh, ReLU) between the layers"
        place = statement_of(seen.sites[layer.product])
    if all(la.bias is None for la, _ in seen.layers):
        model, advice = f"{model} without bias", f"add a bias; {advice}"
    return advise(
        "BP307", "too-small-model", place,
        f"the model ({model}) cannot fit even {count} of its samples: their cost stays at "
        f"{short(end)}",
        advice,
        {"samples": count, "steps": steps, "cost_start": start, "cost_end": end,
         "gradient": gradient, "explained": explained(last),
         "explained_by_neighbours": known.explained},
        notes=[
            f"tried on the recorded step, repeated with {count} samples alone: from "
            f"{short(start)} to {short(end)} in {steps} steps of adapted size, where the gradient "
            f"is {short(gradient)} of what it was",
            _predictable(known, last),
        ],
    )  # fmt: skip


def is_straight(units: Units) -> bool:
    """Whether a layer's activation is the identity, or a multiple of it."""
    unbounded = not np.isfinite(units.low) and not np.isfinite(units.high)
    return unbounded and float(np.ptp(units.slope)) <= 1e-6 * units.steepest


def _handful(seen: Observation, count: int) -> StepMap | None:
    """Return the step on a few samples, repeated to fill the arrays."""
    s = seen.samples
    if s.retry is None or s.inputs_leaf is None or s.labels_leaf is None:
        return None
    X, Y = s.inputs_source, s.labels_source
    if X is None or Y is None or s.labels is None:
        return None
    n = X.shape[s.inputs_axis]
    axis = s.labels_axis
    if s.labels_rows is None:
        axis = int(Y.ndim == 2 and Y.shape[0] != n)
    if Y.shape[axis] != n or n < count or s.inputs_leaf == s.labels_leaf:
        return None
    order = np.random.default_rng(0).permutation(n)
    labels = np.moveaxis(Y, axis, 0).reshape(n, -1)
    groups: dict[bytes, list[int]] = {}
    for i in order:
        groups.setdefault(labels[i].tobytes(), []).append(int(i))
    chosen: list[int] = []
    while len(chosen) < count and any(groups.values()):
        chosen += [g.pop() for g in groups.values() if g]
    rows = np.array(chosen[:count])[np.arange(n) % min(count, len(chosen))]
    return s.retry({
        s.inputs_leaf: np.take(X, rows, axis=s.inputs_axis),
        s.labels_leaf: np.take(Y, rows, axis=axis),
    })  # fmt: skip


class Descent(Protocol):
    """What can be gone down: parameters, their change in a step, their cost."""

    theta: Any
    meter: Meter

    @property
    def cost(self) -> Any:
        """The cost, a function of the parameters, or None."""

    def change(self, theta: Any) -> Any:
        """Return the change of a step."""


def descend(
    step: Descent, work: float, *, enough: int = LONGEST
) -> tuple[float, float, int, float] | None:
    """Go down by steps of Barzilai and Borwein; (first cost, best cost, steps, gradient left).

    None where the work is done before so many steps as are `enough`. The change of a step is its
    gradient up to a factor; only its direction is used.
    """
    if step.cost is None:
        return None
    most = step.meter.spent + work
    theta = step.theta
    change = step.change(theta)
    first = best = step.cost(theta)
    size = float(np.linalg.norm(change))
    if not size or not np.isfinite(best):
        return None
    least, length, steps = size, 1.0, 0
    recent = [best]
    for _ in range(LONGEST):
        steps += 1
        if step.meter.spent > most:
            if steps > enough:
                break
            return None
        moved = theta + length * change
        cost = step.cost(moved)
        if not np.isfinite(cost) or cost > max(recent[-8:]) + 1e-12:
            length /= 4
            if length < 1e-12:
                break
            continue
        after = step.change(moved)
        s, y = moved - theta, change - after
        curvature = float(s @ y)
        theta, change = moved, after
        recent.append(cost)
        if cost <= best:
            best, least = cost, float(np.linalg.norm(after))
        if least < 1e-6 * size:
            break
        length = float(s @ s) / curvature if curvature > 0 else 2 * length
        length = min(max(length, 1e-8), 1e6)
    return first, best, steps, least / size
