"""Errors of outputs against targets that the same network has made: ``q[a] - (r + γ·max q')``.

A semi-gradient takes the target for a constant, though it depends on the parameters. It is known by
its forward pass: the statements that make the output are run once more for the target.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backproof.arithmetic import SUBTRACT, is_in
from backproof.carries import dependence
from backproof.joins import Join
from backproof.roles import Parameter
from backproof.trace.appended import is_appended
from backproof.trace.tape import Ref, Tape

#: Differences of a step that are looked at.
MOST = 400


def bootstrapped(tape: Tape, params: Sequence[Parameter]) -> list[Join]:
    """Return the places where an output meets a target that depends on the parameters as well."""
    bits = {u.old: 1 << i for i, p in enumerate(params) for u in p.updates}
    depends = dependence(tape, bits, 0, len(tape.operations))
    feeding = tape.ancestors([n for p in params for n in p.new])
    merges = {index for p in params for u in p.updates for index, _ in u.merges}
    found: list[Join] = []
    looked = 0
    for operation in tape.operations:
        if is_appended(operation) or looked >= MOST:
            break
        a, b = operation.args if len(operation.args) == 2 else (None, None)
        if type(a) is not Ref or type(b) is not Ref or not is_in(operation.function, SUBTRACT):
            continue
        both = depends.get(a.node, 0) & depends.get(b.node, 0)
        if not both or operation.out not in feeding or operation.index in merges:
            continue
        if np.size(tape.nodes[a.node].obj) != np.size(tape.nodes[b.node].obj):
            continue
        looked += 1
        output = _made_once(tape, a.node, b.node, depends)
        if output is not None:
            labels = b.node if output == a.node else a.node
            found.append(Join(output, labels, 0.0, operation.index))
    return found


def _made_once(tape: Tape, one: int, other: int, depends: dict[int, int]) -> int | None:
    """Return which of two values is an output, if the other is made of one by the same statements.

    The target is made of more: of a reward, of a discount.
    """
    passes = []
    for node in (one, other):
        made = [o for o in tape.makers(tape.ancestors([node])) if depends.get(o.out)]
        passes.append({o.site: o.out for o in made})
    shared = passes[0].keys() & passes[1].keys()
    if not any(passes[0][site] != passes[1][site] for site in shared):
        return None
    beyond = [len(sites.keys() - shared) for sites in passes]
    if beyond[0] == beyond[1]:
        return None
    return one if beyond[0] < beyond[1] else other
