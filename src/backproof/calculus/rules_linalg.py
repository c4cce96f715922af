"""Inverses, determinants, norms and factorisations (`numpy.linalg`), also of stacks of matrices.

The formulas are those of Giles 2008, "An extended collection of matrix derivative results for
forward and reverse mode algorithmic differentiation", and of Murray 2016, "Differentiation of the
Cholesky decomposition".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from backproof.calculus.rule import (
    Array,
    Call,
    NoPartial,
    NoRule,
    Rule,
    as_cotangent,
    double,
    kept,
    named,
)
from backproof.calculus.rules_builtin import matrix_power_pull
from backproof.calculus.rules_linear import unstack
from backproof.trace.primitives import Attribute


def flip(x: Array) -> Array:
    """Transpose each matrix of a stack."""
    return x.swapaxes(-1, -2)


def inverse_pull(c: Call) -> Any:
    """``Y = A⁻¹``: ``Ā = −Yᵀ g Yᵀ``."""
    y = flip(np.linalg.inv(double(c.a)))
    return -(y @ np.asarray(c.g) @ y)


# ---- solve ---------------------------------------------------------------------------------------


def _column(c: Call) -> tuple[Array, Array, bool]:
    """Return b̄ and x as stacks of columns, and whether b was one vector."""
    a, g = double(c.a), np.asarray(c.g, dtype=float)
    vector = np.ndim(c.b) == 1
    x = np.linalg.solve(a, double(c.b))
    if vector:
        g, x = g[..., None], x[..., None]
    return np.linalg.solve(flip(a), g), x, vector


def solve_a(c: Call) -> Any:
    """``A X = B``: ``Ā = −B̄ Xᵀ``."""
    bar, x, _ = _column(c)
    return unstack(-(bar @ flip(x)), np.shape(c.a))


def solve_b(c: Call) -> Any:
    """``A X = B``: ``B̄ = A⁻ᵀ g``."""
    bar, _, vector = _column(c)
    if vector:
        bar = bar[..., 0]
        return bar.sum(axis=tuple(range(bar.ndim - 1)))
    return unstack(bar, np.shape(c.b))


# ---- determinants --------------------------------------------------------------------------------


def cofactors(a: Array) -> Array:
    """Return ``∂ det A / ∂A``, the cofactors: ``U diag(Π_{j≠i} s_j) Vᵀ · det(U Vᵀ)``.

    From the singular values, so that it also holds where A is singular.
    """
    u, s, vt = np.linalg.svd(a)
    n = s.shape[-1]
    others = np.stack([np.delete(s, i, axis=-1).prod(axis=-1) for i in range(n)], axis=-1)
    sign = np.linalg.det(u) * np.linalg.det(vt)
    return np.asarray(sign[..., None, None] * ((u * others[..., None, :]) @ vt))


def det_pull(c: Call) -> Any:
    """``Ā = g · cofactors(A)``, which is ``g det(A) A⁻ᵀ`` where A has an inverse."""
    return np.asarray(c.g)[..., None, None] * cofactors(double(c.a))


def _slogdet(c: Call) -> Any:
    """``(sign, log|det A|)``: ``Ā = g₁ A⁻ᵀ``; the sign is constant."""
    g = c.g[1]
    if g is None:
        return None
    return np.asarray(g)[..., None, None] * flip(np.linalg.inv(double(c.a)))


# ---- factorisations ------------------------------------------------------------------------------


def _cholesky(c: Call) -> Any:
    """``A = L Lᵀ``: ``Ā = L⁻ᵀ Φ(Lᵀ g) L⁻¹``, Φ the lower triangle with half the diagonal.

    NumPy reads the lower triangle only, so all of the cotangent goes there.
    """
    if c.upper:
        raise NoRule("keyword upper=")
    return cholesky_pull(np.linalg.cholesky(double(c.a)), c.g, "L")


def cholesky_pull(low: Array, g: Any, uplo: str) -> Array:
    """Return Ā on the triangle of A that was read, from L and its cotangent."""
    phi = np.tril(flip(low) @ np.tril(np.asarray(g)))
    n = phi.shape[-1]
    phi[..., range(n), range(n)] *= 0.5
    inverse = np.linalg.inv(low)
    return to_triangle(flip(inverse) @ phi @ inverse, uplo)


def to_triangle(symmetric: Array, uplo: str) -> Array:
    """Fold the cotangent of a symmetric matrix onto the triangle that was read."""
    both = symmetric + flip(symmetric)
    n = both.shape[-1]
    both[..., range(n), range(n)] *= 0.5
    return np.tril(both) if uplo == "L" else np.triu(both)


def _eigh(c: Call) -> Any:
    """``A = V diag(w) Vᵀ``: ``Ā = V (diag(ḡw) + F ∘ (Vᵀ ḡV)) Vᵀ``, ``F_ij = 1/(w_j − w_i)``.

    The eigenvectors of equal eigenvalues have no derivative; their signs are NumPy's choice.
    """
    uplo: Any = (c.UPLO or "L").upper()
    w, v = np.linalg.eigh(double(c.a), uplo)
    gw, gv = c.g
    n = w.shape[-1]
    inner = np.zeros(v.shape)
    if gw is not None:
        inner[..., range(n), range(n)] = gw
    if gv is not None:
        gap = w[..., None, :] - w[..., :, None]
        apart = ~np.eye(n, dtype=bool)
        if np.any(np.abs(gap[..., apart]) <= 1e-12 * np.max(np.abs(w), initial=1e-300)):
            raise NoRule("eigenvectors of equal eigenvalues")
        inner = inner + np.where(apart, flip(v) @ gv, 0.0) / np.where(apart, gap, 1.0)
    return to_triangle(v @ (0.5 * (inner + flip(inner))) @ flip(v), uplo)


def _eigvalsh(c: Call) -> Any:
    """``w`` of `_eigh`: ``Ā = V diag(g) Vᵀ``."""
    uplo: Any = (c.UPLO or "L").upper()
    _, v = np.linalg.eigh(double(c.a), uplo)
    return to_triangle((v * np.asarray(c.g)[..., None, :]) @ flip(v), uplo)


def _singular_values(a: Array, g: Any) -> Any:
    """``Ā = U diag(g) Vᵀ``."""
    u, _, vt = np.linalg.svd(a, full_matrices=False)
    return (u * np.asarray(g)[..., None, :]) @ vt


def _svd(c: Call) -> Any:
    if c.compute_uv is False or c.compute_uv == 0:
        return _singular_values(double(c.a), c.g)
    if isinstance(c.g, (list, tuple)) and c.g[0] is None and c.g[2] is None:
        return None if c.g[1] is None else _singular_values(double(c.a), c.g[1])
    raise NoRule("singular vectors")


def _qr(c: Call) -> Any:
    """``A = Q R``, A tall: ``Ā = (ḡQ + Q sym(M)) R⁻ᵀ``, ``M = R ḡRᵀ − ḡQᵀ Q`` (Walter 2010)."""
    a = double(c.a)
    if c.mode not in (None, "reduced") or a.shape[-2] < a.shape[-1]:
        raise NoRule("a wide or full QR factorisation")
    q, r = np.linalg.qr(a)
    gq = np.zeros(q.shape) if c.g[0] is None else np.asarray(c.g[0])
    gr = np.zeros(r.shape) if c.g[1] is None else np.triu(c.g[1])
    m = r @ flip(gr) - flip(gq) @ q
    lower = np.tril(m)
    strict = np.tril(m, -1)
    return flip(np.linalg.solve(r, flip(gq + q @ (lower + flip(strict)))))


def _pinv(c: Call) -> Any:
    """``Y = A⁺``, of constant rank (Golub and Pereyra 1973).

    ``Ā = −Yᵀ g Yᵀ + (I − A Y) gᵀ… `` written out below: the three terms of the differential.
    """
    a = double(c.a)
    y = np.linalg.pinv(a) if c.rcond is None else np.linalg.pinv(a, rcond=c.rcond)
    g, yt = np.asarray(c.g), flip(y)
    left = np.eye(a.shape[-2]) - a @ y
    right = np.eye(a.shape[-1]) - y @ a
    return -(yt @ g @ yt) + left @ flip(g) @ y @ yt + yt @ y @ flip(g) @ right


# ---- norms ---------------------------------------------------------------------------------------


def _norm(c: Call) -> Any:
    """``|x|``: ``x / |x|`` for the Euclidean and Frobenius norms; 0, as a sub-gradient, at 0."""
    x, order, axis = double(c.x), c.ord, c.axis
    if isinstance(axis, (tuple, list)) and len(axis) == 1:
        axis = axis[0]
    matrix = (axis is None and x.ndim == 2 and order is not None) or isinstance(axis, (tuple, list))
    g = np.asarray(kept(c.g, x.shape, axis))
    if matrix and order not in (None, "fro"):
        return _matrix_norm(c, x, order, axis)
    axes = axis
    if order in (None, "fro", 2):
        y = np.sqrt(np.square(x).sum(axis=_tuple(axes), keepdims=True))
        return np.where(y == 0, 0.0, g * x / np.where(y == 0, 1.0, y))
    size = np.abs(x)
    sign = np.where(x == 0, 2 * c.tie - 1, np.sign(x))
    if order == 1:
        return g * sign
    if order in (np.inf, -np.inf):
        extreme = np.max if order > 0 else np.min
        hit = size == extreme(size, axis=_tuple(axes), keepdims=True)
        return g * np.sign(x) * hit / hit.sum(axis=_tuple(axes), keepdims=True)
    if order == 0:
        return None
    p = float(order)
    y = np.power(np.power(size, p).sum(axis=_tuple(axes), keepdims=True), 1.0 / p)
    safe = np.where(y == 0, 1.0, y)
    return np.where(y == 0, 0.0, g * np.sign(x) * np.power(size / safe, p - 1.0))


def _norm_order(c: Call) -> Any:
    """An infinite order is a choice of norm, not a number that could vary."""
    if np.isfinite(c.ord):
        raise NoPartial("the derivative with respect to ord")
    return None


def _tuple(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis


def _matrix_norm(c: Call, x: Array, order: Any, axis: Any) -> Any:
    """Spectral and nuclear norm: ``u vᵀ`` of the largest singular value, ``U Vᵀ``."""
    if axis is not None and tuple(a % x.ndim for a in axis) != (x.ndim - 2, x.ndim - 1):
        raise NoRule("a matrix norm over these axes")
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    g = np.asarray(c.g).reshape(s.shape[:-1])[..., None]
    if order == "nuc":
        share = np.ones(s.shape)
    elif order in (2, -2):
        best = s.max(axis=-1, keepdims=True) if order == 2 else s.min(axis=-1, keepdims=True)
        share = (s == best).astype(float)
    elif order in (1, -1, np.inf, -np.inf):
        return _sum_norm(c, x, order)
    else:
        raise NoRule(f"keyword ord={order!r}")
    return (u * (g * share)[..., None, :]) @ vt


def _sum_norm(c: Call, x: Array, order: Any) -> Any:
    """Largest (smallest) sum of absolute values over the columns (1) or rows (inf)."""
    along = -2 if order in (1, -1) else -1
    other = -1 if along == -2 else -2
    sums = np.abs(x).sum(axis=along, keepdims=True)
    best = (np.max if order > 0 else np.min)(sums, axis=other, keepdims=True)
    hit = sums == best
    g = np.asarray(c.g).reshape(best.shape)
    return g * np.sign(x) * hit / hit.sum(axis=other, keepdims=True)


# ---- products ------------------------------------------------------------------------------------


def _multi_dot(
    args: tuple[Any, ...], kwargs: dict[str, Any], out: Any, g: Any, wanted: Any, tie: float
) -> list[Any]:
    """``Y = A₁ A₂ … A_n``: ``Ā_k = (A₁ … A_{k−1})ᵀ g (A_{k+1} … A_n)ᵀ``."""
    if kwargs or len(args) != 1:
        raise NoRule("keywords of multi_dot")
    chain = [double(a) for a in args[0]]
    if chain[0].ndim == 1:
        chain[0] = chain[0][None, :]
    if chain[-1].ndim == 1:
        chain[-1] = chain[-1][:, None]
    g = np.reshape(np.asarray(g, dtype=float), (chain[0].shape[0], chain[-1].shape[1]))
    result: list[Any] = []
    for _, k in wanted:
        part = g
        for left in chain[:k]:
            part = left.T @ part
        for right in reversed(chain[k + 1 :]):
            part = part @ right.T
        value = args[0][k]
        result.append(as_cotangent(part.reshape(np.shape(value)), value))
    return result


RULES: dict[Any, Rule] = {
    np.linalg.inv: named("a", a=inverse_pull),
    Attribute("I"): named("a", a=lambda c: _pinv_or_inverse(c)),
    np.linalg.pinv: named("a rcond hermitian !rtol", a=_pinv),
    np.linalg.solve: named("a b", a=solve_a, b=solve_b),
    np.linalg.det: named("a", a=det_pull),
    np.linalg.slogdet: named("a", a=_slogdet),
    np.linalg.cholesky: named("a upper", a=_cholesky),
    np.linalg.eigh: named("a UPLO", a=_eigh),
    np.linalg.eigvalsh: named("a UPLO", a=_eigvalsh),
    np.linalg.svd: named("a full_matrices compute_uv !hermitian", a=_svd),
    np.linalg.qr: named("a mode", a=_qr),
    np.linalg.norm: named("x ord axis keepdims", x=_norm, ord=_norm_order),
    np.linalg.matrix_power: named("a n", a=lambda c: matrix_power_pull(double(c.a), c.n, c.g)),
    np.linalg.multi_dot: _multi_dot,
}


def _pinv_or_inverse(c: Call) -> Any:
    """``M.I``: the inverse of a square matrix, else the pseudo-inverse."""
    if c.a.shape[0] == c.a.shape[1]:
        return inverse_pull(c)
    c.rcond = None
    return _pinv(c)
