"""Parameters that only some iterations update: a generator that plays every second round."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from backproof.homes import Homes
from backproof.trace.tape import Tape
from backproof.updates import Update

#: Which entry of a list.
ENTRY = re.compile(r"\[\d+\]$")


class Late:
    """Takes updates by statements that are not known to update parameters yet.

    The training loop is recognised by two iterations in a row. A further value counts as a
    parameter when it changes in place, or when the same statements have put a new value at the
    same place, or in the same list, in two recorded steps, and the old one is gone. (A residual
    path, ``self.out = x + f(x)``, leaves `x` where it was.)
    """

    def __init__(self, homes: Homes) -> None:
        self.homes = homes
        self._seen: dict[frozenset[int], set[str]] = {}

    def admitted(self, tape: Tape, updates: Sequence[Update], known: Iterable[int]) -> set[int]:
        """Return the sites of the updates that are parameters', but for the `known` ones."""
        sites = set(known)
        found: set[int] = set()
        open_ones = [u for u in updates if not u.repeated and u.sites(tape).isdisjoint(sites)]
        paths = self.homes.paths() if open_ones else {}
        for update in open_ones:
            old, new = tape.nodes[update.old].obj, tape.nodes[update.new].obj
            path, at = paths.get(id(new)), update.sites(tape)
            if path is None or (new is not old and id(old) in paths):
                continue
            path = ENTRY.sub("[]", path)
            places = self._seen.setdefault(at, set())
            if new is old or path in places:
                found |= at
            places.add(path)
        return found
