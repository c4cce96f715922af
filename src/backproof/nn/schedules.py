"""The schedules: what the step size is multiplied by, as training goes on."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from backproof.nn.mathematics import Array

# Smith & Topin (2018), "Super-convergence": from a 25th up in 30 % of the steps, then down to a
# 10,000th of where it began.
WARM_UP: Final = 0.3
START: Final = 1 / 25
FINISH: Final = START / 1e4

#: (share of the training that is done, 0 to 1; epochs done; epochs a stair; factor a stair)
Schedule = Callable[[Array, Array, int, float], Array]


def constant(done: Array, epoch: Array, step_size: int, step_factor: float) -> Array:
    """1."""
    return np.ones_like(done)


def step(done: Array, epoch: Array, step_size: int, step_factor: float) -> Array:
    """factor^⌊epoch / size⌋: a stair down every so many epochs."""
    stairs: Array = step_factor ** (epoch // step_size)
    return stairs


def cosine(done: Array, epoch: Array, step_size: int, step_factor: float) -> Array:
    """½ (1 + cos πs): half a wave, from one down to zero (Loshchilov & Hutter 2017)."""
    half_wave: Array = 0.5 * (1 + np.cos(math.pi * done))
    return half_wave


def one_cycle(done: Array, epoch: Array, step_size: int, step_factor: float) -> Array:
    """Up and down again, both along half a wave of the cosine."""
    up = START + (1 - START) * 0.5 * (1 - np.cos(math.pi * done / WARM_UP))
    s = (done - WARM_UP) / (1 - WARM_UP)
    down = FINISH + (1 - FINISH) * 0.5 * (1 + np.cos(math.pi * s))
    return np.where(done < WARM_UP, up, down)


SCHEDULES: Final[dict[str, Schedule]] = {
    "constant": constant,
    "step": step,
    "cosine": cosine,
    "one-cycle": one_cycle,
}


def rates(
    schedule: str,
    learning_rate: float,
    *,
    first_epoch: int,
    epochs: int,
    batches: int,
    total_epochs: int,
    step_size: int,
    step_factor: float,
) -> Array:
    """Return the size of each step, shape (epochs, batches), from ``first_epoch`` on.

    What is longer than ``total_epochs``, as `partial_fit` may be, stays at the schedule's end.
    """
    if schedule == "constant":
        return np.broadcast_to(np.float64(learning_rate), (epochs, batches))
    number = first_epoch * batches + np.arange(epochs * batches, dtype=np.float64)
    done = np.minimum(number / (total_epochs * batches), 1.0)
    epoch = np.floor(number / batches)
    scale = SCHEDULES[schedule](done, epoch, step_size, step_factor)
    return (learning_rate * scale).reshape(epochs, batches)
