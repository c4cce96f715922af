"""An edit that was tried on the tape, where, and what it makes right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.checks.edits.edit import Edit, is_transpose
from backproof.checks.match import Fit
from backproof.checks.scales import TOLERANCE, proportion
from backproof.trace.primitives import Method
from backproof.trace.site import Site
from backproof.trace.tape import Operation, Ref, Run, Tape

#: Entries below which a slope is a multiple of another by chance.
LEAST = 3


@dataclass(frozen=True, slots=True)
class Executions:
    """The operations that an edit changes together, and the site where the user would make it."""

    place: int
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """An edit that was tried, where, and the parameters that it makes right."""

    edit: Edit
    site: Site
    repaired: tuple[int, ...]
    scale: float
    price: float
    edited: Mapping[int, Operation]
    """What the operations that it changes become."""


def are_slopes(
    fit: Fit, run: Run, forward: set[int], operations: Iterable[Operation], *, signed: bool
) -> bool:  # fmt: skip
    """Whether values are the cost's slopes by values of the forward pass as they stand.

    Up to a factor; if `signed`, up to a positive one.
    """
    if fit.adjoint is None:
        return False
    slopes = [
        np.ravel(g) for n, g in fit.adjoint.items() if n in forward and np.size(g) >= LEAST
    ]  # fmt: skip
    values = [np.ravel(v) for o in operations if not isinstance(v := run.env[o.out], tuple)]

    def is_slope(v: np.ndarray, g: np.ndarray) -> bool:
        s, gap = proportion(v, g) if g.size == v.size else (0.0, np.inf)
        return gap <= TOLERANCE and (s > 0 or not signed)

    return bool(values) and all(any(is_slope(v, g) for g in slopes) for v in values)


def is_same(one: Any, other: Any, tolerance: float = 1e-9) -> bool:
    """Whether two values are equal to rounding."""
    if one is None or other is None:
        return False
    if isinstance(one, tuple | list) or isinstance(other, tuple | list):  # of several results
        return False
    if np.shape(one) != np.shape(other):
        return False
    a, b = np.asarray(one), np.asarray(other)
    return bool(np.allclose(a, b, rtol=tolerance, atol=0.0, equal_nan=True))


def function_name(operation: Operation) -> str:
    """Return what an operation's function is called."""
    function = operation.function
    return repr(function) if isinstance(function, Method) else getattr(function, "__name__", "")


def kinds(tape: Tape, operations: Sequence[Operation]) -> list[Operation]:
    """Return executions of a site that differ in what they get: a number, a transpose."""
    found: dict[tuple[Any, ...], Operation] = {}
    for operation in operations:
        makers = [tape.producer(a.node) if type(a) is Ref else a for a in operation.args]
        kind = tuple(is_transpose(m) if isinstance(m, Operation) else type(m) for m in makers)
        found.setdefault(kind, operation)
    return list(found.values())[:4]


def calls_of(
    tape: Tape, groups: Mapping[int, list[Operation]]
) -> dict[int, list[list[Operation]]]:  # fmt: skip
    """Return for each call site of the user's functions the operations of its executions."""
    chains = tape.chains()
    inside: dict[int, list[Operation]] = {}
    for operations in groups.values():
        for operation in operations:
            for call in chains[operation.index]:
                inside.setdefault(call, []).append(operation)
    found: dict[int, list[list[Operation]]] = {}
    for call in sorted(inside):
        site = tape.calls[call][1]
        found.setdefault(site, []).append(sorted(inside[call], key=lambda o: o.index))
    return found
