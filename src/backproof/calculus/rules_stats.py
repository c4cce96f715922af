"""Densities and distribution functions of `scipy.stats`: ``norm.cdf(z)`` of a probit model.

The slope of a distribution function is its density, whatever the distribution; the density itself
has rules for the normal and the logistic one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from backproof.calculus.rule import Call, Rule, double, named, unbroadcast

#: name of a method -> its slope by the standardised argument, of the distribution.
CUMULATIVE: dict[str, Callable[[Any, Any], Any]] = {
    "cdf": lambda d, z: d.pdf(z),
    "sf": lambda d, z: -d.pdf(z),
    "logcdf": lambda d, z: np.exp(d.logpdf(z) - d.logcdf(z)),
    "logsf": lambda d, z: -np.exp(d.logpdf(z) - d.logsf(z)),
    "ppf": lambda d, q: 1.0 / d.pdf(d.ppf(q)),
}
#: name of a distribution -> the slope of its log-density.
SCORES: dict[str, Callable[[Any], Any]] = {
    "norm": lambda z: -z,
    "logistic": lambda z: -np.tanh(z / 2.0),
}


def find(function: Any) -> Rule | None:
    """Return the rule of a method of a continuous distribution without shape parameters."""
    stats: Any = sys.modules.get("scipy.stats")
    owner: Any = getattr(function, "__self__", None)
    if stats is None or not isinstance(owner, stats.rv_continuous):
        return None
    name = str(getattr(owner, "name", ""))
    known = not owner.numargs and getattr(stats, name, None) is owner
    return _rule(name, function.__name__) if known else None


@lru_cache(maxsize=64)
def _rule(name: str, method: str) -> Rule | None:
    law = getattr(sys.modules["scipy.stats"], name)
    if method in CUMULATIVE:
        slope = CUMULATIVE[method]
        if method == "ppf":
            return named(
                "q loc scale", q=lambda c: unbroadcast(
                    c.g * double(_scale(c) * slope(law, double(c.q))), np.shape(c.q)
                ),
            )  # fmt: skip
        return _of_standardised(lambda c, z: slope(law, z), lambda c: 0.0)
    if method in ("pdf", "logpdf") and name in SCORES:
        score = SCORES[name]
        if method == "logpdf":
            return _of_standardised(lambda c, z: score(z), lambda c: -1.0)
        return _of_standardised(lambda c, z: c.out * score(z), lambda c: -c.out)
    return None


def _of_standardised(slope: Callable[[Call, Any], Any], widened: Callable[[Call], Any]) -> Rule:
    """Make the rule of ``f((x - loc) / scale)``, in units of ``1 / scale``.

    `widened` is what a larger scale takes away beside: the density is divided by it.
    """

    def argument(c: Call) -> Any:
        return (double(c.x) - _loc(c)) / _scale(c)

    def by_x(c: Call) -> Any:
        return unbroadcast(c.g * slope(c, argument(c)) / _scale(c), np.shape(c.x))

    def by_loc(c: Call) -> Any:
        return unbroadcast(-c.g * slope(c, argument(c)) / _scale(c), np.shape(c.loc))

    def by_scale(c: Call) -> Any:
        z = argument(c)
        return unbroadcast(c.g * (widened(c) - z * slope(c, z)) / _scale(c), np.shape(c.scale))

    return named("x loc scale", x=by_x, loc=by_loc, scale=by_scale)


def _loc(c: Call) -> Any:
    return 0.0 if c.loc is None else double(c.loc)


def _scale(c: Call) -> Any:
    return 1.0 if c.scale is None else double(c.scale)
