"""Judges a step as it would be with some of its operations replaced by others."""

from __future__ import annotations

from collections.abc import Mapping

from backproof.checks.gradient import StepEvidence
from backproof.checks.match import Fit, compare
from backproof.trace.operations import Operation


def right_with(evidence: StepEvidence, fit: Fit, edited: Mapping[int, Operation]) -> set[int]:
    """Return which wrong gradients are right with operations replaced, if all others stay right.

    Parameters
    ----------
    edited : dict of int to Operation
        What to compute in place of operations, by their index.
    """
    tape = evidence.tape
    plain, dirty = tape.edited(edited), tape.reach(o.out for o in edited.values())
    run = plain.replay(double=True, base=evidence.run, dirty=dirty)
    again = compare(plain, run, fit.hypothesis, evidence.params, penalised=fit.penalised)
    if again is None or not set(fit.chosen) <= set(again.chosen):
        return set()
    return set(fit.wrong) & set(again.chosen)
