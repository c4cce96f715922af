"""Blame by replacement: the earliest expression whose true value repairs the wrong gradients.

For each source site of the backward pass, all the values it made in the step are replaced by the
cotangents that they should have been, and what follows is replayed. The fault is the first site
whose replacement makes wrong gradients right without spoiling a right one.
"""

from __future__ import annotations

import operator
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from backproof.calculus.adjoint import adjoints, is_differentiable
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import TOLERANCE, Fit, rematch
from backproof.hypotheses import output_joins
from backproof.trace.primitives import patch_view, set_item, strided_view
from backproof.trace.site import SITES
from backproof.trace.tape import Operation, Ref, Run, Tape, map_refs
from backproof.updates import ADD, MULTIPLY, SUBTRACT

MOST_INSTANCES = 3_000
MOST_SEQUENTIAL = 64
MOST_RANKS = 10
NEAR = 7
MOST_NODES = 60_000
#: Operations that only put values together.
SUMMING = {*ADD, *SUBTRACT, set_item, patch_view, strided_view, operator.getitem}
#: Seconds for the search in one step.
PATIENCE = 3.0


@dataclass(slots=True)
class Fault:
    """One blamed site.

    ``operations`` are its executions in the step; ``truth`` the values that they should have had.
    """

    site: int
    operations: tuple[int, ...]
    truth: dict[int, Any]
    repaired: tuple[int, ...]
    kind: str = "value"
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """Cotangents of one size: forward nodes, whether each is only a part, directions, norms."""

    nodes: np.ndarray[Any, Any]
    part: np.ndarray[Any, Any]
    units: np.ndarray[Any, Any]
    norms: np.ndarray[Any, Any]


