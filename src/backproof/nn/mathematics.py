"""The mathematics of the network: forward line and derivative line side by side.

One row of a matrix is one sample. With n samples, layers of n₀ (inputs), n₁, …, n_L = 1 units::

    A₀ = X                  (n, n₀)
    Z_l = A_{l-1} W_l + b_l (n, n_l)      W_l (n_{l-1}, n_l), b_l (n_l,)
    A_l = f(Z_l)            (n, n_l)      for l < L
    z = Z_L                 (n, 1)        the logits; P(y = 1) = σ(z)
    J = Σᵢ sᵢ·log(1 + e^{-tᵢ}) + ½ Σ λ W²   with tᵢ = zᵢ where yᵢ = 1, else -zᵢ

The shares sᵢ are 1/n, or wᵢ/n with weights of mean one. Backwards, with dV short for ∂J/∂V::

    dZ_L = (σ(z) - y)·s     (n, 1)        no quotient, so nothing to overflow
    dW_l = A_{l-1}ᵀ dZ_l + λ W_l          same shape as W_l
    db_l = Σᵢ dZ_l[i]       (n_l,)
    dA_{l-1} = dZ_l W_lᵀ    (n, n_{l-1})
    dZ_l = dA_l·f′(Z_l)     (n, n_l)

All functions write into arrays that the caller keeps, so that training allocates nothing. Two
arrays a layer suffice: `forward` turns Z into f′(Z) as soon as A is known, and `backward` puts dA
where A was, once dW has been taken from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.special import expit, ndtr

Array = np.ndarray[Any, np.dtype[Any]]

LEAK: Final = 0.01
_ROOT_2_PI: Final = 2.5066282746310002


class Activation(NamedTuple):
    """One row of the table: f and f′, entry by entry.

    ``value(Z, A)`` writes f(Z) into A. ``slope(Z, A, T)`` replaces Z by f′(Z); it may read
    A = f(Z), and write to T, an array of the same shape, where `needs_scratch`.
    """

    value: Callable[[Array, Array], Any]
    slope: Callable[[Array, Array, Array], Any]
    needs_scratch: bool = False


# ---- activations: f(z), below it f′(z) -----------------------------------------------------------


def identity(Z: Array, A: Array) -> None:
    """f(z) = z."""
    np.copyto(A, Z)


def identity_slope(Z: Array, A: Array, T: Array) -> None:
    """f′(z) = 1."""
    Z.fill(1)


def relu(Z: Array, A: Array) -> None:
    """f(z) = max(z, 0)."""
    np.maximum(Z, 0, out=A)


def relu_slope(Z: Array, A: Array, T: Array) -> None:
    """f′(z) = 1 where z > 0, else 0: the sign of max(z, 0)."""
    np.sign(A, out=Z)


def leaky_relu(Z: Array, A: Array) -> None:
    """f(z) = max(z, z/100)."""
    np.multiply(Z, LEAK, out=A)
    np.maximum(A, Z, out=A)


def leaky_relu_slope(Z: Array, A: Array, T: Array) -> None:
    """f′(z) = 1 where z > 0, else 1/100."""
    np.sign(Z, out=Z)
    np.maximum(Z, LEAK, out=Z)


def elu(Z: Array, A: Array) -> None:
    """f(z) = z where z > 0, else eᶻ - 1, which is never below z."""
    np.minimum(Z, 0, out=A)
    np.expm1(A, out=A)
    np.maximum(A, Z, out=A)


def elu_slope(Z: Array, A: Array, T: Array) -> None:
    """f′(z) = 1 where z > 0, else eᶻ."""
    np.minimum(Z, 0, out=Z)
    np.exp(Z, out=Z)


def tanh(Z: Array, A: Array) -> None:
    """f(z) = tanh z."""
    np.tanh(Z, out=A)


def tanh_slope(Z: Array, A: Array, T: Array) -> None:
    """f′(z) = 1 - tanh² z."""
    np.multiply(A, A, out=Z)
    np.subtract(1, Z, out=Z)


def logistic(Z: Array, A: Array) -> None:
    """f(z) = σ(z) = 1/(1 + e⁻ᶻ)."""
    expit(Z, out=A)


def logistic_slope(Z: Array, A: Array, T: Array) -> None:
    """f′(z) = σ(z)·(1 - σ(z))."""
    np.subtract(1, A, out=Z)
    np.multiply(Z, A, out=Z)


def softplus(Z: Array, A: Array) -> None:
    """f(z) = log(1 + eᶻ)."""
    np.logaddexp(Z, 0, out=A)


def softplus_slope(Z: Array, A: Array, T: Array) -> None:
    """f′(z) = σ(z)."""
    expit(Z, out=Z)


def gelu(Z: Array, A: Array) -> None:
    """f(z) = z·Φ(z), with the normal distribution Φ itself, not its approximation by tanh."""
    ndtr(Z, out=A)
    np.multiply(A, Z, out=A)


def gelu_slope(Z: Array, A: Array, T: Array) -> None:
    """f′(z) = Φ(z) + z·φ(z), φ(z) = e^(-z²/2)/√2π."""
    np.multiply(Z, Z, out=T)
    np.multiply(T, -0.5, out=T)
    np.exp(T, out=T)
    np.multiply(T, 1 / _ROOT_2_PI, out=T)
    np.multiply(T, Z, out=T)
    ndtr(Z, out=Z)
    np.add(Z, T, out=Z)


def swish(Z: Array, A: Array) -> None:
    """f(z) = z·σ(z)."""
    expit(Z, out=A)
    np.multiply(A, Z, out=A)


def swish_slope(Z: Array, A: Array, T: Array) -> None:
    """f′(z) = σ(z) + f(z)·(1 - σ(z))."""
    expit(Z, out=T)
    np.subtract(1, T, out=Z)
    np.multiply(Z, A, out=Z)
    np.add(Z, T, out=Z)


ACTIVATIONS: Final[dict[str, Activation]] = {
    "identity": Activation(identity, identity_slope),
    "relu": Activation(relu, relu_slope),
    "leaky_relu": Activation(leaky_relu, leaky_relu_slope),
    "elu": Activation(elu, elu_slope),
    "tanh": Activation(tanh, tanh_slope),
    "logistic": Activation(logistic, logistic_slope),
    "softplus": Activation(softplus, softplus_slope),
    "gelu": Activation(gelu, gelu_slope, needs_scratch=True),
    "swish": Activation(swish, swish_slope, needs_scratch=True),
}


# ---- the network ---------------------------------------------------------------------------------


def product(A: Any, B: Array, out: Array) -> None:
    """out = A B. The inputs, and nothing else, may be a SciPy sparse matrix."""
    if isinstance(A, np.ndarray):
        np.matmul(A, B, out=out)
    else:
        np.copyto(out, A @ B)


def forward(
    A: Sequence[Any],
    Z: Sequence[Array],
    W: Sequence[Array],
    b: Sequence[Array],
    f: Activation,
    T: Sequence[Array] | None = None,
    draw_mask: Callable[[Array], None] | None = None,
) -> Array:
    """Fill A and turn Z into f′(Z); return the logits z, shape (n, 1).

    Parameters
    ----------
    A, Z : sequences of L + 1 arrays of shape (n, n_l)
        ``A[0]`` holds the samples, ``Z[0]`` and ``A[L]`` are not used.
    W, b : sequences of L arrays of shapes (n_{l-1}, n_l) and (n_l,)
    f : Activation
    T : sequence of arrays of shape (n, n_l), optional
        Scratch; without it the slopes are left out, for prediction.
    draw_mask : callable, optional
        Fills an array with dropout's mask, 0 or 1/(1 - p). A_l and f′(Z_l) are multiplied by it.
    """
    last = len(W)
    for l in range(1, last):
        product(A[l - 1], W[l - 1], Z[l])
        np.add(Z[l], b[l - 1], out=Z[l])
        f.value(Z[l], A[l])
        if T is not None:
            f.slope(Z[l], A[l], T[l])
            if draw_mask is not None:
                draw_mask(T[l])
                np.multiply(A[l], T[l], out=A[l])
                np.multiply(Z[l], T[l], out=Z[l])
    product(A[last - 1], W[last - 1], Z[last])
    return np.add(Z[last], b[last - 1], out=Z[last])


def cross_entropy(z: Array, sign: Array, share: Array, t: Array) -> Any:
    """J = Σᵢ sᵢ·log(1 + e^{-tᵢ}), from the logits: finite for every finite z.

    Parameters
    ----------
    z : (n,) logits
    sign : (n,), -1 where y = 1 and 1 where y = 0
    share : (n,), sums to one, or to the weight of the batch
    t : (n,), written: each sample's cost
    """
    np.multiply(z, sign, out=t)
    np.logaddexp(t, 0, out=t)
    return np.dot(share, t)


def cross_entropy_slope(z: Array, y: Array, share: Array) -> None:
    """dz = (σ(z) - y)·s, in place of z."""
    expit(z, out=z)
    np.subtract(z, y, out=z)
    np.multiply(z, share, out=z)


def backward(
    A: Sequence[Any],
    D: Sequence[Array],
    W: Sequence[Array],
    dW: Sequence[Array],
    db: Sequence[Array],
    ones: Array,
) -> None:
    """Fill dW and db.

    Parameters
    ----------
    A, D : sequences of L + 1 arrays of shape (n, n_l)
        As `forward` left them: activations, and f′(Z); ``D[L]`` holds dZ_L. Both are overwritten,
        D[l] by dZ_l and A[l], l > 0, by dA_l.
    W, dW : sequences of L arrays of shape (n_{l-1}, n_l)
    db : sequence of L arrays of shape (1, n_l)
    ones : (1, n)
        A row of ones: 1ᵀ dZ is the sum over samples (1.4 µs for 400×4, where `np.sum` takes 6.7).
    """
    for l in range(len(W), 0, -1):
        dZ = D[l]
        product(A[l - 1].T, dZ, dW[l - 1])
        np.matmul(ones, dZ, out=db[l - 1])
        if l > 1:
            dA = np.matmul(dZ, W[l - 1].T, out=A[l - 1])
            np.multiply(dA, D[l - 1], out=D[l - 1])


def l2_penalty(theta: Array, decay: Array, gradient: Array, T: Array) -> Any:
    """½ Σ λ θ² and, added to the gradient, λ θ; λ is zero for biases. All of shape (p,)."""
    np.multiply(decay, theta, out=T)
    np.add(gradient, T, out=gradient)
    return 0.5 * np.dot(T, theta)


def mean_cost(z: Array, y: Array, weight: Array | None = None) -> float:
    """Weighted mean of log(1 + e^{-t}), also where the quick sum would overflow.

    A mean is never above the largest summand, so that dividing by it first keeps all finite, even
    for logits next to the largest float.
    """
    costs = np.logaddexp(np.where(y > 0.5, -z, z), 0)
    top = float(costs.max())
    if top == 0 or not np.isfinite(top):
        return top
    return min(1.0, float(np.average(costs / top, weights=weight))) * top
