"""What arrays held when they were made, though the program has changed them since."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backproof.trace.event import Event


def contents(log: Sequence[Event], later: Sequence[Event]) -> list[Any]:
    """Return what each event made, as it was before a later one changed it in place."""
    then: dict[int, Any] = {}
    found: list[Any] = []
    for event in reversed((*log, *later)):
        found.append(then.get(id(event[4]), event[4]))
        undo = event[5]
        if undo is not None and undo[1] is Ellipsis:
            then[id(undo[0])] = undo[2]
    return found[::-1][: len(log)]
