"""What to tell a user whose training diverged: where, what overflowed, and what step would do."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from backproof.nn.engine import Failure, Plan, Samples, State
from backproof.nn.errors import DivergenceError
from backproof.nn.mathematics import ACTIVATIONS, product
from backproof.nn.optimizers import stability_factor
from backproof.nn.sharpness import probe, sharpness

# Inputs of this size ask for scaling, whatever the step.
LARGE: Final = 1e3


def diverged(
    failure: Failure, epoch: int, rate: float, plan: Plan, samples: Samples, state: State
) -> DivergenceError:
    """Restore the last good weights and return the error that tells the story.

    Parameters
    ----------
    failure : Failure
    epoch : int
        Of the failure, from 1.
    rate : float
        The step size that was used; NaN where no step was taken.
    """
    quantity = overflowed(failure, plan, samples, state)
    np.copyto(state.parameters.flat, state.good)
    session = probe(plan, samples, state)
    found, _ = sharpness(session, state)
    factor = stability_factor(plan)
    stable = (factor or 2.0) / found if 0 < found < math.inf else None

    at = "" if math.isnan(rate) else f" with steps of {rate:.3g}"
    parts = [f"Training diverged in epoch {epoch}{at}: {quantity}."]
    parts.append("The last good weights are restored.")
    if stable is not None:
        method = plan.optimizer if factor is not None else "gradient descent"
        # Where the optimiser scales its own steps, "auto" measures nothing.
        measured = "learning_rate='auto' keeps below it, " if factor is not None else ""
        parts.append(
            f"There the sharpness is {found:.3g}, which {method} bears with steps of up to "
            f"{stable:.3g}; {measured}on_divergence='backtrack' halves the step and goes on."
        )
    else:
        parts.append("The curvature itself overflows, so that no step would do.")
    largest, column = largest_input(session.samples)
    if largest > LARGE:
        parts.append(
            f"X has values up to {largest:.3g} (column {column}): scale it, for instance with "
            "sklearn.preprocessing.StandardScaler."
        )
    return DivergenceError(
        " ".join(parts),
        epoch=epoch,
        quantity=quantity,
        learning_rate=rate,
        stable_learning_rate=stable,
    )


def overflowed(failure: Failure, plan: Plan, samples: Samples, state: State) -> str:
    """Say what left the finite numbers, at the weights with which it happened."""
    if failure.layer is not None:
        return f"the gradient of coefs_[{failure.layer - 1}] overflowed"
    if math.isfinite(failure.cost):
        return f"the cost rose to {failure.cost:.3g}, from {state.first_cost:.3g}"
    session = probe(plan, samples, state)
    batch = session.load(0)
    p, activation = state.parameters, ACTIVATIONS[plan.activation]
    last = len(p.W)
    with np.errstate(over="ignore", invalid="ignore"):
        for l in range(1, last + 1):
            product(batch.A[l - 1], p.W[l - 1], batch.Z[l])
            np.add(batch.Z[l], p.b[l - 1], out=batch.Z[l])
            wrong = np.count_nonzero(~np.isfinite(batch.Z[l]))
            if wrong:
                name = "the logits" if l == last else f"the pre-activations of hidden layer {l}"
                return f"{name} overflowed ({wrong} of {batch.Z[l].size})"
            if l < last:
                activation.value(batch.Z[l], batch.A[l])
    return "the cost overflowed"


def largest_input(samples: Samples) -> tuple[float, int]:
    """Return the largest |x| and its column."""
    X = samples.X if samples.rows is None else samples.X[samples.rows]
    if not isinstance(X, np.ndarray):
        X = abs(X).max(axis=0).toarray()
    largest = np.abs(np.asarray(X)).max(axis=0)
    column = int(largest.argmax())
    return float(largest[column]), column
