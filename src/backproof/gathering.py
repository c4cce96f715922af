"""Steps that are gathered over several iterations of the training loop."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from backproof.trace.event import Event


class Gathering:
    """Counts the iterations that make a step; with a `period` of one each is a step.

    Twice as many are recorded as a step has: the program's own steps may begin elsewhere.
    """

    def __init__(self) -> None:
        self.period = 1
        self.overlaps = False
        """A step begins in one iteration, after its update, and ends in the next."""
        self._ticks = 0
        self._starts: list[int] = []
        """Log positions at which the recorded iterations began."""

    @property
    def several(self) -> bool:
        """Whether a step has several iterations, or parts of two."""
        return self.period > 1 or self.overlaps

    def begin(self) -> None:
        """Recording starts, with an empty log."""
        self._starts = [0]

    def is_within(self, recorded: int | None) -> bool:
        """Whether an iteration that begins after `recorded` events (None: plain) ends no step."""
        self._ticks += 1
        if recorded is None:
            return self._ticks % self.period != 0
        self._starts.append(recorded)
        return len(self._starts) <= 2 * self.period

    def last(self, log: Sequence[Event], sites: Collection[int]) -> tuple[int, int] | None:
        """Bounds of the last step in `log` that was recorded from its beginning.

        A step ends with the iteration that updates parameters at `sites`.
        """
        bounds = [*self._starts, len(log)]
        if self.overlaps:
            return (0, bounds[-1]) if len(bounds) > 2 else None
        ends = [
            stop for start, stop in pairwise(bounds)
            if any(event[0] in sites for event in log[start:stop])
        ]  # fmt: skip
        return (ends[-2], ends[-1]) if len(ends) > 1 else None
