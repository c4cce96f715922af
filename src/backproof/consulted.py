"""The second witness where an optimiser has the program's functions: the cost function itself.

What the adjoint says of a gradient is held against the cost that the program's own function gives
at other points. It is asked in copies of the process, and only believed where it gives the recorded
cost again at the recorded point (it may draw a dropout mask).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backproof.calculus.adjoint import adjoints
from backproof.checks.gradient import StepEvidence
from backproof.questions import Claim, claim_of, epsilon_of
from backproof.trace.asked import values_in_copy
from backproof.trace.optimisers import Evaluation
from backproof.witness import PATIENCE, WRONG_BUDGET, Dialogue, Witness

#: Relative difference of a cost that is computed again.
SAME = 1e-9


class CostFunction:
    """Answers as a sleeping copy does: with costs at points of the claims' lines."""

    def __init__(
        self, cost_at: Callable[[Any], Any], base: Any, directions: Sequence[Any], like: Any
    ) -> None:
        self.cost_at = cost_at
        self.base = base
        self.directions = directions
        self.like = like

    def costs(
        self, points: Sequence[tuple[int, float]], seconds: float
    ) -> tuple[list[float], float] | None:
        """Return the costs, and the seconds taken; None where there is no answer."""
        begun = time.perf_counter()
        values = [self.base + t * self.directions[claim] for claim, t in points]
        found = values_in_copy(self.cost_at, [self._as_given(v) for v in values], seconds)
        return None if found is None else (found, time.perf_counter() - begun)

    def is_the_recorded(self, witness: Witness, cost: Any) -> bool:
        """Whether the function gives the recorded cost again; the time counts as the witness's."""
        begun = time.perf_counter()
        found = values_in_copy(self.cost_at, [self.like.copy()], PATIENCE)
        witness.seconds += time.perf_counter() - begun
        wanted = float(np.sum(cost))
        return found is not None and abs(found[0] - wanted) <= SAME * abs(wanted)

    def _as_given(self, value: Any) -> Any:
        return value.reshape(self.like.shape).astype(self.like.dtype)


def consult(witness: Witness, evidence: StepEvidence, evaluation: Evaluation) -> dict[int, bool]:
    """Return for parameters whether the cost function confirms what the adjoint says of them."""
    fit, tape, point = evidence.fit, evidence.tape, evidence.evaluation
    if fit is None or fit.run is None or point is None or evaluation.cost_at is None:
        return {}
    if witness.seconds >= WRONG_BUDGET:
        return {}  # a slow function would be asked at every judged evaluation
    claims: list[Claim] = []
    directions = []
    for index, parameter in enumerate(evidence.params):
        claim = claim_of(evidence, index, list(parameter.old), witness.is_open)
        if claim is not None:
            seeds = {parameter.old[place]: move for place, move in claim.moves.items()}
            directions.append(np.asarray(adjoints(tape, fit.run, seeds).of.get(point[0], 0.0)))
            claims.append(claim)
    epsilon = epsilon_of(tape, fit.hypothesis.node)
    if not claims or epsilon is None:
        return {}
    like = np.asarray(tape.value(point[0]))
    base = np.asarray(fit.run.env[point[0]], dtype=float)
    function = CostFunction(evaluation.cost_at, base, directions, like)
    if not function.is_the_recorded(witness, evaluation.cost):
        return {}
    dialogue = Dialogue(witness, function, epsilon)
    return dialogue.answers(claims)
