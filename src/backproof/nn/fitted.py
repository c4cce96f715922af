"""What training leaves in a classifier, for its users and for the next call of `partial_fit`."""

from __future__ import annotations

from typing import Any

import numpy as np

from backproof.nn.engine import State
from backproof.nn.training import Watch


def keep(model: Any, watch: Watch) -> None:
    """Put the weights reached, their history and the optimiser's moments into the classifier."""
    state, history = watch.state, watch.history
    parameters = state.parameters
    if watch.best is not None:
        parameters.flat[...] = watch.best
    model.coefs_ = parameters.W
    model.intercepts_ = parameters.b
    model.loss_curve_ = history.costs
    model.loss_ = history.costs[-1] if history.costs else state.first_cost
    model.gradient_norms_ = np.concatenate([np.empty((0, len(parameters.W))), *history.norms])
    model.validation_scores_ = history.scores
    model.best_validation_score_ = max(history.scores) if history.scores else None
    model.learning_rate_ = history.learning_rate
    model.n_iter_ = len(history.costs)
    model._optimizer_state = {
        "optimizer": watch.plan.optimizer,
        "first_moment": state.first_moment,
        "second_moment": state.second_moment,
        "steps": state.steps,
    }


def recall(model: Any, state: State) -> None:
    """Go on with the moments of the last call, where they are of this optimiser."""
    kept = getattr(model, "_optimizer_state", None)
    if kept is None or kept["optimizer"] != model.optimizer:
        return
    state.first_moment = np.array(kept["first_moment"])
    state.second_moment = np.array(kept["second_moment"])
    state.steps = state.good_steps = int(kept["steps"])
