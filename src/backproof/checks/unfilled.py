"""Gradients that stay zero: ``grads['b'] + db`` for ``+=``, or no sum at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from backproof.arithmetic import ADD
from backproof.carries import carries_of
from backproof.checks.cut_short import cut_short
from backproof.checks.places import EMPTY, Place, statement_of
from backproof.checks.untrained import Untrained
from backproof.trace.tape import Tape

if TYPE_CHECKING:
    from backproof.checks.neglect import Step

#: Trained weights beside one whose gradient stays zero, which is then no choice.
FELLOWS = 2


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


def silent(step: Step) -> Iterator[Untrained]:
    """Updates whose Δ is zero and does not come from the backward pass."""
    carries, blanks = carries_of(step.tape), list[tuple[int, Untrained]]()
    for out, (_, merges) in carries.links.items():
        for source, pairs in merges.items():
            for index, operand in pairs:
                operation = step.tape.operations[index]
                if source not in step.truths:
                    continue
                delta = step.run.env[operand]
                obj = step.tape.nodes[out].obj
                if delta is None or np.any(np.asarray(delta)) or np.ndim(obj) == 0:
                    continue  # single numbers are zero by chance: a unit that is off
                name = step.names.path(obj) or step.names.path(step.tape.nodes[source].obj)
                if name is None:
                    continue
                fellows = len(step.family.fellows(name))
                own = operation.where.kind.startswith("aug") and fellows >= FELLOWS
                if operation.site not in step.sites and not own:
                    continue
                lost = lost_sum(step, operand) or cut_short(step)
                zero = lost is None and is_empty(step.tape, operand)
                blank = zero and not step.is_computed(step.truths[source])
                rule = "blank" if blank else "silent"
                found = step.untrained_value(name, rule, operation.where, obj, step.truths[source])
                if blank:
                    blanks.append((fellows, found))
                    continue
                if lost is not None:
                    found.related.append((found.place, "call-site"))
                    found.place = lost
                yield found
    # Of several the step itself says that the gradient is zero: a layer is to stay as it is.
    if len(blanks) == 1 and blanks[0][0] >= FELLOWS:
        yield blanks[0][1]
