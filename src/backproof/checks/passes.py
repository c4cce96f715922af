"""Forward passes beside that of the cost: ``loss(w, x, y)`` computes its own, so does backprop.

The cost may take all samples at once where the gradients are summed over one after the other; or
the other way round, over what samples have left in lists.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

import numpy as np

from backproof.arithmetic import GATHERING, is_in
from backproof.calculus.adjoint import adjoints
from backproof.checks.match import Fit
from backproof.joins import output_joins
from backproof.roles import Parameter
from backproof.trace.tape import Operation, Run, Tape, map_refs

Array = np.ndarray[Any, Any]
#: Places where outputs meet labels that are looked at.
MOST_JOINS = 8
#: Relative difference of two values that are computed alike.
SAME = 1e-12
#: The same where one is computed for a sample alone, by other sums.
CLOSE = 1e-10
#: Samples whose outputs are looked at, and numbers that are compared with those of one array.
MOST_SAMPLES, MOST_COMPARED = 2_000, 50_000_000


def forward_passes(
    tape: Tape, run: Run, params: Sequence[Parameter], fit: Fit, forward: set[int]
) -> set[int]:
    """Return a cost's forward pass with those that come to the same output for the gradients.

    Their values get the cotangents that belong to them.
    """
    bar = fit.adjoint
    if bar is not None and fit.run is not None:
        if bar.beside is None:
            bar.beside = _of_samples(tape, fit.run, params, bar.of, forward)
            moving = tape.reach(n for p in params for n in p.old)
            for node, g in adjoints(tape, fit.run, bar.beside, within=moving).items():
                bar.of.setdefault(node, g)
            bar.of.update(gathered(tape, bar.of, lambda node: bar.of.get(node)))
        forward = forward | tape.ancestors(bar.beside)
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


def _of_samples(
    tape: Tape, run: Run, params: Sequence[Parameter], cotangents: Mapping[int, Any],
    forward: set[int],
) -> dict[int, Any]:  # fmt: skip
    """Return the cotangents of outputs that are the rows of one that the cost is computed from."""
    feeding = tape.ancestors([n for p in params for n in p.new])
    sites: dict[int, list[int]] = {}
    for join in output_joins(tape, params, limit=MOST_SAMPLES):
        if join.output in feeding and join.output not in forward:
            sites.setdefault(tape.operations[join.operation].site, []).append(join.output)
    for outputs in sites.values():
        outputs = list(dict.fromkeys(outputs))
        values = [np.ravel(run.env[n]) for n in outputs]
        if len(outputs) < 2 or len({v.size for v in values}) > 1:
            continue
        one = np.stack(values)
        for node, g in cotangents.items():
            whole = run.env[node]
            if isinstance(g, list) or np.size(whole) < one.size or np.shape(g) != np.shape(whole):
                continue
            for turned in (False, True):
                rows = _rows(whole, one.shape[1], turned)
                if rows is None or one.size * len(rows) > MOST_COMPARED:
                    continue
                found = _places(one, rows)
                if found is not None:
                    slopes = _rows(g, one.shape[1], turned)
                    assert slopes is not None
                    return {
                        n: np.reshape(slopes[k], np.shape(run.env[n]))
                        for n, k in zip(outputs, found, strict=True)
                    }
    return {}


def _rows(whole: Any, size: int, turned: bool) -> Array | None:
    """Return an array's rows, or its columns, if they have so many entries."""
    array = np.asarray(whole, dtype=float)
    if array.ndim == 1 and size == 1 and not turned:
        return array[:, None]
    if array.ndim != 2:
        return None
    array = array.T if turned else array
    return array if array.shape[1] == size else None


def _places(one: Array, rows: Array) -> list[int] | None:
    """Return which row each vector is, if all are one."""
    found: list[int] = []
    free = np.ones(len(rows), dtype=bool)
    for vector in one:
        gaps = np.max(np.abs(rows - vector), axis=1)
        near = np.flatnonzero(free & (gaps <= CLOSE * np.max(np.abs(vector))))
        if not near.size:
            return None
        found.append(int(near[0]))
        free[near[0]] = False
    return found


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
    if run.env[node] is None or run.env[known] is None:
        return False
    try:
        a, b = np.asarray(run.env[node], float), np.asarray(run.env[known], float)
    except (TypeError, ValueError):
        return False  # several arrays
    if a.shape != b.shape:
        return False
    size = float(np.max(np.abs(b), initial=0.0))
    gap = float(np.max(np.abs(a - b), initial=0.0))
    return size > 0.0 and gap <= SAME * size
