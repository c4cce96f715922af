"""Who is who in a recorded step: its parameters, and the places on the way to their gradients."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backproof.trace.tape import Run
from backproof.updates import Update


@dataclass(slots=True)
class Level:
    """One place between a parameter's gradient and its change.

    ``Δ = factor · value`` as far as the way is linear (`factor` None where it is not). `deep`
    marks levels that lie beneath a division by a size: no learning rate explains such a factor.
    """

    nodes: tuple[int, ...]
    factor: float | None
    deep: bool = False
    sign: float = 1.0
    """Sign of the way from the value to the change (an optimiser's root and clipping keep it)."""
    updating: bool = False
    """The value is made by the very statement that updates the parameter."""
    keys: tuple[Any, ...] = ()
    """Which part of the value is this parameter's (``step[:4]`` of one step for all)."""
    turn: float = 1.0
    """-1 where the nodes hold the negative: what a decay is lessened by, ``λ·W - x·y``."""

    def value(self, run: Run) -> Any:
        """Return the level's value in a run, as a vector where it has several nodes; or None."""
        value = self._held(run)
        return value if value is None or self.turn > 0 else -value

    def _held(self, run: Run) -> Any:
        values = [run.env[n] for n in self.nodes]
        if any(v is None for v in values):
            return None
        if len(values) > 1:
            return vector(values)
        value = values[0]
        try:
            for key in self.keys:
                value = value[key]
        except (IndexError, TypeError):
            return None  # an edit has given it another shape
        return value


@dataclass(slots=True)
class Parameter:
    """A location (or a group of scalar locations) that a step updates."""

    name: str
    updates: tuple[Update, ...]
    levels: list[Level] = field(default_factory=list)
    decay: tuple[float, ...] = ()
    """Factor c of ``new = c·old + Δ`` for each update."""
    rows: Any = None
    """Flat positions that Δ changes, where it has fewer entries than the parameter."""

    @property
    def old(self) -> tuple[int, ...]:
        """Nodes of the values before the step."""
        return tuple(update.old for update in self.updates)

    @property
    def new(self) -> tuple[int, ...]:
        """Nodes of the values after the step."""
        return tuple(update.new for update in self.updates)

    def sign(self, level: int) -> float:
        """Return the sign of the way from a level's value to the change (below 0: the change)."""
        return 1.0 if level < 0 else self.levels[level].sign

    def factor(self, level: int) -> float | None:
        """Return what a level's value is multiplied by on that way, None if it is not linear."""
        return 1.0 if level < 0 else self.levels[level].factor


def vector(values: Iterable[Any]) -> np.ndarray[Any, Any]:
    """Join values of any shape into one float64 vector."""
    parts = [np.asarray(v, dtype=float).reshape(-1) for v in values]
    return np.concatenate(parts) if parts else np.zeros(0)
