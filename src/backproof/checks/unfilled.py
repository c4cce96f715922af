"""Gradients that are summed, and whose sum is not kept: ``grads['b'] + db`` for ``+=``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from backproof.arithmetic import ADD
from backproof.checks.places import EMPTY, Place, statement_of
from backproof.trace.tape import Tape

if TYPE_CHECKING:
    from backproof.checks.neglect import Step


def lost_sum(step: Step, delta: int) -> Place | None:
    """Find the sum that was to fill a gradient that stays empty, and is not kept."""
    empty = {
        n for n in step.tape.ancestors([delta])
        if isinstance(step.run.env[n], np.ndarray) and not np.any(step.run.env[n])
    }  # fmt: skip
    for operation in step.tape.operations:
        if operation.function not in ADD or not step.is_unread(operation.out):
            continue
        where = operation.where
        alone = not where.targets and not operation.mutates and where.span == where.statement
        if alone and empty.intersection(operation.inputs):
            return statement_of(where)
    return None


def is_empty(tape: Tape, delta: int) -> bool:
    """Whether a value is made of an array of zeros."""
    made = [tape.producer(n) for n in tape.ancestors([delta])]
    return any(o is not None and o.function in EMPTY for o in made)
