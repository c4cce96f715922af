"""The observations of one training, of those of a run that may train several times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backproof.checks.observation import Observation


def of_one_training(seen: Sequence[Observation]) -> list[Observation]:
    """Return the observations of a run's first training: what is measured later is another's.

    They update the same number of entries, in a statement that the first step has as well. A bias
    that starts as a constant float is only known as a parameter after the first step.
    """
    seen = _before_restart(seen)
    first = max((o for o in seen[:3] if _begins(seen[0], o)), key=_entries, default=seen[0])
    size = _entries(first)
    return [
        o for o in seen
        if (_entries(o) == size or o.step < first.step)
        and any(site in first.update_sites for site in o.update_sites)
    ]  # fmt: skip


def _before_restart(seen: Sequence[Observation]) -> Sequence[Observation]:
    """Return the observations before parameters are again what they were in the first one."""

    def is_first(other: Observation) -> bool:
        pairs = zip(seen[0].values, other.values, strict=False)
        return seen[0].names == other.names and all(np.array_equal(a, b) for a, b in pairs)

    moved = next((i for i, o in enumerate(seen) if not is_first(o)), len(seen))
    again = next((i for i in range(moved, len(seen)) if is_first(seen[i])), len(seen))
    return seen[:again]


def with_rates(seen: Sequence[Observation]) -> None:
    """Give the first steps the step size that later ones show: a velocity of zero hides it."""
    known = next((o.rate for o in seen if o.rate is not None), None)
    for o in seen:
        if o.rate is not None:
            return
        o.rate = known


def _begins(first: Observation, other: Observation) -> bool:
    """Whether a step updates all that the first does, and nothing of another size."""
    sizes = dict(zip(other.names, map(np.size, other.values), strict=True))
    return all(
        sizes.get(name) == np.size(value)
        for name, value in zip(first.names, first.values, strict=True)
    )


def _entries(seen: Observation) -> int:
    """Return how many numbers a step updates."""
    return sum(np.size(value) for value in seen.values)
