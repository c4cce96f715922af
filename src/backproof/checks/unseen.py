"""BP307 where a model cannot tell samples apart, whatever its weights are.

The mean of word vectors is the same for "dog bites man" and "man bites dog". Samples of different
inputs and labels then have the same output in every step, to rounding; what they pass first in
which they are equal is what loses the difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.checks.advice import advise
from backproof.checks.places import statement_of
from backproof.checks.samples import Join
from backproof.finding import Finding
from backproof.roles import Parameter
from backproof.trace.site import Site
from backproof.trace.tape import Run, Tape

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: Samples of different inputs that there must be, and at most.
LEAST, MOST = 16, 5_000
MOST_ENTRIES = 200_000
#: Share of the labels' variance that lies between samples of one output.
WITHIN = 0.5
#: Distinct outputs, as a share of the distinct inputs, and the largest group of one output: an
#: output that is the same for most has lost more than this.
GROUPS, LARGEST = 0.2, 0.25
#: Outputs nearer to one another than this share of their deviation are one.
SAME = 1e-8


@dataclass(frozen=True, slots=True)
class Unseen:
    """What a step cannot tell apart: samples, distinct outputs, and where they become equal."""

    site: Site
    samples: int
    outputs: int
    within: float


def find_unseen(
    tape: Tape, run: Run, params: Sequence[Parameter], join: Join | None
) -> Unseen | None:
    """Return which samples of different inputs and labels have one output in a step."""
    if join is None or join.classes or not join.alike:
        return None
    output, labels = (np.asarray(run.env[n], dtype=float) for n in (join.output, join.labels))
    n = output.shape[0] if output.ndim else 0
    if output.shape != labels.shape or output.ndim > 2 or not LEAST <= n <= MOST:
        return None
    if len(np.unique(_groups(output.reshape(n, -1)))) > n - n // 4:
        return None
    within = tape.ancestors([join.output])
    olds = {node for p in params for node in p.old}
    leaves = [
        node.index for node in tape.nodes
        if node.index in within and node.operation is None and node.index not in olds
        and isinstance(node.obj, np.ndarray) and node.obj.dtype.kind in "fiub"
        and node.obj.ndim in (1, 2) and node.obj.shape[0] == n
    ]  # fmt: skip
    if not leaves or sum(tape.nodes[i].obj.size for i in leaves) > MOST_ENTRIES:
        return None
    inputs = np.column_stack([np.asarray(run.env[i], dtype=float).reshape(n, -1) for i in leaves])
    _, first, inverse = np.unique(inputs, axis=0, return_index=True, return_inverse=True)
    if len(first) < LEAST:
        return None
    inverse = inverse.reshape(-1)
    counts = np.bincount(inverse)
    y = labels.reshape(n, -1)
    means = np.column_stack([np.bincount(inverse, y[:, c]) / counts for c in range(y.shape[1])])
    groups = _groups(output.reshape(n, -1)[first])
    sizes = np.bincount(groups)
    if sizes.max() > LARGEST * len(first) or len(sizes) < GROUPS * len(first):
        return None
    total = float(np.sum((means - means.mean(axis=0)) ** 2))
    centres = [np.bincount(groups, means[:, c]) / sizes for c in range(means.shape[1])]
    rest = float(np.sum((means - np.column_stack(centres)[groups]) ** 2))
    if total <= 0 or rest < WITHIN * total:
        return None
    site = _lost_at(tape, run, leaves, join.output, first, groups)
    return None if site is None else Unseen(site, len(first), len(sizes), rest / total)


def _groups(rows: Any) -> Any:
    """Number rows by their contents, to rounding."""
    size = float(np.std(rows)) or 1.0
    cells = np.rint((rows - rows.mean(axis=0)) / (SAME * size))
    return np.unique(cells, axis=0, return_inverse=True)[1].reshape(-1)


def _lost_at(
    tape: Tape, run: Run, leaves: Sequence[int], output: int, first: Any, groups: Any
) -> Site | None:
    """Return the first operation behind the inputs whose rows are no more than the outputs."""
    way = tape.reach(leaves) & tape.ancestors([output])
    for operation in tape.operations:
        value = run.env[operation.out]
        if operation.out not in way or not isinstance(value, np.ndarray) or value.ndim < 1:
            continue
        if value.dtype.kind not in "fiub" or value.shape[0] <= int(first.max()):
            continue
        rows = np.asarray(value, dtype=float).reshape(len(value), -1)[first]
        if np.all(np.isfinite(rows)) and len(np.unique(_groups(rows))) <= groups.max() + 1:
            return operation.where
    return None


def check(record: Record) -> Iterator[Finding]:
    """Judge whether the steps tell the samples apart."""
    told = [o.unseen for o in record.seen if o.unseen is not None]
    if len(told) < 2 or len(told) < len(record.seen) or record.nonfinite is not None:
        return
    last = told[-1]
    if any(u.site is not last.site for u in told):
        return
    yield advise(
        "BP307", "too-small-model", statement_of(last.site),
        f"the model cannot tell its samples apart: {last.samples} different inputs give "
        f"{last.outputs} outputs, whatever the weights",
        "use what is lost here: the order of a sequence needs weights for each position, or a "
        "recurrent layer",
        {"samples": last.samples, "outputs": last.outputs, "within": last.within,
         "steps": [o.step for o in record.seen]},
        notes=[
            f"in all {len(told)} judged steps samples of different labels have one output, to "
            f"rounding; {100 * last.within:.0f} % of the labels' variance lies between such samples"
        ],
        confidence="proven",
    )  # fmt: skip
