"""Sorting and what depends on the order: partition, median, quantiles, interpolation."""

from __future__ import annotations

from typing import Any

import numpy as np

from backproof.calculus.rule import Array, Call, NoRule, Rule, double, named
from backproof.trace.primitives import Method


def unsorted(a: Array, g: Array, tie: float) -> Array:
    """Send the cotangents of sorted lanes (last axis) back to the elements they came from.

    Among equal elements: each gets the mean of theirs at ``tie=0.5``; at 0 they are taken in order,
    at 1 in reverse order.
    """
    n = a.shape[-1]
    if tie == 1:
        order = n - 1 - np.argsort(a[..., ::-1], axis=-1, kind="stable")
    else:
        order = np.argsort(a, axis=-1, kind="stable")
    if tie == 0.5:
        ranked = np.take_along_axis(a, order, axis=-1)
        if n > 1 and (ranked[..., 1:] == ranked[..., :-1]).any():
            g = _shared(ranked, g)
    whole = np.zeros(a.shape)
    np.put_along_axis(whole, order, g, axis=-1)
    return whole


def _shared(ranked: Array, g: Array) -> Array:
    """Replace each run of equal elements' cotangents by their mean."""
    lanes, values = ranked.reshape(-1, ranked.shape[-1]), g.reshape(-1, g.shape[-1])
    out = np.empty(values.shape)
    for i, (lane, h) in enumerate(zip(lanes, values, strict=True)):
        group = np.concatenate([[0], np.cumsum(lane[1:] != lane[:-1])])
        means = np.bincount(group, weights=h) / np.bincount(group)
        out[i] = means[group]
    return out.reshape(g.shape)


def _sorted(c: Call) -> Any:
    """``y = sort(a)``: a permutation."""
    if getattr(c, "order", None) is not None:
        raise NoRule("keyword order=")
    a, g = double(c.a), np.asarray(c.g, dtype=float)
    if c.axis is None and not c.default_last:
        return unsorted(a.ravel(), g.ravel(), c.tie).reshape(a.shape)
    axis = -1 if c.axis is None else c.axis
    lanes = unsorted(np.moveaxis(a, axis, -1), np.moveaxis(g, axis, -1), c.tie)
    return np.moveaxis(lanes, -1, axis)


def _sort_rule(signature: str) -> Rule:
    """Make the rule of sort, whose axis is −1 unless None is given."""
    rule = named(signature + " default_last", a=_sorted)

    def with_default(args: tuple[Any, ...], kwargs: dict[str, Any], *rest: Any) -> list[Any]:
        position = signature.split().index("axis")
        given = len(args) > position or "axis" in kwargs
        kwargs = {k: v for k, v in kwargs.items() if k not in ("kind", "stable")}
        return rule(args, {**kwargs, "default_last": not given}, *rest)

    return with_default


def _partition(
    args: tuple[Any, ...], kwargs: dict[str, Any], out: Any, g: Any, wanted: Any, tie: float
) -> list[Any]:
    """``y = partition(a, k)``: the permutation that `argpartition` gives (it is deterministic)."""
    kind = kwargs.get("kind", "introselect")
    axis = args[2] if len(args) > 2 else kwargs.get("axis", -1)
    kth = args[1] if len(args) > 1 else kwargs["kth"]
    a = double(args[0])
    lane_a, lane_g = (a.ravel(), np.ravel(g)) if axis is None else (a, np.asarray(g))
    along = -1 if axis is None else axis
    order = np.argpartition(lane_a, kth, axis=along, kind=kind)
    if not np.array_equal(np.take_along_axis(lane_a, order, along), np.reshape(out, lane_a.shape)):
        raise NoRule("a partition whose order is unknown")
    whole = np.zeros(lane_a.shape)
    np.put_along_axis(whole, order, lane_g, axis=along)
    return [whole.reshape(a.shape) for _ in wanted]


# ---- median and quantiles ------------------------------------------------------------------------


def _lanes(c: Call) -> tuple[Array, tuple[int, ...], tuple[int, ...]]:
    """Return a with the reduced axes last and joined, those axes, and the moved shape."""
    a = double(c.a)
    axis = range(a.ndim) if c.axis is None else c.axis
    axes = tuple(int(i) % a.ndim for i in (axis if np.iterable(axis) else (axis,)))
    moved = np.moveaxis(a, axes, range(a.ndim - len(axes), a.ndim))
    rest = moved.shape[: a.ndim - len(axes)]
    return moved.reshape(*rest, -1), axes, moved.shape


