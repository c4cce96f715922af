"""Whether a step is what averages of gradients make, all of which are kept and fit together."""

from __future__ import annotations

import numpy as np

from backproof.arithmetic import is_in
from backproof.carries import carries_of
from backproof.checks.averages import (
    EQUAL,
    MOST_DECAY,
    STEADY,
    Array,
    averages_in,
    change_of,
    constant_of,
)
from backproof.checks.gradient import StepEvidence
from backproof.checks.slips import ROOTS
from backproof.roles import Parameter


def goes_by_averages(evidence: StepEvidence, parameter: Parameter, own: Array) -> bool:
    """Whether a change is what averages of gradients make, that hold more than this step's.

    All that is kept from step to step must be one of these, or the sum of all squares.
    """
    if len(parameter.updates) != 1:
        return False
    averages = list(averages_in(evidence, parameter, own, sums=True))
    first = [a.value for a in averages if not a.squared]
    second = [a.value for a in averages if a.squared]
    sums = [a for a in averages if a.decay == MOST_DECAY]
    kept = not any(np.allclose(a.value, a.share * (own**2 if a.squared else own)) for a in averages)
    if not kept or not averages or max(len(first), len(second)) > 1:
        return False
    if any(first or abs(a.share - 1) > EQUAL for a in sums):
        return False
    if _states(evidence, parameter, own.size) - {a.source for a in averages}:
        return False
    change, of = change_of(evidence, parameter), first[0] if first else own
    if second:  # the epsilon stands beside the root, or in it
        beside = constant_of(change, of, np.sqrt(np.abs(second[0])))
        return beside is not None or constant_of(change**2, of**2, second[0]) is not None
    return _is_made_of(change, of, own) and not _takes_a_root(evidence, parameter)


def _takes_a_root(evidence: StepEvidence, parameter: Parameter) -> bool:
    """Whether there is a root on the way from the cost to a step: that of an average, mostly."""
    assert evidence.fit is not None
    forward = evidence.tape.ancestors([evidence.fit.hypothesis.node])
    way = evidence.tape.ancestors([parameter.updates[0].new]) - forward
    made = (evidence.tape.producer(node) for node in way)
    return any(m is not None and is_in(m.function, ROOTS) for m in made)


def _states(evidence: StepEvidence, parameter: Parameter, size: int) -> set[int]:
    """Return what is kept from earlier steps, in a parameter's size, and a share of it used."""
    tape, carries = evidence.tape, carries_of(evidence.tape)
    olds = {n for p in evidence.params for n in p.old}
    return {
        source for node in tape.ancestors([parameter.updates[0].new])
        for source in carries.carry.get(node, ())
        if source not in olds and tape.producer(source) is None
        and np.size(tape.nodes[source].obj) == size
    }  # fmt: skip


def _is_made_of(change: Array, *values: Array) -> bool:
    """Whether a change is a sum of multiples of some values."""
    basis = np.stack(values, axis=1)
    shares, *_ = np.linalg.lstsq(basis, change, rcond=None)
    gap = float(np.max(np.abs(basis @ shares - change)))
    return len(change) > len(values) and gap <= STEADY * float(np.max(np.abs(change)))
