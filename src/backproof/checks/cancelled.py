"""Sums in float32 where large numbers nearly cancel: ``|x|² - 2 x·c + |c|²`` far from the origin.

The data before the training loop is looked through for sums whose operands are so large that their
rounding is a part of the result. Only these are computed again, with all that leads to them, in
float64 from the same arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, SUBTRACT, is_in
from backproof.checks.contents import contents
from backproof.trace.event import Event
from backproof.trace.tape import build

LEAST_VALUES, MOST_ELEMENTS = 24, 200_000
MOST_EVENTS = 5_000
#: The rounding of the operands is looked at from this share of the result's deviation on, and the
#: result is bad when it is off by this share of it (root mean squares).
SUSPECT, BAD = 0.01, 0.05


@dataclass(frozen=True, slots=True)
class Loss:
    """A sum that has lost its digits: its worst value, what that should be, and its error."""

    site: int
    got: float
    true: float
    error: float
    size: float
    kind: str


def cancelled_sums(log: Sequence[Event], later: Sequence[Event]) -> list[Loss]:
    """Return the first sum of some events whose digits are lost, if there is one."""
    if len(log) > MOST_EVENTS:
        return []
    suspects = {
        index: size for index, event in enumerate(log) if (size := _suspect(event)) is not None
    }
    if not suspects:
        return []
    tape = build(list(log), 0, len(log))
    exact = tape.replay(double=True).env
    own = contents(log, later)
    for operation in tape.operations:
        event = tape.nodes[operation.out].event
        if event not in suspects or exact[operation.out] is None:
            continue
        got = np.asarray(own[event], dtype=float)
        true = np.asarray(exact[operation.out], dtype=float)
        if got.shape != true.shape or not np.all(np.isfinite(true)):
            continue
        deviation = float(np.std(true))
        error = float(np.sqrt(np.mean((got - true) ** 2)))
        if error > BAD * deviation > 0:
            worst = int(np.argmax(np.abs(got - true)))
            return [
                Loss(
                    operation.site, float(np.ravel(got)[worst]), float(np.ravel(true)[worst]),
                    error / deviation, suspects[event], str(log[event][4].dtype),
                )
            ]  # fmt: skip
    return []


def _suspect(event: Event) -> float | None:
    """Return the size of the operands of a sum in a small type that nearly cancels."""
    site, function, args, _, out, _ = event
    if site < 0 or not is_in(function, ADD | SUBTRACT) or not isinstance(out, np.ndarray):
        return None
    if out.dtype.kind != "f" or out.dtype.itemsize > 4 or len(args or ()) != 2:
        return None
    if not LEAST_VALUES <= out.size <= MOST_ELEMENTS:
        return None
    sizes = [_size(value) for value in args or ()]
    spread = float(np.std(out.astype(float)))
    rounding = max(sizes) * float(np.finfo(out.dtype).eps)
    return max(sizes) if spread > 0 and rounding > SUSPECT * spread else None


def _size(value: Any) -> float:
    known = isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size
    return float(np.max(np.abs(value.astype(float)))) if known else 0.0
