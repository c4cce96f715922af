"""What values depend on where arrays are filled entry by entry: ``P[i, k] += …`` in a loop over k.

An array holds a value for each of its entries; what reads one entry depends on that one alone.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from backproof.arithmetic import is_in
from backproof.trace.primitives import patch_view, set_item, strided_view
from backproof.trace.tape import Operation, Ref, Run, Tape, map_refs

#: Entries of an array above which it is not looked into.
LARGEST = 20_000
#: What changes entries of an array.
STORES: frozenset[Any] = frozenset({set_item, patch_view})
#: What holds an entry that a constant was stored in.
CONSTANT = -1

Array = np.ndarray[Any, Any]


def entry_dependence(tape: Tape, bits: dict[int, int], start: int, stop: int) -> dict[int, int]:
    """Return for each node the union of the `bits` of the nodes that it depends on.

    As `dependence`, but what reads entries of an array depends on what was stored in these.
    """
    depends = dict(bits)
    for operation, held in _held(tape, start, stop):
        nodes = set(operation.inputs)
        if held is not None:
            nodes = nodes - {operation.args[0].node} | set(held.reshape(-1).tolist())
        mask = 0
        for node in nodes:
            mask |= depends.get(node, 0)
        if mask:
            depends[operation.out] = mask | depends.get(operation.out, 0)
    return depends


def earlier_reads(tape: Tape, run: Run, stored: set[int]) -> dict[int, Any]:
    """Return what reads of entries would have given before certain values were stored in them."""
    old: dict[int, Any] = {}
    found: dict[int, Any] = {}
    for operation, held in _held(tape, 0, len(tape.operations)):
        value = operation.args[-1] if operation.args else None
        if held is None and type(value) is Ref and value.node in stored and _stores(operation):
            whole = operation.args[0].node
            places = _places(tape, operation, whole)
            before = run.env[whole]
            if places is not None and before is not None and np.size(places) == 1:
                old.setdefault(value.node, np.asarray(before).reshape(-1)[places.item()])
        elif held is not None and not old.keys().isdisjoint(held.reshape(-1).tolist()):
            now = np.array(run.env[operation.out], dtype=float)
            users = [tape.operations[i] for i in tape.users[operation.out]]
            if now.size == held.size and not any(map(_is_place, users)):
                flat = now.reshape(-1)
                for position, node in enumerate(held.reshape(-1).tolist()):
                    flat[position] = old.get(node, flat[position])
                found[operation.out] = float(now) if now.ndim == 0 else now
    return found


def entries_read(tape: Tape) -> dict[int, int]:
    """Return for each value that is one entry of an array the node that was stored there."""
    return {
        operation.out: int(held.item())
        for operation, held in _held(tape, 0, len(tape.operations))
        if held is not None and held.size == 1 and int(held.item()) != CONSTANT
    }


def last_stored(tape: Tape, nodes: Iterable[int]) -> dict[int, Array]:
    """Return for arrays that were filled entry by entry the node that each entry comes from."""
    stored: dict[int, Array] = {}
    for _ in _held(tape, 0, len(tape.operations), stored):
        pass
    return {node: stored[node] for node in nodes if node in stored}


def still_read(tape: Tape, old: int) -> set[int]:
    """Return what reads entries of an array in which nothing has been stored yet."""
    found = {old}
    for operation, held in _held(tape, 0, len(tape.operations)):
        whole = operation.args[0].node if operation.args and type(operation.args[0]) is Ref else -1
        if _stores(operation) or not _is_place(operation):
            continue
        if np.all(held == old) if held is not None else whole in found:
            found.add(operation.out)
    return found


def _held(
    tape: Tape, start: int, stop: int, stored: dict[int, Array] | None = None
) -> Iterator[tuple[Operation, Array | None]]:
    """Yield the operations, and for those that read entries the nodes that these come from.

    `stored` holds for each array, as it is by then, the node that each of its entries comes from.
    """
    stored = {} if stored is None else stored
    roots: dict[int, int] = {}
    """Row or part of an array in which nothing has been stored -> that array."""
    for operation in tape.operations[start:stop]:
        whole = operation.args[0].node if operation.args and type(operation.args[0]) is Ref else -1
        held = None
        if _stores(operation):
            _store(tape, operation, whole, stored, roots.get(whole, whole))
        elif (
            whole not in stored and _is_place(operation) and np.ndim(tape.nodes[operation.out].obj)
        ):
            roots[operation.out] = roots.get(whole, whole)
        elif whole in stored and _is_place(operation):
            places = _places(tape, operation, whole)
            if places is not None:
                held = stored[whole].reshape(-1)[places]
                if np.ndim(held):
                    stored[operation.out] = held
        yield operation, None if held is None else np.asarray(held)


def _is_place(operation: Operation) -> bool:
    """Whether an operation reads entries of an array, or stores some in it."""
    return _stores(operation) or operation.function in (operator.getitem, strided_view)


def _stores(operation: Operation) -> bool:
    return is_in(operation.function, STORES)


def _store(
    tape: Tape, operation: Operation, whole: int, stored: dict[int, Array], root: int
) -> None:
    """Note what a store puts where."""
    shape = np.shape(tape.nodes[whole].obj) if whole >= 0 else ()
    places = _places(tape, operation, whole)
    if places is None:
        return
    held = stored.pop(whole, None)  # what is stored in goes on as another node
    if held is None:
        held = np.full(shape, root)
    value = operation.args[-1]
    node = value.node if type(value) is Ref else CONSTANT
    held.reshape(-1)[places] = stored.get(node, node)
    stored[operation.out] = held


def _places(tape: Tape, operation: Operation, whole: int) -> Any:
    """Return the flat positions of the entries that an operation reads or stores, if known."""
    obj = tape.nodes[whole].obj if whole >= 0 else None
    if not isinstance(obj, np.ndarray) or not 0 < obj.size <= LARGEST:
        return None
    numbers = np.arange(float(obj.size)).reshape(obj.shape)
    key = [
        map_refs(a, lambda ref: tape.value(ref.node)) for a in operation.args[1:]
    ]  # fmt: skip
    try:
        if operation.function in (strided_view, patch_view):
            found = strided_view(numbers, *key[:6])
        else:
            found = numbers[key[0]]
    except (IndexError, TypeError, ValueError):
        return None
    return np.asarray(found).astype(np.intp)
