"""Gradients of a cost without a small constant that the forward pass adds: ``exp(s) + 1e-4``.

An author who leaves such a constant out of the derivative knows that it hardly matters. That is no
fault, and the gradient is not exact: it is left open, with the line of the constant.
"""

from __future__ import annotations

from backproof.checks.edited import right_with
from backproof.checks.epsilon import sums_with_epsilon
from backproof.checks.gradient import StepEvidence

#: Relative error of a gradient up to which a small constant may be behind it.
NEAR = 1e-2


def excuse_small_constants(evidence: StepEvidence) -> None:
    """Leave open what is right once small constants of the forward pass are left out."""
    fit, tape = evidence.fit, evidence.tape
    if fit is None or not fit.wrong or fit.hypothesis.after:
        return
    if any(not fit.matches[i].nearest[2] <= NEAR for i in fit.wrong):
        return
    within = tape.ancestors([fit.hypothesis.node])
    held = [o for o in sums_with_epsilon(tape) if o.out in within]
    edited = {o.index: o for o in held}
    if not edited:
        return
    if right_with(evidence, fit, edited) != set(fit.wrong):
        return
    lines = sorted({o.where.span.line for o in held})
    where = f"line{'s' if lines[1:] else ''} {', '.join(map(str, lines))}"
    for i in fit.wrong:
        fit.matches[i].reason = f"it is that of the cost without the small constant in {where}"
