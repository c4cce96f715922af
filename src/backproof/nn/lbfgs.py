"""L-BFGS, SciPy's, on the engine's cost and gradient over all samples."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize

from backproof.nn.divergence import diverged
from backproof.nn.engine import Engine, Failure
from backproof.nn.mathematics import Array

if TYPE_CHECKING:
    from backproof.nn.training import Watch

# Largest entry of the gradient at which the minimum counts as reached, where `tol` is not given.
GRADIENT_TOLERANCE = 1e-5


def train_lbfgs(engine: Engine, watch: Watch) -> None:
    """Minimise by L-BFGS; an epoch is an iteration, of one or a few evaluations.

    Raises
    ------
    DivergenceError
        Where the cost is not finite at the start. A line search steps back from where it is not.
    """
    state, course = watch.state, watch.course
    p = state.parameters
    session = engine.session(watch.plan, watch.samples, state)
    latest = np.zeros_like(p.flat)

    def cost_and_gradient(theta: Array) -> tuple[float, Array]:
        p.flat[...] = theta
        cost, gradient = session.cost_and_gradient()
        np.copyto(latest, gradient)
        if not math.isfinite(cost) or not np.all(np.isfinite(gradient)):
            # Higher than anything seen, and uphill all the way: the line search turns back.
            return 1e3 * (1 + abs(state.first_cost)), np.zeros_like(theta)
        return cost, gradient.astype(np.float64)

    state.first_cost, first_gradient = session.cost_and_gradient()
    with np.errstate(over="ignore", invalid="ignore"):
        squares = [float(np.dot(g, g)) for g in _by_layer(first_gradient, watch)]
    for layer, square in enumerate(squares, start=1):
        if not math.isfinite(square):
            failure = Failure(0, layer, state.first_cost)
            raise diverged(failure, 1, math.nan, watch.plan, watch.samples, state)

    done = 0

    def end_of_iteration(intermediate_result: Any) -> None:
        nonlocal done
        done += 1
        p.flat[...] = intermediate_result.x
        norms = np.array([np.linalg.norm(g) for g in _by_layer(latest, watch)])
        if watch.end(float(intermediate_result.fun), norms, math.nan, done):
            raise StopIteration

    result = minimize(
        cost_and_gradient,
        p.flat.astype(np.float64),
        jac=True,
        method="L-BFGS-B",
        callback=end_of_iteration,
        options={
            "maxiter": course.epochs,
            "maxfun": 20 * course.epochs,
            "gtol": GRADIENT_TOLERANCE if course.tol is None else course.tol,
        },
    )
    p.flat[...] = result.x
    if done == 0:  # started at a minimum
        norms = np.array([np.linalg.norm(g) for g in _by_layer(first_gradient, watch)])
        watch.end(state.first_cost, norms, math.nan, 1)


def _by_layer(flat: Array, watch: Watch) -> list[Array]:
    parameters = watch.state.parameters
    return type(parameters).over(parameters.sizes, flat).layers
