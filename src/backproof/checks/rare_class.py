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
from backproof.checks.fitting import classes_of, predictions_of
from backproof.checks.labels import labels_place
from backproof.checks.observation import Observation
from backproof.checks.pooled import unexplained
from backproof.finding import Finding

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: Share of the common class, samples of the rare ones and of all.
COMMON = 0.9
LEAST_RARE, LEAST = 8, 100
#: Steps, and share of the run, after which the decision is judged, and by how much the cost may
#: still change while the outputs are no better than a constant.
STEPS = 99
LATE = 0.45
SETTLED = 0.15
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
    before, last = seen
    rare = _rare(last)
    if rare is None or _rare(before) is None:
        return
    if any(np.unique(predictions_of(o)).size != 1 for o in seen):
        return
    known = before.cost is not None and last.cost is not None
    known = known and not 0 < unexplained(last) < 1
    if known and abs((before.cost or 0.0) - (last.cost or 0.0)) > SETTLED * abs(last.cost or 0.0):
        return
    area, deviations = ranked(scores_of(last), rare)
    place = labels_place(record, last)
    if place is None or area < RANKED or deviations < SURE:
        return
    count, n = int(np.sum(rare)), len(rare)
    share = 1 - count / n
    yield advise(
        "BP405", "one-class-prediction", place,
        f"all {n} samples are predicted as the common class: {100 * share:.3g} % accuracy is its "
        "share",
        "weight the rare class, draw as many samples of each, or lower the threshold",
        {"rare": count, "samples": n, "step": last.step, "area": area, "deviations": deviations},
        notes=[
            f"{count} of {n} samples are of the rare class at step {last.step}; the output ranks "
            f"them above the others with probability {short(area)} ({short(deviations)} deviations "
            "from chance), but never past the threshold"
        ],
    )  # fmt: skip


def _rare(seen: Observation) -> Any:
    """Return which samples are of the rare class, if one is common and predicted throughout."""
    labels = seen.samples.labels
    own = labels[:, 0].astype(int) if seen.samples.classes else classes_of(labels)
    if own is None or len(own) < LEAST or len(own) != len(seen.samples.output) or own.min() < 0:
        return None
    counts = np.bincount(own)
    common = int(np.argmax(counts))
    rare = own != common
    if np.sum(rare) < LEAST_RARE or np.mean(rare) > 1 - COMMON:
        return None
    return rare if np.all(predictions_of(seen) == common) else None


def scores_of(seen: Observation) -> Any:
    """Return by how much each sample is held to be of the rare class."""
    output = seen.samples.output
    if output.shape[1] > 1:
        common = int(predictions_of(seen)[0])
        return 1 - output[:, common]
    return output[:, 0] if predictions_of(seen)[0] == 0 else -output[:, 0]


def ranked(scores: Any, rare: Any) -> tuple[float, float]:
    """Return P(rare sample above common one), and its deviations from ½."""
    ranks = np.argsort(np.argsort(scores)) + 1.0
    a, b = int(np.sum(rare)), int(np.sum(~rare))
    area = (float(np.sum(ranks[rare])) - a * (a + 1) / 2) / (a * b)
    return area, (area - 0.5) / float(np.sqrt((a + b + 1) / (12.0 * a * b)))
