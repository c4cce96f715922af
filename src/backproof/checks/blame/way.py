"""The way of the error: the first doubtful site that all of it passes to several gradients."""

from __future__ import annotations

from backproof.checks.blame.cotangents import MOST_NODES
from backproof.checks.blame.fault import Fault
from backproof.checks.blame.gradients import sink
from backproof.checks.blame.trust import Trust, is_constant
from backproof.checks.gradient import StepEvidence
from backproof.joins import output_joins


def common_way(evidence: StepEvidence, trust: Trust, wrong: set[int]) -> Fault | None:
    """The first doubtful site that all error passes on its way to several wrong gradients.

    A group of numbers counts as several.

    What feeds a right gradient is right. Of the rest, each site is taken away in turn, in
    order of time: where no error reaches a wrong gradient then, it is the one. A helper's site is
    another one for each of its calls.
    """
    assert evidence.fit is not None
    sinks = [sink(evidence.params[i]) for i in sorted(wrong)]
    if sum(map(len, sinks)) < 2:
        return None
    tape, forward = evidence.tape, trust.cotangents.forward
    # Operations at which outputs meet labels: error begins there.
    joins = output_joins(tape, evidence.params, limit=MOST_NODES)
    starts = {j.operation for j in joins if not j.written}  # no slope ``1 - a``
    trusted = tape.ancestors([n for i in evidence.fit.chosen for n in sink(evidence.params[i])])
    nodes = tape.ancestors([n for ends in sinks for n in ends])
    nodes -= forward | trusted
    suspects = [o for o in tape.operations if o.out in nodes]
    carrying: set[int] = set()
    for operation in suspects:
        if (
            any(
                n in carrying or (n in trusted and n not in forward and not is_constant(tape, n))
                for n in operation.inputs
            )
            or operation.index in starts
        ):
            carrying.add(operation.out)
    sound = {o.out for o in suspects if o.out in trust.right and trust.in_order(o)}
    calls = {o.index: tape.called_from(o) for o in suspects}
    entered = {o.site for o in suspects if calls[o.index] is None}  # by a library, a decorator
    places = {
        o.index: (o.site, None if call is None or o.site in entered else call.index)
        for o in suspects for call in (calls[o.index],)
    }  # fmt: skip
    tried: set[object] = set()
    for operation in suspects:
        site = places[operation.index]
        if site in tried or operation.out not in carrying or trust.in_order(operation):
            continue
        tried.add(site)
        reached: set[int] = set()
        for other in suspects:
            if places[other.index] == site or other.out not in carrying:
                continue
            makers = [n for n in other.inputs if n in carrying and n not in sound]
            if any(n in reached for n in makers) or (
                not makers and other.out not in sound and not trust.in_order(other)
            ):
                reached.add(other.out)
        if not any(n in reached for ends in sinks for n in ends):
            operations = tuple(o.index for o in suspects if places[o.index] == site)
            return Fault(operation.site, operations, {}, tuple(sorted(wrong)), kind="way")
    return None
