"""A cotangent that stands where that of a nearby forward value is meant.

``dxhat = dout`` without its ``* gamma``: what is passed on is right, but for another value. Or for
one use of a value only: ``dx = dxhat / std``, without what comes back through mean and variance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, EXTREMES, MULTIPLY, SUBTRACT, keeps
from backproof.checks.blame.fault import Fault
from backproof.checks.blame.proposals import MOST_RANKS, MOST_SEQUENTIAL
from backproof.checks.blame.replays import Replays, shaped
from backproof.checks.blame.trust import Trust
from backproof.trace.primitives import decided
from backproof.trace.site import SITES
from backproof.trace.tape import Operation, Ref, Run, map_refs

SUMMING = ADD | SUBTRACT
#: What units that are off are cut from: the slope is 1 or 0.
RECTIFIED = EXTREMES | {decided}


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
        doubtful: dict[tuple[int, bool], int] = {}
        for operation in self.tape.operations:
            if operation.out not in self.trust.feeding:
                continue
            for node in operation.inputs:
                made = self.tape.producer(node)
                site = self._handed_on(operation, node)
                keys = [] if site is None else [(site, False)]
                if made is not None and node not in self.cotangents.forward:
                    keys.append((made.site, True))
                for key in keys:
                    readers.setdefault(key, []).append((operation, node))
                    if node in self.trust.right and not self.trust.in_order(operation):
                        doubtful.setdefault(key, node)
        for (site, by_path), node in sorted(doubtful.items(), key=lambda item: item[0][1]):
            members = readers[site, by_path]
            if len(members) > MOST_SEQUENTIAL or self.replays.late():
                continue
            size = np.size(self.replays.run.env[node])
            for role in self.roles_above(self.trust.right[node][0], size, by_path):
                run = self._exchanged(members, role, by_path)
                repaired = self.replays.right_in(run, wrong)
                if len(repaired) == len(wrong):
                    operations = tuple(dict.fromkeys(o.index for o, _ in members))
                    detail = {"input": node, "by_path": by_path}
                    return Fault(site, operations, {}, tuple(repaired), "input", detail)
        return None

    def _handed_on(self, reader: Operation, node: int) -> int | None:
        """Return the site of the statement that passes a value on to its reader, if one does."""
        flows = [
            site for event, site in self.tape.flows.get(node, ())
            if event < reader.event and SITES[site].targets
        ]  # fmt: skip
        return flows[-1] if flows else None

    def _above(self, node: int, by_path: bool) -> list[int]:
        """Values that a cotangent may be meant for in place of the one that it belongs to."""
        return self._uses_above(node) if by_path else self._elementwise_above(node)

    def roles_above(self, node: int, size: int, by_path: bool) -> list[tuple[int, int]]:
        """Return (site, rank) of forward values of a size that a value was computed from."""
        ranks: dict[int, int] = {}
        roles = []
        for other in self._above(node, by_path):
            site = self.cotangents.site_of(other)
            ranks[site] = ranks.get(site, -1) + 1
            if other in self.cotangents.of and np.size(self.cotangents.of[other]) == size:
                roles.append((site, ranks[site]))
        return roles[:MOST_RANKS]

    def _exchanged(
        self, members: Sequence[tuple[Operation, int]], role: tuple[int, int], by_path: bool
    ) -> Run:
        """Replay with the cotangents of other forward values than those that are read.

        One after the other: what reaches the next layer is right only then.
        """
        edited: dict[int, Operation] = {}
        run = self.replays.start
        for node in dict.fromkeys(n for _, n in members):
            known = self.trust.right.get(node)
            if edited:
                known = self.cotangents.recognised(run, node)
            value = None if known is None else self.in_role(known, run.env[node], role, by_path)
            if value is None:
                continue
            for operation in (o for o, n in members if n == node):
                reader = edited.get(operation.index, operation)

                def meant(ref: Ref, node: int = node, value: Any = value) -> Any:
                    return value if ref.node == node else ref

                args, kwargs = (
                    map_refs(part, meant) for part in (list(reader.args), reader.kwargs)
                )
                edited[operation.index] = replace(
                    reader, args=tuple(args), kwargs=kwargs, nested=True
                )
            dirty = {self.tape.operations[i].out for i in edited} | set(self.replays.kept)
            run = self.tape.replay(
                double=True, base=self.replays.run, dirty=self.tape.reach(dirty), edited=edited,
                replace=self.replays.kept,
            )  # fmt: skip
        return run

    def _elementwise_above(self, node: int) -> list[int]:
        """Values of a size that a value is a multiple of, entry by entry, a few operations up."""
        size = np.size(self.replays.run.env[node])
        order, depth = [node], {node: 0}
        scaled: set[int] = set()
        for n in order:
            made = self.tape.producer(n)
            if made is None or depth[n] >= 3:
                continue
            masked = made.function in RECTIFIED and keeps(made)
            plain = masked or made.function in ADD or made.function in MULTIPLY
            for parent in made.inputs if plain else ():
                if parent not in depth and np.size(self.replays.run.env[parent]) == size:
                    depth[parent] = depth[n] + 1
                    order.append(parent)
                    if n in scaled or masked or made.function in MULTIPLY:
                        scaled.add(parent)
        return [n for n in order if n in scaled]

    def _uses_above(self, node: int) -> list[int]:
        """Values with several uses, of which a value is one: ``x - mean``, ``x + f(x)``."""
        size = np.size(self.replays.run.env[node])
        order, depth = [node], {node: 0}
        for n in order:
            made = self.tape.producer(n)
            if made is None or depth[n] >= 3 or not (made.function in SUMMING or keeps(made)):
                continue
            for parent in made.inputs:
                if parent not in depth and np.size(self.replays.run.env[parent]) == size:
                    depth[parent] = depth[n] + 1
                    order.append(parent)
        return [n for n in order[1:] if n in self.cotangents.parts]

    def in_role(
        self, known: tuple[int, float], like: Any, role: tuple[int, int], by_path: bool
    ) -> Any:
        """Return the cotangent above a right value that has a role, in the value's layout."""
        start, s = known
        ranks: dict[int, int] = {}
        for other in self._above(start, by_path):
            site = self.cotangents.site_of(other)
            ranks[site] = ranks.get(site, -1) + 1
            if (site, ranks[site]) == role and other in self.cotangents.of:
                same = np.size(self.cotangents.of[other]) == np.size(like)
                return shaped(s * np.asarray(self.cotangents.of[other]), like) if same else None
        return None
