"""BP405 where the largest of one number is taken: ``np.argmax(p, axis=1)`` of a sigmoid's column.

The index of the largest is 0 for every sample, whatever the network has learnt.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.carries import dependence
from backproof.checks.advice import advise
from backproof.checks.places import statement_of
from backproof.finding import Finding
from backproof.trace.primitives import Method
from backproof.trace.site import SITES
from backproof.trace.tape import Operation, Ref, Tape

if TYPE_CHECKING:
    from backproof.checks.training import Record

WINNERS: frozenset[Any] = frozenset({np.argmax, np.argmin, Method("argmax"), Method("argmin")})
#: Operations of a recording that is looked through, and samples that leave no doubt.
MOST_OPERATIONS, LEAST = 20_000, 4


class Columns:
    """Gathers where the largest of single outputs is taken."""

    def __init__(self) -> None:
        self.found: dict[int, tuple[int, int]] = {}
        """Site -> samples, and the axis that holds one number of each."""

    def look(self, tape: Tape, trained: Collection[int]) -> None:
        """Look through a recording with its `trained` parameters."""
        winners = [o for o in tape.operations[:MOST_OPERATIONS] if o.function in WINNERS]
        if not winners or not trained:
            return
        depends = dependence(tape, dict.fromkeys(trained, 1), 0, len(tape.operations))
        for operation in winners:
            first = operation.args[0] if operation.args else None
            if type(first) is Ref and depends.get(first.node):
                self._keep(operation, np.shape(tape.nodes[first.node].obj))

    def _keep(self, operation: Operation, shape: tuple[int, ...]) -> None:
        axis = operation.kwargs.get("axis", (*operation.args[1:], None)[0])
        if type(axis) is int and len(shape) == 2 and shape[axis] == 1 and max(shape) >= LEAST:
            self.found.setdefault(operation.site, (max(shape), axis))


def check(record: Record) -> Iterator[Finding]:
    """Judge whether a class is told by the largest of one output."""
    for site, (samples, axis) in record.columns.found.items():
        where = SITES[site]
        yield advise(
            "BP405", "one-class-prediction", statement_of(where),
            f"every sample is predicted as class 0: `{where.text}` takes the largest of one number",
            "compare the output with its threshold: `p > 0.5` for a sigmoid, `z > 0` for a score",
            {"samples": samples, "axis": axis}, confidence="proven",
            notes=[f"the output has one entry along axis {axis} for each of {samples} samples"],
        )  # fmt: skip
        return
