"""What an edit is: what was wrong, what to write, and what the edited source would execute.

An `Edit` changes each execution of a source site alike: `change(operation, number)` gives the
operation that the edited source would have executed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backproof.trace.primitives import Attribute, Method
from backproof.trace.tape import Operation

LARGE = 200_000
"""Entries of a value above which other operands are not tried: too slow."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit: why the source was wrong, what to write, and what it would have executed."""

    cause: str
    reason: str
    help: str
    change: Callable[[Operation, int], Operation | None]
    cost: float
    """How unlikely the slip is: exchanging two names costs 1."""
    found: str = ""
    expected: str = ""
    is_slope: bool = False
    """A derivative of the forward pass is put in: no slip of the pen."""
    derived: int | None = None
    """The value of the forward pass whose derivative that is."""


def short(text: str) -> str:
    """Put a source text on one line of at most 60 characters."""
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "…"


def is_transpose(operation: Operation) -> bool:
    """Whether an operation transposes."""
    function = operation.function
    if isinstance(function, Attribute):
        return function.name in ("T", "mT")
    return function is np.transpose or function == Method("transpose")


def computing(function: Callable[..., Any]) -> Callable[[Operation, int], Operation]:
    """Return a change that computes another function of the same arguments."""
    return lambda operation, _: replace(operation, function=function)


def around(wrapper: Callable[..., Any]) -> Callable[[Operation, int], Operation]:
    """Return a change that computes ``wrapper(function, *args, **kwargs)``."""

    def change(operation: Operation, _: int) -> Operation:
        function = operation.function
        return replace(operation, function=lambda *a, **k: wrapper(function, *a, **k))

    return change
