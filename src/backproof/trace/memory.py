"""Values in place: found again, and changed, in a forked copy of the program.

A fork has every object at the address that it had in its parent. So a value is described there by
its address, form and content, and found here among what the program's variables reach, never by
looking at an address: what lay there may not have been made yet.
"""

from __future__ import annotations

import ctypes
import gc
import zlib
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.trace.alive import LEAVES, children

MOST_OBJECTS = 200_000
#: Where the number of a float object begins: after the head that all objects have.
_HEAD = object.__basicsize__


@dataclass(frozen=True, slots=True)
class Place:
    """An array or a float object: where it lies and what it holds."""

    address: int
    kind: type
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    memory: int
    content: int


def place_of(obj: Any, value: Any) -> Place | None:
    """Describe an object that held `value` when the copy was made; None where it has no place."""
    kind = type(obj)
    if kind in (float, np.float64, np.float32):
        array = np.asarray(value)
        return Place(id(obj), kind, array.dtype.str, (), (), 0, _digest(array))
    if not isinstance(obj, np.ndarray) or obj.dtype.kind != "f" or not obj.flags.writeable:
        return None
    memory = obj.__array_interface__["data"][0]
    return Place(id(obj), kind, obj.dtype.str, obj.shape, obj.strides, memory, _digest(value))


def _digest(value: Any) -> int:
    return zlib.crc32(np.ascontiguousarray(value).tobytes())


def find(places: Sequence[Place], namespaces: Iterable[dict[str, Any]]) -> list[Any] | None:
    """Return the objects at `places`, all of them or None."""
    wanted = {place.address: place for place in places}
    found = _reached(wanted, namespaces)
    if len(found) < len(wanted):
        found.update(_referred_to({a: p for a, p in wanted.items() if a not in found}))
    if len(found) < len(wanted):
        return None
    return [found[place.address] for place in places]


def _reached(wanted: dict[int, Place], namespaces: Iterable[dict[str, Any]]) -> dict[int, Any]:
    """Walk through variables, containers and attributes."""
    found: dict[int, Any] = {}
    seen: set[int] = set()
    queue: deque[tuple[Any, int]] = deque()
    for namespace in namespaces:
        queue.extend((value, 0) for name, value in namespace.items() if name[:2] != "__")
    while queue and len(seen) < MOST_OBJECTS and len(found) < len(wanted):
        value, depth = queue.popleft()
        if id(value) in seen or isinstance(value, LEAVES):
            continue
        seen.add(id(value))
        _look(value, wanted, found)
        if depth < 6 and not isinstance(value, (np.ndarray, np.generic, float)):
            queue.extend((item, depth + 1) for item, _ in children(value, ""))
    return found


def _referred_to(wanted: dict[int, Place]) -> dict[int, Any]:
    """Look through everything that the collector knows (closures, iterators, slots of C types)."""
    found: dict[int, Any] = {}
    for holder in gc.get_objects():
        values = gc.get_referents(holder)
        for value in values:
            if isinstance(value, (np.ndarray, np.generic, float)):
                _look(value, wanted, found)
            elif type(value) in (dict, tuple) and not gc.is_tracked(value):
                values.extend(gc.get_referents(value))  # it holds no containers
        if len(found) == len(wanted):
            break
    return found


def _look(value: Any, wanted: dict[int, Place], found: dict[int, Any]) -> None:
    """Take a value, or an array that it is a view of, if it is wanted and what it should be."""
    while isinstance(value, (np.ndarray, np.generic, float)):
        place = wanted.get(id(value))
        if place is not None and place_of(value, value) == place:
            found[place.address] = value
        value = getattr(value, "base", None)


def put(obj: Any, value: np.ndarray[Any, Any]) -> bool:
    """Change an array, or a float object, in place; False where that cannot be done.

    Only for a process that will soon be gone: floats are meant never to change.
    """
    if isinstance(obj, np.ndarray):
        obj[...] = value.reshape(obj.shape)
        return True
    held = np.asarray(obj)
    size = held.dtype.itemsize
    if ctypes.string_at(id(obj) + _HEAD, size) != held.tobytes():
        return False
    data = np.asarray(value, held.dtype).tobytes()
    ctypes.memmove(id(obj) + _HEAD, data, size)
    return True
