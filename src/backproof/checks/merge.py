"""The same computation done twice on a tape: the second is replaced by the first.

A cost and its gradient that are two functions have a forward pass each. What both compute alike is
one value, so that the gradient's pass can be compared with the adjoints of the cost's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from backproof.trace.primitives import Method, Opaque
from backproof.trace.tape import Operation, Ref, Tape, map_refs


def merged(tape: Tape, event: int) -> tuple[Tape, dict[int, int]]:
    """Replace operations after `event` by equal ones before it.

    Returns
    -------
    (tape, same)
        The new tape, whose nodes keep their numbers, and for each node that was replaced the one
        that stands for it.
    """
    known: dict[Any, int] = {}
    same: dict[int, int] = {}
    kept: list[Operation] = []
    for operation in tape.operations:
        args, kwargs, inputs = operation.args, operation.kwargs, operation.inputs
        if same and any(n in same for n in inputs):
            args = map_refs(args, lambda ref: Ref(same.get(ref.node, ref.node)))
            kwargs = map_refs(kwargs, lambda ref: Ref(same.get(ref.node, ref.node)))
            inputs = tuple(dict.fromkeys(same.get(n, n) for n in inputs))
        key = _key(operation, args, kwargs)
        if key is not None:
            if operation.event < event:
                known.setdefault(key, operation.out)
            elif key in known and _equal(tape, known[key], operation.out):
                same[operation.out] = known[key]
                continue
        kept.append(
            Operation(
                len(kept), operation.event, operation.site, operation.function, args, kwargs,
                operation.out, inputs, operation.mutates, operation.nested,
            )
        )  # fmt: skip
    return _with(tape, kept, same), same


def _with(tape: Tape, operations: list[Operation], same: dict[int, int]) -> Tape:
    new = Tape()
    new.nodes, new.operations = tape.nodes, operations
    new.calls, new.undo = tape.calls, tape.undo
    new._changed, new._values = tape._changed, tape._values
    made = {operation.out: operation.index for operation in operations}
    for value in new.nodes:
        value.operation = made.get(value.index)
    new.last = {key: same.get(node, node) for key, node in tape.last.items()}
    for node, places in tape.flows.items():
        new.flows.setdefault(same.get(node, node), []).extend(places)
    return new


def _key(operation: Operation, args: Any, kwargs: Any) -> Any:
    """Return what two equal operations have in common, None where that cannot be told."""
    function = operation.function
    if isinstance(function, Opaque):
        return None
    try:
        key = (
            function if isinstance(function, Method) else id(function),
            _frozen(args), _frozen(kwargs), operation.mutates,
        )  # fmt: skip
        hash(key)
    except TypeError:
        return None
    return key


def _frozen(value: Any) -> Any:
    kind = type(value)
    if kind is Ref:
        return ("%", value.node)
    if kind in (list, tuple):
        return (kind.__name__, *[_frozen(item) for item in value])
    if kind is dict:
        return tuple((name, _frozen(value[name])) for name in sorted(value))
    if kind is slice:
        return ("slice", _frozen(value.start), _frozen(value.stop), _frozen(value.step))
    return (kind, value)


def _equal(tape: Tape, a: int, b: int) -> bool:
    x, y = tape.value(a), tape.value(b)
    if isinstance(x, (tuple, list)) or isinstance(y, (tuple, list)):
        return False
    return np.shape(x) == np.shape(y) and bool(np.array_equal(x, y))
