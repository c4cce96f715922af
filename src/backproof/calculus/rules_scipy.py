"""Rules for SciPy, looked up by name once a program has imported it (backproof never does).

``LAZY[module][name]`` is the rule of ``module.name``.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from backproof.calculus import rules_scipy_linalg, rules_signal
from backproof.calculus.rule import Call, NoRule, Rule, axes_of, chain, double, kept, named
from backproof.calculus.rules_elementwise import slope_rule
from backproof.calculus.rules_pairs import Pull2, pair_rule


def _special(name: str) -> Any:
    return getattr(sys.modules["scipy.special"], name)


def _logistic(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, e) / (1.0 + e)


def _logistic_slope(x: Any) -> Any:
    """``σ(x) σ(−x)``, without the cancellation of ``1 − σ(x)`` for large x."""
    e = np.exp(-np.abs(x))
    return e / np.square(1.0 + e)


ROOT_PI = math.sqrt(math.pi)

#: name in `scipy.special` -> slope as a function of the argument x and the result y.
SPECIAL: dict[str, Any] = {
    "expit": lambda x, y: _logistic_slope(x),
    "log_expit": lambda x, y: _logistic(-x),
    "logit": lambda x, y: 1.0 / (x * (1.0 - x)),
    "erf": lambda x, y: 2.0 / ROOT_PI * np.exp(-x * x),
    "erfc": lambda x, y: -2.0 / ROOT_PI * np.exp(-x * x),
    "erfcx": lambda x, y: 2.0 * x * y - 2.0 / ROOT_PI,
    "erfi": lambda x, y: 2.0 / ROOT_PI * np.exp(x * x),
    "erfinv": lambda x, y: 0.5 * ROOT_PI * np.exp(y * y),
    "erfcinv": lambda x, y: -0.5 * ROOT_PI * np.exp(y * y),
    "ndtr": lambda x, y: np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi),
    "ndtri": lambda x, y: math.sqrt(2 * math.pi) * np.exp(0.5 * y * y),
    "log_ndtr": lambda x, y: np.exp(-0.5 * x * x - y) / math.sqrt(2 * math.pi),
    "gammaln": lambda x, y: _special("digamma")(x),
    "loggamma": lambda x, y: _special("digamma")(x),
    "gamma": lambda x, y: y * _special("digamma")(x),
    "rgamma": lambda x, y: -y * _special("digamma")(x),
    "digamma": lambda x, y: _special("polygamma")(1, x),
    "psi": lambda x, y: _special("polygamma")(1, x),
    "exp2": lambda x, y: y * math.log(2),
    "exp10": lambda x, y: y * math.log(10),
    "expm1": lambda x, y: np.exp(x),
    "log1p": lambda x, y: 1.0 / (1.0 + x),
    "cbrt": lambda x, y: 1.0 / (3.0 * y * y),
    "entr": lambda x, y: -np.log(x) - 1.0,
    "exprel": lambda x, y: _exprel_slope(x, y),
    "i0": lambda x, y: _special("i1")(x),
    "i0e": lambda x, y: _special("i1e")(x) - np.sign(x) * y,
    "j0": lambda x, y: -_special("j1")(x),
    "sindg": lambda x, y: math.pi / 180.0 * np.cos(np.radians(x)),
    "cosdg": lambda x, y: -math.pi / 180.0 * np.sin(np.radians(x)),
}


def _exprel_slope(x: Any, y: Any) -> Any:
    """``(eˣ − 1)/x``: ``(eˣ − y)/x``, and its series where that would cancel."""
    small = np.abs(x) < 1e-2
    safe = np.where(small, 1.0, x)
    series = 0.5 + x / 3.0 + x * x / 8.0 + x**3 / 30.0 + x**4 / 144.0 + x**5 / 840.0
    return np.where(small, series, (np.exp(x) - y) / safe)


def _xlogy_x(g: Any, x: Any, y: Any, out: Any, tie: float) -> Any:
    return chain(g, np.log(y))


def _quotient(g: Any, x: Any, y: Any) -> Any:
    """``g x / y``, where x = 0 gives 0 whatever y."""
    zero = np.equal(x, 0)
    return chain(g, np.where(zero, 0.0, x / np.where(zero, 1.0, y)))


#: name in `scipy.special` -> the two cotangents (see `rules_pairs.PULLS`).
SPECIAL_PAIRS: dict[str, Pull2] = {
    "xlogy": (_xlogy_x, lambda g, x, y, out, tie: _quotient(g, x, y)),
    "xlog1py": (
        lambda g, x, y, out, tie: chain(g, np.log1p(y)),
        lambda g, x, y, out, tie: _quotient(g, x, 1.0 + y),
    ),
    "rel_entr": (
        lambda g, x, y, out, tie: chain(g, np.log(np.divide(x, y)) + 1.0),
        lambda g, x, y, out, tie: -_quotient(g, x, y),
    ),
    "kl_div": (
        lambda g, x, y, out, tie: chain(g, np.log(np.divide(x, y))),
        lambda g, x, y, out, tie: chain(g, 1.0 - np.divide(x, y)),
    ),
    "betaln": (
        lambda g, x, y, out, tie: g * (_special("digamma")(x) - _special("digamma")(x + y)),
        lambda g, x, y, out, tie: g * (_special("digamma")(y) - _special("digamma")(x + y)),
    ),
    "huber": (
        lambda g, x, y, out, tie: g * np.where(np.abs(y) <= x, 0.0, np.abs(y) - x),
        lambda g, x, y, out, tie: g * np.clip(y, -x, x),
    ),
    "pseudo_huber": (
        lambda g, x, y, out, tie: g * _pseudo_huber_scale(x, y),
        lambda g, x, y, out, tie: g * y / np.sqrt(1.0 + np.square(np.divide(y, x))),
    ),
}


def _pseudo_huber_scale(delta: Any, r: Any) -> Any:
    """``δ² (√(1 + (r/δ)²) − 1)`` by δ."""
    root = np.sqrt(1.0 + np.square(np.divide(r, delta)))
    return 2.0 * delta * (root - 1.0) - np.square(r) / (delta * root)


# ---- softmax and its kin -------------------------------------------------------------------------


def _shares(c: Call) -> Any:
    a, axes = double(c.x), axes_of(c.axis, np.ndim(c.x))
    e = np.exp(a - a.max(axis=axes, keepdims=True))
    return e / e.sum(axis=axes, keepdims=True)


def _softmax(c: Call) -> Any:
    """``y = eᵃ / Σ eᵃ``: ``y ∘ (g − Σ g y)``."""
    y, g = _shares(c), np.asarray(c.g)
    return y * (g - (g * y).sum(axis=axes_of(c.axis, y.ndim), keepdims=True))


def _log_softmax(c: Call) -> Any:
    """``y = a − log Σ eᵃ``: ``g − softmax(a) Σ g``."""
    y, g = _shares(c), np.asarray(c.g)
    return g - y * g.sum(axis=axes_of(c.axis, y.ndim), keepdims=True)


def _weighted(c: Call) -> tuple[Any, Any, Any]:
    """Return the exponentials, their weights and ``Σ b eᵃ`` (all scaled by the maximum)."""
    if c.return_sign:
        raise NoRule("keyword return_sign=")
    shape = np.broadcast_shapes(np.shape(c.a), () if c.b is None else np.shape(c.b))
    a = np.broadcast_to(double(c.a), shape)
    b = np.broadcast_to(1.0 if c.b is None else double(c.b), shape)
    axes = axes_of(c.axis, len(shape))
    top = np.where(b == 0, -np.inf, a).max(axis=axes, keepdims=True)
    e = np.exp(a - np.where(np.isfinite(top), top, 0.0))
    g = np.asarray(kept(c.g, shape, c.axis))
    return e, b, g / (b * e).sum(axis=axes, keepdims=True)


def _logsumexp(c: Call) -> Any:
    """``y = log Σ b eᵃ``: ``b eᵃ / Σ b eᵃ``."""
    e, b, g = _weighted(c)
    return chain(g, b * e)


def _logsumexp_b(c: Call) -> Any:
    e, _, g = _weighted(c)
    return chain(g, e)


LAZY: dict[str, dict[str, Rule]] = {
    "scipy.special": {
        **{name: pair_rule(pulls) for name, pulls in SPECIAL_PAIRS.items()},
        "logsumexp": named("a axis b keepdims return_sign", a=_logsumexp, b=_logsumexp_b),
        "softmax": named("x axis", x=_softmax),
        "log_softmax": named("x axis", x=_log_softmax),
    },
    "scipy.signal": {
        "convolve": rules_signal.signal_rule(False),
        "convolve2d": rules_signal.signal_rule(False),
        "fftconvolve": rules_signal.signal_rule(False),
        "oaconvolve": rules_signal.signal_rule(False),
        "correlate": rules_signal.signal_rule(True),
        "correlate2d": rules_signal.signal_rule(True, later=True),
    },
    "scipy.linalg": rules_scipy_linalg.RULES,
}


def slope_of(name: str) -> Rule:
    """Make the rule of an elementwise function of `scipy.special`."""
    return slope_rule(_special(name), SPECIAL[name])


def find(function: Any) -> Rule | None:
    """Return the rule of a SciPy function, by identity with a name of an imported module."""
    for module_name, rows in LAZY.items():
        module = sys.modules.get(module_name)
        if module is None:
            continue
        name = getattr(function, "__name__", "")
        if getattr(module, name, None) is not function:
            continue
        if name in rows:
            return rows[name]
        if module_name == "scipy.special" and name in SPECIAL:
            return slope_of(name)
    return None
