"""What both kernels do once the gradient is known: penalty, norms, and the optimiser's step."""

from __future__ import annotations

import math
from typing import Any, Final

from backproof.nn.compiled.functions import part

GD, SGD, RMSPROP, ADAM, ADAMW = range(5)
CODES: Final = {"gd": GD, "sgd": SGD, "rmsprop": RMSPROP, "adam": ADAM, "adamw": ADAMW}

# Places in the array of settings.
MOMENTUM, NESTEROV, BETA_1, BETA_2, EPSILON, WEIGHT_DECAY, ALPHA, DROPOUT, CLIP = range(9)
# Places in the array of what a kernel hands back, or carries from call to call.
FIRST_COST, LIMIT, STEPS, TOTAL, EPOCH, LAYER, COST, GOOD_STEPS = range(8)


@part
def too_high(cost: float, carried: Any) -> bool:
    """Whether this cost is a failure; NaN and infinity are."""
    return not cost <= carried[LIMIT] or cost == math.inf


@part
def take_note(cost: float, carried: Any, theta: Any, good: Any) -> None:
    """Set the limit by the first cost of all, and keep weights whose cost is a good one."""
    if math.isnan(carried[FIRST_COST]):
        carried[FIRST_COST] = cost
        carried[LIMIT] = 1000.0 * max(1.0, cost)
    if cost <= 2.0 * carried[FIRST_COST]:
        for i in range(len(theta)):
            good[i] = theta[i]
        carried[GOOD_STEPS] = carried[STEPS]


@part
def add_penalty(alpha: float, sizes: Any, theta: Any, gradient: Any) -> float:
    """Add α W to the gradient; return ½ α ΣW²."""
    strength = theta.dtype.type(alpha)
    total = 0.0
    start = 0
    for l in range(1, len(sizes)):
        end = start + sizes[l - 1] * sizes[l]
        for i in range(start, end):
            gradient[i] += strength * theta[i]
            total += theta[i] * theta[i]
        start = end + sizes[l]
    return 0.5 * alpha * total


@part
def squared_norms(sizes: Any, gradient: Any, squares: Any) -> int:
    """Fill the layers' squared norms; return the first layer, from 1, that is not finite, or 0."""
    start = 0
    failed = 0
    total = 0.0
    for l in range(1, len(sizes)):
        end = start + (sizes[l - 1] + 1) * sizes[l]
        square = gradient.dtype.type(0)
        for i in range(start, end):
            square += gradient[i] * gradient[i]
        squares[l - 1] = square
        total += square
        if failed == 0 and not square < math.inf:
            failed = l
        start = end
    return 1 if failed == 0 and not total < math.inf else failed


@part
def step(
    code: int,
    settings: Any,
    sizes: Any,
    squares: Any,
    theta: Any,
    g: Any,
    m: Any,
    v: Any,
    rate: float,
    t: float,
) -> None:
    """Clip the gradient and change θ, one pass over everything; as in `optimizers`."""
    real = theta.dtype.type
    square = 0.0
    for l in range(len(squares)):
        square += squares[l]
    if square > settings[CLIP] * settings[CLIP]:
        scale = real(settings[CLIP] / math.sqrt(square))
        for i in range(len(g)):
            g[i] *= scale

    if code == ADAMW and settings[WEIGHT_DECAY] > 0:
        fade = real(settings[WEIGHT_DECAY] * rate)
        start = 0
        for l in range(1, len(sizes)):
            end = start + sizes[l - 1] * sizes[l]
            for i in range(start, end):
                theta[i] -= fade * theta[i]
            start = end + sizes[l]

    if code == GD:
        size = real(rate)
        for i in range(len(theta)):
            theta[i] -= size * g[i]
    elif code == SGD:
        size, mu = real(rate), real(settings[MOMENTUM])
        if settings[NESTEROV] > 0:
            for i in range(len(theta)):
                m[i] = mu * m[i] + g[i]
                theta[i] -= size * (g[i] + mu * m[i])
        else:
            for i in range(len(theta)):
                m[i] = mu * m[i] + g[i]
                theta[i] -= size * m[i]
    elif code == RMSPROP:
        size, epsilon = real(rate), real(settings[EPSILON])
        beta, rest = real(settings[BETA_2]), real(1 - settings[BETA_2])
        for i in range(len(theta)):
            v[i] = beta * v[i] + rest * (g[i] * g[i])
            theta[i] -= size * (g[i] / (real(math.sqrt(v[i])) + epsilon))
    else:
        correction = math.sqrt(1 - settings[BETA_2] ** t)
        size = real(rate * correction / (1 - settings[BETA_1] ** t))
        epsilon = real(settings[EPSILON] * correction)
        beta_1, rest_1 = real(settings[BETA_1]), real(1 - settings[BETA_1])
        beta_2, rest_2 = real(settings[BETA_2]), real(1 - settings[BETA_2])
        for i in range(len(theta)):
            v[i] = beta_2 * v[i] + rest_2 * (g[i] * g[i])
            m[i] = beta_1 * m[i] + rest_1 * g[i]
            theta[i] -= size * (m[i] / (real(math.sqrt(v[i])) + epsilon))
