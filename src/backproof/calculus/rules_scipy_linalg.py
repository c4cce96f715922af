"""Inverses, triangular systems and Cholesky factors of `scipy.linalg` (see `rules_linalg`)."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from backproof.calculus.rule import (
    Array,
    Call,
    NoPartial,
    NoRule,
    Pulled,
    Rule,
    Signature,
    as_cotangent,
    double,
    named,
)
from backproof.calculus.rules_linalg import (
    cholesky_pull,
    det_pull,
    flip,
    inverse_pull,
    solve_a,
    solve_b,
)


def _solve_triangular_a(c: Call) -> Any:
    """``A X = B`` with one triangle of A read: ``Ā = −B̄ Xᵀ`` on that triangle."""
    bar, x = _triangular(c)
    a = double(c.a)
    whole = -np.outer(bar, x) if bar.ndim == 1 else -(bar @ x.T)
    if c.trans in (1, "T", 2, "C"):
        whole = whole.T
    whole = np.tril(whole) if c.lower else np.triu(whole)
    if c.unit_diagonal:
        whole = whole - np.diag(np.diag(whole))
    return whole.reshape(a.shape)


def _triangular(c: Call) -> tuple[Any, Any]:
    solve = sys.modules["scipy.linalg"].solve_triangular
    if np.ndim(c.a) != 2:
        raise NoRule("a stack of matrices")
    flipped = c.trans in (1, "T", 2, "C")
    keywords = {"lower": bool(c.lower), "unit_diagonal": bool(c.unit_diagonal)}
    g = np.asarray(c.g, dtype=float)
    bar = solve(double(c.a), g, trans=0 if flipped else 1, **keywords)
    return bar, solve(double(c.a), double(c.b), trans=1 if flipped else 0, **keywords)


# ---- Cholesky ------------------------------------------------------------------------------------


def _cholesky(c: Call) -> Any:
    """``A = L Lᵀ`` from the lower triangle, or ``A = Uᵀ U`` from the upper."""
    return _of_factor(c, c.g)


def _cho_factor(c: Call) -> Any:
    """``(F, lower)``: as for the factor alone; the other triangle of F is that of A."""
    g = c.g[0]
    if g is None:
        return None
    other = np.triu(g, 1) if c.lower else np.tril(g, -1)
    return _of_factor(c, g) + other


def _of_factor(c: Call, g: Any) -> Array:
    a = double(c.a)
    if a.ndim != 2:
        raise NoRule("a stack of matrices")
    if c.lower:
        return cholesky_pull(np.linalg.cholesky(np.tril(a) + np.tril(a, -1).T), g, "L")
    return cholesky_pull(np.linalg.cholesky(np.triu(a).T + np.triu(a, 1)), flip(np.asarray(g)), "U")


_CHO_SOLVE = Signature("c_and_lower b overwrite_b check_finite")


def _cho_solve(
    args: tuple[Any, ...], kwargs: dict[str, Any], out: Any, g: Any, wanted: Any, tie: float
) -> Pulled:
    """``L Lᵀ X = B``: ``B̄ = A⁻¹ g``, ``L̄ = −(B̄ Xᵀ + X B̄ᵀ) L``."""
    values = _CHO_SOLVE.bind(args, kwargs)
    (factor, lower), b = values["c_and_lower"], values["b"]
    held = double(factor)
    if held.ndim != 2:
        raise NoRule("a stack of matrices")
    low = np.tril(held) if lower else np.triu(held).T
    columns = np.asarray(g, float).reshape(len(low), -1)
    bar = np.linalg.solve(low @ low.T, columns)
    result: Pulled = []
    for path in wanted:
        name, *rest = _CHO_SOLVE.path(path)
        if name == "b":
            result.append(as_cotangent(bar.reshape(np.shape(b)), b))
        elif name == "c_and_lower" and rest == [0]:
            both = bar @ np.linalg.solve(low @ low.T, double(b).reshape(len(low), -1)).T
            part = np.tril(-(both + both.T) @ low)
            result.append(as_cotangent(part if lower else part.T, factor))
        else:
            raise NoPartial(f"the derivative with respect to {name}")
    return result


RULES: dict[str, Rule] = {
    "inv": named("a overwrite_a check_finite", a=inverse_pull),
    "det": named("a overwrite_a check_finite", a=det_pull),
    "solve": named(
        "a b !lower overwrite_a overwrite_b check_finite !assume_a !transposed", a=solve_a,
        b=solve_b,
    ),
    "solve_triangular": named(
        "a b trans lower unit_diagonal overwrite_b check_finite", a=_solve_triangular_a,
        b=lambda c: _triangular(c)[0],
    ),
    "cholesky": named("a lower overwrite_a check_finite", a=_cholesky),
    "cho_factor": named("a lower overwrite_a check_finite", a=_cho_factor),
    "cho_solve": _cho_solve,
}  # fmt: skip
