"""Non-finite values that the running program holds: a walk over its variables."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

import numpy as np

MOST_OBJECTS = 20_000
MOST_ELEMENTS = 8_000_000
#: Larger arrays are data; a parameter of this size would be found through its gradient.
LARGEST = 4_000_000
#: Types whose values hold no others that are looked at.
LEAVES = (str, bytes, int, bool, complex, type, ModuleType, FunctionType, CodeType)


def is_sound(value: Any) -> bool:
    """Whether a float or an array of floats holds no NaN and no infinity."""
    kind = type(value)
    if kind is float:
        return bool(value - value == 0.0)
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "fc" and value.size:
        with np.errstate(all="ignore"):
            total = np.add.reduce(value, axis=None)
            # A sum may overflow where every element is finite.
            return bool(np.isfinite(total)) or bool(np.isfinite(value).all())
    return True


def unsound(namespaces: Iterable[dict[str, Any]]) -> set[str]:
    """Return the paths of non-finite values that can be reached from variables.

    Parameters
    ----------
    namespaces : iterable of dict
        Local and global variables of the user's running frames.
    """
    found: set[str] = set()
    seen: set[int] = set()
    queue: deque[tuple[Any, str, int]] = deque()
    for namespace in namespaces:
        for name, value in namespace.items():
            if not name.startswith(("__", "@")):
                queue.append((value, name, 0))
    objects = elements = 0
    while queue and objects < MOST_OBJECTS and elements < MOST_ELEMENTS:
        value, path, depth = queue.popleft()
        kind = type(value)
        if kind is float:
            if value - value != 0.0:
                found.add(path)
            continue
        if value is None or isinstance(value, LEAVES) or id(value) in seen:
            continue
        seen.add(id(value))
        objects += 1
        if isinstance(value, (np.ndarray, np.generic)):
            if value.dtype.kind in "fc" and value.size <= LARGEST:
                elements += value.size
                if not is_sound(value):
                    found.add(path)
            continue
        if depth < 6:
            queue.extend((item, text, depth + 1) for item, text in children(value, path))
    return found


def children(value: Any, path: str) -> list[tuple[Any, str]]:
    """Return the items of a container or the attributes of an object, with their paths."""
    kind = type(value)
    if kind is dict:
        return [(item, f"{path}[{key!r}]") for key, item in list(value.items())[:2_000]]
    if kind in (list, tuple):
        items = value[:1_000] + value[-1_000:] if len(value) > 2_000 else value
        return [(item, f"{path}[{i}]") for i, item in enumerate(items)]
    found: list[tuple[Any, str]] = []
    attributes = getattr(value, "__dict__", None)
    if isinstance(attributes, dict):
        found = [(item, f"{path}.{key}") for key, item in list(attributes.items())[:500]]
    for key in getattr(kind, "__slots__", ()) or ():
        if isinstance(key, str) and key.isidentifier():
            try:
                found.append((getattr(value, key), f"{path}.{key}"))
            except AttributeError:
                continue
    return found


def namespaces_of(frames: Iterable[FrameType], files: set[str]) -> list[dict[str, Any]]:
    """Return the local and global variables of the frames of the user's files."""
    found: list[dict[str, Any]] = []
    modules: list[dict[str, Any]] = []
    for frame in frames:
        if frame.f_code.co_filename in files:
            if frame.f_locals is not frame.f_globals:
                found.append(dict(frame.f_locals))
            if not any(frame.f_globals is m for m in modules):
                modules.append(frame.f_globals)
    return found + [dict(m) for m in modules]


def stack(frame: FrameType | None) -> list[FrameType]:
    """Return a frame and those that called it."""
    found: list[FrameType] = []
    while frame is not None:
        found.append(frame)
        frame = frame.f_back
    return found
