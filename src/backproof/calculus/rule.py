"""What a derivative rule is: pulls the cotangent of a result back to the arguments.

Notation everywhere in the rules: `g` is the cotangent of the result, ``∂cost/∂out``, and has the
shape of `out`; the rule returns ``∂cost/∂argument``, in float64, of the argument's shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Path = tuple[Any, ...]
Pulled = list[Any]
#: ``rule(args, kwargs, out, g, wanted, tie)`` gives one cotangent for each path in `wanted`.
Rule = Callable[[tuple[Any, ...], dict[str, Any], Any, Any, Sequence[Path], float], Pulled]


class NoRule(Exception):
    """No derivative rule covers this call with certainty; the message says why."""


class NoPartial(NoRule):
    """The rule covers the function, but not its derivative by one of the wanted arguments."""


# ---- shapes ------------------------------------------------------------------------------------


def unbroadcast(cotangent: Any, shape: tuple[int, ...]) -> Any:
    """Sum a cotangent over the axes along which an operand of `shape` was broadcast."""
    cotangent = np.asarray(cotangent)
    if cotangent.shape == shape:
        return cotangent
    full = np.broadcast_shapes(cotangent.shape, shape)
    if cotangent.shape != full:
        cotangent = np.broadcast_to(cotangent, full)
    extra = cotangent.ndim - len(shape)
    axes = [i for i, n in enumerate(cotangent.shape) if i < extra or n != shape[i - extra]]
    return np.asarray(cotangent.sum(axis=tuple(axes))).reshape(shape)


def as_cotangent(cotangent: Any, value: Any) -> Any:
    """Give a cotangent the shape and type that belongs to `value`: float64, or float."""
    if type(value) is float or isinstance(value, (np.generic, int)):
        if type(cotangent) is float:
            return cotangent
        return float(cotangent if np.ndim(cotangent) == 0 else np.sum(cotangent))
    cotangent = np.asarray(cotangent, dtype=float)
    return cotangent if cotangent.shape == value.shape else unbroadcast(cotangent, value.shape)


def double(value: Any) -> Any:
    """Return an argument as a float64 array without subclass (no copy if it is one)."""
    return np.asarray(value, dtype=float)


def chain(g: Any, slope: Any) -> Any:
    """Return ``g · slope``, where no cotangent at all stays 0 even at an infinite slope.

    ``where(x > 0, log(x), 0)`` has the derivative 0 at x = 0, not 0 · ∞.
    """
    product = g * slope
    if not math.isfinite(np.add.reduce(product, axis=None)):
        product = np.where(np.equal(g, 0), 0.0, product)
    return product


def at_path(value: Any, path: Path) -> Any:
    """Return the argument that a path below `value` leads to."""
    for step in path:
        value = value[step]
    return value


def needs_real(*values: Any) -> None:
    """Raise NoRule for anything that is not real numbers."""
    for value in values:
        kind = getattr(getattr(value, "dtype", None), "kind", "f")
        if kind not in "fiub" or type(value) is complex:
            raise NoRule(f"values of dtype {getattr(value, 'dtype', 'complex')}")
        if isinstance(value, np.ma.MaskedArray):
            raise NoRule("masked arrays")


# ---- calls by parameter name -------------------------------------------------------------------


def _is_neutral(name: str, value: Any) -> bool:
    """Whether a keyword that no rule looks at leaves the result as it would be without it."""
    if value is None or value is np._NoValue:
        return True
    if name == "where":
        return value is True
    if name == "dtype":
        return is_float(value)
    return name in ("order", "subok", "casting", "kind", "stable", "like", "copy", "device")


def is_float(dtype: Any) -> bool:
    """Whether a dtype argument means a real floating type."""
    try:
        return bool(np.dtype(dtype).kind == "f")
    except TypeError:
        return False


class Signature:
    """Parameters in order, as ``'a axis !dtype !out keepdims'``.

    A parameter marked ``!`` must have no effect (else `NoRule`); one marked ``*`` takes all further
    positional arguments.
    """

    __slots__ = ("names", "refused", "variadic")

    def __init__(self, text: str) -> None:
        words = text.split()
        self.names = tuple(word.lstrip("!*") for word in words)
        self.refused = frozenset(word[1:] for word in words if word[0] == "!")
        self.variadic = next((i for i, word in enumerate(words) if word[0] == "*"), None)

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments by name (None for what was not given)."""
        names = self.names
        values: dict[str, Any] = dict.fromkeys(names)
        if self.variadic is not None:
            start = self.variadic
            values[names[start]] = args[start:]
            args = args[:start]
        elif len(args) > len(names):
            raise NoRule("more arguments than the rule knows")
        values.update(zip(names, args, strict=False))
        for name, value in kwargs.items():
            if name in values:
                values[name] = None if value is np._NoValue else value
            elif not _is_neutral(name, value):
                raise NoRule(f"keyword {name}=")
        for name in self.refused:
            if not _is_neutral(name, values[name]):
                raise NoRule(f"keyword {name}=")
        return values

    def path(self, path: Path) -> Path:
        """Turn a path that begins with a position into one that begins with a name."""
        head = path[0]
        if isinstance(head, str):
            return path
        if self.variadic is not None and head >= self.variadic:
            return (self.names[self.variadic], head - self.variadic, *path[1:])
        return (self.names[head], *path[1:])


