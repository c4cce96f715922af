"""BP405 where one class is rare: the output knows it, the decision never takes it.

With few samples of a class an unweighted cost is least where no output passes the threshold, and
the accuracy that is printed is the share of the other class. The output must rank the rare samples
above the others, beyond chance: then the inputs do tell them, and the finding is no more than that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.checks.advice import advise, short
from backproof.checks.all_rows import of_all_rows
from backproof.checks.fitting import classes_of, predictions_of
from backproof.checks.labels import labels_place
from backproof.checks.observation import Observation
from backproof.checks.pooled import alike, cost_at, in_time, unexplained
from backproof.finding import Finding

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: Share of the common class, samples of the rare ones and of all.
COMMON = 0.9
LEAST_RARE, LEAST = 8, 100
#: Samples of a step from which on its own cost says enough.
MOST = 200
#: Steps, and share of the run, after which the decision is judged, and by how much the cost may
#: still change while the outputs are no better than a constant.
STEPS = 99
#: Samples predicted as rare, as a share of the rare ones, that are still none.
RECALL = 0.05
LATE = 0.45
SETTLED = 0.3
#: Probability that a rare sample stands above a common one, and its distance from chance (½) in
#: deviations (Mann & Whitney 1947).
RANKED = 0.6
SURE = 3.0


def check(record: Record) -> Iterator[Finding]:
    """Judge predictions that are the common class throughout."""
    if record.found or record.nonfinite is not None:
        return
    seen = [o for o in record.seen if o.samples.output is not None and o.samples.labels is not None]
    seen = seen[-2:]
    if len(seen) < 2 or seen[-1].step < max(STEPS, LATE * record.steps):
        return
    if any(_marked(o, o.samples.output, o.samples.labels) is None for o in seen):
        return
    before, last = seen[-2:]
    if not 0 < unexplained(last) < 1 and not _settled(record, before, last):
        return
    # A batch holds a few rare samples only: all rows are asked.
    output, labels = of_all_rows(last.samples) or (last.samples.output, last.samples.labels)
    rare = _marked(last, output, labels)
    n = 0 if rare is None else len(rare)
    if n < LEAST or np.sum(rare) < LEAST_RARE or np.mean(rare) > 1 - COMMON:
        return
    area, deviations = ranked(scores_of(last, output), rare)
    place = labels_place(record, last)
    if place is None or area < RANKED or deviations < SURE:
        return
    count = int(np.sum(rare))
    share = 1 - count / n
    predicted = np.bincount(predictions_of(last, output))
    told = int(n - predicted.max())
    yield advise(
        "BP405", "one-class-prediction", place,
        f"{'all' if not told else f'all but {told} of'} {n} samples are predicted as the common "
        f"class: {100 * share:.3g} % accuracy is its share",
        "weight the rare class, draw as many samples of each, or lower the threshold",
        {"rare": count, "samples": n, "step": last.step, "area": area, "deviations": deviations},
        notes=[
            f"{count} of {n} samples are of the rare class at step {last.step}; the output ranks "
            f"them above the others with probability {short(area)} ({short(deviations)} deviations "
            "from chance), but not past the threshold"
        ],
    )  # fmt: skip


def _settled(record: Record, before: Observation, last: Observation) -> bool:
    """Whether the cost changes little: on the same data, where steps see different samples."""
    maps = [o.map for o in alike(record) if o.map is not None]
    same = before.map is not None and last.map is not None and len(last.samples.labels) < MOST
    if same and before.map in maps and last.map in maps and in_time(record, maps, 2 * len(maps)):
        assert before.map is not None
        assert last.map is not None
        costs = cost_at(maps, before.map.theta), cost_at(maps, last.map.theta)
    elif before.cost is None or last.cost is None:
        return True
    else:
        costs = before.cost, last.cost
    return abs(costs[0] - costs[1]) <= SETTLED * abs(costs[1])


def _marked(seen: Observation, output: Any, labels: Any) -> Any:
    """Return which samples are of another class than the one that all are predicted as.

    None where a share of the others worth the name are predicted as what they are.
    """
    own = labels[:, 0].astype(int) if seen.samples.classes else classes_of(labels)
    predicted = predictions_of(seen, output)
    if own is None or len(own) != len(predicted) or own.min() < 0:
        return None
    common = int(np.argmax(np.bincount(predicted)))
    rare = own != common
    told = np.sum(predicted != common)
    return None if told > RECALL * max(1, int(np.sum(rare))) else rare


def scores_of(seen: Observation, output: Any) -> Any:
    """Return by how much each sample is held to be of the rare class."""
    common = int(np.argmax(np.bincount(predictions_of(seen, output))))
    if output.shape[1] > 1:
        return 1 - output[:, common]
    return output[:, 0] if common == 0 else -output[:, 0]


def ranked(scores: Any, rare: Any) -> tuple[float, float]:
    """Return P(rare sample above common one), and its deviations from ½."""
    ranks = np.argsort(np.argsort(scores)) + 1.0
    a, b = int(np.sum(rare)), int(np.sum(~rare))
    area = (float(np.sum(ranks[rare])) - a * (a + 1) / 2) / (a * b)
    return area, (area - 0.5) / float(np.sqrt((a + b + 1) / (12.0 * a * b)))
