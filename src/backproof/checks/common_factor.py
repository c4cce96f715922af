"""A factor that one update statement forgets for all that it updates: ``b -= lr * db``.

Where the gradients are formed in several places, each as it should be, that statement is at fault.
"""

from __future__ import annotations

from backproof.checks.cause.diagnosis import Diagnosis
from backproof.checks.gradient import StepEvidence
from backproof.checks.scales import SAME, is_natural


def common_factor(evidence: StepEvidence) -> tuple[Diagnosis, tuple[int, ...]] | None:
    """Return the statement whose steps are all one multiple of what the others' are."""
    fit, tape = evidence.fit, evidence.tape
    assert fit is not None
    wrong = tuple(fit.wrong)
    if len(wrong) < 2 or not fit.chosen:
        return None
    merges = [tape.operations[evidence.params[i].updates[0].merges[-1][0]] for i in wrong]
    right = {s for i in fit.chosen for u in evidence.params[i].updates for s in u.sites(tape)}
    formed = {
        made.site for i in wrong for level in evidence.params[i].levels[-1:]
        if (made := tape.producer(level.nodes[0])) is not None
    }  # fmt: skip
    if len({merge.site for merge in merges}) > 1 or merges[0].site in right or len(formed) < 2:
        return None
    steps = [_steps(evidence, i) for i in fit.chosen]
    usual = steps[0][0] if steps[0] else 0.0
    if not usual or not all(any(abs(s / usual - 1) < SAME for s in some) for some in steps):
        return None
    ratios = [s / usual for s in _steps(evidence, wrong[0])]
    shared = [
        ratio for ratio in ratios
        if all(any(abs(s / usual / ratio - 1) < SAME for s in _steps(evidence, i)) for i in wrong)
    ]  # fmt: skip
    if not shared or shared[0] < 0 or not is_natural(shared[0]):
        return None
    where, factor = merges[0].where, shared[0]
    number = f"{factor:g}" if factor > 1 else f"1/{1 / factor:g}"
    return Diagnosis(
        "BP101", "missing-factor", where,
        f"`{where.text}` steps {number} times as far down its gradient as the others",
        f"{'divide' if factor > 1 else 'multiply'} by {max(factor, 1 / factor):g}, as the others",
    ), wrong  # fmt: skip


def _steps(evidence: StepEvidence, index: int) -> list[float]:
    """Return the scales of a parameter's change itself."""
    assert evidence.fit is not None
    return [s for level, s, _ in evidence.fit.matches[index].scales if level == -1]
