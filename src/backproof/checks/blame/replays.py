"""The step again with some of its values replaced by what they should have been.

A replacement counts where it makes wrong gradients right and leaves the right ones, and the scale
that they have in common, as they are.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from copy import copy
from typing import Any

import numpy as np

from backproof.checks.gradient import StepEvidence
from backproof.checks.match import Fit, rematch
from backproof.trace.tape import Run, Tape


class Replays:
    """Replays of one judged step.

    Parameters
    ----------
    patience : float
        CPU seconds after which the search should end.

    Attributes
    ----------
    kept : dict
        Values replaced in every replay: the truths of the faults that are found already.
    start : Run
        The step with only those replaced: where the search for the next fault starts.
    """

    def __init__(self, evidence: StepEvidence, *, patience: float) -> None:
        assert evidence.fit is not None
        self.tape: Tape = evidence.tape
        self.run: Run = evidence.run
        self.fit: Fit = evidence.fit
        self.scale = self.fit.scale
        self.deadline = time.process_time() + patience
        self.kept: dict[int, Any] = {}
        self.start = self.run

    def restart(self) -> None:
        """Replay the step with what is kept, for the search of one more fault."""
        self.start = self.replayed({}) if self.kept else self.run

    def without(self, truths: Mapping[int, Any]) -> Replays:
        """Return the same replays with a fault left as it is: for the search of its cause."""
        other = copy(self)
        other.kept = {node: value for node, value in self.kept.items() if node not in truths}
        other.restart()
        return other

    def replayed(self, values: dict[int, Any], until: int | None = None) -> Run:
        """Replay the step, up to an operation, with values replaced."""
        values = {**self.kept, **values}
        dirty = self.tape.reach(values)
        return self.tape.replay(
            double=True, base=self.run, dirty=dirty, replace=values, until=until
        )

    def repaired(self, values: dict[int, Any], wrong: set[int]) -> list[int]:
        """Return which wrong gradients a replacement makes right; none if it spoils a right one."""
        return self.right_in(self.replayed(values), wrong)

    def right_in(self, run: Run, wrong: set[int]) -> list[int]:
        """Return which wrong gradients are right in a run that spoils no right one."""
        again = rematch(run, self.fit)
        if not self.fit.keeps(again):
            return []
        return [i for i in sorted(wrong) if again.is_right(i)]

    def late(self) -> bool:
        """Whether the time for the search is over."""
        return time.process_time() > self.deadline


def shaped(value: Any, like: Any) -> Any:
    """Give a value the shape and kind of another of the same size."""
    if type(like) is float:
        return float(np.asarray(value).reshape(-1)[0])
    array = np.asarray(value, float)
    shape = np.shape(like)
    if array.ndim == 2 and array.shape != shape and array.T.shape == shape:
        array = array.T
    array = array.reshape(shape)
    return np.asmatrix(array) if isinstance(like, np.matrix) else array
