"""A value that is wrong by one of its operands: that one is at fault, and what made it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, DIVIDE, MULTIPLY, is_in
from backproof.checks.blame.fault import Fault
from backproof.checks.blame.gradients import sink
from backproof.checks.blame.inputs import Inputs
from backproof.checks.blame.replays import Replays, shaped
from backproof.checks.blame.trust import Trust, is_constant
from backproof.checks.scales import SAME, TOLERANCE, proportion
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
        ways: Iterator[dict[int, Any]] = iter([_summands(makers, fault, replays, trust)])
    else:
        unscaled = _unscaled(makers, fault, replays, trust)
        ways = chain([unscaled, _wholes(makers, replays, trust)], _meant(makers, replays, trust))
    for truth in ways:
        sites = {made.site for node in truth if (made := tape.producer(node)) is not None}
        if len(sites) == 1 and replays.repaired(truth, wrong) == list(fault.repaired):
            return Fault(sites.pop(), _executions(truth, replays), truth, fault.repaired)
    return None


def _meant(makers: Sequence[Operation], replays: Replays, trust: Trust) -> Iterator[dict[int, Any]]:
    """Yield what operands should be that are in order for another value: before its activation.

    ``dz = dout @ W.T`` is what comes back to ``a = f(z)``; no right gradient is made of it, so it
    is `dz` that lacks a derivative, not ``x.T @ dz``.
    """
    tape, fit = replays.tape, replays.fit
    right = tape.ancestors(n for i in fit.chosen for n in sink(fit.matches[i].parameter))
    inputs = Inputs(replays, trust)
    for position, arg in enumerate(makers[0].args):
        if type(arg) is not Ref or arg.node not in trust.right or arg.node in right:
            continue
        made = tape.producer(arg.node)
        if made is None or made.where.statement == makers[0].where.statement:
            continue
        operands = [o.args[position].node for o in makers if type(o.args[position]) is Ref]
        known = trust.right[arg.node]
        for role in inputs.roles_above(known[0], np.size(replays.start.env[arg.node]), False):
            truth = {
                n: inputs.in_role(trust.right[n], replays.start.env[n], role, False)
                for n in operands if n in trust.right and n not in right
            }  # fmt: skip
            if len(truth) == len(makers) and all(value is not None for value in truth.values()):
                yield truth


def _unscaled(
    makers: Sequence[Operation], fault: Fault, replays: Replays, trust: Trust
) -> dict[int, Any]:
    """Return what is only divided by a number here, ``dscores /= N``: it was wrong before."""
    tape, start = replays.tape, replays.start
    truth: dict[int, Any] = {}
    for operation in makers:
        divides = is_in(operation.function, DIVIDE)
        if not (divides or is_in(operation.function, MULTIPLY)) or len(operation.args) != 2:
            return {}
        values = [a for a in operation.args if type(a) is Ref and np.ndim(start.env[a.node])]
        numbers = [a for a in operation.args if a not in values]
        if (
            len(values) != 1
            or len(numbers) != 1
            or (divides and operation.args[0] is not values[0])
        ):
            return {}
        node, number = values[0].node, numbers[0]
        if type(number) is Ref and not is_constant(tape, number.node):
            return {}
        scale = float(start.env[number.node] if type(number) is Ref else number)
        right = np.asarray(fault.truth[operation.out], float)
        own = np.asarray(start.env[operation.out], float)
        made = tape.producer(node)
        if (
            made is None
            or node in trust.cotangents.forward
            or own.shape != right.shape
            or not scale
        ):
            return {}
        if proportion(own.reshape(-1), right.reshape(-1))[1] <= TOLERANCE:
            return {}  # that number is what is wrong
        truth[node] = shaped(right * scale if divides else right / scale, start.env[node])
    return truth


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
