"""The classifier's hyper-parameters: what each may be, and what the training loop makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Final

import numpy as np
from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
)

from backproof.nn.engine import Plan, Samples
from backproof.nn.mathematics import ACTIVATIONS, Array
from backproof.nn.optimizers import OPTIMIZERS, stability_factor
from backproof.nn.schedules import SCHEDULES
from backproof.nn.training import Course

# Samples in a batch of "auto"; gd, L-BFGS and smaller sets take all.
BATCH: Final = 200
# The step of rmsprop, adam and adamw with "auto": Kingma & Ba (2015) propose 0.001 for millions of
# steps; a few hundred samples see far fewer.
ADAPTIVE_RATE: Final = 0.01

#: In scikit-learn's terms, whose messages a wrong value then has.
CONSTRAINTS: Final[dict[str, list[Any]]] = {
    "hidden_layers": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions(set(ACTIVATIONS))],
    "optimizer": [StrOptions({*OPTIMIZERS, "lbfgs"})],
    "learning_rate": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
    "schedule": [StrOptions(set(SCHEDULES))],
    "step_size": [Interval(Integral, 1, None, closed="left")],
    "step_factor": [Interval(Real, 0, 1, closed="right")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left"), None],
    "shuffle": ["boolean"],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "class_weight": [StrOptions({"balanced"}), dict, None],
    "momentum": [Interval(Real, 0, 1, closed="left")],
    "nesterov": ["boolean"],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "weight_decay": [Interval(Real, 0, None, closed="left")],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "max_gradient_norm": [Interval(Real, 0, None, closed="neither"), None],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "tol": [Interval(Real, 0, None, closed="left"), None],
    "on_divergence": [StrOptions({"raise", "backtrack"})],
    "warm_start": ["boolean"],
    "random_state": ["random_state"],
    "dtype": [
        StrOptions({"auto", "float32", "float64"}),
        Options(type, {np.float32, np.float64}),
    ],
    "engine": [StrOptions({"auto", "numpy", "compiled"})],
    "verbose": ["verbose", StrOptions({"bar"})],
    "callbacks": ["array-like", None],
}


def check_hidden_layers(hidden_layers: Any) -> tuple[int, ...]:
    """Return the numbers of hidden units."""
    one = isinstance(hidden_layers, Integral)
    layers: list[Any] = [hidden_layers] if one else list(hidden_layers)
    if any(isinstance(n, bool) or not isinstance(n, Integral) or int(n) < 1 for n in layers):
        raise InvalidParameterError(
            "The 'hidden_layers' parameter of BinaryClassifier must be an int in the range "
            f"[1, inf) or a sequence of such. Got {hidden_layers!r} instead."
        )
    return tuple(int(n) for n in layers)


def check_same_layers(hidden: tuple[int, ...], weights: Sequence[Array]) -> None:
    """Raise unless the weights to go on from are of a network with these hidden units."""
    known = tuple(W.shape[1] for W in weights[:-1])
    if hidden != known:
        raise ValueError(
            f"hidden_layers={hidden} is not that of the weights to go on from, {known}. "
            "Use a new BinaryClassifier, or warm_start=False."
        )


def check_callbacks(callbacks: Any) -> None:
    """Raise unless all of them can be called."""
    if callbacks is not None and not all(map(callable, callbacks)):
        raise InvalidParameterError(
            "The 'callbacks' parameter of BinaryClassifier must be a list of callables or None. "
            f"Got {callbacks!r} instead."
        )


def dtype(wanted: Any, X: Any) -> np.dtype[Any]:
    """Return the dtype to compute in; "auto" is X's, float64 where X holds no floats."""
    if wanted != "auto":
        chosen: np.dtype[Any] = np.dtype(wanted)
        return chosen
    small = X.dtype.kind == "f" and X.dtype.itemsize <= 4
    return np.dtype(np.float32 if small else np.float64)


def batch_size(model: Any, samples: Samples) -> int:
    """Return the number of samples in a batch."""
    n = len(samples)
    mapped = isinstance(samples.X, np.memmap)
    if model.optimizer == "lbfgs":
        return min(n, BATCH) if mapped else n
    if model.batch_size == "auto":
        return min(n, BATCH) if mapped or model.optimizer != "gd" else n
    return n if model.batch_size is None else min(n, int(model.batch_size))


def plan(model: Any, samples: Samples) -> Plan:
    """Return what an engine has to know, from a classifier whose parameters are checked."""
    norm = model.max_gradient_norm
    return Plan(
        activation=model.activation,
        optimizer=model.optimizer,
        batch_size=batch_size(model, samples),
        momentum=float(model.momentum),
        nesterov=bool(model.nesterov),
        beta_1=float(model.beta_1),
        beta_2=float(model.beta_2),
        epsilon=float(model.epsilon),
        weight_decay=float(model.weight_decay) if model.optimizer == "adamw" else 0.0,
        alpha=float(model.alpha),
        shuffle=bool(model.shuffle),
        dropout=float(model.dropout) if model.optimizer != "lbfgs" else 0.0,
        max_gradient_norm=float("inf") if norm is None else float(norm),
    )


def course(model: Any, plan: Plan, *, epochs: int, first_epoch: int) -> Course:
    """Return how long to train, and with which steps."""
    rate: float | None = None
    if model.learning_rate != "auto":
        rate = float(model.learning_rate)
    elif stability_factor(plan) is None:
        rate = ADAPTIVE_RATE
    return Course(
        epochs=epochs,
        first_epoch=first_epoch,
        total_epochs=model.max_iter,
        learning_rate=rate,
        schedule=model.schedule,
        step_size=model.step_size,
        step_factor=float(model.step_factor),
        tol=model.tol,
        patience=model.n_iter_no_change,
        on_divergence=model.on_divergence,
    )