#: For each rule made by name: its differentiable parameters, the refused ones, and a note.
ABOUT: dict[Rule, tuple[tuple[str, ...], frozenset[str], str]] = {}

Call = SimpleNamespace
Pull = Callable[[Call], Any]


def named(signature: str, **pulls: Pull) -> Rule:
    """Make a rule out of one function for each differentiable parameter.

    Each takes the call (``c.a``, ``c.axis``, …, ``c.g``, ``c.out``, ``c.tie``) and returns the
    cotangent of the whole parameter; elements of a list given for it are taken from that.
    """
    bound = Signature(signature)

    def rule(
        args: tuple[Any, ...], kwargs: dict[str, Any], out: Any, g: Any,
        wanted: Sequence[Path], tie: float,
    ) -> Pulled:  # fmt: skip
        values = bound.bind(args, kwargs)
        call = Call(**values)
        call.g, call.out, call.tie = g, out, tie
        whole: dict[str, Any] = {}
        result: Pulled = []
        for path in wanted:
            name, *rest = bound.path(path)
            pull = pulls.get(name)
            if pull is None:
                raise NoPartial(f"the derivative with respect to {name}")
            if name not in whole:
                whole[name] = pull(call)
            part = whole[name]
            if part is None:
                result.append(None)
                continue
            value = at_path(values[name], tuple(rest))
            if rest:
                part = unbroadcast(part, np.shape(values[name]))[tuple(rest)]
            result.append(as_cotangent(part, value))
        return result

    notes = [(pull.__doc__ or "").partition("\n")[0] for pull in pulls.values()]
    ABOUT[rule] = tuple(pulls), bound.refused, next((note for note in notes if note), "")
    return rule


def zero(signature: str = "*args") -> Rule:
    """Make the rule of a function that is constant wherever it is differentiable."""
    bound = Signature(signature)

    def rule(
        args: tuple[Any, ...], kwargs: dict[str, Any], out: Any, g: Any,
        wanted: Sequence[Path], tie: float,
    ) -> Pulled:  # fmt: skip
        bound.bind(args, {k: v for k, v in kwargs.items() if k in bound.names})
        return [None] * len(wanted)

    return rule


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """Return an ``axis`` argument (None, int, tuple) as a tuple of axes ≥ 0."""
    if axis is None:
        return tuple(range(ndim))
    if isinstance(axis, (tuple, list)):
        return tuple(int(a) % ndim for a in axis)
    return (int(axis) % ndim,) if ndim else ()


def kept(value: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """Reshape the result of a reduction over `axis` as ``keepdims=True`` would have given it."""
    axes = axes_of(axis, len(shape))
    return np.asarray(value).reshape([1 if i in axes else n for i, n in enumerate(shape)])


def count(shape: tuple[int, ...], axis: Any) -> int:
    """Return the number of elements that a reduction over `axis` joins."""
    return math.prod(shape[i] for i in axes_of(axis, len(shape)))


def no_keywords(kwargs: dict[str, Any]) -> None:
    """Raise `NoRule` where a keyword of a ufunc changes what is computed."""
    for name, value in kwargs.items():
        if name == "where" and value is not True:
            raise NoRule("keyword where=")
        if name in ("dtype", "sig", "signature") and value is not None and not is_float(value):
            raise NoRule(f"keyword {name}=")
        if name not in ("where", "dtype", "out", "casting", "order", "subok", "sig", "signature"):
            raise NoRule(f"keyword {name}=")
