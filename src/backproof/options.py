"""What the user asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options of `backproof run`."""

    steps: int | None = None
    include: tuple[str, ...] = ()
    cost: str | None = None
    gradients: tuple[tuple[str, str], ...] = ()
    max_events: int = 400_000
