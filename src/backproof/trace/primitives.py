"""Pure functions that stand on the tape for what a program does by changing memory.

A store makes a new value: ``x[k] = v`` is ``x' = set_item(x, k, v)``, and every other array over
the same memory is a `strided_view` of its owner's new value. Nothing here changes its arguments.

A view is described as it was recorded: `offset` in bytes from the owner's first element, `strides`
in bytes, the owner's own strides and item size. A replay may hold the owner in another floating
type (float64 for a float32 program) or in another memory layout; both are converted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
ViewSpec = tuple[int, tuple[int, ...], tuple[int, ...], tuple[int, ...], int, str]

__all__ = [
    "Attribute",
    "Method",
    "Mutated",
    "Opaque",
    "decided",
    "overwrite",
    "owner_of",
    "patch_view",
    "relayout",
    "same_view",
    "set_item",
    "stepped",
    "strided_view",
    "ufunc_at",
    "view_spec",
]


class Method:
    """A method call as a function of its receiver: ``Method('sum')(x, axis=0)`` is ``x.sum(0)``."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, receiver: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call the method of `receiver`."""
        return getattr(receiver, self.name)(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.name == self.name

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.name))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


class Attribute(Method):
    """An attribute as a function of its owner: ``Attribute('T')(x)`` is ``x.T``."""

    __slots__ = ()

    def __call__(self, receiver: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Return the attribute of `receiver`."""
        return getattr(receiver, self.name)


class Mutated:
    """The new content of an array that `function` changes in place: the call on a copy."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, x: Array, /, *args: Any, **kwargs: Any) -> Array:
        """Return a changed copy of `x`."""
        changed = x.copy(order="K")
        self.function(changed, *args, **kwargs)
        return changed

    def __eq__(self, other: object) -> bool:
        return type(other) is Mutated and other.function is self.function

    def __hash__(self) -> int:
        return hash(("Mutated", self.function))

    def __repr__(self) -> str:
        return f"Mutated({getattr(self.function, '__name__', self.function)})"


class Opaque:
    """A value that depends on its arguments in a way nobody knows: calling it fails."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Raise ValueError."""
        raise ValueError("backproof does not know how this value was computed")

    def __repr__(self) -> str:
        return f"Opaque({type(self.value).__name__})"


#: What the kind of a view begins with that is a field of records; its dtype follows.
FIELD = "field:"

# ---- memory ------------------------------------------------------------------------------------


def _address(x: Array) -> int:
    return int(x.__array_interface__["data"][0])


def owner_of(x: Array) -> Array:
    """Return the array whose memory `x` refers to (`x` itself if it has its own)."""
    while True:
        base = x.base
        if not isinstance(base, np.ndarray):
            # `as_strided` and `sliding_window_view` hide the array behind an interface object.
            base = getattr(base, "base", None) if type(base).__name__ == "DummyArray" else None
            if not isinstance(base, np.ndarray):
                return x
        rows = base.dtype.kind == "V" and x.nbytes == base.nbytes
        if base.dtype != x.dtype and (x.dtype.kind == "V" or rows):
            return x  # records, or rows that `np.unique` has compared as one value each
        x = base


def view_spec(owner: Array, x: Array) -> ViewSpec:
    """Describe `x` as a view of `owner`: the arguments of `strided_view` after the first."""
    if x.dtype != owner.dtype:
        of_record = owner.dtype.kind == "V" and x.dtype.kind in "fiub"
        kind = f"{FIELD}{x.dtype.str}" if of_record else "reinterpreted"
    else:
        kind = "matrix" if isinstance(x, np.matrix) else "array"
    offset = _address(x) - _address(owner)
    return offset, x.shape, x.strides, owner.strides, owner.itemsize, kind


def relayout(owner: Array, strides: tuple[int, ...] | None = None) -> Array:
    """Copy `owner` into memory of its own with the given strides (default: those it has).

    ``copy(order='K')`` may give an array with axes of length one, or a non-contiguous owner, other
    strides; the views recorded of it would then point elsewhere.
    """
    strides = owner.strides if strides is None else strides
    first, extent = 0, owner.itemsize
    for length, stride in zip(owner.shape, strides, strict=True):
        span = (length - 1) * stride if length else 0
        extent += abs(span)
        first -= min(span, 0)
    # Where objects are held, the memory must hold some before others take their place.
    memory: Array = np.empty(extent, np.uint8)
    if owner.dtype.hasobject:
        memory = np.empty(extent // owner.itemsize, owner.dtype)
    out: Array = np.ndarray(owner.shape, owner.dtype, memory, first, strides)
    out[...] = owner
    return out


def same_view(buffer: Array, owner: Array, x: Array) -> Array:
    """Return the view of `buffer` that `x` is of `owner` (`buffer` has the owner's layout)."""
    memory, start = memory_of(buffer)
    offset = start + _address(x) - _address(owner)
    view: Array = np.ndarray(x.shape, x.dtype, memory, offset, x.strides)
    return _matrix(view) if isinstance(x, np.matrix) else view


def memory_of(x: Array) -> tuple[Array, int]:
    """Return the array that owns an array's memory, and the offset of the array in it."""
    memory = owner_of(x) if isinstance(x.base, np.ndarray) else x
    return _in_order(memory), _address(x) - _address(memory)


def _in_order(memory: Array) -> Array:
    """Return an array with its axes in the order of memory: NumPy takes no other for a buffer."""
    if memory.flags.forc:
        return memory
    return memory.transpose(sorted(range(memory.ndim), key=lambda axis: -memory.strides[axis]))


def offset_in(owner: Array, x: Array) -> int:
    """Return how many bytes behind the start of `owner` its view `x` starts."""
    return _address(x) - _address(owner)


def _matrix(x: Array) -> Array:
    return x.view(np.matrix)


def _view(owner: Array, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
    memory, start = memory_of(owner)
    view: Array = np.ndarray(shape, owner.dtype, memory, start + offset, strides)
    return view


def _scaled(sizes: tuple[int, ...], itemsize: int, now: int) -> tuple[int, ...]:
    """Convert byte counts recorded at one item size to another."""
    return sizes if now == itemsize else tuple([size // itemsize * now for size in sizes])


def _reinterpreted(strides: tuple[int, ...], offset: int, itemsize: int, kind: str) -> bool:
    return kind not in ("array", "matrix") or any(s % itemsize for s in (offset, *strides))


def strided_view(
    owner: Array,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    owner_strides: tuple[int, ...],
    itemsize: int,
    kind: str = "array",
) -> Array:
    """Return the part of `owner` that a recorded view showed.

    Parameters
    ----------
    owner : array
        Any floating type, any layout; of the recorded shape.
    offset, shape, strides
        Of the view: bytes from the owner's first element, and bytes.
    owner_strides, itemsize
        The layout that the owner had when the view was recorded.
    kind : {'array', 'matrix', 'reinterpreted', 'field:<f8'}
        What the view is: 'reinterpreted' is one of another dtype; a field of records has its own.

    Raises
    ------
    ValueError
        If the view reads the owner's bytes as another dtype.
    """
    if kind.startswith(FIELD) and owner.strides == owner_strides:
        memory, start = memory_of(owner)
        return np.ndarray(shape, kind.removeprefix(FIELD), memory, start + offset, strides)
    if _reinterpreted(strides, offset, itemsize, kind):
        raise ValueError("a view that reads the bytes as another dtype")
    now = owner.itemsize
    layout = _scaled(owner_strides, itemsize, now)
    if owner.strides != layout:
        owner = relayout(owner, layout)
    view = _view(owner, offset // itemsize * now, shape, _scaled(strides, itemsize, now))
    return _matrix(view) if kind == "matrix" else view


def patch_view(
    owner: Array,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    owner_strides: tuple[int, ...],
    itemsize: int,
    kind: str,
    value: Any,
) -> Array:
    """Return `owner` after `value` was stored into a view of it (see `strided_view`)."""
    if _reinterpreted(strides, offset, itemsize, kind):
        raise ValueError("a view that reads the bytes as another dtype")
    now = owner.itemsize
    patched = relayout(owner, _scaled(owner_strides, itemsize, now))
    scaled = _scaled(strides, itemsize, now)
    _view(patched, offset // itemsize * now, shape, scaled)[...] = value
    return _matrix(patched) if isinstance(owner, np.matrix) else patched


# ---- stores ------------------------------------------------------------------------------------


def set_item(x: Array, key: Any, value: Any) -> Array:
    """Return `x` after ``x[key] = value``."""
    changed = x.copy(order="K")
    changed[key] = value
    return changed


def decided(value: Any, *by: Any) -> float:
    """Return `value`, which a comparison of numbers has decided for: ``z if z > 0 else 0.0``."""
    return float(value)


def stepped(value: float, *by: Any) -> float:
    """Return `value`, the number that a comparison has decided for: ``1 if z > 0 else -1``."""
    return value


def ufunc_at(ufunc: np.ufunc, x: Array, index: Any, *value: Any) -> Array:
    """Return `x` after ``ufunc.at(x, index, value)`` (repeated indices count each time)."""
    changed = x.copy(order="K")
    ufunc.at(changed, index, *value)
    return changed


def overwrite(x: Array, value: Any) -> Array:
    """Return `value` broadcast to the shape of `x` and cast to its dtype: ``x[...] = value``."""
    changed = np.empty_like(x)
    np.copyto(changed, value, casting="unsafe")
    return changed
