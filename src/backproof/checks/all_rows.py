"""What a program answers for all rows of its data, of which a step takes a batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from backproof.checks.samples import MOST_SAMPLES, Samples


def of_all_rows(samples: Samples) -> tuple[Any, Any] | None:
    """Return outputs and labels of all rows of the data that a step takes some of, if it does.

    The rows are put in the places of those that it takes, as many at a time.
    """
    X, rows = samples.inputs_then, samples.inputs_rows
    Y, answer = samples.labels_then, samples.answer
    if answer is None or samples.labels_rows is None or samples.inputs_axis or samples.labels_axis:
        return None
    if not (isinstance(X, np.ndarray) and isinstance(Y, np.ndarray) and len(X) == len(Y)):
        return None
    taken = len(rows)
    if not np.array_equal(rows, samples.labels_rows) or not 1 < taken < len(X) <= MOST_SAMPLES:
        return None
    found = []
    for start in range(0, len(X), taken):
        chosen = np.arange(start, start + taken) % len(X)
        given = X.copy()
        given[rows] = X[chosen]
        out = answer(given)
        if out is None or len(out) != taken:
            return None
        found.append(out)
    return np.concatenate(found)[: len(X)], np.asarray(Y, dtype=float).reshape(len(Y), -1)
