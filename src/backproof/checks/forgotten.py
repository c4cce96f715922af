"""BP405 where samples come class by class: each is fitted when it is met, and forgotten after.

The judged steps are evaluated again at the latest parameters. Where each had a small cost in its
turn, and most have a large one now, larger than before any training, the order of the samples is
the cause: rows of a file that are sorted by class, and taken one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from backproof.checks.advice import advise, short
from backproof.checks.places import statement_of
from backproof.checks.pooled import FEW, alike, cost_at, in_time
from backproof.checks.selection import loop_around
from backproof.finding import Finding

if TYPE_CHECKING:
    from backproof.checks.observation import Observation
    from backproof.checks.training import Record

LEAST_STEPS, LEAST_SEEN = 100, 6
#: A sample is fitted in its turn at this share of the first cost, and forgotten when its cost is so
#: many times the first one; this share of the judged ones must be. Of rows that are known to come
#: in the order of their array those are forgotten that cost more than before any training.
FITTED = 0.2
FORGOTTEN, FORGOTTEN_IN_ORDER = 2.0, 1.0
MOST = 0.3
#: So many judged steps must see the first sample, and so many another one.
AGAIN, LEAST_OTHERS = 3, 4
#: So many of the latest judged steps are asked.
LATEST = 4


def check(record: Record) -> Iterator[Finding]:
    """Judge what the latest parameters make of the samples that were met before."""
    if record.found or record.nonfinite is not None or record.steps < LEAST_STEPS:
        return
    seen = alike(record)
    inputs = seen[0].samples.inputs if seen else None
    if len(seen) < LEAST_SEEN or (inputs is not None and len(inputs) >= FEW):
        return
    maps = [o.map for o in seen if o.map is not None]
    if not in_time(record, maps, LATEST * len(maps)):
        return
    first = cost_at(maps, maps[0].theta)
    others = _apart_from_first(seen)
    met = float(np.median([o.cost for o in others[2:] if o.cost is not None]))
    if not first > 0 or met > FITTED * first:
        return
    maps = [o.map for o in others if o.map is not None]
    times = FORGOTTEN_IN_ORDER if _in_order(seen) else FORGOTTEN
    for last in seen[: -LATEST - 1 : -1]:
        now = np.array([cost_at([m], last.map.theta) for m in maps if last.map is not None])
        # What that step has just seen it knows; the others tell.
        gone = int(np.sum(now > times * first))
        if np.all(np.isfinite(now)) and gone >= MOST * len(now) and np.mean(now) > first:
            break
    else:
        return
    born = record.births.of(last.samples.labels_source)
    inner = last.called or last.update_sites[0]
    place = statement_of(born or loop_around(inner) or loop_around(last.update_sites[0]) or inner)
    yield advise(
        "BP405", "one-class-prediction", place,
        "samples are fitted in their turn and forgotten after: they come in an order that is not "
        "random",
        "shuffle the samples, inputs and labels by one order, each epoch anew",
        {"steps": [o.step for o in seen], "met": [o.cost for o in seen], "now": now.tolist(),
         "first": first},
        notes=[
            f"the {len(others)} judged samples cost {short(first)} before training, {short(met)} "
            f"(the median) when they are met, and with the parameters of step {last.step} "
            f"{short(float(np.mean(now)))}: {gone} of them more than "
            + ("twice the first" if times > 1 else "the first")
        ],
        confidence="likely", severity="note",
    )  # fmt: skip


def _apart_from_first(seen: Sequence[Observation]) -> Sequence[Observation]:
    """Return the judged steps without those that see the first sample again, at an epoch's begin.

    There the sample is forgotten, and not fitted yet: of the others it is asked what they know.
    """
    if seen[0].samples.inputs is None:
        return seen
    first = seen[0].samples.inputs
    others = [o for o in seen if not np.array_equal(o.samples.inputs, first)]
    again = len(seen) - len(others)
    return others if again >= AGAIN and len(others) >= LEAST_OTHERS else seen


def _in_order(seen: Sequence[Observation]) -> bool:
    """Whether the steps take one row each of an array, in its order, and begin anew after it."""
    for one in seen:
        rows, source = one.samples.inputs_rows, one.samples.inputs_source
        if rows is None or np.size(rows) != 1 or not isinstance(source, np.ndarray):
            return False
        if int(np.ravel(rows)[0]) != one.step % source.shape[one.samples.inputs_axis]:
            return False
    return True
