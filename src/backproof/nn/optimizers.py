"""The optimisers: one row each, in place on flat arrays. L-BFGS is SciPy's, see `training`.

The conventions are PyTorch's, so that step sizes carry over.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from backproof.nn.mathematics import Array

if TYPE_CHECKING:
    from backproof.nn.engine import Plan

Update = Callable[[Array, Array, Array, Array, Array, float, int, "Plan"], None]


class Optimizer(NamedTuple):
    """One row of the table.

    ``update(theta, g, m, v, T, rate, t, plan)`` changes θ in place, given the gradient g, the
    moments m and v (empty where not used), scratch T, the step size and the number t of this
    step, from 1. g may be overwritten.
    """

    update: Update
    first_moment: bool
    second_moment: bool


def gradient_descent(
    theta: Array, g: Array, m: Array, v: Array, T: Array, rate: float, t: int, plan: Plan
) -> None:
    """θ ← θ - η g."""
    np.multiply(g, rate, out=T)
    np.subtract(theta, T, out=theta)


def momentum(
    theta: Array, g: Array, m: Array, v: Array, T: Array, rate: float, t: int, plan: Plan
) -> None:
    """m ← μ m + g; θ ← θ - η m, or with Nesterov's look ahead θ ← θ - η (g + μ m)."""
    np.multiply(m, plan.momentum, out=m)
    np.add(m, g, out=m)
    if plan.nesterov:
        np.multiply(m, plan.momentum, out=T)
        np.add(T, g, out=T)
        np.multiply(T, rate, out=T)
    else:
        np.multiply(m, rate, out=T)
    np.subtract(theta, T, out=theta)


def rmsprop(
    theta: Array, g: Array, m: Array, v: Array, T: Array, rate: float, t: int, plan: Plan
) -> None:
    """v ← β₂ v + (1 - β₂) g²; θ ← θ - η g / (√v + ε)."""
    _average_of_squares(v, g, T, plan.beta_2)
    np.sqrt(v, out=T)
    np.add(T, plan.epsilon, out=T)
    np.divide(g, T, out=T)
    np.multiply(T, rate, out=T)
    np.subtract(theta, T, out=theta)


def adam(
    theta: Array, g: Array, m: Array, v: Array, T: Array, rate: float, t: int, plan: Plan
) -> None:
    """m ← β₁ m + (1 - β₁) g, v likewise with g²; θ ← θ - η m̂ / (√v̂ + ε).

    The bias corrections m̂ = m/(1 - β₁ᵗ) and v̂ = v/(1 - β₂ᵗ) are numbers: they are moved into the
    step and into ε, which saves two passes.
    """
    _average_of_squares(v, g, T, plan.beta_2)
    np.multiply(m, plan.beta_1, out=m)
    np.multiply(g, 1 - plan.beta_1, out=T)
    np.add(m, T, out=m)
    correction = math.sqrt(1 - plan.beta_2**t)
    np.sqrt(v, out=T)
    np.add(T, plan.epsilon * correction, out=T)
    np.divide(m, T, out=T)
    np.multiply(T, rate * correction / (1 - plan.beta_1**t), out=T)
    np.subtract(theta, T, out=theta)


def _average_of_squares(v: Array, g: Array, T: Array, beta: float) -> None:
    np.multiply(g, g, out=T)
    np.multiply(T, 1 - beta, out=T)
    np.multiply(v, beta, out=v)
    np.add(v, T, out=v)


def decay_weights(theta: Array, fade: Array, T: Array, rate: float) -> None:
    """θ ← θ - η λ θ, the decay of AdamW, apart from the gradient; ``fade`` is λ, 0 for biases."""
    np.multiply(fade, theta, out=T)
    np.multiply(T, rate, out=T)
    np.subtract(theta, T, out=theta)


OPTIMIZERS: Final[dict[str, Optimizer]] = {
    "gd": Optimizer(gradient_descent, False, False),
    "sgd": Optimizer(momentum, True, False),
    "rmsprop": Optimizer(rmsprop, False, True),
    "adam": Optimizer(adam, True, True),
    "adamw": Optimizer(adam, True, True),
}


def stability_factor(plan: Plan) -> float | None:
    """Return c so that a step of c/λ is the largest that is stable at curvature λ; None if unknown.

    2 for gradient descent, 2 + 2μ with momentum and (2 + 2μ)/(1 + 2μ) with Nesterov's.

    References
    ----------
    Cohen et al. (2021), "Gradient descent on neural networks typically occurs at the edge of
    stability", appendix B.
    """
    if plan.optimizer == "gd":
        return 2.0
    if plan.optimizer == "sgd":
        factor = 2 + 2 * plan.momentum
        return factor / (1 + 2 * plan.momentum) if plan.nesterov else factor
    return None
