"""A value that stays as it is although it should be trained, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backproof.checks.places import Place

#: A share of this many decimals tells a random number from one that an author wrote.
DECIMALS = 4
LARGEST_COPY = 100_000
#: The rules, from the strongest evidence to the weakest.
RANK = (
    "dropped", "zero", "replaced", "silent", "blank", "stuck", "computed", "entry", "bias",
    "random",
)  # fmt: skip
#: Those of a value that an update reaches, and does not move.
REACHED = ("zero", "silent", "blank", "replaced", "stuck")


@dataclass(slots=True)
class Untrained:
    """One value that stays as it is, and why it should not."""

    name: str
    rule: str
    place: Place
    obj: Any
    before: Any
    related: list[tuple[Place, str]] = field(default_factory=list)
    neighbours: list[str] = field(default_factory=list)
    steps: set[int] = field(default_factory=set)
    size: float = 0.0
    """Norm of its true gradient."""
    called: str = ""
    """The name under which its gradient was judged, where it was."""
    share: str = ""
    """Of the numbers of this name, how many it is about: "5 of 18"."""
    meant: str = ""
    """What should stand there instead."""


def rooted(values: Any) -> Any:
    """Return a copy of what an array holds, thinned where it is large."""
    if not isinstance(values, np.ndarray):
        return values
    flat = values.reshape(-1)
    return np.array(flat[:: max(1, flat.size // LARGEST_COPY)])


def is_random(obj: Any) -> bool:
    """Whether most entries are numbers that nobody writes by hand."""
    values = np.asarray(obj, float).reshape(-1) * 10.0**DECIMALS
    return bool(np.mean(np.abs(values - np.rint(values)) > 1e-6) > 0.5)
