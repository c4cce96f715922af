"""What is recorded: events, and the types of value that are followed.

An event is a plain tuple ``(site, function, args, kwargs, out, undo)``:

- ``function`` is pure: the operator, NumPy callable, `Method` or primitive that gives ``out``;
  `SOURCE` marks a value that comes from outside (a random draw, a file), `OPAQUE` one that
  depends on its arguments in a way we do not know.
- ``undo`` is None, or ``(array, key, old)`` when ``out`` is ``array`` changed in place: ``old`` is
  a copy of the region ``array[key]`` as it was. The new content is ``function(*args)``.

The log keeps every object alive, so an ``id`` stands for one value for as long as the log lives.
Nothing is interpreted here: `tape.build` does that, for the few steps that are judged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Event = tuple[int, Any, tuple[Any, ...], dict[str, Any] | None, Any, tuple[Any, Any, Any] | None]
#: Appends an event to the log.
Append = Callable[[Event], None]


class _Marker:
    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


SOURCE = _Marker("source")
#: A call of instrumented code begins: what follows happens inside it.
CALL = _Marker("call")
#: A statement passes a value on as it is: ``dZ = dA``, ``return grad``.
FLOW = _Marker("flow")
#: An array was given another shape in place; the argument is a view of it as it was.
RESHAPED = _Marker("reshaped")
OPAQUE = _Marker("opaque")


class _Int(type):
    """Makes a type equal to `int` where a program compares types."""

    def __eq__(cls, other: object) -> bool:
        return other is int or other is cls

    __hash__ = type.__hash__  # of its own: a set of types that are recorded holds no `int`


class Chosen(int, metaclass=_Int):
    """The 0 or 1 that ``d if z > 0 else 0`` gives: an int in all respects, with an identity.

    The program sees an int, whatever it prints of it; only ``type(x) is int`` tells. What it
    writes, copies or gives to NumPy is a plain one: another kind of int would make a float32 array
    a float64 one.
    """

    __slots__ = ()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Let a ufunc see the int that it is."""
        return getattr(ufunc, method)(*_plain(inputs), **kwargs)

    def __array_function__(
        self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Let a function see the int that it is."""
        return function(*_plain(args), **{key: _plain(value) for key, value in kwargs.items()})

    def __reduce__(self) -> tuple[type[int], tuple[int]]:
        """Pickle and copy as the int that it is."""
        return int, (int(self),)


Chosen.__name__ = Chosen.__qualname__ = "int"
Chosen.__module__ = "builtins"


def _traced(name: str) -> Callable[..., Any]:
    """Return an operation of ints that gives such a one again: ``target - output``."""
    plain = getattr(int, name)

    def method(self: Chosen, *other: Any) -> Any:
        out = plain(self, *other)
        return Chosen(out) if type(out) is int else out

    method.__name__ = name
    return method


for _name in ("__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__neg__"):
    setattr(Chosen, _name, _traced(_name))


def _plain(value: Any) -> Any:
    """Return a tree of arguments with plain ints in it."""
    kind = type(value)
    if kind is Chosen:
        return int(value)
    if kind is list or kind is tuple:
        return kind(map(_plain, value))
    return value


ARRAYS: frozenset[type] = frozenset({np.ndarray, np.matrix, np.memmap})
SCALARS: frozenset[type] = frozenset(
    {float, Chosen} | {t for t in np.sctypeDict.values() if issubclass(t, (np.number, np.bool_))}
)
TRACKED: frozenset[type] = ARRAYS | SCALARS
TRUTHS: frozenset[type] = frozenset({bool, np.bool_})


class Parts(tuple[Any, ...]):
    """Several arrays that one function returned: for NumPy no array, whatever their shapes."""

    __slots__ = ()
    size = ndim = 0
    shape = ()


def freeze(value: Any) -> Any:
    """Copy lists (nested), so that later changes of them do not reach the log."""
    kind = type(value)
    if kind is list:
        return [freeze(item) if type(item) in (list, tuple) else item for item in value]
    if kind is tuple:
        for item in value:
            if type(item) in (list, tuple):
                return tuple(freeze(item) for item in value)
    return value


def keep_key(key: Any) -> Any:
    """Copy an index whose arrays or lists may change later; a number in it is no value."""
    kind = type(key)
    return _plain(key) if kind is list or kind is tuple or kind is Chosen else key
