"""What the values of a site should have been: cotangents near those that they are made of.

The first execution of a site suggests them, and each is carried over to the later executions: by
its role, or by counting layers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, SUBTRACT
from backproof.checks.blame.cotangents import Cotangents
from backproof.checks.blame.replays import Replays, shaped
from backproof.checks.blame.trust import Trust
from backproof.checks.scales import SAME
from backproof.trace.tape import Operation, Ref, Run

#: Executions of a site above which they are not gone through one after another.
MOST_SEQUENTIAL = 64
MOST_RANKS = 10
NEAR = 7

#: How a value enters another: the sites on the way, and the operand's position at each.
Way = tuple[tuple[int, int], ...]


class Proposals:
    """Proposes true values for the sites of one step."""

    def __init__(self, replays: Replays, trust: Trust) -> None:
        self.replays = replays
        self.trust = trust
        self.cotangents: Cotangents = trust.cotangents
        self.tape = replays.tape
        self.meant: dict[Any, tuple[int, float]] = {}
        """Role -> (forward node, scale) of the whole cotangents among the last partners."""
        self.ways: dict[Any, Way] = {}
        """Role -> how those forward values enter the one whose cotangent is known."""

    def of(self, operations: Sequence[Operation]) -> Iterable[dict[int, Any]]:
        """Yield what the values of a site should have been, most plausible first.

        A proposal must first help near its first execution: some value made from it becomes a
        cotangent. Then the executions are gone through in time order, each with the earlier ones
        already right, so that what reaches the next one (a layer, a time step) is right too.
        """
        first = operations[0]
        author = self.replays.start.env[first.out]
        self.meant = {}
        partners = self._partners(first, self.replays.start, len(operations))
        meant, ways = dict(self.meant), dict(self.ways)
        for role, partner in partners.items():
            value = shaped(partner, author)
            if self.replays.late():
                return
            if _same(author, value):
                continue
            if len(operations) > 1 and not self._helps(operations, value):
                continue
            if role[0] == "sum" and len(operations) == 1:
                yield self._summand(first, role[1], value)
                continue
            yield self._spread(operations, role, value, ways.get(role))
            if len(operations) > 1 and role in meant:
                node, s = meant[role]
                for sense in (-1, 1):
                    yield self._marched(operations, node, s, sense)

    def _summand(self, operation: Operation, position: int, value: Any) -> dict[int, Any]:
        """Put the blame for a sum on the summand that is not kept."""
        kept = self.replays.start.env[operation.args[position].node]
        others = [a.node for i, a in enumerate(operation.args) if i != position and type(a) is Ref]
        author = self.replays.start.env[others[0]] if len(others) == 1 else None
        sign = -1.0 if operation.function in SUBTRACT and position == 0 else 1.0
        if author is None or np.shape(author) != np.shape(value) or operation.mutates:
            return {operation.out: value}
        return {others[0]: shaped(sign * (np.asarray(value) - np.asarray(kept)), author)}

    def _marched(
        self, operations: Sequence[Operation], node: int, s: float, sense: int
    ) -> dict[int, Any]:
        """Carry a proposal over by counting: the next execution means the next layer's value."""
        family = self.cotangents.families[self.cotangents.site_of(node)]
        place = family.index(node)
        truth: dict[int, Any] = {}
        for number, operation in enumerate(operations):
            position = place + sense * number
            if not 0 <= position < len(family):
                break
            value = s * np.asarray(self.cotangents.of[family[position]])
            author = self.replays.start.env[operation.out]
            if np.size(value) != np.size(author):
                break
            truth[operation.out] = shaped(value, author)
        return truth

    def _helps(self, operations: Sequence[Operation], value: Any) -> bool:
        """Whether a value for the first execution makes something before the second one right."""
        first, second = operations[0], operations[1]
        reached = self.tape.reach([first.out])
        run = self.replays.replayed({first.out: value}, until=second.index)
        checked = 0
        for operation in self.tape.operations[first.index + 1 : second.index + 1]:
            out = operation.out
            if out in reached and out in self.trust.feeding and out not in self.trust.right:
                if self.cotangents.recognised(run, out) is not None:
                    return True
                checked += 1
                if checked > 30:
                    return False
        return not checked

    def _spread(
        self, operations: Sequence[Operation], role: Any, value: Any, way: Way | None
    ) -> dict[int, Any]:
        """Carry a proposal for the first execution of a site over to the later ones.

        The value in its role, or the one that enters by the same `way`: the input of the first
        layer is made by another statement than that of the others.
        """
        truth = {operations[0].out: value}
        sequential = len(operations) <= MOST_SEQUENTIAL
        for operation in operations[1:]:
            present = (
                self.replays.replayed(truth, until=operation.index)
                if sequential
                else self.replays.start
            )
            partners = self._partners(operation, present, len(operations))
            same = role
            if role not in partners and way is not None:
                same = next((r for r, w in self.ways.items() if w == way and r in partners), role)
            if same in partners:
                truth[operation.out] = shaped(partners[same], present.env[operation.out])
        return truth

    def _partners(self, operation: Operation, run: Run, executions: int) -> dict[Any, Any]:
        """Values that an operation may be meant to give, most plausible first, by their role.

        Cotangents of forward values near those whose cotangents it is made of; the parts of them
        that come back through one use; for a sum, such a part in place of one operand.
        """
        size = np.size(run.env[operation.out])
        known = self.trust.nearest_right(operation, run)
        # A factor may be missing here: what is made of another multiple should have the scale.
        scale = self.replays.scale
        known += [(start, scale) for start, s in known if abs(s / scale - 1) > SAME]
        self.ways = {}
        found: dict[Any, Any] = {}
        parts: dict[Any, Any] = {}
        operands: dict[Any, Any] = {}
        for start, s in known:
            for position, part in self._operands(start, size):
                _enter(operands, ("operand", position), s * np.asarray(part))
            ranks: dict[int, int] = {}
            for node, way in self._upstream(start).items():
                if node not in self.cotangents.of:
                    continue
                made = self.cotangents.site_of(node)
                rank = ranks[made] = ranks.get(made, -1) + 1
                if np.size(self.cotangents.of[node]) != size:
                    continue
                value = s * np.asarray(self.cotangents.of[node])
                role = _enter(found, ("whole", made, rank), value)
                self.meant[role], self.ways[role] = (node, s), way
                for user, part in self.cotangents.parts.get(node, ()):
                    site = self.tape.operations[user].site
                    _enter(parts, ("part", made, rank, site), s * np.asarray(part))
        if not found and executions <= MOST_SEQUENTIAL:
            shape = np.shape(run.env[operation.out])
            scales = list(dict.fromkeys([self.replays.scale, *self._scales()]))[:3]
            for node, g in self.cotangents.of.items():
                if np.shape(g) == shape and self.tape.nodes[node].kind == "op":
                    for s in scales:
                        _enter(found, ("any", self.cotangents.site_of(node), s), s * np.asarray(g))
        some = (list(values.items())[:MOST_RANKS] for values in (found, operands, parts))
        values = dict(item for items in some for item in items)
        if operation.function in ADD or operation.function in SUBTRACT:
            values = {**self._sums(operation, run, parts), **values}
        return values

    def _operands(self, node: int, size: int) -> Iterable[tuple[int, Any]]:
        """Yield what comes back to each operand of the operation that made a forward value.

        An engine's rule for an operation gives just that, whatever else the operand is used for.
        """
        operation = self.tape.producer(node)
        if operation is None:
            return
        for position, operand in enumerate(operation.inputs):
            whole = self.cotangents.of.get(operand)
            if whole is None or np.size(whole) != size:
                continue
            uses = dict(self.cotangents.parts.get(operand, ()))
            yield position, uses.get(operation.index, whole)

    def _sums(self, operation: Operation, run: Run, parts: dict[Any, Any]) -> dict[Any, Any]:
        """Keep one operand of a sum and put a part in place of the other."""
        values = {}
        for position, arg in enumerate(operation.args):
            if type(arg) is not Ref:
                continue
            kept = run.env[arg.node]
            for role, part in parts.items():
                if np.size(kept) == np.size(part):
                    values["sum", position, role] = np.asarray(kept) + part.reshape(np.shape(kept))
        return values

    def _scales(self) -> list[float]:
        scales: dict[float, int] = {}
        for _, s in self.trust.right.values():
            key = float(f"{s:.6g}")
            scales[key] = scales.get(key, 0) + 1
        return sorted(scales, key=lambda k: -scales[k])

    def _upstream(self, node: int) -> dict[int, Way]:
        """Values that `node` was computed from, breadth first, and how each enters it."""
        ways: dict[int, Way] = {node: ()}
        order = [node]
        for n in order:
            operation = self.tape.producer(n)
            if operation is None or len(ways[n]) >= NEAR:
                continue
            for position, parent in enumerate(operation.inputs):
                if parent not in ways:
                    ways[parent] = (*ways[n], (operation.site, position))
                    order.append(parent)
        return ways


def _enter(values: dict[Any, Any], role: Any, value: Any) -> Any:
    """Add a value under its role, or under the next free one, and return that."""
    count = 0
    while (*role, count) in values:
        count += 1
    if count < 3:
        values[(*role, count)] = value
    return (*role, count)


def _same(a: Any, b: Any) -> bool:
    """Whether two values are equal to rounding."""
    x, y = np.asarray(a, float), np.asarray(b, float)
    return x.shape == y.shape and bool(np.linalg.norm(x - y) <= 1e-9 * (np.linalg.norm(y) or 1.0))
