"""Events before loops that train nothing, kept for a program that turns out to have no training.

Layer functions loop over their layers: forward pass, cost and backward pass are only seen together.
"""

from __future__ import annotations

from collections.abc import Sequence

from backproof.trace.event import Event

#: Events and bytes that are kept; beyond these all is forgotten, and kept anew.
MOST_EVENTS, MOST_BYTES = 30_000, 60_000_000
#: Logs that are looked at one by one, too.
MOST_LOOKS = 8


class Earlier:
    """What was recorded before the last loop that began outside any other."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._bytes = self._looked = 0

    def add(self, log: Sequence[Event]) -> bool:
        """Keep the events of a log that is forgotten; returns whether it is one of the first."""
        self._bytes += sum(getattr(event[4], "nbytes", 0) for event in log)
        if len(self.events) + len(log) > MOST_EVENTS or self._bytes > MOST_BYTES:
            self.clear()
        else:
            self.events += log
        self._looked += bool(log)
        return bool(log) and self._looked <= MOST_LOOKS

    def clear(self) -> None:
        """Forget all."""
        self.events.clear()
        self._bytes = 0
