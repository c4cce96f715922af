"""A value that is wrong by one of its operands: that one is at fault, and what made it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, is_in
from backproof.checks.blame.fault import Fault
from backproof.checks.blame.replays import Replays, shaped
from backproof.checks.blame.trust import Trust
from backproof.checks.scales import SAME
from backproof.trace.tape import Operation, Ref, Run

#: Sums within sums that are gone into.
DEEPEST = 3


def narrowed(fault: Fault, replays: Replays, trust: Trust, wrong: set[int]) -> Fault:
    """Return the fault in the operand that is not in order, where another one is.

    Of ``dh = Why.T @ dy + dh_next`` the first is what comes back through one use of `h`, so it is
    `dh_next` that lacks something, and the statement that made it. In ``dh * (1 - h ** 2)`` it is
    `dh`, where that is what comes back through one use of `h` and nothing else.
    """
    for _ in range(DEEPEST):
        inner = _inner(fault, replays, trust, wrong)
        if inner is None:
            break
        fault = inner
    return fault


def _inner(fault: Fault, replays: Replays, trust: Trust, wrong: set[int]) -> Fault | None:
    tape = replays.tape
    makers = [made for node in fault.truth if (made := tape.producer(node)) is not None]
    if fault.kind != "value" or not makers or replays.late():
        return None
    if all(is_in(o.function, ADD) for o in makers):
        truth = _summands(makers, fault, replays, trust)
    else:
        truth = _wholes(makers, replays, trust)
    sites = {made.site for node in truth if (made := tape.producer(node)) is not None}
    if len(sites) != 1 or replays.repaired(truth, wrong) != list(fault.repaired):
        return None
    return Fault(sites.pop(), _executions(truth, replays), truth, fault.repaired)


def _wholes(makers: Sequence[Operation], replays: Replays, trust: Trust) -> dict[int, Any]:
    """Return the whole cotangents of what is used as such, and comes back through one use only."""
    truth: dict[int, Any] = {}
    cotangents = trust.cotangents
    for operation in makers:
        for node in operation.inputs:
            if node in cotangents.forward or node in trust.right:
                continue
            part = cotangents.recognised(replays.start, node, part=True)
            if part is not None:
                whole = part[1] * np.asarray(cotangents.of[part[0]])
                truth[node] = shaped(whole, replays.start.env[node])
    return truth


def _summands(
    sums: Sequence[Operation], fault: Fault, replays: Replays, trust: Trust
) -> dict[int, Any]:
    """Return what the summands that are not in order should be, all else as it is."""
    run = replays.replayed(fault.truth)
    truth: dict[int, Any] = {}
    for operation in sums:
        place = _at_fault(operation, run, trust)
        if place is None:
            continue
        node, other = place
        value = np.asarray(run.env[operation.out], float) - np.asarray(run.env[other], float)
        if value.size == np.size(run.env[node]):
            truth[node] = shaped(value, replays.start.env[node])
    return truth


def _at_fault(operation: Operation, run: Run, trust: Trust) -> tuple[int, int] | None:
    """Return the summand of a sum that is not in order, and the one that is."""
    nodes = [a.node for a in operation.args if type(a) is Ref]
    meant = trust.cotangents.recognised(run, operation.out)
    if len(nodes) != 2 or nodes[0] == nodes[1] or meant is None:
        return None
    parts = [trust.cotangents.recognised(run, n, part=True) for n in nodes]
    fine = [p is not None and p[0] == meant[0] and abs(p[1] / meant[1] - 1) < SAME for p in parts]
    if fine[0] == fine[1]:
        return None
    node, other = nodes if fine[1] else nodes[::-1]
    made = trust.tape.producer(node)
    return None if made is None or node in trust.cotangents.forward else (node, other)


def _executions(truth: dict[int, Any], replays: Replays) -> tuple[int, ...]:
    makers: Sequence[Operation | None] = [replays.tape.producer(n) for n in truth]
    sites = {m.site for m in makers if m is not None}
    return tuple(o.index for o in replays.tape.operations if o.site in sites)
