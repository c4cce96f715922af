"""Blame by replacement: the earliest expression whose true value repairs the wrong gradients.

For each source site of the backward pass, all the values it made in the step are replaced by the
cotangents that they should have been, and what follows is replayed. The fault is the first site
whose replacement makes wrong gradients right without spoiling a right one.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backproof.calculus.adjoint import is_differentiable
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import TOLERANCE, Fit, arrangements, proportion, rematch
from backproof.trace.tape import Operation, Run, Tape
from backproof.updates import MULTIPLY

MOST_INSTANCES = 3_000
MOST_REPLAYS = 600
NEAR = 4


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


class Blame:
    """Searches the faults behind the wrong gradients of one step."""

    def __init__(self, evidence: StepEvidence, *, replays: int = MOST_REPLAYS) -> None:
        assert evidence.fit is not None
        self.evidence = evidence
        self.tape: Tape = evidence.tape
        self.fit: Fit = evidence.fit
        self.run: Run = evidence.run
        self.replays = replays
        self.scale = self.fit.scale
        hypothesis = self.fit.hypothesis
        target = hypothesis.node if hypothesis.node is not None else hypothesis.output
        assert target is not None
        forward = self.tape.ancestors([target])
        if hypothesis.after:
            new = {n for p in evidence.params for n in p.new}
            forward = self.tape.ancestors([target], stop=new)
            forward |= self._mirror(forward)
        self.forward = forward
        self.bar = self._cotangents()
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
        run = self.run if not kept else self._replayed(kept)
        self.right = self._matched(run)
        levels = self._level_nodes(wrong)
        feeding = self.tape.ancestors(levels) - self.forward
        groups: dict[int, list[Operation]] = {}
        for operation in self.tape.operations:
            if operation.out in feeding and is_differentiable(run.env[operation.out]):
                groups.setdefault(operation.site, []).append(operation)
        best: Fault | None = None
        for site, operations in groups.items():
            if len(operations) > MOST_INSTANCES or self.replays <= 0:
                continue
            if all(o.out in self.right or o.out in kept for o in operations):
                continue
            for truth in self._proposals(operations, run, wrong):
                self.replays -= 1
                repaired = self._repaired({**kept, **truth}, wrong)
                if repaired and (best is None or len(repaired) > len(best.repaired)):
                    best = Fault(site, tuple(o.index for o in operations), truth, tuple(repaired))
                if best is not None and len(best.repaired) == len(wrong):
                    return best
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

    def _replayed(self, replace: dict[int, Any]) -> Run:
        dirty = self.tape.reach(replace)
        return self.tape.replay(double=True, base=self.run, dirty=dirty, replace=replace)

    def _matched(self, run: Run) -> dict[int, tuple[int, float]]:
        """Find the backward values that are a multiple of some forward value's cotangent."""
        table: dict[int, list[tuple[int, np.ndarray[Any, Any]]]] = {}
        for node, g in self.bar.items():
            flat = np.asarray(g, float).reshape(-1)
            if flat.size and np.all(np.isfinite(flat)) and np.any(flat):
                table.setdefault(flat.size, []).append((node, flat))
        scalars = [(node, float(g[0])) for node, g in table.get(1, [])]
        scalars.sort(key=lambda item: abs(item[1]))
        magnitudes = np.array([abs(v) for _, v in scalars])
        found: dict[int, tuple[int, float]] = {}
        for operation in self.tape.operations:
            out = operation.out
            if out in self.forward:
                continue
            value = run.env[out]
            if not is_differentiable(value):
                continue
            size = np.size(value)
            if size == 1:
                x = float(np.asarray(value).reshape(-1)[0])
                hit = _near(x / self.scale if self.scale else x, scalars, magnitudes)
                if hit is not None:
                    found[out] = (hit, self.scale)
                continue
            for node, g in table.get(size, ()):
                for x in arrangements(value, np.shape(run.env[node])):
                    s, error = proportion(x, g)
                    if error < TOLERANCE:
                        found[out] = (node, s)
                        break
                if out in found:
                    break
        return found

    # ---- proposals -----------------------------------------------------------------------------

    def _proposals(
        self, operations: Sequence[Operation], run: Run, wrong: set[int]
    ) -> Iterable[dict[int, Any]]:
        """Yield what the values of a site should have been, most plausible first."""
        outs = [o.out for o in operations]
        levels = self._as_levels(outs, wrong)
        if levels:
            yield levels
        choices = [self._partners(o, run) for o in operations]
        depth = min(max((len(c) for c in choices), default=0), 8)
        for rank in range(depth):
            truth: dict[int, Any] = {}
            for operation, candidates in zip(operations, choices, strict=True):
                if not candidates or operation.out in self.right:
                    continue
                node, s = candidates[min(rank, len(candidates) - 1)]
                truth[operation.out] = _shaped(s * np.asarray(self.bar[node]), run.env[operation.out])
            if truth:
                yield truth

    def _as_levels(self, outs: Sequence[int], wrong: set[int]) -> dict[int, Any]:
        """The site makes the gradients themselves: their truth is known."""
        truth: dict[int, Any] = {}
        for i in wrong:
            parameter = self.evidence.params[i]
            match = self.fit.matches[i]
            if match.truth is None:
                continue
            for level in parameter.levels:
                if level.deep or not set(level.nodes) <= set(outs):
                    continue
                whole = self.scale * match.truth
                offset = 0
                for node in level.nodes:
                    size = int(np.size(self.tape.nodes[parameter.old[0]].obj))
                    size = size if len(level.nodes) == 1 else 1
                    part = whole[offset : offset + size]
                    offset += size
                    like = self.run.env[node]
                    shape = np.shape(self.run.env[parameter.old[0]])
                    if np.size(like) != part.size:
                        truth[node] = part.reshape(shape)
                    elif np.shape(like) != shape and np.shape(like) == shape[::-1]:
                        truth[node] = part.reshape(shape).T
                    else:
                        truth[node] = _shaped(part, like)
                break
        return truth

    def _partners(self, operation: Operation, run: Run) -> list[tuple[int, float]]:
        """Forward values whose cotangent an operation may be meant to give, nearest first."""
        size = np.size(run.env[operation.out])
        shape = np.shape(run.env[operation.out])
        found: dict[tuple[int, float], None] = {}
        known = [self.right[n] for n in operation.inputs if n in self.right]
        for start, s in known:
            for node in self._upstream(start):
                if node in self.bar and np.size(run.env[node]) == size:
                    found[(node, s)] = None
        if not found:
            scales = list(dict.fromkeys([self.scale, *self._scales()]))[:3]
            for node in self.bar:
                if np.shape(run.env[node]) == shape and self.tape.nodes[node].kind == "op":
                    for s in scales:
                        found[(node, s)] = None
        return list(found)[:12]

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

    def _repaired(self, replace: dict[int, Any], wrong: set[int]) -> list[int]:
        """Return which wrong gradients a replacement makes right; none if it spoils a right one."""
        again = rematch(self._replayed(replace), self.fit)
        if abs(again.scale / self.scale - 1) > 1e-4 or not set(self.fit.chosen) <= set(again.chosen):
            return []
        return [i for i in sorted(wrong) if i in again.chosen]


def _near(
    x: float, scalars: Sequence[tuple[int, float]], magnitudes: np.ndarray[Any, Any]
) -> int | None:
    """Return the forward node whose scalar cotangent equals x."""
    if not scalars or not np.isfinite(x) or x == 0:
        return None
    at = int(np.searchsorted(magnitudes, abs(x) * (1 - 1e-9)))
    while at < len(scalars) and magnitudes[at] <= abs(x) * (1 + 1e-9):
        if (scalars[at][1] > 0) == (x > 0):
            return scalars[at][0]
        at += 1
    return None


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


def without_operand(operation: Operation) -> bool:
    """Whether an operation is an elementwise product (one factor can be solved for)."""
    return operation.function in MULTIPLY or operation.function is operator.truediv
