"""Steps whose gradients are judged under a cost that one edit, or the backward pass, shows."""

from __future__ import annotations

from backproof.checks.accusation import SEARCH, Accusation, accusations
from backproof.checks.gradient import StepEvidence
from backproof.checks.local_rules import wrong_rule
from backproof.checks.overwritten import last_alone
from backproof.checks.parts import by_parts
from backproof.checks.second import Shown
from backproof.checks.started import anchored
from backproof.checks.unanchored import free_search, is_led_on


def under_anchor(evidence: StepEvidence) -> Shown:
    """Judge under the cost that the backward pass starts from, where a fault explains all.

    Several expressions that are wrong, nobody knows why, say that another cost is meant.
    """
    evidence.fit = anchored(evidence)
    evidence.complete()
    if evidence.fit is not None and is_led_on(evidence, evidence.fit):
        evidence.fit = None
    if evidence.fit is None or by_parts(evidence) is not evidence:
        return ()  # parts of a vector that are right show the cost
    broken = wrong_rule(evidence, evidence.fit)
    if broken is not None:
        return (broken,)
    told = tuple(accusations(evidence, set(evidence.fit.wrong)))
    if len(told) > 1 and any(one.diagnosis.is_vague for one in told):
        evidence.fit = None
        return ()
    return told


def under_own_cost(evidence: StepEvidence, *, last: bool) -> Shown:
    """See whether one edit makes all gradients right under a cost of the program's.

    Some may fit a cost that it does not compute: `y - a` is the error term of two. With `last` the
    sum of a cost's executions is tried, where the gradients fit the last one alone.
    """
    fit = evidence.fit
    if fit is None:
        return ()
    alone = last_alone(evidence) if last else None
    if alone is not None:
        evidence.fit, diagnosis = alone
        return (Accusation(diagnosis, tuple(alone[0].wrong)),)
    if not fit.hypothesis.registered or not fit.wrong or not evidence.has_own_cost:
        return ()
    found = free_search(evidence, patience=SEARCH)
    # What fits a usual cost but for one slip is not twice wrong under a measure.
    if found is None or not found.fit.hypothesis.own or len(found.diagnoses) > 1:
        return ()
    evidence.fit = found.fit
    return tuple(Accusation(*one) for one in found.diagnoses)
