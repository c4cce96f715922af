"""Costs that programs have in mind where they compute none: value and slope side by side.

A registered cost is put at the end of a tape as one operation over all the places where output
meets labels; from there on it is a cost like the program's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True, eq=False)
class RegisteredCost:
    """``Σ f(a, y)`` over outputs `a` and labels `y` of equal shapes.

    Called as ``cost(a₁, y₁, a₂, y₂, …)``: the pairs of a step, one for each sample or time step.
    """

    title: str
    value: Callable[[Array, Array], Array]
    slope: Callable[[Array, Array], Array]
    """∂f/∂a."""
    applies: Callable[[Array, Array], bool] = lambda a, y: True
    """Whether these outputs and labels lie in the cost's domain."""
    margin: float | None = None
    """What the program compares the product of output and label with, where it compares it."""
    of_scores: bool = False
    """Whether it is of numbers that no sigmoid has made."""
    weights: tuple[Array, ...] | None = None
    """What each pair's entries count for; None where all count alike."""

    def has_margin(self, limit: float | None) -> bool:
        """Whether a program that compares with a number, or with none, has this cost in mind."""
        if self.margin is None or limit == self.margin:
            return True
        return limit is None and self.margin > 0

    @property
    def __name__(self) -> str:
        """What messages call the operation."""
        return self.title

    def __call__(self, *values: Any) -> float:
        """Return the sum over all pairs."""
        with np.errstate(all="ignore"):
            costs = self._weighed([self.value(a, y) for a, y in pairs(values)])
            return float(sum(np.sum(cost) for cost in costs))

    def slopes(self, values: Sequence[Any]) -> list[Array]:
        """Return ∂Σf/∂a for each output."""
        with np.errstate(all="ignore"):
            return self._weighed([self.slope(a, y) for a, y in pairs(values)])

    def _weighed(self, parts: list[Array]) -> list[Array]:
        if self.weights is None:
            return parts
        return [w * part for w, part in zip(self.weights, parts, strict=True)]


def total(*values: Any) -> float:
    """Return the sum of scalars, whatever their shapes: ``(1, 1)``, ``()``."""
    return float(sum(v if type(v) is float else float(np.ravel(v)[0]) for v in values))


@dataclass(frozen=True, slots=True, eq=False)
class WeightedTotal:
    """``Σ w·cost`` over the costs of a program that are trained together."""

    weights: tuple[float, ...]

    @property
    def __name__(self) -> str:
        """What messages call the operation."""
        return "weighted total"

    def __call__(self, *values: Any) -> float:
        """Return the weighted sum of scalars."""
        pairs = zip(self.weights, values, strict=True)
        return float(sum(w * float(np.ravel(v)[0]) for w, v in pairs))


def pairs(values: Sequence[Any]) -> list[tuple[Array, Array]]:
    """Return outputs and labels as float64 arrays."""
    arrays = [np.asarray(v, dtype=float) for v in values]
    return list(zip(arrays[::2], arrays[1::2], strict=True))


def _xlogy(x: Array, y: Array) -> Array:
    return np.where(x == 0, 0.0, x * np.log(np.where(x == 0, 1.0, y)))


def _sigmoid(z: Array) -> Array:
    return np.exp(-np.logaddexp(0, -z))


def _is_share(a: Array, y: Array) -> bool:
    return bool(np.all((a >= 0) & (a <= 1)))


def _is_positive(a: Array, y: Array) -> bool:
    return bool(np.all(a > 0))


def _is_signed(a: Array, y: Array) -> bool:
    return bool(np.all(np.abs(y) == 1))


COSTS: tuple[RegisteredCost, ...] = (
    RegisteredCost("squared error", lambda a, y: (a - y) ** 2 / 2, lambda a, y: a - y),
    RegisteredCost(
        "cross-entropy",
        lambda a, y: -_xlogy(y, a) - _xlogy(1 - y, 1 - a),
        lambda a, y: (a - y) / (a * (1 - a)),
        _is_share,
    ),
    RegisteredCost(
        "softmax cross-entropy", lambda a, y: -_xlogy(y, a), lambda a, y: -y / a, _is_share
    ),
    RegisteredCost(
        "sigmoid cross-entropy from logits",
        lambda z, y: np.logaddexp(0, z) - y * z,
        lambda z, y: _sigmoid(z) - y,
        of_scores=True,
    ),
    RegisteredCost(
        "Poisson likelihood",
        lambda a, y: a - _xlogy(y, a),
        lambda a, y: 1 - y / a,
        _is_positive,
        of_scores=True,
    ),
    RegisteredCost(
        "hinge",
        lambda a, y: np.maximum(0, 1 - y * a),
        lambda a, y: np.where(y * a < 1, -y, 0.0),
        _is_signed,
        margin=1.0,
        of_scores=True,
    ),
    RegisteredCost(
        "perceptron criterion of labels ±1",
        lambda a, y: np.maximum(0, -y * a),
        lambda a, y: np.where(y * a <= 0, -y, 0.0),
        _is_signed,
        margin=0.0,
        of_scores=True,
    ),
    RegisteredCost("absolute error", lambda a, y: np.abs(a - y), lambda a, y: np.sign(a - y)),
    RegisteredCost(
        "Huber",
        lambda a, y: np.where(np.abs(a - y) < 1, (a - y) ** 2 / 2, np.abs(a - y) - 0.5),
        lambda a, y: np.clip(a - y, -1, 1),
    ),
    RegisteredCost(
        "logistic loss of labels ±1",
        lambda a, y: np.logaddexp(0, -y * a),
        lambda a, y: -y * _sigmoid(-y * a),
        _is_signed,
        of_scores=True,
    ),
)


def huber(limit: float) -> RegisteredCost:
    """Return Huber's cost of errors up to a limit that are squared: others count by their size."""
    return RegisteredCost(
        f"Huber (δ = {limit:g})",
        lambda a, y: np.where(
            np.abs(a - y) < limit, (a - y) ** 2 / 2, limit * (np.abs(a - y) - limit / 2)
        ),
        lambda a, y: np.clip(a - y, -limit, limit),
    )  # fmt: skip


#: Those of a margin, which are of straight pieces.
STRAIGHT = {cost.title for cost in COSTS if cost.margin is not None}
#: Of scores, and of the errors that a threshold makes of them, which are constant.
PERCEPTRON = RegisteredCost(
    "perceptron criterion", lambda z, e: -e * z, lambda z, e: -e, of_scores=True
)


def is_registered(title: str) -> bool:
    """Whether a title is that of one known cost, weighted or not."""
    if title.startswith(("Huber (", "pinball cost")):
        return True
    known = (*COSTS, PERCEPTRON)
    return any(title in (cost.title, f"weighted {cost.title}") for cost in known)
