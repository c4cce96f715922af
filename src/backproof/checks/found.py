"""An edit that was tried on the tape, where, and what it makes right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backproof.checks.edits.edit import Edit
from backproof.trace.site import Site
from backproof.trace.tape import Operation


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
