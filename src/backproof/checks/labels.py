"""BP402 labels-outside-the-cost's-domain: targets that the output or the cost cannot mean.

What an output can reach is measured on the recorded activation, and what the cost does with a label
by moving the outputs of the samples that carry it: no names are trusted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.checks.advice import advise, short
from backproof.checks.observation import Observation
from backproof.checks.places import Place, statement_of
from backproof.costs import STRAIGHT
from backproof.finding import Finding

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: A label counts as out of reach when it lies further outside than this share of the range:
#: smoothed or slightly noisy targets (0.9, 1.02) are trained on with success.
MARGIN = 0.05
#: Share of the labels that must be out of reach before anything is said.
OUTSIDE = 0.1
#: Whole numbers that are classes.
MOST_CLASSES = 12


def check(record: Record) -> Iterator[Finding]:
    """Judge the labels against what output and cost can do with them."""
    if all(o.samples.labels is None for o in record.seen):
        spread = [
            replace(o, samples=o.everywhere, output_layer=None)
            for o in record.seen if o.everywhere is not None
        ]  # fmt: skip
        record = replace(record, seen=spread)
    if (found := hinge_labels(record)) is not None:
        yield found
        return
    known = [o for o in record.seen if o.samples.labels is not None]
    kinds = [_kind(o) for o in known]
    usual = max(kinds, key=kinds.count, default=None)
    for seen, kind in zip(known, kinds, strict=True):
        if kind == usual and seen.samples.output is not None:
            found = (
                out_of_reach(record, seen)
                or negative_class(record, seen)
                or ignored_label(record, seen)
            )
            if found is not None:
                yield found
            return


def _kind(seen: Observation) -> tuple[int, Any]:
    """Return what a step has in common with others whose labels are of one kind.

    Of single numbers some are no parameters in a step that leaves them as they are.
    """
    labels = seen.samples.labels
    numbers = seen.samples.inputs_nodes is not None
    return labels.shape[1], tuple(sorted(map(np.size, seen.values))) if numbers else None


def labels_place(record: Record, seen: Observation) -> Place | None:
    """Return where the labels were made, else where they meet the output."""
    site = record.births.of(seen.samples.labels_source)
    if site is not None:
        return statement_of(site)
    if seen.samples.labels_place is not None:
        return seen.samples.labels_place
    return statement_of(seen.labels_site) if seen.labels_site is not None else None


def all_labels(record: Record, first: Observation) -> Any:
    """Return the labels of all judged steps in one column: those of the kind of the first."""
    parts = [
        s.samples.labels.reshape(-1) for s in record.seen
        if s.samples.labels is not None and s.samples.classes == first.samples.classes
        and _kind(s) == _kind(first)
    ]  # fmt: skip
    return np.concatenate(parts) if parts else np.zeros(0)


def _listed(values: Any) -> str:
    distinct = np.unique(values)
    if distinct.size <= 6:
        return ", ".join(short(float(v)) for v in distinct)
    return f"{short(float(distinct[0]))} … {short(float(distinct[-1]))}"


# ---- the range of the output -------------------------------------------------------------------


def output_range(seen: Observation) -> tuple[float, float]:
    """Return the least and the greatest value that the output can have."""
    if seen.output_layer is not None:
        _, units = seen.output_layer
        low, high = _rounded(min(units.low, units.high)), _rounded(max(units.low, units.high))
        if np.isfinite(low) or np.isfinite(high):
            # What is measured far away must hold for what was recorded, too.
            inside = np.all((units.a >= low - 1e-6) & (units.a <= high + 1e-6))
            return (low, high) if high > low and inside else (-np.inf, np.inf)
    if seen.samples.reach is not None:
        return seen.samples.reach
    out = seen.samples.output
    shares = out is not None and out.shape[1] > 1 and bool(np.all((out >= 0) & (out <= 1)))
    if shares and np.allclose(np.sum(out, axis=1), 1, atol=1e-6):
        return 0.0, 1.0
    return -np.inf, np.inf


def _rounded(end: float) -> float:
    """Return the end of a range; at ±40 a sigmoid is not quite at it."""
    return float(np.round(end, 3)) + 0.0 if np.isfinite(end) else end


def out_of_reach(record: Record, first: Observation) -> Finding | None:
    """Find labels that the output can never equal: 1 … 4 under tanh, −1 under a sigmoid."""
    samples = first.samples
    if samples.labels is None or samples.output is None or samples.classes or not samples.alike:
        return None
    low, high = output_range(first)
    if not np.isfinite(low) and not np.isfinite(high):
        return None
    labels = all_labels(record, first)
    if low >= 0.49 and high <= 1.001 and set(np.unique(labels)) <= {0.0, 1.0}:
        return None  # the labels are as they should be, the output is not: BP405
    spread = high - low if np.isfinite(high - low) else float(np.std(labels))
    outside = (labels < low - MARGIN * spread) | (labels > high + MARGIN * spread)
    place = labels_place(record, first)
    # Classes are out of reach however few of one have been seen: a step may see one sample.
    classes = np.all(labels == np.rint(labels)) and np.unique(labels).size <= MOST_CLASSES
    classes = classes and np.isfinite(high - low)
    if place is None or np.mean(outside) < (OUTSIDE if not classes else 1e-9):
        return None
    if _is_left_out(first, (low, high)):
        return None
    # The cost stays above what the labels out of reach cost at the very end of the range.
    nearest = np.clip(labels, low, high)
    floor = float(np.mean((labels - nearest) ** 2))
    closed = f"[{short(low)}, {short(high)}]" if np.isfinite(high) else f"[{short(low)}, ∞)"
    if np.isfinite(high) and np.isfinite(low):
        closed = f"({short(low)}, {short(high)})"
        advice = f"scale the labels into {closed}, or let the output be linear"
    else:
        advice = "let the output be linear, or make the labels positive"
    distinct = np.unique(labels)
    if distinct.size == 2 and np.isfinite(high):
        advice = f"code the two classes as {short(low)} and {short(high)}"
    return advise(
        "BP402", "labels-outside-domain", place,
        f"labels {_listed(labels)} cannot be reached: the output lies in {closed}",
        advice,
        {
            "labels": [float(labels.min()), float(labels.max())], "range": [low, high],
            "outside": float(np.mean(outside)), "least_mean_square": floor,
        },
        # A rectified output may be meant, whatever it costs; labels beyond a sigmoid are not.
        severity="error" if np.isfinite(high) else "warning", confidence="proven",
        notes=[
            f"{100 * float(np.mean(outside)):.0f} % of the labels of the judged steps lie outside; "
            f"the mean squared error cannot fall below {short(floor)}"
        ],
    )  # fmt: skip


def _is_left_out(seen: Observation, reach: tuple[float, float]) -> bool:
    """Whether the cost does not see labels out of reach: -1 may mark what is not known."""
    labels, output = seen.samples.labels, seen.samples.output
    if seen.cost_of_output is None or labels.shape != output.shape:
        return False
    beyond = (labels < reach[0]) | (labels > reach[1])
    marked = np.argwhere(beyond)
    inside = np.where(np.isfinite(reach), reach, output.mean()).mean()
    own = seen.cost_of_output(np.zeros(labels.shape))
    for entry in marked[:3]:
        alone = np.zeros(labels.shape)
        alone[tuple(entry)] = 0.01 * (inside - output[tuple(entry)])
        if alone.any() and seen.cost_of_output(alone) == own:
            return True
    return False


# ---- class indices -----------------------------------------------------------------------------


def negative_class(record: Record, first: Observation) -> Finding | None:
    """Find class indices of −1 that pick the last class, which other samples have as well."""
    samples = first.samples
    if not samples.classes or samples.labels is None or samples.output is None:
        return None
    labels = all_labels(record, first)
    count = samples.output.shape[1]
    negative = labels < 0
    place = labels_place(record, first)
    if place is None or np.mean(negative) < OUTSIDE or not np.any(labels == count - 1):
        return None
    return advise(
        "BP402", "labels-outside-domain", place,
        f"class indices {_listed(labels)}: −1 picks class {count - 1}, as {count - 1} itself does",
        f"number the classes 0 … {count - 1}",
        {"labels": [float(labels.min()), float(labels.max())], "classes": count,
         "outside": float(np.mean(negative))},
        severity="error", confidence="proven",
    )  # fmt: skip


# ---- what the cost does with a label -----------------------------------------------------------


def ignored_label(record: Record, first: Observation) -> Finding | None:
    """Find a label whose samples the cost does not see (0 in a cost for ±1)."""
    samples = first.samples
    if samples.classes or samples.labels is None or first.cost_of_output is None:
        return None
    labels, output = samples.labels, samples.output
    if output is None or output.shape != labels.shape or labels.shape[1] != 1:
        return None
    values = np.unique(labels)
    if values.size != 2 or output_range(first) != (-np.inf, np.inf):
        return None
    place = labels_place(record, first)
    moved = {float(v): _effects(first, labels == v) for v in values}
    effects = list(moved.values())
    if place is None or any(e is None for e in effects):
        return None
    ignored = [v for v, e in moved.items() if e is not None and np.all(e == 0)]
    if len(ignored) == 1 and ignored[0] == 0.0 and not all(np.all(e == 0) for e in effects):
        share = float(np.mean(labels == 0))
        other = float(values[1] if values[0] == 0 else values[0])
        return advise(
            "BP402", "labels-outside-domain", place,
            f"the cost does not see the samples labelled 0 ({100 * share:.0f} % of them)",
            f"label the two classes −1 and {short(abs(other))}: this cost multiplies output and "
            "label",
            {"labels": [float(v) for v in values], "ignored": ignored, "share": share},
            severity="error", confidence="proven",
            notes=["whatever the outputs of these samples are (moved by ±1 … ±10,000), the cost "
                   "stays as it is"],
        )  # fmt: skip
    return None


def hinge_labels(record: Record) -> Finding | None:
    """Find labels 0 and 1 where samples are taken one by one under a hinge: 0 teaches nothing."""
    for seen in record.seen:
        source = seen.samples.labels_source
        place = labels_place(record, seen)
        if seen.title not in STRAIGHT or not isinstance(source, np.ndarray) or place is None:
            continue
        if source.ndim == 1 and len(source) > 1 and set(np.unique(source)) == {0, 1}:
            share = float(np.mean(source == 0))
            return advise(
                "BP402", "labels-outside-domain", place,
                f"samples labelled 0 ({100 * share:.0f} % of them) teach nothing: a hinge "
                "multiplies the output by its label",
                "label the two classes −1 and 1: `np.where(y <= 0, -1, 1)`",
                {"labels": [0.0, 1.0], "share": share}, severity="error", confidence="proven",
                notes=["the margin `y·f(x)` of such a sample is 0, whatever the output"],
            )  # fmt: skip
    return None


def _effects(seen: Observation, members: Any) -> Any:
    """Return by how much the cost changes when the outputs of some samples are moved."""
    assert seen.cost_of_output is not None
    base = seen.cost_of_output(np.zeros(members.shape))
    found = [
        seen.cost_of_output(np.where(members, move, 0.0)) - base
        for move in (-1e4, -30.0, -3.0, -1.0, 1.0, 3.0, 30.0, 1e4)
    ]
    return np.array(found) if np.all(np.isfinite(found)) else None
