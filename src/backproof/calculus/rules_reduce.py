"""Reductions and running sums along axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from backproof.calculus.rule import (
    Array,
    Call,
    NoRule,
    Rule,
    axes_of,
    chain,
    count,
    double,
    kept,
    named,
)
from backproof.trace.primitives import Method


def _wide(c: Call) -> Array:
    """Return g with the reduced axes kept, to broadcast against ``a``."""
    return np.asarray(kept(c.g, np.shape(c.a), c.axis))


# ---- sums and means ------------------------------------------------------------------------------


def _sum(c: Call) -> Any:
    """``y = Σ a``: every element gets g."""
    return np.broadcast_to(_wide(c), np.shape(c.a))


def _mean(c: Call) -> Any:
    """``y = Σ a / n``."""
    shape = np.shape(c.a)
    return np.broadcast_to(_wide(c) / count(shape, c.axis), shape)


def _spread(c: Call, axis: Any) -> tuple[Array, Array, float]:
    """Return the deviations from the mean, g, and the divisor n − ddof."""
    a = double(c.a)
    ddof = getattr(c, "ddof", None)
    if getattr(c, "correction", None) is not None:
        ddof = c.correction
    axes = axes_of(axis, a.ndim)
    mean = a.mean(axis=axes, keepdims=True)
    return a - mean, _wide(c), count(a.shape, axis) - float(ddof or 0)


def _var(c: Call) -> Any:
    """``y = Σ (a − ā)² / (n − ddof)``: ``2 (a − ā) / (n − ddof)``; what ā adds sums to zero."""
    deviation, g, n = _spread(c, c.axis)
    return g * (2.0 / n) * deviation


def _std(c: Call) -> Any:
    """``√var``: ``(a − ā) / ((n − ddof) y)``; 0, the smallest sub-gradient, where all are equal."""
    deviation, g, n = _spread(c, c.axis)
    y = np.sqrt(np.square(deviation).sum(axis=axes_of(c.axis, deviation.ndim), keepdims=True) / n)
    flat = y == 0
    return np.where(flat, 0.0, g * deviation / (n * np.where(flat, 1.0, y)))


def _weights(c: Call) -> Any:
    a, w = double(c.a), double(c.weights)
    if w.shape == a.shape:
        return w
    axes = axes_of(c.axis, a.ndim)
    shape = [1] * a.ndim
    for axis, n in zip(axes, w.shape, strict=True):
        shape[axis] = n
    return w.transpose(np.argsort(np.argsort(axes))).reshape(shape)


def _average_pieces(c: Call) -> tuple[Array, Array, Array]:
    if c.returned:
        raise NoRule("keyword returned=")
    a, w = double(c.a), np.broadcast_to(_weights(c), np.shape(c.a))
    axes = axes_of(c.axis, a.ndim)
    total = w.sum(axis=axes, keepdims=True)
    mean = (a * w).sum(axis=axes, keepdims=True) / total
    return np.asarray(w / total), np.asarray((a - mean) / total), _wide(c)


def _average(c: Call) -> Any:
    """``y = Σ w a / Σ w``: ``w / Σ w``."""
    if c.weights is None:
        return _mean(c)
    share, _, g = _average_pieces(c)
    return g * share


def _average_weights(c: Call) -> Any:
    """``y = Σ w a / Σ w``: ``(a − y) / Σ w``."""
    _, slope, g = _average_pieces(c)
    whole = g * slope
    w = double(c.weights)
    if w.shape == whole.shape:
        return whole
    axes = axes_of(c.axis, whole.ndim)
    rest = tuple(i for i in range(whole.ndim) if i not in axes)
    order = np.argsort(axes)
    return whole.sum(axis=rest).transpose(np.argsort(order))


# ---- products ------------------------------------------------------------------------------------


def _prod(c: Call) -> Any:
    """``y = Π a``: the product of all others, also where elements are 0."""
    a = double(c.a)
    axes = axes_of(c.axis, a.ndim)
    none = a == 0
    if not none.any():
        others = a.prod(axis=axes, keepdims=True) / a
    else:
        rest = np.where(none, 1.0, a)
        product = rest.prod(axis=axes, keepdims=True)
        zeros = none.sum(axis=axes, keepdims=True)
        others = np.where(zeros == 0, product / rest, np.where((zeros == 1) & none, product, 0.0))
    return _wide(c) * others


def _along(c: Call) -> tuple[Array, Array]:
    """Return a and g with the axis of a running sum last (flattened for axis=None)."""
    a, g = double(c.a), np.asarray(c.g)
    if c.axis is None:
        return a.ravel(), g.ravel()
    return np.moveaxis(a, c.axis, -1), np.moveaxis(g, c.axis, -1)


def _back(c: Call, whole: Array) -> Any:
    return whole.reshape(np.shape(c.a)) if c.axis is None else np.moveaxis(whole, -1, c.axis)


def _cumsum(c: Call) -> Any:
    """``y_j = Σ_{i≤j} a_i``: ``ā_i = Σ_{j≥i} g_j``."""
    _, g = _along(c)
    return _back(c, np.cumsum(g[..., ::-1], axis=-1)[..., ::-1])


def _cumprod(c: Call) -> Any:
    """``y_j = Π_{i≤j} a_i``: ``ā_i = y_{i−1} s_i`` with ``s_i = g_i + a_{i+1} s_{i+1}``."""
    a, g = _along(c)
    out = np.empty(a.shape)
    s = np.zeros(a.shape[:-1])
    n = a.shape[-1]
    before = np.cumprod(a, axis=-1)
    for i in range(n - 1, -1, -1):
        s = g[..., i] + (a[..., i + 1] * s if i + 1 < n else 0.0)
        out[..., i] = before[..., i - 1] * s if i else s
    return _back(c, out)


def _diff(c: Call) -> Any:
    """``y_i = a_{i+1} − a_i``, n times: ``ā = [0, g] − [g, 0]``."""
    axis = -1 if c.axis is None else c.axis
    g = np.moveaxis(np.asarray(c.g), axis, -1)
    pad = [(0, 0)] * (g.ndim - 1)
    for _ in range(1 if c.n is None else c.n):
        g = np.pad(g, [*pad, (1, 0)]) - np.pad(g, [*pad, (0, 1)])
    return np.moveaxis(g, -1, axis)


# ---- order statistics ----------------------------------------------------------------------------


def extreme_share(a: Array, out: Array, axes: tuple[int, ...], tie: float) -> Any:
    """Return the share of g that each element of a max or min gets.

    Tied elements get 1/k each at ``tie=0.5``, all of it at 1, and the first all of it at 0.
    """
    hit = (a == out) | (np.isnan(a) & np.isnan(out))
    if tie == 1:
        return hit.astype(float)
    counts = hit.sum(axis=axes, keepdims=True)
    if tie == 0 and (counts > 1).any():
        last = tuple(range(a.ndim - len(axes), a.ndim))
        lanes = np.moveaxis(hit, axes, last)
        flat = lanes.reshape(*lanes.shape[: a.ndim - len(axes)], -1)
        first = np.zeros(flat.shape)
        np.put_along_axis(first, flat.argmax(axis=-1)[..., None], 1.0, axis=-1)
        return np.asarray(np.moveaxis(first.reshape(lanes.shape), last, axes))
    return hit / counts


def _extreme(c: Call, reduce: Any) -> Any:
    """``y = max a``: g goes to the largest element (ties: see `extreme_share`)."""
    a = double(c.a)
    axes = axes_of(c.axis, a.ndim)
    out = reduce(a, axis=axes, keepdims=True)
    return _wide(c) * extreme_share(a, out, axes, c.tie)


def _max(c: Call) -> Any:
    return _extreme(c, np.max)


def _min(c: Call) -> Any:
    return _extreme(c, np.min)


def _ptp(c: Call) -> Any:
    return _max(c) - _min(c)


# ---- nan-ignoring --------------------------------------------------------------------------------


def _nansum(c: Call) -> Any:
    return np.where(np.isnan(double(c.a)), 0.0, _wide(c))


def _nanmean(c: Call) -> Any:
    present = ~np.isnan(double(c.a))
    n = present.sum(axis=axes_of(c.axis, present.ndim), keepdims=True)
    return np.where(present, _wide(c) / np.where(n == 0, 1, n), 0.0)


def _running_extreme(better: Any) -> Any:
    def pull(c: Call) -> Any:
        """``y_j = max_{i≤j} a_i``: g_j goes to the first (tie 1: last) element that is y_j."""
        a, g = _along(c)
        where = np.zeros(a.shape, dtype=np.intp)
        for j in range(1, a.shape[-1]):
            best = np.take_along_axis(a, where[..., j - 1 : j], axis=-1)[..., 0]
            wins = better(a[..., j], best) if c.tie < 1 else ~better(best, a[..., j])
            where[..., j] = np.where(wins, j, where[..., j - 1])
        whole = np.zeros(a.shape)
        index: list[Any] = list(np.indices(a.shape))
        index[-1] = where
        np.add.at(whole, tuple(index), g)
        return _back(c, whole)

    return pull


def _nan_spread(root: bool) -> Any:
    def pull(c: Call) -> Any:
        """`_var` and `_std` over the elements that are numbers."""
        a = double(c.a)
        there = ~np.isnan(a)
        axes = axes_of(c.axis, a.ndim)
        n = there.sum(axis=axes, keepdims=True)
        mean = np.where(there, a, 0.0).sum(axis=axes, keepdims=True) / n
        deviation = np.where(there, a - mean, 0.0)
        n = n - float(c.ddof or 0)
        if not root:
            return _wide(c) * 2.0 / n * deviation
        y = np.sqrt(np.square(deviation).sum(axis=axes, keepdims=True) / n)
        return np.where(y == 0, 0.0, _wide(c) * deviation / (n * np.where(y == 0, 1.0, y)))

    return pull


def _nan_extreme(fill: float, reduce: Any) -> Any:
    def pull(c: Call) -> Any:
        a = double(c.a)
        a = np.where(np.isnan(a), fill, a)
        axes = axes_of(c.axis, a.ndim)
        out = reduce(a, axis=axes, keepdims=True)
        share = extreme_share(a, out, axes, c.tie)
        return _wide(c) * np.where(np.isnan(double(c.a)), 0.0, share)

    return pull


# ---- trace, logsumexp ----------------------------------------------------------------------------


def _trace(c: Call) -> Any:
    """``y = Σ a_ii``: g on the diagonal."""
    shape = np.shape(c.a)
    axis1 = 0 if c.axis1 is None else c.axis1
    axis2 = 1 if c.axis2 is None else c.axis2
    where = np.eye(shape[axis1], shape[axis2], int(c.offset or 0))
    whole = np.multiply.outer(np.asarray(c.g), where)
    return np.moveaxis(whole, (-2, -1), (axis1, axis2))


def _logaddexp_reduce(c: Call) -> Any:
    """``y = log Σ e^a``: the softmax of a."""
    a = double(c.a)
    axis = 0 if c.axis is None else c.axis
    share = np.exp(a - kept(c.out, a.shape, axis))
    return chain(kept(c.g, a.shape, axis), share)


def _ones(c: Call) -> Call:
    """Return the call with 1 in place of NaN."""
    return Call(**{**vars(c), "a": np.where(np.isnan(c.a), 1.0, c.a)})


SUM = "a axis !dtype !out keepdims initial !where"
EXTREME = "a axis !out keepdims !initial !where"
MEAN = "a axis !dtype !out keepdims !where"
SPREAD = "a axis !dtype !out ddof keepdims !where !mean correction"
RUN = "a axis !dtype !out"


def reduced_ufunc(pull: Any) -> Rule:
    """Make the rule of ``ufunc.reduce`` or ``accumulate``, whose axis is 0 unless given."""
    rule = named("a axis !dtype !out keepdims initial !where", a=pull)

    def defaulted(args: tuple[Any, ...], kwargs: dict[str, Any], *rest: Any) -> list[Any]:
        if len(args) < 2 and "axis" not in kwargs:
            kwargs = {**kwargs, "axis": 0}
        return rule(args, kwargs, *rest)

    return defaulted


RULES: dict[Any, Rule] = {
    np.sum: named(SUM, a=_sum),
    Method("sum"): named(SUM, a=_sum),
    np.add.reduce: reduced_ufunc(_sum),
    np.mean: named(MEAN, a=_mean),
    Method("mean"): named(MEAN, a=_mean),
    np.average: named("a axis weights returned keepdims", a=_average, weights=_average_weights),
    np.var: named(SPREAD, a=_var),
    Method("var"): named(SPREAD, a=_var),
    np.std: named(SPREAD, a=_std),
    Method("std"): named(SPREAD, a=_std),
    np.prod: named(SUM.replace("initial", "!initial"), a=_prod),
    Method("prod"): named(SUM.replace("initial", "!initial"), a=_prod),
    np.multiply.reduce: reduced_ufunc(_prod),
    np.cumsum: named(RUN, a=_cumsum),
    Method("cumsum"): named(RUN, a=_cumsum),
    np.cumprod: named(RUN, a=_cumprod),
    Method("cumprod"): named(RUN, a=_cumprod),
    np.diff: named("a n axis !prepend !append", a=_diff),
    np.max: named(EXTREME, a=_max),
    np.amax: named(EXTREME, a=_max),
    Method("max"): named(EXTREME, a=_max),
    np.maximum.reduce: reduced_ufunc(_max),
    np.min: named(EXTREME, a=_min),
    np.amin: named(EXTREME, a=_min),
    Method("min"): named(EXTREME, a=_min),
    np.minimum.reduce: reduced_ufunc(_min),
    np.ptp: named("a axis !out keepdims", a=_ptp),
    np.nansum: named(SUM.replace("initial", "!initial"), a=_nansum),
    np.nanmean: named(MEAN, a=_nanmean),
    np.nanmax: named(EXTREME, a=_nan_extreme(-np.inf, np.max)),
    np.nanmin: named(EXTREME, a=_nan_extreme(np.inf, np.min)),
    np.nanvar: named(SPREAD, a=_nan_spread(False)),
    np.nanstd: named(SPREAD, a=_nan_spread(True)),
    np.nanprod: named(
        SUM.replace("initial", "!initial"),
        a=lambda c: np.where(np.isnan(c.a), 0.0, _prod(_ones(c))),
    ),
    np.add.accumulate: reduced_ufunc(_cumsum),
    np.multiply.accumulate: reduced_ufunc(_cumprod),
    np.maximum.accumulate: reduced_ufunc(_running_extreme(np.greater)),
    np.minimum.accumulate: reduced_ufunc(_running_extreme(np.less)),
    np.trace: named("a offset axis1 axis2 !dtype !out", a=_trace),
    Method("trace"): named("a offset axis1 axis2 !dtype !out", a=_trace),
    np.logaddexp.reduce: reduced_ufunc(_logaddexp_reduce),
}
