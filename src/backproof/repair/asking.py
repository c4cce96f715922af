"""Asks an edited program for the gradient that it hands to an optimiser, at one point.

The call of the optimiser is not made: its function is evaluated once where the gradient was found
to be wrong, and what it says is held against the true gradient.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.checks.gradient import StepEvidence
from backproof.checks.match import compare
from backproof.trace.optimisers import JOINT, ROLES

Array = np.ndarray[Any, Any]
#: Relative difference of gradients that are meant to be equal.
EQUAL = 1e-6


@dataclass(frozen=True, slots=True)
class Asked:
    """One evaluation of a gradient by an optimiser.

    Attributes
    ----------
    call : int
        The calls of optimisers before it.
    point, author, truth : vectors
        Where it was evaluated, what the program said, and the true gradient.
    """

    call: int
    point: Array
    author: Array
    truth: Array

    def verdict(self, gradient: Any) -> str:
        """Return ``right``, ``unchanged`` (as without an edit), ``partly`` right or ``wrong``."""
        try:
            own = np.asarray(gradient, float).reshape(-1)
        except (TypeError, ValueError):
            return "wrong"
        for name, meant in (("right", self.truth), ("unchanged", self.author)):
            if own.shape == meant.shape and np.linalg.norm(own - meant) <= EQUAL * np.linalg.norm(
                meant
            ):
                return name
        if own.shape != self.truth.shape:
            return "wrong"
        limit = EQUAL * float(np.max(np.abs(self.truth), initial=0.0))
        before, now = (np.abs(g - self.truth) > limit for g in (self.author, own))
        return "partly" if np.any(before & ~now) and not np.any(now & ~before) else "wrong"

    def install(self, settle: Callable[[str], Any]) -> None:
        """Have optimisers ask, and tell `settle` the verdict; those before are called."""
        import scipy.optimize

        left = [self.call]

        def replaced(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
            def asks(*args: Any, **kwargs: Any) -> Any:
                gradient = _gradient(name, original, args, kwargs)
                if left[0] > 0 or gradient is None:
                    left[0] -= 1
                    return original(*args, **kwargs)
                return settle(self.verdict(gradient(self.point.copy())))

            return asks

        for name in ROLES:
            original = getattr(scipy.optimize, name, None)
            if original is not None:
                setattr(scipy.optimize, name, replaced(name, original))


def _gradient(
    name: str, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Callable[[Array], Any] | None:
    """Return the gradient that an optimiser is given, as a function of the point."""
    given = inspect.signature(original).bind_partial(*args, **kwargs).arguments
    cost, slope = (given.get(role) for role in ROLES[name])
    more = given.get("args", ())
    more = more if isinstance(more, tuple) else (more,)
    if callable(slope):
        return lambda point: slope(point, *more)
    if callable(cost) and (slope is True or (name in JOINT and slope is None)):
        return lambda point: cost(point, *more)[1]
    return None


def asked(evidence: StepEvidence) -> Asked | None:
    """Return what to ask an edited program, where a gradient for an optimiser is wrong."""
    if evidence.evaluation is None or evidence.fit is None or not evidence.fit.wrong:
        return None
    point, gradient, call = evidence.evaluation
    base = evidence.tape.replay()
    fit = compare(evidence.tape, base, evidence.fit.hypothesis, evidence.params)
    truth = None if fit is None or fit.adjoint is None else fit.adjoint.of.get(point)
    values = [base.env[point], base.env[gradient], truth]
    if any(value is None for value in values):
        return None
    x, own, true = (np.array(value, dtype=float).reshape(-1) for value in values)
    shape = np.shape(base.env[point])
    return Asked(call, x.reshape(shape), own, true) if own.shape == true.shape else None
