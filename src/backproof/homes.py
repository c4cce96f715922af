"""Which of several objects made in a step is the new parameter: the one at its place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from backproof.names import Names
from backproof.trace.site import SITES


class Homes:
    """The places where the program keeps its parameters, as paths like ``self.W[1]``."""

    def __init__(self) -> None:
        self._places: set[str] = set()

    def learn(self, parameters: Iterable[Any]) -> None:
        """Note where the `parameters` lie just now, unless that is known."""
        if not self._places:
            paths = self.paths()
            self._places = {paths.get(id(obj), "") for obj in parameters} - {""}

    def at_home(self) -> set[int]:
        """Return the ids of what lies just now where the parameters lie.

        Outside its methods an object goes by another name: ``net.W[1]`` for ``self.W[1]``.
        """
        paths = self.paths()
        found = {obj for obj, path in paths.items() if path in self._places}
        inside = {path.partition(".")[2] for path in self._places} - {""}
        return found or {obj for obj, path in paths.items() if path.partition(".")[2] in inside}

    def choose(self, objects: Sequence[Any], read: set[int] | None) -> int:
        """Return the index of the object that the next step reads, else of the one at home.

        `read` has the ids of what the next step reads, where there is one.
        """
        last = len(objects) - 1
        if read is not None:
            return max((i for i, o in enumerate(objects) if id(o) in read), default=last)
        paths = self.paths()
        alive = [i for i, o in enumerate(objects) if id(o) in paths]
        at_home = [i for i in alive if paths[id(objects[i])] in self._places]
        return max(at_home or alive, default=last)

    @staticmethod
    def paths() -> dict[int, str]:
        """Return where the program's values lie just now, by their ids."""
        return Names({site.file.path for site in SITES}).paths
