"""Which data a value is computed from."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from weakref import WeakKeyDictionary

import numpy as np

from backproof.arithmetic import MULTIPLY, is_in
from backproof.calculus.adjoint import is_differentiable
from backproof.carries import carries_of, dependence
from backproof.joins import VIEWS, beneath_views
from backproof.roles import Parameter
from backproof.trace.tape import Tape


def data_read(tape: Tape, nodes: set[int], params: set[int]) -> set[tuple[int, tuple[int, ...]]]:
    """Return which arrays of data are read on the way to some values, and in which shapes.

    A cost over all samples reads another shape of the data than a step over a batch of them. Of an
    array that is read in several shapes the largest counts: a step may go through its columns.
    """
    largest: dict[int, tuple[int, ...]] = {}
    for operation in tape.operations:
        if operation.out not in nodes:
            continue
        for node in operation.inputs:
            leaf = beneath_views(tape, node)
            obj = tape.nodes[leaf].obj
            if tape.nodes[leaf].operation is not None or leaf in params or not np.ndim(obj):
                continue
            if operation.function not in VIEWS and is_differentiable(obj):
                shape = np.shape(tape.nodes[node].obj)
                largest[leaf] = max(largest.get(leaf, ()), shape, key=lambda s: (math.prod(s), s))
    return set(largest.items())


def entries_met(tape: Tape, olds: Container[int]) -> frozenset[int]:
    """Return the arrays of which the forward pass multiplies entries with parameters: ``m * x[i]``.

    An entry of these is data, and no learning rate.
    """
    found = set()
    for operation in tape.operations:
        if not is_in(operation.function, MULTIPLY) or not any(n in olds for n in operation.inputs):
            continue
        for node in operation.inputs:
            leaf = beneath_views(tape, node)
            held = leaf != node and tape.nodes[leaf].operation is None
            if held and leaf not in olds and np.size(tape.nodes[leaf].obj) > 1:
                found.add(leaf)
    return frozenset(found)


def optimiser_state(tape: Tape, nodes: set[int], params: Sequence[Parameter]) -> set[int]:
    """Return the arrays of earlier steps that live on in this one: velocities, moments, caches."""
    shapes = {np.shape(tape.nodes[n].obj) for p in params for n in p.old}
    olds, carries = {n for p in params for n in p.old}, carries_of(tape)
    found = set()
    for node in nodes:
        made = tape.producer(node)
        for leaf, share in carries.carry.get(node, {}).items():
            if tape.nodes[leaf].operation is not None or leaf in olds or made is None:
                continue
            # Labels enter with a share of one, too: `P - Y` is as large as a bias.
            lives_on = 0 < share < 1 or made.where.kind.startswith("aug")
            if lives_on and np.shape(tape.nodes[leaf].obj) in shapes:
                found.add(leaf)
    return found


def reads_arrays(tape: Tape, node: int, params: set[int]) -> bool:
    """Whether a value is computed from arrays of any kind that are no parameters."""
    arrays = _array_leaves(tape)
    return not arrays <= params and not (arrays - params).isdisjoint(tape.ancestors([node]))


def _array_leaves(tape: Tape) -> set[int]:
    """Return the arrays that a step is given; a program of lists has none."""
    known = _ARRAYS.get(tape)
    if known is None or known[0] != len(tape.nodes):
        leaves = (n for n in tape.nodes if n.operation is None)
        known = len(tape.nodes), {n.index for n in leaves if np.ndim(n.obj)}
        _ARRAYS[tape] = known
    return known[1]


#: The arrays that tapes are given, with the number of nodes for which that is known.
_ARRAYS: WeakKeyDictionary[Tape, tuple[int, set[int]]] = WeakKeyDictionary()


def changes_flow(tape: Tape, params: Sequence[Parameter]) -> bool:
    """Whether all changes are made of the parameters, and not decided by branches.

    With other values the program would take other branches, which are not on the tape.
    """
    updates = [u for p in params for u in p.updates]
    bits = {u.old: 1 << number for number, u in enumerate(updates)}
    depends = dependence(tape, bits, 0, len(tape.operations))
    return all(any(depends.get(delta, 0) & bits[u.old] for _, delta in u.merges) for u in updates)
