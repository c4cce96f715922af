"""A run whose only parameters become their step at each iteration (BP104): ``W = -lr * grad``.

Nothing is added to an old value, so no update is found. What the statement makes is held against
the gradients, by the value that it made before, of the costs that networks have.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from backproof.arithmetic import is_in
from backproof.calculus.adjoint import is_differentiable
from backproof.checks.advice import advise
from backproof.checks.match import compare
from backproof.checks.places import statement_of
from backproof.checks.replaced import moved
from backproof.checks.scales import is_plausible
from backproof.entries import STORES
from backproof.finding import Finding
from backproof.registry import registry
from backproof.roles import Parameter
from backproof.trace.operations import Operation
from backproof.trace.tape import Tape
from backproof.updates import Update

#: Operations of a recording that is looked through, and assignments that are tried.
MOST_OPERATIONS, MOST_TRIED = 20_000, 12
#: Times that an assignment must have been made.
OFTEN = 3
#: Relative error up to which a value is a multiple of a gradient: two entries are one by chance.
EXACT = 1e-9
#: What no program multiplies a gradient with.
LARGEST = 1e3


def restarted(tape: Tape) -> list[Finding]:
    """Find values that are set to a multiple of a gradient by what they were before."""
    if len(tape.operations) > MOST_OPERATIONS:
        return []
    for before, after in _again(tape):
        update = Update(before.out, after.out, ())
        where = after.where
        parameter = Parameter(where.targets[0], (update,), decay=(0.0,))
        hypotheses = registry(tape, [parameter], within=range(before.index, after.index))
        run = tape.replay()
        for hypothesis in hypotheses:
            fit = compare(tape, run, hypothesis, [parameter])
            scales = [] if fit is None else fit.matches[0].scales
            exact = [s for level, s, error in scales if level == -1 and error < EXACT]
            if exact and is_plausible(exact[0]) and abs(exact[0]) < LARGEST:
                return [_finding(after, exact[0])]
    return []


def _again(tape: Tape) -> Iterator[tuple[Operation, Operation]]:
    """Yield the first two values of assignments whose value depends on the one before.

    One statement may assign to layers in turn, whose weights have different shapes.
    """
    made: dict[tuple[int, tuple[int, ...]], list[Operation]] = {}
    for operation in tape.operations:
        value = tape.nodes[operation.out].obj
        named = operation.where.is_value and len(operation.where.targets) == 1
        whole = named and np.size(value) > 1 and not is_in(operation.function, STORES)
        if whole and is_differentiable(value):
            made.setdefault((operation.site, np.shape(value)), []).append(operation)
    tried = [operations for operations in made.values() if len(operations) >= OFTEN]
    for before, after, last, *_ in tried[:MOST_TRIED]:
        shapes = {np.shape(tape.nodes[o.out].obj) for o in (before, after, last)}
        kept = any(_is_next(before, tape.operations[i]) for i in tape.users[before.out])
        if len(shapes) == 1 and kept and before.out in tape.ancestors([after.out]):
            yield before, after


def _is_next(made: Operation, reads: Operation) -> bool:
    """Whether a value is read by the next iteration: above its assignment, or elsewhere."""
    one, other = made.where, reads.where
    same = (one.file.path, one.function) == (other.file.path, other.function)
    return not same or other.span.line < one.span.line


def _finding(made: Operation, scale: float) -> Finding:
    where = made.where
    target = where.targets[0]
    return advise(
        "BP104", "update-direction", statement_of(where),
        f"`{target}` is replaced by its step instead of being moved by it",
        f"start from the old value: `{moved(where, -scale)}`",
        {"parameters": [target], "scale": scale}, severity="error", confidence="proven",
        label="the old value is lost",
    )  # fmt: skip