class Blame:
    """Searches the faults behind the wrong gradients of one step."""

    def __init__(self, evidence: StepEvidence, *, patience: float = PATIENCE) -> None:
        assert evidence.fit is not None
        self.evidence = evidence
        self.tape: Tape = evidence.tape
        self.fit: Fit = evidence.fit
        self.run: Run = evidence.run
        self.deadline = time.process_time() + patience
        self.kept: dict[int, Any] = {}
        self.start = self.run
        self.scale = self.fit.scale
        hypothesis = self.fit.hypothesis
        target = hypothesis.node
        forward = self.tape.ancestors([target])
        if hypothesis.after:
            new = {n for p in evidence.params for n in p.new}
            forward = self.tape.ancestors([target], stop=new)
            forward |= self._mirror(forward)
        self.forward = forward
        self._starts = {
            j.operation for j in output_joins(self.tape, evidence.params, limit=MOST_NODES)
        }
        """Operations at which outputs meet labels: error begins there."""
        self.bar = self._cotangents()
        self.parts = self._parts()
        """What comes back to a forward value through each of its uses, where it has several."""
        self.tables = self._tables()
        self._families: dict[int, list[int]] = {}
        for node in sorted(self.bar):
            self._families.setdefault(self._site_of(node), []).append(node)
        self.right: dict[int, tuple[int, float]] = {}
        """backward node -> (forward node, scale) whose cotangent it is."""

    # ---- truths --------------------------------------------------------------------------------

    def _mirror(self, forward: set[int]) -> set[int]:
        """Forward values of the training pass, where the cost has a pass of its own."""
        new = [n for p in self.evidence.params for n in p.old]
        return self.tape.ancestors(new)

    def _cotangents(self) -> dict[int, np.ndarray[Any, Any]]:
        """Cotangents of the values of the forward pass that the author differentiates."""
        assert self.fit.adjoint is not None
        found: dict[int, np.ndarray[Any, Any]] = {}
        for node, g in self.fit.adjoint.of.items():
            if node in self.forward and not isinstance(g, list):
                found[node] = g
        return found

    def faults(self) -> list[Fault]:
        """Return the faults, earliest first; each repairs gradients that no earlier one does."""
        wrong = set(self.fit.wrong)
        kept: dict[int, Any] = {}
        found: list[Fault] = []
        while wrong and len(found) < 4:
            fault = self._first(wrong, kept)
            if fault is None:
                break
            found.append(fault)
            kept.update(fault.truth)
            wrong -= set(fault.repaired)
        return found

    def _first(self, wrong: set[int], kept: dict[int, Any]) -> Fault | None:
        self.kept = kept
        self.start = run = self._replayed(kept) if kept else self.run
        self.right = self._matched(run)
        feeding = self.tape.ancestors(self._level_nodes(wrong)) - self.forward
        for parameter in self.evidence.params:
            shallow = [level for level in parameter.levels if not level.deep]
            feeding -= {n for level in shallow[:-1] for n in level.nodes}
        groups: dict[int, list[Operation]] = {}
        for operation in self.tape.operations:
            if operation.out in feeding and is_differentiable(run.env[operation.out]):
                groups.setdefault(operation.site, []).append(operation)
        self.feeding = feeding
        self._account(run)
        order = {
            site: next((o.index for o in g if idle or not self._in_order(o)), None)
            for site, g in groups.items()
            for idle in (all(self._is_idle(o) for o in g),)
        }
        suspects = [groups[s] for s in sorted(groups, key=lambda s: order[s] or 0) if order[s]]
        trusted = [g for site, g in groups.items() if order[site] is None]
        best: Fault | None = None
        late_ones = [[o for o in g if o.index >= (order[g[0].site] or 0)] for g in suspects]
        # The first executions may be right for one value, and be taken for another's cotangent.
        whole = [g for g, later in zip(suspects, late_ones, strict=True) if len(g) > len(later)]
        for faulty in (*late_ones, *reversed(trusted), *whole):
            operations = groups[faulty[0].site]
            if len(operations) > MOST_INSTANCES or self.late():
                continue
            for truth in self._proposals(faulty, feeding):
                repaired = self._repaired({**kept, **truth}, wrong)
                if repaired and (best is None or len(repaired) > len(best.repaired)):
                    outs = tuple(o.index for o in operations)
                    best = Fault(operations[0].site, outs, truth, tuple(repaired))
                if best is not None and len(best.repaired) == len(wrong):
                    return best
        common = self._common_way(wrong)
        if common is not None and (best is None or len(best.repaired) < len(common.repaired)):
            return common
        last = self._at_gradient(wrong, kept, run)
        if best is None or (last is not None and len(last.repaired) > len(best.repaired)):
            return last
        return best

    def meant_input(self, wrong: set[int]) -> Fault | None:
        """A cotangent that stands where that of a nearby forward value is meant.

        ``dxhat = dout`` without its ``* gamma``: what is passed on is right, but for another value.
        """
        readers: dict[tuple[int, bool], list[tuple[Operation, int]]] = {}
        for operation in self.tape.operations:
            if operation.out not in self.feeding or self._in_order(operation):
                continue
            for node in operation.inputs:
                if node in self.right and self._handed_on(operation, node)[1]:
                    readers.setdefault(self._handed_on(operation, node), []).append(
                        (operation, node)
                    )
        for (site, _), members in readers.items():
            if len(members) > MOST_SEQUENTIAL or self.late():
                continue
            node = members[0][1]
            for role in self._roles_above(self.right[node][0], np.size(self.run.env[node])):
                edited = self._with_inputs(members, role)
                dirty = self.tape.reach({o.out for o, _ in members} | set(self.kept))
                run = self.tape.replay(
                    double=True, base=self.run, dirty=dirty, edited=edited, replace=self.kept
                )
                repaired = self._right_in(run, wrong)
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
            site = self._site_of(other)
            ranks[site] = ranks.get(site, -1) + 1
            if other in self.bar and np.size(self.bar[other]) == size:
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
        size = np.size(self.run.env[node])
        order, depth = [node], {node: 0}
        scaled: set[int] = set()
        for n in order:
            made = self.tape.producer(n)
            if made is None or depth[n] >= 3:
                continue
            plain = made.function in ADD or made.function in MULTIPLY
            for parent in made.inputs if plain else ():
                if parent not in depth and np.size(self.run.env[parent]) == size:
                    depth[parent] = depth[n] + 1
                    order.append(parent)
                    if n in scaled or made.function in MULTIPLY:
                        scaled.add(parent)
        return [n for n in order if n in scaled]

    def _in_role(self, node: int, role: tuple[int, int]) -> Any:
        """Return the cotangent above a right value that has a role, in the value's layout."""
        start, s = self.right[node]
        ranks: dict[int, int] = {}
        for other in self._elementwise_above(start):
            site = self._site_of(other)
            ranks[site] = ranks.get(site, -1) + 1
            if (site, ranks[site]) == role and other in self.bar:
                like = self.run.env[node]
                same = np.size(self.bar[other]) == np.size(like)
                return _shaped(s * np.asarray(self.bar[other]), like) if same else None
        return None

    def _right_in(self, run: Run, wrong: set[int]) -> list[int]:
        """Return which wrong gradients are right in a run that spoils no right one."""
        again = rematch(run, self.fit)
        if abs(again.scale / self.scale - 1) > 1e-4 or not set(self.fit.chosen) <= set(
            again.chosen
        ):
            return []
        return [i for i in sorted(wrong) if i in again.chosen]

    def _common_way(self, wrong: set[int]) -> Fault | None:
        """The first doubtful site that all error passes on its way to several wrong gradients.

        What feeds a right gradient is right. Of the rest, each site is taken away in turn, in
        order of time: where no error reaches a wrong gradient then, it is the one.
        """
        sinks = [self._sink(i) for i in sorted(wrong)]
        if len(sinks) < 2:
            return None
        trusted = self.tape.ancestors([n for i in self.fit.chosen for n in self._sink(i)])
        nodes = self.tape.ancestors([n for sink in sinks for n in sink])
        nodes -= self.forward | trusted
        suspects = [o for o in self.tape.operations if o.out in nodes]
        carrying: set[int] = set()
        for operation in suspects:
            if (
                any(
                    n in carrying
                    or (n in trusted and n not in self.forward and not self._is_constant(n))
                    for n in operation.inputs
                )
                or operation.index in self._starts
            ):
                carrying.add(operation.out)
        sound = {o.out for o in suspects if o.out in self.right and self._in_order(o)}
        tried: set[int] = set()
        for operation in suspects:
            site = operation.site
            if site in tried or operation.out not in carrying or self._in_order(operation):
                continue
            tried.add(site)
            reached: set[int] = set()
            for other in suspects:
                if other.site == site or other.out not in carrying:
                    continue
                makers = [n for n in other.inputs if n in carrying and n not in sound]
                if any(n in reached for n in makers) or (
                    not makers and other.out not in sound and not self._in_order(other)
                ):
                    reached.add(other.out)
            if not any(n in reached for sink in sinks for n in sink):
                operations = tuple(o.index for o in suspects if o.site == site)
                return Fault(site, operations, {}, tuple(sorted(wrong)), kind="way")
        return None

    def _sink(self, index: int) -> tuple[int, ...]:
        """The nodes of a parameter's gradient, as far down as no size divides it."""
        parameter = self.evidence.params[index]
        shallow = [level for level in parameter.levels if not level.deep]
        if shallow:
            return shallow[-1].nodes
        return tuple(d for u in parameter.updates for _, d in u.merges)

    def _account(self, run: Run) -> None:
        """Mark the backward values that are cotangents, parts of them, or sums of such."""
        self.accounted: set[int] = set()
        self.doubted: set[int] = set()
        for operation in self.tape.operations:
            out = operation.out
            if out in self.forward:
                continue
            if (
                out in self.right
                or self._cotangent_of(run, out, part=True) is not None
                or (
                    operation.function in SUMMING
                    and all(n in self.accounted or self._is_constant(n) for n in operation.inputs)
                )
            ):
                self.accounted.add(out)

        self._check_sums(run)
        for operation in self.tape.operations:
            out = operation.out
            if out in self.accounted and out not in self.right and out in self.feeding:
                users = [self.tape.operations[i] for i in self.tape.users[out]]
                users = [u for u in users if u.out in self.feeding]
                summed = not users or any(u.function in SUMMING for u in users)
                if not summed and self._cotangent_of(run, out, part=True) is not None:
                    self.doubted.add(out)  # a part, used as if it were all

    def _check_sums(self, run: Run) -> None:
        """Doubt sums that serve as cotangents and are none, and the summands that do not belong.

        What comes back to one value through its uses must be parts of the same cotangent.
        """
        for operation in self.tape.operations:
            out = operation.out
            if operation.function not in SUMMING or out not in self.accounted or out in self.right:
                continue
            users = [self.tape.operations[i] for i in self.tape.users[out]]
            if all(u.function in SUMMING or u.out not in self.feeding for u in users):
                continue
            self.accounted.discard(out)
            summands = self._summands(out)
            meant = [self._uses_of(run, n) for n in summands]
            votes: dict[int, int] = {}
            for nodes in meant:
                for node in nodes:
                    votes[node] = votes.get(node, 0) + 1
            if votes:
                common = max(votes, key=lambda n: votes[n])
                for n, nodes in zip(summands, meant, strict=True):
                    if common not in nodes:
                        self.doubted.add(n)

    def _summands(self, node: int) -> list[int]:
        """The values that a chain of sums puts together."""
        operation = self.tape.producer(node)
        if operation is None or operation.function not in (*ADD, *SUBTRACT):
            return [] if self._is_constant(node) else [node]
        if node in self.right and node not in self.accounted:
            return [node]
        return [m for n in operation.inputs if n not in self.forward for m in self._summands(n)]

    def _uses_of(self, run: Run, node: int) -> set[int]:
        """Forward values that a value is a cotangent of, or a part of it."""
        found = {self._cotangent_of(run, node), self._cotangent_of(run, node, part=True)}
        return {match[0] for match in found if match is not None}

    def _is_constant(self, node: int) -> bool:
        """Whether a value is a leaf or made of none (zeros, a number)."""
        operation = self.tape.producer(node)
        return operation is None or not operation.inputs

    def _in_order(self, operation: Operation) -> bool:
        """Whether a value is a cotangent, with the scale of the cotangents that it is made of."""
        known = self.right.get(operation.out)
        if operation.out in self.doubted:
            return False
        if known is None:
            return operation.out in self.accounted
        scales = [self.right[n][1] for n in operation.inputs if n in self.right]
        return not scales or any(abs(known[1] / s - 1) < 1e-6 for s in scales)

    def _is_idle(self, operation: Operation) -> bool:
        """Whether an operation leaves a cotangent as it is: something may be missing there."""
        known = self.right.get(operation.out)
        return known is not None and known in [self.right.get(n) for n in operation.inputs]

    def _at_gradient(self, wrong: set[int], kept: dict[int, Any], run: Run) -> Fault | None:
        """The gradients' own expressions: replacing these always helps, so they come last."""
        best: Fault | None = None
        groups: dict[int, dict[int, tuple[int, Any]]] = {}
        for i in sorted(wrong):
            parameter = self.evidence.params[i]
            shallow = [lv for lv in parameter.levels if not lv.deep]
            for level in reversed(shallow):
                truth = None if level.keys else self._as_level(i, level.nodes)
                operation = self.tape.producer(level.nodes[0])
                if truth is None or operation is None or level.nodes[0] in self.forward:
                    continue
                if self._repaired({**kept, **truth}, {i}):
                    group = groups.setdefault(operation.site, {})
                    for node, value in truth.items():
                        group[node] = (i, value)
                    break
            else:
                merge = parameter.updates[0].merges[-1][0]
                operation = self.tape.operations[merge]
                fault = Fault(operation.site, (merge,), {}, (i,), kind="update")
                best = best or fault
        for site, group in groups.items():
            truth = {node: value for node, (_, value) in group.items()}
            makers = [self.tape.nodes[n].operation for n in truth]
            indices = tuple(sorted(i for i in makers if i is not None))
            repaired = tuple(sorted({i for i, _ in group.values()}))
            if best is None or len(repaired) > len(best.repaired):
                best = Fault(site, indices, truth, repaired, kind="gradient")
        return best

    def _level_nodes(self, wrong: Iterable[int]) -> list[int]:
        nodes: list[int] = []
        for i in wrong:
            parameter = self.evidence.params[i]
            if parameter.levels:
                nodes.extend(parameter.levels[0].nodes)
            else:
                nodes.extend(d for u in parameter.updates for _, d in u.merges)
        return nodes

    def _replayed(self, values: dict[int, Any], until: int | None = None) -> Run:
        values = {**self.kept, **values}
        dirty = self.tape.reach(values)
        return self.tape.replay(
            double=True, base=self.run, dirty=dirty, replace=values, until=until
        )

    def _parts(self) -> dict[int, list[tuple[int, Any]]]:
        assert self.fit.run is not None
        seeds = self.fit.hypothesis.seeds(self.fit.run)
        found: dict[int, list[tuple[int, Any]]] = {}
        if seeds is not None and len(self.bar) < MOST_NODES:
            adjoints(self.tape, self.fit.run, seeds, parts=found)
        return {
            node: uses for node, uses in found.items()
            if len(uses) > 1 and node in self.forward and not isinstance(uses[0][1], list)
        }  # fmt: skip

    def _tables(self) -> dict[int, Table]:
        """Forward cotangents and their parts by size."""
        rows: dict[int, list[tuple[int, bool, np.ndarray[Any, Any]]]] = {}
        whole = [(node, False, g) for node, g in self.bar.items()]
        partial = [(node, True, g) for node, uses in self.parts.items() for _, g in uses]
        for node, part, g in (*whole, *partial):
            flat = np.asarray(g, float).reshape(-1)
            if flat.size and np.all(np.isfinite(flat)) and np.any(flat):
                rows.setdefault(flat.size, []).append((node, part, flat))
        tables = {}
        for size, found in rows.items():
            stacked = np.stack([g for _, _, g in found])
            norms = np.linalg.norm(stacked, axis=1)
            tables[size] = Table(
                np.array([node for node, _, _ in found]),
                np.array([part for _, part, _ in found]),
                stacked / norms[:, None], norms,
            )  # fmt: skip
        return tables

    def _matched(self, run: Run) -> dict[int, tuple[int, float]]:
        """Find the backward values that are a multiple of some forward value's cotangent."""
        found: dict[int, tuple[int, float]] = {}
        for operation in self.tape.operations:
            if operation.out not in self.forward:
                known = self._cotangent_of(run, operation.out)
                if known is not None:
                    found[operation.out] = known
        return found

    def _cotangent_of(self, run: Run, out: int, *, part: bool = False) -> tuple[int, float] | None:
        """Return (forward node, scale) of the cotangent that a value is a multiple of.

        With `part`, of what comes back through one use of a forward value.
        """
        value = run.env[out]
        if not is_differentiable(value):
            return None
        table = self.tables.get(np.size(value))
        if table is None:
            return None
        if np.size(value) == 1:
            number = float(np.asarray(value).reshape(-1)[0]) / self.scale
            gaps = np.abs(table.norms * table.units[:, 0] - number)
            near = np.flatnonzero((gaps <= 1e-9 * abs(number)) & (table.part == part))
            return (int(table.nodes[near[0]]), self.scale) if number and near.size else None
        best: tuple[int, float] | None = None
        distance = np.inf
        for x in (np.asarray(value, float).reshape(-1), *transposed(value)):
            norm = float(np.linalg.norm(x))
            if not norm or not np.isfinite(norm):
                return None
            cosine = table.units @ (x / norm)
            alike = (np.abs(np.abs(cosine) - 1) < TOLERANCE) & (table.part == part)
            for i in np.flatnonzero(alike & (cosine * self.scale > 0)):
                gap = float(np.linalg.norm(x / norm - np.sign(cosine[i]) * table.units[i]))
                s = float(np.sign(cosine[i])) * norm / float(table.norms[i])
                apart = abs(float(np.log(s / self.scale)))
                if gap <= TOLERANCE and apart < distance - 1e-9:
                    best, distance = (int(table.nodes[i]), s), apart
        return best

    # ---- proposals -----------------------------------------------------------------------------

    def _proposals(
        self, operations: Sequence[Operation], feeding: set[int]
    ) -> Iterable[dict[int, Any]]:
        """Yield what the values of a site should have been, most plausible first.

        A proposal must first help near its first execution: some value made from it becomes a
        cotangent. Then the executions are gone through in time order, each with the earlier ones
        already right, so that what reaches the next one (a layer, a time step) is right too.
        """
        first = operations[0]
        author = self.start.env[first.out]
        self.meant: dict[Any, tuple[int, float]] = {}
        partners = self._partners(first, self.start, len(operations))
        meant = dict(self.meant)
        for role, partner in partners.items():
            value = _shaped(partner, author)
            if self.late():
                return
            if _same(author, value):
                continue
            if len(operations) > 1 and not self._helps(operations, value, feeding):
                continue
            yield self._spread(operations, role, value)
            if len(operations) > 1 and role in meant:
                node, s = meant[role]
                for sense in (-1, 1):
                    yield self._marched(operations, node, s, sense)

    def _marched(
        self, operations: Sequence[Operation], node: int, s: float, sense: int
    ) -> dict[int, Any]:
        """Carry a proposal over by counting: the next execution means the next layer's value."""
        family = self._families[self._site_of(node)]
        place = family.index(node)
        truth: dict[int, Any] = {}
        for number, operation in enumerate(operations):
            position = place + sense * number
            if not 0 <= position < len(family):
                break
            value = s * np.asarray(self.bar[family[position]])
            author = self.start.env[operation.out]
            if np.size(value) != np.size(author):
                break
            truth[operation.out] = _shaped(value, author)
        return truth

    def _helps(self, operations: Sequence[Operation], value: Any, feeding: set[int]) -> bool:
        """Whether a value for the first execution makes something before the second one right."""
        first, second = operations[0], operations[1]
        reached = self.tape.reach([first.out])
        run = self._replayed({first.out: value}, until=second.index)
        checked = 0
        for operation in self.tape.operations[first.index + 1 : second.index + 1]:
            out = operation.out
            if out in reached and out in feeding and out not in self.right:
                if self._cotangent_of(run, out) is not None:
                    return True
                checked += 1
                if checked > 30:
                    return False
        return not checked

    def _spread(self, operations: Sequence[Operation], role: Any, value: Any) -> dict[int, Any]:
        """Carry a proposal for the first execution of a site over to the later ones."""
        truth = {operations[0].out: value}
        sequential = len(operations) <= MOST_SEQUENTIAL
        for operation in operations[1:]:
            present = self._replayed(truth, until=operation.index) if sequential else self.start
            partners = self._partners(operation, present, len(operations))
            if role in partners:
                truth[operation.out] = _shaped(partners[role], present.env[operation.out])
        return truth

    def late(self) -> bool:
        """Whether the time for the search is over."""
        return time.process_time() > self.deadline

    def _as_level(self, index: int, nodes: Sequence[int]) -> dict[int, Any] | None:
        """The true gradient in the layout of the author's nodes."""
        parameter = self.evidence.params[index]
        truth = self.fit.matches[index].truth
        if truth is None:
            return None
        whole = self.scale * truth
        if len(nodes) == len(parameter.old) > 1:
            return {n: _shaped(whole[k : k + 1], self.run.env[n]) for k, n in enumerate(nodes)}
        if len(nodes) != 1:
            return None
        like = self.run.env[nodes[0]]
        if parameter.rows is not None and np.size(like) == len(parameter.rows):
            return {nodes[0]: _shaped(whole[parameter.rows], like)}
        shape = np.shape(self.run.env[parameter.old[0]])
        part = whole.reshape(shape)
        if np.shape(like) != shape and np.shape(like) == shape[::-1]:
            part = part.T
        return {nodes[0]: float(part) if type(like) is float and part.size == 1 else part}

    def _partners(self, operation: Operation, run: Run, executions: int) -> dict[Any, Any]:
        """Values that an operation may be meant to give, most plausible first, by their role.

        Cotangents of forward values near those whose cotangents it is made of; the parts of them
        that come back through one use; for a sum, such a part in place of one operand.
        """
        size = np.size(run.env[operation.out])
        known = self._nearest_right(operation, run)
        found: dict[Any, Any] = {}
        parts: dict[Any, Any] = {}
        for start, s in known:
            ranks: dict[int, int] = {}
            for node in self._upstream(start):
                if node not in self.bar:
                    continue
                made = self._site_of(node)
                rank = ranks[made] = ranks.get(made, -1) + 1
                if np.size(self.bar[node]) != size:
                    continue
                value = s * np.asarray(self.bar[node])
                self.meant[_enter(found, ("whole", made, rank), value)] = (node, s)
                for user, part in self.parts.get(node, ()):
                    role = ("part", made, rank, self.tape.operations[user].site)
                    _enter(parts, role, s * np.asarray(part))
        if not found and executions <= MOST_SEQUENTIAL:
            shape = np.shape(run.env[operation.out])
            scales = list(dict.fromkeys([self.scale, *self._scales()]))[:3]
            for node, g in self.bar.items():
                if np.shape(g) == shape and self.tape.nodes[node].kind == "op":
                    for s in scales:
                        _enter(found, ("any", self._site_of(node), s), s * np.asarray(g))
        values = dict([*list(found.items())[:MOST_RANKS], *list(parts.items())[:MOST_RANKS]])
        if operation.function in ADD or operation.function in SUBTRACT:
            values.update(self._sums(operation, run, parts))
        return values

    def _site_of(self, node: int) -> int:
        """The site that made a forward value: the same in every layer or time step."""
        operation = self.tape.producer(node)
        return -1 if operation is None else operation.site

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

    def _nearest_right(self, operation: Operation, run: Run) -> list[tuple[int, float]]:
        """The cotangents that an operation is made of, through operations that are none."""
        known: dict[tuple[int, float], None] = {}
        queue, seen = list(operation.inputs), set(operation.inputs)
        for n in queue:
            if n in self.forward:
                continue
            match = self.right.get(n) if run is self.start else self._cotangent_of(run, n)
            if match is not None:
                known[match] = None
                continue
            producer = self.tape.producer(n)
            if producer is not None and len(seen) < 40:
                queue.extend(x for x in producer.inputs if x not in seen)
                seen.update(producer.inputs)
        return list(known)

    def backward_inputs(self, operation: Operation) -> bool:
        """Whether an operation reads a cotangent, directly or through values that are none."""
        return bool(self._nearest_right(operation, self.start))

    def _scales(self) -> list[float]:
        scales: dict[float, int] = {}
        for _, s in self.right.values():
            key = float(f"{s:.6g}")
            scales[key] = scales.get(key, 0) + 1
        return sorted(scales, key=lambda k: -scales[k])

    def _upstream(self, node: int) -> list[int]:
        """Values that `node` was computed from, breadth first, a few operations up."""
        seen = {node: 0}
        order = [node]
        for n in order:
            if seen[n] >= NEAR:
                continue
            operation = self.tape.producer(n)
            if operation is None:
                continue
            for parent in operation.inputs:
                if parent not in seen:
                    seen[parent] = seen[n] + 1
                    order.append(parent)
        return order

    # ---- tests ---------------------------------------------------------------------------------

    def _repaired(self, values: dict[int, Any], wrong: set[int]) -> list[int]:
        """Return which wrong gradients a replacement makes right; none if it spoils a right one."""
        return self._right_in(self._replayed(values), wrong)


