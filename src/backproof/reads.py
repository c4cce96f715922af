"""Which data a value is computed from."""

from __future__ import annotations

import numpy as np

from backproof.calculus.adjoint import is_differentiable
from backproof.joins import VIEWS
from backproof.trace.tape import Tape


def data_read(tape: Tape, nodes: set[int], params: set[int]) -> set[tuple[int, tuple[int, ...]]]:
    """Return which arrays of data are read on the way to some values, and in which shapes.

    A cost over all samples reads another shape of the data than a step over a batch of them.
    """
    found = set()
    for operation in tape.operations:
        if operation.out not in nodes:
            continue
        for node in operation.inputs:
            leaf = node
            while (made := tape.producer(leaf)) is not None and made.function in VIEWS:
                leaf = made.inputs[0]
            obj = tape.nodes[leaf].obj
            if tape.nodes[leaf].operation is not None or leaf in params or not np.ndim(obj):
                continue
            if operation.function not in VIEWS and is_differentiable(obj):
                found.add((leaf, np.shape(tape.nodes[node].obj)))
    return found
