"""Sharpness: the top eigenvalue of a Hessian, from differences of gradients along directions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Vector = np.ndarray[Any, np.dtype[np.float64]]
#: Relative step of the central differences. Truncation costs O(h²), rounding O(ε/h). A kink (ReLU
#: at zero) within h gives a spike of size 1/h, so h is smaller than the usual cbrt(ε) = 6e-6.
STEP = 1e-6


@dataclass(frozen=True, slots=True)
class Eigenvalue:
    """The top of a spectrum.

    ``residual`` is ``‖Av − λv‖ / |λ|``: a measure of convergence, and for a symmetric matrix a
    bound of the relative error of `value`.
    """

    value: float
    residual: float
    iterations: int
    vector: Vector

    @property
    def converged(self) -> bool:
        """Whether the residual is small enough to compare the value with a bound."""
        return self.residual < 0.05


def top_eigenvalue(
    product: Callable[[Vector], Vector],
    start: Vector,
    *,
    iterations: int = 12,
    tolerance: float = 0.01,
) -> Eigenvalue | None:
    """Largest (rightmost) eigenvalue of a linear map by Arnoldi's iteration.

    For a symmetric map this is Lanczos's iteration with full orthogonalisation; a preconditioned
    Hessian ``D·H`` is not symmetric, and Arnoldi's does not need it to be.

    Parameters
    ----------
    product : callable
        ``v ↦ A·v`` for vectors of the shape of `start`.
    start : vector
        Not zero. The gradient is a good one: it leans to the directions of large curvature.
    iterations : int
        Products at most.
    tolerance : float
        The residual, relative to the value, at which to stop.

    Returns
    -------
    Eigenvalue or None
        None where a product is not finite.

    References
    ----------
    Saad (2011), "Numerical Methods for Large Eigenvalue Problems", chapter 6.
    """
    size = start.size
    norm = float(np.linalg.norm(start))
    if not size or not np.isfinite(norm) or not norm:
        return None
    most = min(iterations, size)
    basis = np.zeros((most + 1, size))
    basis[0] = start / norm
    hessenberg = np.zeros((most + 1, most))
    found: Eigenvalue | None = None
    for k in range(most):
        w = product(basis[k])
        if not np.all(np.isfinite(w)):
            return found
        for _ in range(2):  # twice: once loses orthogonality to rounding
            overlap = basis[: k + 1] @ w
            hessenberg[: k + 1, k] += overlap
            w = w - basis[: k + 1].T @ overlap
        rest = float(np.linalg.norm(w))
        hessenberg[k + 1, k] = rest
        values, vectors = np.linalg.eig(hessenberg[: k + 1, : k + 1])
        top = int(np.argmax(values.real))
        value = float(values[top].real)
        scale = max(float(np.max(np.abs(values))), 1e-300)
        residual = rest * abs(vectors[k, top]) / (abs(value) or scale)
        v = np.real(basis[: k + 1].T @ vectors[:, top])
        found = Eigenvalue(value, float(residual), k + 1, v / (np.linalg.norm(v) or 1.0))
        if rest <= 1e-9 * scale or (residual < tolerance and k >= 2):
            return found
        basis[k + 1] = w / rest
    return found


def jacobian_product(
    function: Callable[[Vector], Vector], point: Vector, *, step: float = STEP
) -> Callable[[Vector], Vector]:
    """Return ``v ↦ J·v`` of a function, by central differences of size `step`·‖point‖."""
    h = step * max(float(np.linalg.norm(point)), 1.0)

    def product(v: Vector) -> Vector:
        t = h / (float(np.linalg.norm(v)) or 1.0)
        return (function(point + t * v) - function(point - t * v)) / (2 * t)

    return product


def sharpness(
    gradient: Callable[[Vector], Vector], point: Vector, start: Vector | None = None,
    *, iterations: int = 12,
) -> Eigenvalue | None:  # fmt: skip
    """Top eigenvalue λ of the Hessian of a cost, given its gradient as a function.

    Gradient descent with step η is stable at a minimum only where λ < 2/η. Applied to
    ``θ ↦ −Δ(θ)``, the whole change that a program makes, the value is η·λ, preconditioned where
    the optimiser preconditions, and the bound is 2 (2·(1 + β) with momentum β).

    Returns
    -------
    Eigenvalue or None
        None where two sizes of the differences disagree: a kink lies within them.

    References
    ----------
    Cohen et al. (2021), "Gradient descent on neural networks typically occurs at the edge of
    stability"; Cohen et al. (2022), "Adaptive gradient methods at the edge of stability".
    """
    if start is None or not np.any(start):
        start = np.random.default_rng(0).standard_normal(point.size)
    found = top_eigenvalue(jacobian_product(gradient, point), start, iterations=iterations)
    if found is None:
        return None
    again = jacobian_product(gradient, point, step=STEP / 3)(found.vector) @ found.vector
    once = jacobian_product(gradient, point)(found.vector) @ found.vector
    agrees = abs(again - once) <= 0.02 * abs(found.value) + 1e-12
    return found if agrees else None
