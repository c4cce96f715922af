"""Where an update is missed: beside that of a neighbour, or in the loop that leaves it out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backproof.checks.places import Place, statement_of
from backproof.checks.selection import selecting
from backproof.checks.siblings import Kept
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Tape

if TYPE_CHECKING:
    from backproof.checks.neglect import Step


def calls(tape: Tape, operation: int) -> list[int]:
    """Return the sites of the calls that an operation runs in, outermost first."""
    return [tape.calls[c][1] for c in tape.chains()[operation] if c >= 0]


def own_call(tape: Tape, merge: int, trained: Sequence[list[int]]) -> Site | None:
    """Return the innermost call around an update that no other update runs in."""
    inner = calls(tape, merge)[::-1]
    return next((SITES[c] for c in inner if all(c not in other for other in trained)), None)


def used_before(step: Step, node: int, near: Sequence[str]) -> str | None:
    """Return the neighbour that the forward pass uses last before it uses a value."""
    first = _first_use(step, node)
    uses = {name: _first_use(step, step.old[name]) for name in near if name in step.old}
    before = {name: use for name, use in uses.items() if first is not None and use is not None
              and use <= first}  # fmt: skip
    return max(before, key=lambda name: before[name] or 0, default=None)


def _first_use(step: Step, node: int) -> int | None:
    users = (i for i in step.tape.users[node] if step.tape.operations[i].out in step.forward)
    return min(users, default=None)


def missed_at(step: Step, near: Sequence[str]) -> tuple[Site, Place | None]:
    """Return the update that most neighbours have, and the loop that chooses what it updates.

    Where one method updates each array by itself, that is the call for the neighbour.
    """
    tape, sites = step.tape, dict[int, list[str]]()
    for path in near:
        sites.setdefault(tape.operations[step.merges[path]].site, []).append(path)
    path = max(sites.values(), key=len)[0]
    merge = step.merges[path]
    whole = _container(step, merge)
    others = [m for m in step.merges.values() if _container(step, m) != whole]
    around = [SITES[s] for s in calls(tape, merge)[::-1]]
    site = tape.operations[merge].where
    # ``self.W -= …`` of a layer updates its biases as well, or else misses them there.
    among = Kept.at("".join(site.targets[:1])).name == Kept.at(path).name
    again = not among and any(tape.operations[m].site == site.index for m in others)
    own = own_call(tape, merge, [calls(tape, m) for m in others]) if again else None
    if own is not None:
        site, around = own, around[around.index(own) + 1 :]
    places = (selecting(statement_of(s), s) for s in (site, *around))
    return site, next((place for place in places if place is not None), None)


def _container(step: Step, merge: int) -> object:
    """Return an id of the matrix that what an update makes is an entry of."""
    return step.names.container(step.tape.nodes[step.tape.operations[merge].out].obj)
