"""Pure operations, the values that they read and make, and references to them in arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backproof.trace.doubles import is_truth
from backproof.trace.site import SITES, Site


class Ref:
    """Stands for a node inside the arguments of an operation."""

    __slots__ = ("node",)

    def __init__(self, node: int) -> None:
        self.node = node

    def __repr__(self) -> str:
        return f"%{self.node}"


@dataclass(slots=True)
class Operation:
    """One pure operation: ``out = function(*args, **kwargs)``."""

    index: int
    event: int
    site: int
    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    out: int
    inputs: tuple[int, ...]
    mutates: bool = False
    nested: bool = False

    @property
    def where(self) -> Site:
        """The site in the user's source."""
        return SITES[self.site]


@dataclass(slots=True)
class Node:
    """One value: a leaf, or the result of an operation."""

    index: int
    operation: int | None
    obj: Any
    event: int
    kind: str
    """'leaf' (alive before), 'draw' (random or file), 'opaque' or 'op'."""


def map_refs(value: Any, convert: Callable[[Ref], Any]) -> Any:
    """Copy a tree of arguments with every `Ref` converted."""
    kind = type(value)
    if kind is Ref:
        return convert(value)
    if kind is list:
        return [map_refs(item, convert) for item in value]
    if kind is tuple:
        return tuple([map_refs(item, convert) for item in value])
    if kind is dict:
        return {key: map_refs(item, convert) for key, item in value.items()}
    if kind is slice:
        return slice(
            map_refs(value.start, convert),
            map_refs(value.stop, convert),
            map_refs(value.step, convert),
        )
    return value


def collect(value: Any, found: dict[int, None]) -> None:
    """Gather the nodes referred to anywhere inside a tree of arguments."""
    kind = type(value)
    if kind is Ref:
        found[value.node] = None
    elif kind is list or kind is tuple:
        for item in value:
            collect(item, found)
    elif kind is dict:
        for item in value.values():
            collect(item, found)
    elif kind is slice:
        for item in (value.start, value.stop, value.step):
            collect(item, found)


def contains_ref(value: Any) -> bool:
    """Whether a tree of arguments refers to any node."""
    found: dict[int, None] = {}
    collect(value, found)
    return bool(found)


def refs_in(args: Any) -> Iterator[tuple[tuple[Any, ...], int]]:
    """Yield ``(path, node)`` for every reference inside a tree of arguments."""
    stack: list[tuple[tuple[Any, ...], Any]] = [((i,), a) for i, a in enumerate(args)]
    while stack:
        path, value = stack.pop()
        kind = type(value)
        if kind is Ref:
            yield path, value.node
        elif kind is list or kind is tuple:
            stack.extend([((*path, i), item) for i, item in enumerate(value)])


@dataclass(slots=True)
class Run:
    """The values of one replay.

    ``env[n]`` is the value of node n (None where it could not be computed); ``flipped`` are the
    operations whose Python truth value differs from the recorded one: the program would have
    taken another way there. So it may where one of the `indices` does: ``int(argmax(x) / 2)``.
    """

    env: list[Any]
    flipped: list[int] = field(default_factory=list)
    indices: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)

    def compare(self, number: int, value: Any, recorded: Any) -> None:
        """Note whether the result of an operation decides otherwise than the recorded one."""
        if is_truth(value):
            if np.size(recorded) == 1 and bool(value) != bool(recorded):
                self.flipped.append(number)
        elif type(value) is np.int64 and type(recorded) is np.int64 and value != recorded:
            self.indices.append(number)
