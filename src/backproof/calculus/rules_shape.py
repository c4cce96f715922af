"""Functions that move elements, by one principle: send the numbers of the elements through.

Whatever a function of this kind does with its axes, modes and defaults, it does it to an array of
element numbers as well; the result then says where each element came from (0: from nowhere), and
the cotangents are added up by that number. One rule serves them all, whatever their keywords.
The few that run in every step have a shorter way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backproof.calculus.rule import (
    ABOUT,
    Array,
    Call,
    NoPartial,
    NoRule,
    Path,
    Pulled,
    Rule,
    Signature,
    as_cotangent,
    named,
    zero,
)
from backproof.trace import primitives
from backproof.trace.primitives import Attribute, Method, Mutated

#: Parameters that choose elements by being zero or not: their derivative is zero.
CHOOSERS = frozenset({"condition", "condlist", "mask"})


def moved(function: Any, signature: str, data: str) -> Rule:
    """Make the rule of a function that only moves, copies or drops the elements of `data`.

    Parameters
    ----------
    function : callable
        Called with the numbers of the elements instead of the elements.
    signature : str
        Its parameters (see `Signature`).
    data : str
        The parameters that hold elements; all others are passed on as they are.
    """
    bound = Signature(signature)
    holders = frozenset(data.split())

    def rule(
        args: tuple[Any, ...], kwargs: dict[str, Any], out: Any, g: Any,
        wanted: Sequence[Path], tie: float,
    ) -> Pulled:  # fmt: skip
        bound.bind(args, kwargs)
        ways = [bound.path(path) for path in wanted]
        still = {way for way in ways if way[0] in CHOOSERS}
        if still:
            rest = [path for path, way in zip(wanted, ways, strict=True) if way not in still]
            found = iter(rule(args, kwargs, out, g, rest, tie) if rest else ())
            return [None if way in still else next(found) for way in ways]
        for way in ways:
            if way[0] not in holders:
                raise NoPartial(f"the derivative with respect to {way[0]}")
        numbers = _Numbers(dict.fromkeys(wanted))
        names = bound.names
        traced = [
            numbers.tree(a, (i,)) if bound.path((i,))[0] in holders else a
            for i, a in enumerate(args)
        ]
        traced_kwargs = {k: numbers.tree(a, (k,)) if k in holders else a for k, a in kwargs.items()}
        for name in ("dtype",):
            if name in names:
                position = names.index(name)
                if position < len(traced):
                    traced[position] = None
                traced_kwargs.pop(name, None)
        came_from = _flat(function(*traced, **traced_kwargs))
        weights = _flat(_filled(g, out))
        if came_from.shape != weights.shape:
            weights = np.broadcast_to(weights, came_from.shape)
        gathered = np.bincount(came_from, weights=weights, minlength=numbers.count)
        return [
            as_cotangent(gathered[start : start + np.size(value)].reshape(np.shape(value)), value)
            for start, value in (numbers.given[path] for path in wanted)
        ]

    ABOUT[rule] = tuple(data.split()), bound.refused, "moves elements"
    return rule


class _Numbers:
    """Hands out numbers to the elements of the wanted values; everything else becomes 0."""

    def __init__(self, wanted: dict[Path, None]) -> None:
        self.wanted = wanted
        self.given: dict[Path, tuple[int, Any]] = {}
        self.count = 1

    def tree(self, value: Any, path: Path) -> Any:
        if path in self.wanted:
            start, size = self.count, np.size(value)
            self.count += size
            self.given[path] = (start, value)
            numbers = np.arange(start, self.count).reshape(np.shape(value))
            if not isinstance(value, np.ndarray):
                return np.int64(start)
            if isinstance(value, np.matrix):
                return numbers.view(np.matrix)
            return numbers if value.flags.c_contiguous else _like_layout(numbers, value)
        if isinstance(value, (list, tuple)):
            return type(value)(self.tree(item, (*path, i)) for i, item in enumerate(value))
        if isinstance(value, np.ndarray):
            return np.zeros_like(value, dtype=np.int64)
        if value is None or value is np._NoValue:
            return value
        return np.int64(0)


def _like_layout(numbers: Array, value: Array) -> Array:
    """Give the numbers the value's memory order: ``order='K'`` and strides depend on it."""
    out = np.empty_like(value, dtype=np.int64, subok=False)
    out[...] = numbers
    return out


def _flat(value: Any) -> Array:
    if isinstance(value, (tuple, list)):
        return np.concatenate([_flat(item) for item in value]) if value else np.zeros(0, int)
    return np.asarray(value).ravel()


def _filled(g: Any, out: Any) -> Any:
    """Put zeros for the elements of a tuple that no cotangent reached."""
    if not isinstance(out, (tuple, list)):
        return g
    return [np.zeros(np.shape(y)) if h is None else h for h, y in zip(g, out, strict=True)]


# ---- the shorter ways ----------------------------------------------------------------------------


def _reshaped(c: Call) -> Any:
    """Elements in C order keep their places: ``ā = g.reshape(a.shape)``."""
    return np.reshape(np.asarray(c.g), np.shape(c.a))


