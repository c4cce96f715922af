"""How much work an evaluation is, counted from its operations: the same on any machine.

What a check may try must not depend on how busy the machine is, or a finding comes and goes with
the load. So trials are limited by the operations that they take, in seconds of a usual machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.trace.tape import Operation

#: Seconds of an operation, of an element that it reads or writes, and of a product within a sum:
#: measured on replays of 30 to 740 operations (1.6–3.2 µs an operation below 100 elements each).
OPERATION, ELEMENT, PRODUCT = 2e-6, 2e-9, 3e-10
#: Functions that sum products: of (m, k) and (k, n) there are √(mk · kn · mn).
SUMS_PRODUCTS = frozenset({"dot", "matmul", "einsum", "tensordot", "inner", "vdot"})
#: Functions that give a view, and the one that reads what it gives alone: ``x[:, t]``.
VIEWS, TAKES = frozenset({"T", "mT", "reshape", "transpose", "squeeze", "swapaxes"}), "getitem"


@dataclass(slots=True)
class Meter:
    """Counts the work of evaluations, in seconds of a usual machine."""

    spent: float = 0.0
    allowed: float = float("inf")

    @property
    def left(self) -> float:
        """What may still be spent."""
        return self.allowed - self.spent


def effort_of(operations: Sequence[Operation], env: Sequence[Any]) -> float:
    """Return the work of evaluating operations once."""
    total = OPERATION * len(operations)
    for operation in operations:
        function = operation.function
        name = getattr(function, "__name__", None) or getattr(function, "name", "")
        nodes = (*operation.inputs, operation.out) if name != TAKES else (operation.out,)
        sizes = [np.size(env[n]) for n in nodes if _counts(env[n])]
        if not sizes or name in VIEWS:
            continue
        total += ELEMENT * sum(sizes)
        if len(sizes) > 2 and name in SUMS_PRODUCTS:
            total += PRODUCT * float(np.sqrt(np.prod([float(n) for n in sizes[-3:]])))
    return total


def _counts(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.size > 1
