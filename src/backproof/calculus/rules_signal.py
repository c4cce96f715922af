"""Convolution, correlation, padding and numerical slopes along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backproof.calculus.rule import Array, Call, NoRule, Path, Pulled, Rule, double, named
from backproof.calculus.rules_shape import moved, optional


def full_correlation(a: Array, v: Array) -> Array:
    """Return ``y[k] = Σ_n a[n + k] v[n]`` for every k at which v lies inside a, in n dimensions."""
    windows = np.lib.stride_tricks.sliding_window_view(a, v.shape)
    return np.tensordot(windows, v, axes=v.ndim)


def _flipped(x: Array) -> Array:
    return x[(slice(None, None, -1),) * x.ndim]


def widened(g: Array, full: Sequence[int], start: Sequence[int]) -> Array:
    """Put the cotangent of a cut-out part back into the full convolution's shape."""
    whole = np.zeros(tuple(full))
    whole[tuple(slice(s, s + n) for s, n in zip(start, g.shape, strict=True))] = g
    return whole


def convolve_pull(g: Array, other: Array) -> Array:
    """``y = a ∗ v`` (full): ``ā[i] = Σ_n g[i + n] v[n]``, and the same for v̄."""
    return full_correlation(g, other)


def _mode(c: Call, default: str) -> str:
    modes = {0: "valid", 1: "same", 2: "full", None: default}
    return str(modes.get(c.mode, c.mode))


def _offset(mode: str, long: int, short: int) -> int:
    """Return where NumPy's 1-d result begins in the full one (n − 1 − n//2 for 'same')."""
    return {"full": 0, "same": short - 1 - short // 2, "valid": short - 1}[mode]


def _convolved(c: Call) -> tuple[Array, Array, Array]:
    a, v, mode = np.atleast_1d(double(c.a)), np.atleast_1d(double(c.v)), _mode(c, "full")
    start = _offset(mode, max(a.size, v.size), min(a.size, v.size))
    g = widened(np.atleast_1d(np.asarray(c.g)), [a.size + v.size - 1], [start])
    return a, v, g


def _convolve_a(c: Call) -> Any:
    _, v, g = _convolved(c)
    return convolve_pull(g, v).reshape(np.shape(c.a))


def _convolve_v(c: Call) -> Any:
    a, _, g = _convolved(c)
    return convolve_pull(g, a).reshape(np.shape(c.v))


def _correlated(c: Call) -> tuple[Array, Array, Array]:
    """``correlate(a, v) = convolve(a, v[::-1])``, but 'same' of a longer v is cut elsewhere."""
    a, v, mode = np.atleast_1d(double(c.a)), np.atleast_1d(double(c.v)), _mode(c, "valid")
    short = min(a.size, v.size)
    start = _offset(mode, max(a.size, v.size), short)
    if mode == "same" and v.size > a.size:
        start = short // 2
    g = widened(np.atleast_1d(np.asarray(c.g)), [a.size + v.size - 1], [start])
    return a, v, g


def _correlate_a(c: Call) -> Any:
    _, v, g = _correlated(c)
    return convolve_pull(g, v[::-1]).reshape(np.shape(c.a))


def _correlate_v(c: Call) -> Any:
    a, _, g = _correlated(c)
    return convolve_pull(g, a)[::-1].reshape(np.shape(c.v))


# ---- scipy.signal, n dimensions ------------------------------------------------------------------


def _cut_start(first: Array, second: Array, mode: str) -> list[int]:
    """Return where SciPy's result begins in the full one: 'same' is centred on the first."""
    starts = []
    for n, m in zip(first.shape, second.shape, strict=True):
        starts.append({"full": 0, "same": (m - 1) // 2, "valid": min(n, m) - 1}[mode])
    return starts


def signal_rule(correlation: bool, *, later: bool = False) -> Rule:
    """Make the rule of ``scipy.signal.convolve`` or ``correlate`` and their variants.

    `later`: for even sizes, ``correlate2d`` cuts its 'same' out one element later than `correlate`.
    """

    def pieces(c: Call) -> tuple[Array, Array, Array]:
        if c.boundary not in (None, "fill") or (c.fillvalue or 0) != 0 or c.axes is not None:
            raise NoRule("keywords boundary=, fillvalue= or axes=")
        first, second = double(c.in1), double(c.in2)
        mode = _mode(c, "full")
        if first.ndim != second.ndim or first.ndim == 0:
            raise NoRule("a convolution of unlike dimensions")
        starts = _cut_start(first, second, mode)
        if later and mode == "same":
            starts = [m // 2 for m in second.shape]
        full = [n + m - 1 for n, m in zip(first.shape, second.shape, strict=True)]
        return first, second, widened(np.asarray(c.g), full, starts)

    def pull_first(c: Call) -> Any:
        _, second, g = pieces(c)
        return convolve_pull(g, _flipped(second) if correlation else second)

    def pull_second(c: Call) -> Any:
        first, _, g = pieces(c)
        whole = convolve_pull(g, first)
        return _flipped(whole) if correlation else whole

    return named("in1 in2 mode boundary fillvalue axes method", in1=pull_first, in2=pull_second)


# ---- padding and slopes --------------------------------------------------------------------------

_pad_by_number = moved(
    np.pad, "array pad_width mode constant_values reflect_type", "array constant_values"
)


def _pad_rule(
    args: tuple[Any, ...], kwargs: dict[str, Any], out: Any, g: Any,
    wanted: Sequence[Path], tie: float,
) -> Pulled:  # fmt: skip
    """Padding by a constant or by copies of elements; statistics and ramps have no rule."""
    mode = args[2] if len(args) > 2 else kwargs.get("mode", "constant")
    if mode not in ("constant", "edge", "reflect", "symmetric", "wrap", "empty"):
        raise NoRule(f"keyword mode={mode!r}")
    if kwargs.get("reflect_type", "even") != "even":
        raise NoRule("keyword reflect_type=")
    if "constant_values" in kwargs and all(path[0] != "constant_values" for path in wanted):
        kwargs = {k: v for k, v in kwargs.items() if k != "constant_values"}
    return _pad_by_number(args, kwargs, out, g, wanted, tie)


def _trapezoid(c: Call) -> Any:
    """``Σ (x_{i+1} − x_i) (y_i + y_{i+1}) / 2``."""
    y = double(c.y)
    axis = -1 if c.axis is None else c.axis
    n = y.shape[axis]
    if c.x is None:
        widths = np.full(n - 1, 1.0 if c.dx is None else float(c.dx))
    else:
        if np.ndim(c.x) != 1:
            raise NoRule("x of more than one dimension")
        widths = np.diff(double(c.x))
    weights = 0.5 * (np.append(widths, 0.0) + np.append(0.0, widths))
    g = np.expand_dims(np.asarray(c.g), axis)
    shape = [1] * y.ndim
    shape[axis] = n
    return g * weights.reshape(shape)


def _ediff1d(c: Call) -> Any:
    g = np.ravel(np.asarray(c.g))
    return (np.append(0.0, g) - np.append(g, 0.0)).reshape(np.shape(c.ary))


RULES: dict[Any, Rule] = {
    np.convolve: named("a v mode", a=_convolve_a, v=_convolve_v),
    np.correlate: named("a v mode", a=_correlate_a, v=_correlate_v),
    np.pad: _pad_rule,
    np.ediff1d: named("ary !to_end !to_begin", ary=_ediff1d),
    **optional("trapezoid", named("y x dx axis", y=_trapezoid)),
    **optional("trapz", named("y x dx axis", y=_trapezoid)),
}
