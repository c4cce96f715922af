"""Finds the velocities that a loop over entries keeps: ``v[j] = μ*v[j] - η*g[j]; w[j] += v[j]``.

One entry at a time, such an update does not show where the gradient goes in. With the velocities at
rest, the change of the parameter is the gradient's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backproof.arithmetic import is_in
from backproof.calculus.adjoint import is_differentiable
from backproof.carries import carries_of
from backproof.entries import STORES
from backproof.roles import Parameter
from backproof.trace.tape import Ref, Tape


def velocities(tape: Tape, params: Sequence[Parameter]) -> list[int]:
    """Return the arrays that a step fills entry by entry, but for its parameters.

    Only where a parameter's change has no one gradient beneath it as a whole. What entries are
    added to as they are is no velocity but an accumulator, which may not have been emptied.
    """
    if all(p.levels and len(u.merges) == 1 for p in params for u in p.updates):
        return []
    carries = carries_of(tape)
    source: dict[int, int] = {}
    added: set[int] = set()
    for operation in tape.operations:
        if not is_in(operation.function, STORES):
            continue
        whole, value = operation.args[0], operation.args[-1]
        if type(whole) is not Ref:
            continue
        leaf = source[operation.out] = source.get(whole.node, whole.node)
        if carries.of(value).get(leaf) == 1.0:
            added.add(leaf)
    olds = {n for p in params for n in p.old}
    return [
        leaf for leaf in dict.fromkeys(source.values())
        if tape.nodes[leaf].operation is None and leaf not in olds | added
        and is_differentiable(tape.value(leaf)) and np.any(tape.value(leaf))
    ]  # fmt: skip