def _place(whole: Array, axes: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    return np.moveaxis(whole.reshape(shape), range(len(shape) - len(axes), len(shape)), axes)


def _median(c: Call) -> Any:
    """The mean of the one or two middle elements of each sorted lane."""
    lanes, axes, shape = _lanes(c)
    n = lanes.shape[-1]
    weight = np.zeros(n)
    weight[[(n - 1) // 2, n // 2]] += 0.5 if n % 2 == 0 else 1.0
    g = np.asarray(c.g).reshape(lanes.shape[:-1])[..., None] * weight
    return _place(unsorted(lanes, g, c.tie), axes, shape)


def _quantile(scale: float) -> Any:
    def pull(c: Call) -> Any:
        """Interpolate linearly between the two sorted elements around q (n − 1)."""
        if c.method not in (None, "linear") or c.interpolation not in (None, "linear"):
            raise NoRule("keyword method=")
        lanes, axes, shape = _lanes(c)
        n = lanes.shape[-1]
        q = np.asarray(c.q, dtype=float) / scale
        g = np.asarray(c.g).reshape(q.size, *lanes.shape[:-1])
        ranked = np.zeros(lanes.shape)
        for part, level in zip(g, q.ravel(), strict=True):
            position = level * (n - 1)
            low = int(np.floor(position))
            high = min(low + 1, n - 1)
            ranked[..., low] += part * (1.0 - (position - low))
            ranked[..., high] += part * (position - low)
        return _place(unsorted(lanes, ranked, c.tie), axes, shape)

    return pull


# ---- interpolation -------------------------------------------------------------------------------


def _interp_pieces(c: Call) -> tuple[Array, Array, Array, Array, Array]:
    """Return the left neighbour of each x, its share, the slope there, and inside masks."""
    if c.period is not None:
        raise NoRule("keyword period=")
    x, xp = np.ravel(double(c.x)), double(c.xp)
    left = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, xp.size - 2)
    width = xp[left + 1] - xp[left]
    inside = (x >= xp[0]) & (x <= xp[-1])
    share = np.where(inside, (x - xp[left]) / width, 0.0)
    fp = double(c.fp)
    slope = (fp[left + 1] - fp[left]) / width
    return left, share, slope, inside, x


def _interp_x(c: Call) -> Any:
    """The slope of the piece that x lies on; outside 0; at a node the mean of both at tie ½."""
    left, _, slope, inside, x = _interp_pieces(c)
    xp, fp = double(c.xp), double(c.fp)
    before = np.clip(left - 1, 0, None)
    slope_before = (fp[before + 1] - fp[before]) / (xp[before + 1] - xp[before])
    slope_before = np.where(x == xp[0], 0.0, slope_before)
    end = x == xp[-1]
    node = (x == xp[left]) & inside
    mixed = np.where(node, c.tie * slope + (1 - c.tie) * slope_before, slope)
    mixed = np.where(end, (1 - c.tie) * slope, mixed)
    return (np.ravel(c.g) * np.where(inside, mixed, 0.0)).reshape(np.shape(c.x))


def _interp_fp(c: Call) -> Any:
    """Each of the two neighbours gets its share."""
    left, share, _, inside, x = _interp_pieces(c)
    g = np.ravel(np.asarray(c.g, dtype=float))
    xp = double(c.xp)
    below, above = x < xp[0], x > xp[-1]
    whole = np.bincount(left, weights=np.where(inside, g * (1 - share), 0.0), minlength=xp.size)
    whole += np.bincount(left + 1, weights=np.where(inside, g * share, 0.0), minlength=xp.size)
    whole[0] += g[below].sum() if c.left is None else 0.0
    whole[-1] += g[above].sum() if c.right is None else 0.0
    return whole


QUANTILE = "a q axis !out !overwrite_input method keepdims !weights interpolation"

RULES: dict[Any, Rule] = {
    np.sort: _sort_rule("a axis kind order"),
    Method("sort"): _sort_rule("a axis kind order"),
    np.partition: _partition,
    np.median: named("a axis !out overwrite_input keepdims", a=_median),
    np.quantile: named(QUANTILE, a=_quantile(1.0)),
    np.percentile: named(QUANTILE, a=_quantile(100.0)),
    np.interp: named("x xp fp left right period", x=_interp_x, fp=_interp_fp),
}
