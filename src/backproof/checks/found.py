"""An edit that was tried on the tape, where, and what it makes right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from backproof.checks.edits.edit import Edit
from backproof.checks.match import Fit
from backproof.checks.scales import TOLERANCE, proportion
from backproof.trace.site import Site
from backproof.trace.tape import Operation, Run

#: Entries below which a slope is a multiple of another by chance.
LEAST = 3


@dataclass(frozen=True, slots=True)
class Executions:
    """The operations that an edit changes together, and the site where the user would make it."""

    place: int
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """An edit that was tried, where, and the parameters that it makes right."""

    edit: Edit
    site: Site
    repaired: tuple[int, ...]
    scale: float
    price: float
    edited: Mapping[int, Operation]
    """What the operations that it changes become."""


def are_slopes(fit: Fit, run: Run, forward: set[int], operations: Iterable[Operation]) -> bool:
    """Whether values are the cost's slopes by values of the forward pass as they stand."""
    if fit.adjoint is None:
        return False
    slopes = [
        np.ravel(g) for n, g in fit.adjoint.of.items() if n in forward and np.size(g) >= LEAST
    ]  # fmt: skip
    values = [np.ravel(np.asarray(run.env[o.out])) for o in operations]
    return all(
        any(g.size == v.size and proportion(v, g)[1] <= TOLERANCE for g in slopes) for v in values
    )
