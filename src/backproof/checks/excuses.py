"""What speaks for gradients that differ from those of their cost: they are left open."""

from __future__ import annotations

from backproof.checks.gradient import StepEvidence
from backproof.checks.moved import excuse_turns
from backproof.checks.no_rate import excuse_no_rate
from backproof.checks.own_terms import excuse_own_terms
from backproof.checks.small_constant import excuse_small_constants
from backproof.checks.unclipped import excuse_clipping
from backproof.checks.unpriced import excuse_unpriced


def excuse(evidence: StepEvidence) -> None:
    """Leave open the gradients of a step that are wrong for a reason that is no fault."""
    if evidence.fit is not None:
        excuse_turns(evidence.fit, evidence.tape, evidence.params)
        excuse_unpriced(evidence)
        excuse_small_constants(evidence)
    excuse_clipping(evidence)
    excuse_no_rate(evidence)
    excuse_own_terms(evidence)
