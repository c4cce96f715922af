"""A cotangent that stands where that of a nearby forward value is meant.

``dxhat = dout`` without its ``* gamma``: what is passed on is right, but for another value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, MULTIPLY
from backproof.checks.blame.fault import Fault
from backproof.checks.blame.proposals import MOST_RANKS, MOST_SEQUENTIAL
from backproof.checks.blame.replays import Replays, shaped
from backproof.checks.blame.trust import Trust
from backproof.trace.site import SITES
from backproof.trace.tape import Operation, Ref, map_refs


class Inputs:
    """Exchanges the cotangents that the statements of one step pass on."""

    def __init__(self, replays: Replays, trust: Trust) -> None:
        self.replays = replays
        self.trust = trust
        self.cotangents = trust.cotangents
        self.tape = replays.tape

    def meant(self, wrong: set[int]) -> Fault | None:
        """Return the statement under whose exchange all wrong gradients are right, if any."""
        readers: dict[tuple[int, bool], list[tuple[Operation, int]]] = {}
        for operation in self.tape.operations:
            if operation.out not in self.trust.feeding or self.trust.in_order(operation):
                continue
            for node in operation.inputs:
                if node in self.trust.right and self._handed_on(operation, node)[1]:
                    readers.setdefault(self._handed_on(operation, node), []).append(
                        (operation, node)
                    )
        for (site, _), members in readers.items():
            if len(members) > MOST_SEQUENTIAL or self.replays.late():
                continue
            node = members[0][1]
            for role in self._roles_above(
                self.trust.right[node][0], np.size(self.replays.run.env[node])
            ):
                edited = self._with_inputs(members, role)
                dirty = self.tape.reach({o.out for o, _ in members} | set(self.replays.kept))
                run = self.tape.replay(
                    double=True,
                    base=self.replays.run,
                    dirty=dirty,
                    edited=edited,
                    replace=self.replays.kept,
                )
                repaired = self.replays.right_in(run, wrong)
                if len(repaired) == len(wrong):
                    operations = tuple(dict.fromkeys(o.index for o, _ in members))
                    return Fault(site, operations, {}, tuple(repaired), "input", {"input": node})
        return None

    def _handed_on(self, reader: Operation, node: int) -> tuple[int, bool]:
        """Return the site of the statement that passes a value on to its reader, else its own."""
        flows = [
            site for event, site in self.tape.flows.get(node, ())
            if event < reader.event and SITES[site].targets
        ]  # fmt: skip
        if flows:
            return flows[-1], True
        made = self.tape.producer(node)
        return (reader.site if made is None else made.site), False

    def _roles_above(self, node: int, size: int) -> list[tuple[int, int]]:
        """Return (site, rank) of forward values of a size that a value was computed from."""
        ranks: dict[int, int] = {}
        roles = []
        for other in self._elementwise_above(node):
            site = self.cotangents.site_of(other)
            ranks[site] = ranks.get(site, -1) + 1
            if other in self.cotangents.of and np.size(self.cotangents.of[other]) == size:
                roles.append((site, ranks[site]))
        return roles[:MOST_RANKS]

    def _with_inputs(
        self, members: Sequence[tuple[Operation, int]], role: tuple[int, int]
    ) -> dict[int, Operation]:
        """Return operations that read the cotangents of other forward values than they do."""
        edited: dict[int, Operation] = {}
        for operation, node in members:
            value = self._in_role(node, role)
            if value is not None:
                known = edited.get(operation.index, operation)

                def meant(ref: Ref, node: int = node, value: Any = value) -> Any:
                    return value if ref.node == node else ref

                args, kwargs = (map_refs(part, meant) for part in (list(known.args), known.kwargs))
                edited[operation.index] = replace(
                    known, args=tuple(args), kwargs=kwargs, nested=True
                )
        return edited

    def _elementwise_above(self, node: int) -> list[int]:
        """Values of a size that a value is a multiple of, entry by entry, a few operations up."""
        size = np.size(self.replays.run.env[node])
        order, depth = [node], {node: 0}
        scaled: set[int] = set()
        for n in order:
            made = self.tape.producer(n)
            if made is None or depth[n] >= 3:
                continue
            plain = made.function in ADD or made.function in MULTIPLY
            for parent in made.inputs if plain else ():
                if parent not in depth and np.size(self.replays.run.env[parent]) == size:
                    depth[parent] = depth[n] + 1
                    order.append(parent)
                    if n in scaled or made.function in MULTIPLY:
                        scaled.add(parent)
        return [n for n in order if n in scaled]

    def _in_role(self, node: int, role: tuple[int, int]) -> Any:
        """Return the cotangent above a right value that has a role, in the value's layout."""
        start, s = self.trust.right[node]
        ranks: dict[int, int] = {}
        for other in self._elementwise_above(start):
            site = self.cotangents.site_of(other)
            ranks[site] = ranks.get(site, -1) + 1
            if (site, ranks[site]) == role and other in self.cotangents.of:
                like = self.replays.run.env[node]
                same = np.size(self.cotangents.of[other]) == np.size(like)
                return shaped(s * np.asarray(self.cotangents.of[other]), like) if same else None
        return None
