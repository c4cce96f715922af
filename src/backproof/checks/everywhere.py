"""Outputs and labels of more than two axes: pictures with a label for each pixel, sequences.

They are no samples with a row of inputs each, but the labels can be held against what the output
is able to give: its range is measured far out, whatever made what it is a function of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backproof.arithmetic import is_in
from backproof.calculus.slices import Slice
from backproof.checks.layers import ELEMENTWISE, FAR
from backproof.checks.samples import MOST_SAMPLES, Join, Samples, source_leaf
from backproof.trace.tape import Run, Tape

#: How many operations back the output is followed.
MOST_BACK = 12
#: Entries with labels out of reach that are moved alone.
ENTRIES = 3


def everywhere(tape: Tape, run: Run, join: Join | None, cost: int) -> Samples | None:
    """Return outputs and labels as one column each, with the ends of the output's range.

    None where the cost does not see labels beyond it: -1 may mark what is left out.
    """
    if join is None or join.classes or not join.alike:
        return None
    output, labels = (np.asarray(run.env[n]) for n in (join.output, join.labels))
    if np.shape(output) != np.shape(labels):
        return None
    found = _ends(tape, run, join.output)
    if found is None:
        return None
    z, reach = found
    outside = (labels < reach[0]) | (labels > reach[1])
    if np.any(outside) and not _is_seen(tape, run, z, cost, outside):
        return None
    leaf = source_leaf(tape, join.labels)
    rows = [np.asarray(v, dtype=float).reshape(-1, 1) for v in (output, labels)]
    step = -(-len(rows[0]) // MOST_SAMPLES)
    output, labels = (v[::step].copy() for v in rows)
    if not (np.all(output >= reach[0] - 1e-6) and np.all(output <= reach[1] + 1e-6)):
        return None
    return Samples(
        output=output, labels=labels, labels_leaf=leaf, reach=reach,
        labels_source=tape.nodes[leaf].obj if leaf is not None else None,
    )  # fmt: skip


def _ends(tape: Tape, run: Run, output: int) -> tuple[int, tuple[float, float]] | None:
    """Return what an output is an elementwise function of, and its range if that has two ends."""
    best: tuple[int, tuple[float, float]] | None = None
    shape = np.shape(run.env[output])
    frontier = {output}
    for _ in range(MOST_BACK):
        made = [(n, tape.producer(n)) for n in frontier]
        latest = max((p.index for _, p in made if p is not None), default=None)
        node, operation = next(((n, p) for n, p in made if p and p.index == latest), (0, None))
        if operation is None or not _is_elementwise(operation.function):
            break
        arrays = {n for n in operation.inputs if np.shape(run.env[n]) == shape}
        if any(np.size(run.env[n]) != 1 for n in {*operation.inputs} - arrays):
            break
        frontier = (frontier - {node}) | arrays
        if len(frontier) == 1:
            z = next(iter(frontier))
            found = _far(tape, run, z, output)
            best = (z, found) if found is not None else best
    return best


def _is_seen(tape: Tape, run: Run, z: int, cost: int, where: Any) -> bool:
    """Whether the cost changes with each of some entries: all together may not."""
    part = Slice(tape, run, [z], [cost])
    like = np.asarray(run.env[z], dtype=float)
    marked = np.flatnonzero(where)
    chosen = [where, *(np.arange(where.size).reshape(where.shape) == i for i in marked[:ENTRIES])]
    own = part({z: like})[0]
    moved = [part({z: np.where(c, like + 0.5, like)})[0] for c in chosen]
    return own is not None and all(v is not None and float(v) != float(own) for v in moved)


def _is_elementwise(function: Any) -> bool:
    return isinstance(function, np.ufunc) or is_in(function, ELEMENTWISE)


def _far(tape: Tape, run: Run, z: int, output: int) -> tuple[float, float] | None:
    """Return a function's values at both ends where it has come to rest there."""
    part = Slice(tape, run, [z], [output])
    like = np.asarray(run.env[z], dtype=float)
    with np.errstate(all="ignore"):
        values: Sequence[Any] = [
            part({z: np.full_like(like, t)})[0] for t in (-FAR, -FAR / 2, FAR / 2, FAR)
        ]
    if any(v is None or not np.all(np.isfinite(v)) for v in values):
        return None
    a, b, c, d = (float(np.ravel(v)[0]) for v in values)
    if abs(a - b) > 1e-3 or abs(c - d) > 1e-3 or abs(a - d) < 1e-3:
        return None
    low, high = sorted((round(a, 3) + 0.0, round(d, 3) + 0.0))
    return low, high
