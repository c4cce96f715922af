"""One entry of the undo log: what a region of an array held before it was overwritten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.trace.primitives import offset_in


@dataclass(frozen=True, slots=True)
class Overwritten:
    """A region, by where it lies in the memory of its owner: found once, undone many times.

    Attributes
    ----------
    layout : (offset, shape, dtype, strides) or None
        Of the array that was written to; None where it is the owner.
    """

    event: int
    layout: tuple[int, tuple[int, ...], Any, tuple[int, ...]] | None
    key: Any
    old: Any
    matrix: bool = False

    @classmethod
    def of(cls, record: tuple[int, Any, Any, Any, Any]) -> Overwritten:
        """Take (event, owner, array, key, old) from the log."""
        event, owner, array, key, old = record
        layout = None
        if array is not owner:
            layout = (offset_in(owner, array), array.shape, array.dtype, array.strides)
        return cls(event, layout, key, old, isinstance(array, np.matrix))

    def undo(self, buffer: Any, memory: Any, start: int) -> None:
        """Put the old values back into a copy of the owner, which begins at `start` in `memory`."""
        view = buffer
        if self.layout is not None:
            offset, shape, dtype, strides = self.layout
            view = np.ndarray(shape, dtype, memory, start + offset, strides)
            if self.matrix:
                view = view.view(np.matrix)
        view[self.key] = self.old
