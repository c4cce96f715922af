"""Parameters that lie in one vector, judged one by one where the gradient of the whole is wrong."""

from __future__ import annotations

import numpy as np

from backproof.checks.claims import ClaimNames, as_updates
from backproof.checks.gradient import StepEvidence, judge_step
from backproof.checks.objective import split


def by_parts(evidence: StepEvidence) -> StepEvidence:
    """Judge the parts that the forward pass splits a vector into, if some are right and some wrong.

    Returns
    -------
    StepEvidence
        The step with the parts in place of the vector; the same where nothing is gained.
    """
    fit, tape = evidence.fit, evidence.tape
    assert fit is not None
    forward = tape.ancestors([fit.hypothesis.node])
    for index in fit.wrong:
        parameter = evidence.params[index]
        whole = [level for level in parameter.levels if not level.keys]
        if len(parameter.updates) != 1 or not whole or len(whole[-1].nodes) != 1:
            continue
        point = parameter.old[0]
        if np.ndim(tape.nodes[point].obj) != 1:
            continue
        claims = split(tape, point, whole[-1].nodes[0], forward)
        claimed = as_updates(tape, claims)
        if not claimed:
            continue
        others = [u for p in evidence.params for u in p.updates if u.old != point]
        names = ClaimNames(evidence.names, claims)
        found = judge_step(
            tape, [*others, *claimed], evidence.step, names, given=[fit.hypothesis], moved=[point]
        )
        if found.fit is not None and found.fit.chosen and found.fit.wrong:
            return found
    return evidence