def _reordered(function: Callable[..., Any]) -> Rule:
    """Reshape in C order; other orders go by number."""
    general = moved(function, "a *rest", "a")

    def rule(
        args: tuple[Any, ...], kwargs: dict[str, Any], out: Any, g: Any,
        wanted: Sequence[Path], tie: float,
    ) -> Pulled:  # fmt: skip
        order = kwargs.get("order")
        if order is None and any(isinstance(a, str) for a in args[1:]):
            order = "other"
        if order not in (None, "C") or len(wanted) != 1 or len(wanted[0]) != 1:
            return general(args, kwargs, out, g, wanted, tie)
        return [as_cotangent(np.reshape(np.asarray(g), np.shape(args[0])), args[0])]

    return rule


def _transposed(c: Call) -> Any:
    axes = c.axes
    if isinstance(axes, tuple) and len(axes) == 1 and not isinstance(axes[0], (int, np.integer)):
        axes = axes[0]
    g = np.asarray(c.g)
    if axes is None or len(axes) == 0:
        return g.T
    ndim = np.ndim(c.a)
    return np.transpose(g, np.argsort([int(k) % ndim for k in axes]))


def _same(c: Call) -> Any:
    return c.g


def _swap_last(c: Call) -> Any:
    return np.asarray(c.g).swapaxes(-1, -2)


def concatenate_rule(
    args: tuple[Any, ...], kwargs: dict[str, Any], out: Any, g: Any,
    wanted: Sequence[Path], tie: float,
) -> Pulled:  # fmt: skip
    """Cut g back into the pieces that were joined."""
    parts: Any = args[0] if args else None
    axis = args[1] if len(args) > 1 else kwargs.get("axis", 0)
    plain = set(kwargs) <= {"axis", "casting"} and isinstance(parts, (list, tuple))
    if not plain or axis is None or len(args) > 2 or any(len(p) != 2 for p in wanted):
        return _CONCATENATE(args, kwargs, out, g, wanted, tie)
    g = np.asarray(g)
    ends = np.cumsum([np.shape(part)[axis] for part in parts]).tolist()
    lead = (slice(None),) * (axis % g.ndim)
    result: Pulled = []
    for _, k in wanted:
        piece = slice(ends[k] - np.shape(parts[k])[axis], ends[k])
        result.append(as_cotangent(g[(*lead, piece)], parts[k]))
    return result


_CONCATENATE = moved(np.concatenate, "arrays axis !out dtype casting", "arrays")


def _as_strided(c: Call) -> Any:
    """Add g up at the elements that the view shows (its strides are bytes of x's own type)."""
    if not c.x.flags.forc or c.strides is None or c.shape is None:
        raise NoRule("as_strided of a part of an array")
    numbers = np.arange(c.x.size).reshape(c.x.shape)
    view = primitives.strided_view(
        numbers, 0, tuple(c.shape), tuple(c.strides), c.x.strides, c.x.itemsize
    )
    whole = np.bincount(view.ravel(), weights=np.ravel(c.g), minlength=c.x.size)
    return whole.reshape(c.x.shape)


def _still(c: Call) -> Any:
    """What only chooses elements has no derivative."""
    return None


def _where(c: Call, first: bool) -> Any:
    chosen = np.asarray(c.condition, dtype=bool)
    g = np.asarray(c.g)
    return np.where(chosen, g, 0.0) if first else np.where(chosen, 0.0, g)


def optional(name: str, rule: Rule) -> dict[Any, Rule]:
    """Return a row of the table for a function that only some versions of NumPy have."""
    return {getattr(np, name): rule} if name in np.__all__ else {}


IDENTITY = named("a *rest", a=_same)