def _enter(values: dict[Any, Any], role: Any, value: Any) -> Any:
    """Add a value under its role, or under the next free one, and return that."""
    count = 0
    while (*role, count) in values:
        count += 1
    if count < 3:
        values[(*role, count)] = value
    return (*role, count)


def transposed(value: Any) -> list[np.ndarray[Any, Any]]:
    """Return a matrix's transpose as a vector, where that differs."""
    x = np.asarray(value, dtype=float)
    return [x.T.reshape(-1)] if x.ndim == 2 and min(x.shape) > 1 else []


def _shaped(value: Any, like: Any) -> Any:
    """Give a value the shape and kind of another of the same size."""
    if type(like) is float:
        return float(np.asarray(value).reshape(-1)[0])
    array = np.asarray(value, float)
    shape = np.shape(like)
    if array.ndim == 2 and array.shape != shape and array.T.shape == shape:
        array = array.T
    array = array.reshape(shape)
    return np.asmatrix(array) if isinstance(like, np.matrix) else array


def _same(a: Any, b: Any) -> bool:
    """Whether two values are equal to rounding."""
    x, y = np.asarray(a, float), np.asarray(b, float)
    return x.shape == y.shape and bool(np.linalg.norm(x - y) <= 1e-9 * (np.linalg.norm(y) or 1.0))
