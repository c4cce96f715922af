"""Hooks of loops: the policy is asked at each iteration whether it is recorded."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backproof.trace.recorder import Recorder


class LoopInstance:
    """One execution of a loop: its site and the log position at the start of each iteration."""

    __slots__ = ("count", "marks", "site", "starts")

    def __init__(self, site: int) -> None:
        self.site = site
        self.count = 0
        self.starts: list[int] = []
        """Of the last iterations, as the search needs them."""
        self.marks: list[int] = []
        """Of many iterations."""


def loop_hooks(recorder: Recorder, main: Callable[[], bool]) -> dict[str, Any]:
    """Make the hooks of ``for`` and ``while``; `main` says whether this is the main thread."""
    loops = recorder.loops

    def loop(site: int) -> None:
        if main():
            loops.append(LoopInstance(site))
            if len(loops) == 1 or len(loops) > 500:
                recorder.ask(recorder.policy.outermost)

    def iteration(site: int) -> bool:
        if not main():
            return False
        for depth in range(len(loops) - 1, -1, -1):
            instance = loops[depth]
            if instance.site == site:
                del loops[depth + 1 :]
                return bool(recorder.ask(recorder.policy.iteration, instance))
        return bool(builtins.__dict__["@bp.on"])

    def loop_end(site: int) -> None:
        if not main():
            return
        for depth in range(len(loops) - 1, -1, -1):
            if loops[depth].site == site:
                instance = loops[depth]
                del loops[depth:]
                recorder.ask(recorder.policy.loop_end, instance)
                return

    def walk(site: int, x: Any) -> Iterator[Any]:
        return steps(site, iter(x))

    def steps(site: int, items: Iterator[Any]) -> Iterator[Any]:
        loop(site)
        for item in items:
            iteration(site)
            yield item
        loop_end(site)

    return {
        "@bp.loop": loop, "@bp.iteration": iteration, "@bp.loop_end": loop_end, "@bp.walk": walk,
    }  # fmt: skip
