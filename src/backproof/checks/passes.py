"""Forward passes beside that of the cost: ``loss(w, x, y)`` computes its own, so does backprop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backproof.joins import output_joins
from backproof.roles import Parameter
from backproof.trace.tape import Run, Tape

Array = np.ndarray[Any, Any]
#: Places where outputs meet labels that are looked at.
MOST_JOINS = 8
#: Relative difference of two values that are computed alike.
SAME = 1e-12


def with_second_pass(
    tape: Tape, run: Run, params: Sequence[Parameter], forward: set[int]
) -> set[int]:
    """Return a cost's forward pass with those that come to the same output for the gradients."""
    joins = output_joins(tape, params, limit=MOST_JOINS)
    tape.complete(run)  # a join may be an operation of ours
    feeding = tape.ancestors([n for p in params for n in p.new])
    outputs = {j.output for j in joins if j.output in feeding} - forward
    if not outputs:
        return forward
    olds = {n for p in params for n in p.old}
    moving = (tape.reach(olds) & forward) - olds
    # Engines of scalars have thousands of numbers: these are compared as one array.
    numbers = {n for n in moving if type(run.env[n]) is float}
    known = np.array([run.env[n] for n in numbers], dtype=float)
    rest = moving - numbers
    alike = [
        n for n in outputs
        if (np.ndim(run.env[n]) == 0 and _is_among(run.env[n], known))
        or any(_is_same(run, n, other) for other in rest)
    ]  # fmt: skip
    return forward | tape.ancestors(alike)


def _is_among(value: Any, known: Array) -> bool:
    """Whether a number is one of others that are not zero."""
    if not isinstance(value, float | np.generic | np.ndarray):
        return False
    return bool(np.any((known != 0) & (abs(known - float(value)) <= SAME * abs(known))))


def _is_same(run: Run, node: int, known: int) -> bool:
    a, b = run.env[node], run.env[known]
    if a is None or b is None or np.shape(a) != np.shape(b):
        return False
    size = float(np.max(np.abs(b), initial=0.0))
    gap = float(np.max(np.abs(np.asarray(a) - np.asarray(b)), initial=0.0))
    return size > 0.0 and gap <= SAME * size
