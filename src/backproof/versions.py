"""Parameters that a step updates several times, each time by a gradient at the last values.

A discriminator learns from real samples, then from false ones, and the generator from what it has
become. Each of these updates is judged on its own: the values that it starts from are leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from backproof.arithmetic import ADD, DIVIDE, MULTIPLY, NEGATE, SUBTRACT, is_in
from backproof.trace.tape import Node, Operation, Ref, Tape, map_refs
from backproof.updates import Update

#: Updates of one parameter in a step above which they are not told apart.
MOST_VERSIONS = 4


def apart(tape: Tape, updates: Sequence[Update]) -> tuple[Tape, list[Update]]:
    """Return a tape on which what is updated several times is a parameter for each update.

    The same tape and updates where nothing is, or where the updates do not follow each other.
    """
    updates = [_without_decay(tape, u) for u in updates]
    chains = {u.old: _versions(tape, u) for u in updates if u.repeated}
    if not chains or not all(chains.values()):
        return tape, updates
    new = tape.edited({})
    leaves: dict[int, int] = {}
    found: list[Update] = []
    for update in updates:
        versions = chains.get(update.old)
        if versions is None:
            found.append(update)
            continue
        start = update.old
        for node, merge in zip(versions, update.merges, strict=True):
            last = node == versions[-1]
            found.append(Update(
                start, update.new if last else node, (merge,), update.copies if last else (),
                again=not last,
            ))  # fmt: skip
            if not last:
                start = leaves[node] = len(new.nodes)
                value = np.array(tape.value(node), copy=True)
                new.nodes.append(Node(start, None, value, tape.nodes[node].event, "leaf"))
                new._values[start] = value
    new.operations = [_renamed(operation, leaves) for operation in tape.operations]
    new.forget()
    return new, found


def _without_decay(tape: Tape, update: Update) -> Update:
    """Return an update without the decay that comes after it: ``p -= rate * 1e-3 * p``."""
    merges = list(update.merges)
    new = update.new
    while update.repeated and len(merges) > 1 and _is_decay(tape, *merges[-1]):
        index, delta = merges.pop()
        new = next(n for n in tape.operations[index].inputs if n != delta)
    if new == update.new:
        return update
    return replace(update, new=new, merges=tuple(merges), copies=(), repeated=len(merges) > 1)


def _is_decay(tape: Tape, index: int, delta: int) -> bool:
    """Whether what is added to a value is nothing but a multiple of it."""
    held = [n for n in tape.operations[index].inputs if n != delta]
    value = delta
    while [value] != held:
        made = tape.producer(value)
        if made is None or not is_in(made.function, MULTIPLY | DIVIDE | NEGATE):
            return False
        shaped = [n for n in made.inputs if np.ndim(tape.nodes[n].obj)]
        if len(shaped) != 1:
            return False
        value = shaped[0]
    return True


def _versions(tape: Tape, update: Update) -> list[int]:
    """Return the values that a parameter has after each of its updates; none if it is unclear."""
    if len(update.merges) > MOST_VERSIONS or np.ndim(tape.nodes[update.old].obj) == 0:
        return []
    found: list[int] = []
    node = update.old
    for index, _ in update.merges:
        operation = tape.operations[index]
        if node not in operation.inputs:
            return []
        node = operation.out
        found.append(node)
    return found


def _renamed(operation: Operation, leaves: dict[int, int]) -> Operation:
    if leaves.keys().isdisjoint(operation.inputs):
        return operation

    def leaf(ref: Ref) -> Ref:
        return Ref(leaves.get(ref.node, ref.node))

    args = tuple(map_refs(list(operation.args), leaf))
    kwargs = map_refs(operation.kwargs, leaf)
    inputs = tuple(leaves.get(n, n) for n in operation.inputs)
    return replace(operation, args=args, kwargs=kwargs, inputs=inputs)


def climbed(tape: Tape, updates: Sequence[Update]) -> int:
    """Return the event after the moves that all updates take back later, 0 where one does not.

    ``w += e; g = gradient(w); w -= e; w -= rate * g`` is sharpness-aware minimisation in place. The
    gradient is that of the cost behind the first move.
    """
    ends = [_turning(tape, update) for update in updates]
    return max(ends) + 1 if ends and all(ends) else 0


def _turning(tape: Tape, update: Update) -> int:
    """Return the event of the first move of a value that is taken back."""
    signs = [(index, delta, _sign(tape, index)) for index, delta in update.merges]
    for place, (index, delta, sign) in enumerate(signs):
        if any(other == delta and back == -sign for _, other, back in signs[place + 1 :]):
            return tape.operations[index].event
    return 0


def _sign(tape: Tape, index: int) -> int:
    function = tape.operations[index].function
    return is_in(function, ADD) - is_in(function, SUBTRACT)
