"""Forward passes beside that of the cost: ``loss(w, x, y)`` computes its own, so does backprop."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

import numpy as np

from backproof.arithmetic import GATHERING, is_in
from backproof.joins import output_joins
from backproof.roles import Parameter
from backproof.trace.tape import Operation, Run, Tape, map_refs

Array = np.ndarray[Any, Any]
#: Places where outputs meet labels that are looked at.
MOST_JOINS = 8
#: Relative difference of two values that are computed alike.
SAME = 1e-12


def with_second_pass(
    tape: Tape, run: Run, params: Sequence[Parameter], forward: set[int]
) -> set[int]:
    """Return a cost's forward pass with those that come to the same output for the gradients."""
    joins = output_joins(tape, params, limit=MOST_JOINS)
    tape.complete(run)  # a join may be an operation of ours
    feeding = tape.ancestors([n for p in params for n in p.new])
    outputs = {j.output for j in joins if j.output in feeding} - forward
    forward = forward | gathered(tape, forward, lambda node: run.env[node]).keys()
    if not outputs:
        return forward
    olds = {n for p in params for n in p.old}
    moving = (tape.reach(olds) & forward) - olds
    # Engines of scalars have thousands of numbers: these are compared as one array.
    numbers = {n for n in moving if type(run.env[n]) is float}
    known = np.array([run.env[n] for n in numbers], dtype=float)
    rest = moving - numbers
    alike = [
        n for n in outputs
        if (np.ndim(run.env[n]) == 0 and _is_among(run.env[n], known))
        or any(_is_same(run, n, other) for other in rest)
    ]  # fmt: skip
    return forward | tape.ancestors(alike)


def gathered(
    tape: Tape, nodes: Container[int], value: Callable[[int], Any]
) -> dict[int, Any]:  # fmt: skip
    """Return what arrays that are made of several nodes alone would be of other values of these.

    ``np.vstack(hs)``, of the values that samples or time steps have left: of their cotangents it is
    the one that a backward pass over all of them at once begins with.
    """
    found: dict[int, Any] = {}
    for operation in tape.operations:
        if not is_in(operation.function, GATHERING) or operation.out in nodes:
            continue
        if len(operation.inputs) < 2 or not all(n in nodes for n in operation.inputs):
            continue
        made = _made(operation, {n: value(n) for n in operation.inputs})
        if made is not None and np.shape(made) == np.shape(tape.nodes[operation.out].obj):
            found[operation.out] = made
    return found


def _made(operation: Operation, values: Mapping[int, Any]) -> Any:
    if any(v is None for v in values.values()):
        return None
    try:
        args = map_refs(operation.args, lambda ref: values[ref.node])
        return operation.function(*args, **operation.kwargs)
    except (TypeError, ValueError):
        return None


def _is_among(value: Any, known: Array) -> bool:
    """Whether a number is one of others that are not zero."""
    if not isinstance(value, float | np.generic | np.ndarray):
        return False
    return bool(np.any((known != 0) & (abs(known - float(value)) <= SAME * abs(known))))


def _is_same(run: Run, node: int, known: int) -> bool:
    a, b = run.env[node], run.env[known]
    if a is None or b is None or np.shape(a) != np.shape(b):
        return False
    size = float(np.max(np.abs(b), initial=0.0))
    gap = float(np.max(np.abs(np.asarray(a) - np.asarray(b)), initial=0.0))
    return size > 0.0 and gap <= SAME * size