RULES: dict[Any, Rule] = {
    np.reshape: _reordered(np.reshape),
    Method("reshape"): _reordered(Method("reshape")),
    np.ravel: _reordered(np.ravel),
    Method("ravel"): _reordered(Method("ravel")),
    Method("flatten"): _reordered(Method("flatten")),
    np.squeeze: named("a axis", a=_reshaped),
    Method("squeeze"): named("a axis", a=_reshaped),
    np.expand_dims: named("a axis", a=_reshaped),
    np.transpose: named("a axes", a=_transposed),
    Method("transpose"): named("a *axes", a=_transposed),
    **optional("permute_dims", named("a axes", a=_transposed)),
    **optional("matrix_transpose", named("x", x=lambda c: np.asarray(c.g).swapaxes(-1, -2))),
    **optional("unstack", moved(getattr(np, "unstack", None), "x axis", "x")),
    **optional("row_stack", moved(np.vstack, "tup dtype casting", "tup")),
    Attribute("T"): named("a", a=lambda c: np.asarray(c.g).T),
    Attribute("mT"): named("a", a=_swap_last),
    Attribute("H"): named("a", a=lambda c: np.asarray(c.g).T),
    Attribute("A"): named("a", a=_same),
    Attribute("A1"): named("a", a=_reshaped),
    Attribute("real"): named("a", a=_same),
    np.copy: IDENTITY,
    Method("copy"): IDENTITY,
    Method("__copy__"): IDENTITY,
    Method("__deepcopy__"): IDENTITY,
    Method("conj"): IDENTITY,
    Method("conjugate"): IDENTITY,
    np.real: IDENTITY,
    np.real_if_close: IDENTITY,
    np.concatenate: concatenate_rule,
    np.where: named(
        "condition x y", condition=_still, x=lambda c: _where(c, True), y=lambda c: _where(c, False)
    ),
    Attribute("imag"): zero(),
    np.imag: zero(),
    np.stack: moved(np.stack, "arrays axis !out dtype casting", "arrays"),
    np.vstack: moved(np.vstack, "tup dtype casting", "tup"),
    np.hstack: moved(np.hstack, "tup dtype casting", "tup"),
    np.dstack: moved(np.dstack, "tup", "tup"),
    np.column_stack: moved(np.column_stack, "tup", "tup"),
    np.block: moved(np.block, "arrays", "arrays"),
    np.append: moved(np.append, "arr values axis", "arr values"),
    np.insert: moved(np.insert, "arr obj values axis", "arr values"),
    np.delete: moved(np.delete, "arr obj axis", "arr"),
    np.split: moved(np.split, "ary indices_or_sections axis", "ary"),
    np.array_split: moved(np.array_split, "ary indices_or_sections axis", "ary"),
    np.hsplit: moved(np.hsplit, "ary indices_or_sections", "ary"),
    np.vsplit: moved(np.vsplit, "ary indices_or_sections", "ary"),
    np.dsplit: moved(np.dsplit, "ary indices_or_sections", "ary"),
    np.swapaxes: moved(np.swapaxes, "a axis1 axis2", "a"),
    Method("swapaxes"): moved(Method("swapaxes"), "a axis1 axis2", "a"),
    np.moveaxis: moved(np.moveaxis, "a source destination", "a"),
    np.rollaxis: moved(np.rollaxis, "a axis start", "a"),
    np.atleast_1d: moved(np.atleast_1d, "*arys", "arys"),
    np.atleast_2d: moved(np.atleast_2d, "*arys", "arys"),
    np.atleast_3d: moved(np.atleast_3d, "*arys", "arys"),
    np.broadcast_to: moved(np.broadcast_to, "array shape subok", "array"),
    np.broadcast_arrays: moved(np.broadcast_arrays, "*arys", "arys"),
    np.meshgrid: moved(np.meshgrid, "*xi indexing sparse copy", "xi"),
    np.flip: moved(np.flip, "m axis", "m"),
    np.fliplr: moved(np.fliplr, "m", "m"),
    np.flipud: moved(np.flipud, "m", "m"),
    np.rot90: moved(np.rot90, "m k axes", "m"),
    np.roll: moved(np.roll, "a shift axis", "a"),
    np.tile: moved(np.tile, "A reps", "A"),
    np.repeat: moved(np.repeat, "a repeats axis", "a"),
    Method("repeat"): moved(Method("repeat"), "a repeats axis", "a"),
    np.resize: moved(np.resize, "a new_shape", "a"),
    np.diag: moved(np.diag, "v k", "v"),
    np.diagflat: moved(np.diagflat, "v k", "v"),
    np.diagonal: moved(np.diagonal, "a offset axis1 axis2", "a"),
    Method("diagonal"): moved(Method("diagonal"), "a offset axis1 axis2", "a"),
    np.tril: moved(np.tril, "m k", "m"),
    np.triu: moved(np.triu, "m k", "m"),
    np.lib.stride_tricks.sliding_window_view: moved(
        np.lib.stride_tricks.sliding_window_view, "x window_shape axis subok writeable", "x"
    ),
    np.lib.stride_tricks.as_strided: named(
        "x shape strides subok writeable", x=_as_strided
    ),
    np.take: moved(np.take, "a indices axis !out mode", "a"),
    Method("take"): moved(Method("take"), "a indices axis !out mode", "a"),
    np.take_along_axis: moved(np.take_along_axis, "arr indices axis", "arr"),
    np.compress: moved(np.compress, "condition a axis !out", "a"),
    Method("compress"): moved(Method("compress"), "a condition axis !out", "a"),
    np.extract: moved(np.extract, "condition arr", "arr"),
    Method("choose"): moved(Method("choose"), "a choices !out mode", "choices"),
    np.choose: moved(np.choose, "a choices !out mode", "choices"),
    np.select: moved(np.select, "condlist choicelist default", "choicelist default"),
    primitives.overwrite: moved(
        lambda x, value: primitives.overwrite(np.zeros(np.shape(x), np.int64), value),
        "x value", "x value",
    ),
    Mutated(np.put): moved(Mutated(np.put), "a ind v mode", "a v"),
    Mutated(np.place): moved(Mutated(np.place), "arr mask vals", "arr vals"),
    Mutated(np.putmask): moved(Mutated(np.putmask), "a mask values", "a values"),
    Mutated(np.fill_diagonal): moved(Mutated(np.fill_diagonal), "a val wrap", "a val"),
    Mutated(np.put_along_axis): moved(
        Mutated(np.put_along_axis), "arr indices values axis", "arr values"
    ),
}  # fmt: skip
