"""Finds the velocities that an update does not show: with these at rest, it is the gradient's.

A loop over entries keeps ``v[j] = μ*v[j] - η*g[j]; w[j] += v[j]``; an accumulator that is scaled
once it has been used (``w += η*d; d *= μ``) is the velocity of the next step; Nesterov's step
holds the velocity and the gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from backproof.arithmetic import MULTIPLY, is_in
from backproof.calculus.adjoint import is_differentiable
from backproof.carries import carries_of
from backproof.entries import STORES
from backproof.roles import Parameter
from backproof.trace.tape import Ref, Tape


def velocities(tape: Tape, params: Sequence[Parameter]) -> list[int]:
    """Return the arrays, other than parameters, that a step goes on from."""
    found = (_scaled_after_use(tape, params), _looking_ahead(tape, params),
             _by_entries(tape, params))  # fmt: skip
    return list(dict.fromkeys(chain.from_iterable(found)))


def _scaled_after_use(tape: Tape, params: Sequence[Parameter]) -> list[int]:
    """Return the arrays that are added to, and of which a share is kept: ``d *= 0.6``.

    A share that depends on the parameters is none: ``error *= slope(z)``.
    """
    carries, olds = carries_of(tape), {n for p in params for n in p.old}
    moving = tape.reach(olds)
    found: list[int] = []
    for operation in tape.operations:
        if not (operation.where.kind.startswith("aug") and is_in(operation.function, MULTIPLY)):
            continue
        whole, share = operation.args[:2]
        if type(share) is Ref and share.node in moving:
            continue
        number = tape.value(share.node) if type(share) is Ref else share
        if isinstance(number, (float, np.floating)) and 0 < number < 1:
            held = carries.of(whole)
            found += [
                leaf for leaf, factor in held.items()
                if factor == 1.0 and leaf not in olds and tape.nodes[leaf].operation is None
                and whole.node in carries.merged and np.any(tape.value(leaf))
            ]  # fmt: skip
    return found


def _looking_ahead(tape: Tape, params: Sequence[Parameter]) -> list[int]:
    """Return the averages that a change holds beside the gradient that has gone into them.

    ``v = μ*v - η*g; w += μ*v - η*g``: no part of the change has the gradient alone.
    """
    steps = [u for p in params if len(p.levels) == 1 for u in p.updates]
    if not steps:
        return []
    carries, olds = carries_of(tape), {n for p in params for n in p.old}
    # A number may be a weight, of which the forward pass takes an input's share.
    shapes = {np.shape(tape.nodes[u.old].obj) for u in steps} - {()}
    within = tape.ancestors(delta for u in steps for _, delta in u.merges) & carries.merged
    return [
        leaf for node in sorted(within) for leaf, share in carries.carry.get(node, {}).items()
        if 0 < share < 1 and leaf not in olds and tape.nodes[leaf].operation is None
        and np.shape(obj := tape.nodes[leaf].obj) in shapes and np.any(obj)
    ]  # fmt: skip


def _by_entries(tape: Tape, params: Sequence[Parameter]) -> list[int]:
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
