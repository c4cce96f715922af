"""Which calls of instrumented code each operation runs in."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from backproof.trace.operations import Operation
from backproof.trace.site import SITES

#: What an operator enters: a method as ``Value.__add__``.
OPERATOR = re.compile(r"\.__\w+__$")
#: A scope that is no call of its own.
COMPREHENSION = re.compile(r"(\.<locals>\.)?<(list|set|dict)comp>|\.<locals>\.<genexpr>|^<genexpr>")


def call_chains(
    operations: Sequence[Operation], calls: Sequence[tuple[int, int, str]]
) -> list[tuple[int, ...]]:
    """Return for each operation the indices of the calls that it runs in, outermost first.

    The calls are (event, site, callee's qualified name), in order of time. The function that runs
    at the start was called before: what it calls one after the other is not nested.
    """
    following = iter(enumerate(calls))
    upcoming = next(following, None)
    frames = [_Frame(-1, "")]
    chains: list[tuple[int, ...]] = []
    for operation in operations:
        while upcoming is not None and upcoming[1][0] < operation.event:
            _enter(frames, SITES[upcoming[1][1]].function)
            frames[-1].begin(upcoming[0], upcoming[1][2])
            upcoming = next(following, None)
        _enter(frames, operation.where.function)
        chains.append(tuple(frame.call for frame in frames if frame.call >= 0))
    return chains


@dataclass(slots=True)
class _Frame:
    """A call that runs, and the calls begun in it: their arguments come before their bodies."""

    call: int
    name: str
    begun: list[int] = field(default_factory=list)
    _places: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """By a name's key the calls begun in it, with their places in `begun`."""

    def begin(self, call: int, callee: str) -> None:
        """Note a call that is made here."""
        for key in _keys(callee):
            self._places.setdefault(key, []).append((len(self.begun), call))
        self.begun.append(call)

    def entered(self, key: str) -> int | None:
        """Return the last call begun of a name, and forget it and those behind it."""
        places = self._places.get(key, [])
        while places:
            place, call = places.pop()
            if place < len(self.begun) and self.begun[place] == call:
                del self.begun[place:]
                return call
        return None


def _enter(frames: list[_Frame], function: str) -> None:
    """Leave or enter calls so that code of a function runs on top.

    Methods of several classes have one name: the qualified one decides where it is known.
    """
    function = COMPREHENSION.sub("", function) or "<module>"
    first = not (frames[0].name or frames[0].begun or frames[1:])
    if first and not OPERATOR.search(function):
        frames[0].name = function
        return
    for number, key in enumerate(_keys(function)):
        for depth in range(len(frames) - 1, -1, -1):
            call = frames[depth].entered(key)
            if call is not None:
                frames[depth + 1 :] = [_Frame(call, function)]
                return
            if _keys(frames[depth].name)[number] == key:
                del frames[depth + 1 :]
                return
    if function == "<module>":
        del frames[1:]
    else:  # entered by an operator, or by a library: until code beneath it runs again
        frames.append(_Frame(-1, function))


@functools.cache
def _keys(name: str) -> tuple[str, str]:
    """Return by what a function is the same as another, and by what its namesake."""
    return name.replace("<locals>.", ""), "." + name.rpartition(".")[2]
