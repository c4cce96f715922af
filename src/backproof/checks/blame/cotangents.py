"""The true cotangents of the forward values, and which of them a backward value is.

A value of the author's backward pass is recognised by its direction: it is some cotangent times a
scale, transposed perhaps.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from backproof.arithmetic import NEGATE, is_in
from backproof.calculus.adjoint import adjoints, is_differentiable
from backproof.checks.choice import step_sizes
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import Fit
from backproof.checks.passes import forward_passes
from backproof.checks.scales import SAME, TOLERANCE
from backproof.trace.tape import Run, Tape

MOST_NODES = 60_000
#: Numbers that updates read, of which one may be the learning rate.
MOST_RATES = 8
#: Scales of arrays that numbers are tried with.
MOST_COMMON = 3


@dataclass(frozen=True)
class Table:
    """Cotangents of one size: forward nodes, whether each is only a part, directions, norms."""

    nodes: np.ndarray[Any, Any]
    part: np.ndarray[Any, Any]
    units: np.ndarray[Any, Any]
    norms: np.ndarray[Any, Any]

    @cached_property
    def numbers(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """The cotangents of one entry in order of size, and where in the table each stands."""
        known = self.norms * self.units[:, 0]
        order = np.argsort(known, kind="stable")
        return known[order], order

    def of_number(self, value: float, *, part: bool) -> int | None:
        """Return the first node whose cotangent is a number, up to rounding."""
        known, order = self.numbers
        room = 1e-9 * abs(value)
        first, last = np.searchsorted(known, (value - 2 * room, value + 2 * room))
        places = [i for i, own in zip(order[first:last], known[first:last], strict=True)
                  if abs(own - value) <= room and self.part[i] == part]  # fmt: skip
        return int(self.nodes[min(places)]) if places else None


class Cotangents:
    """Cotangents of the forward values of one judged step.

    Attributes
    ----------
    forward : set of int
        Nodes of the forward pass that the author differentiates.
    of : dict
        The cotangent of each.
    parts : dict
        What comes back to a forward value through each of its uses, where it has several.
    own : list of float
        The scales that right backward values may have.
    families : dict
        The nodes that one site made, in the order of time: one for each layer or time step.
    """

    def __init__(self, evidence: StepEvidence) -> None:
        assert evidence.fit is not None
        self.evidence = evidence
        self.tape: Tape = evidence.tape
        self.fit: Fit = evidence.fit
        self.scale = self.fit.scale
        self.own = self._scales()
        self.scales = list(self.own)
        hypothesis = self.fit.hypothesis
        target = hypothesis.node
        forward = self.tape.ancestors([target])
        if hypothesis.after:
            new = {n for p in evidence.params for n in p.new}
            forward = self.tape.ancestors([target], stop=new)
            forward |= self._mirror()
        self.forward = forward_passes(self.tape, evidence.run, evidence.params, self.fit, forward)
        self.of = self._cotangents()
        self.parts = self._parts()
        self.tables = self._tables()
        self.families: dict[int, list[int]] = {}
        for node in sorted(self.of):
            self.families.setdefault(self.site_of(node), []).append(node)

    def _scales(self) -> list[float]:
        """The scales that backward values may have: before and behind a learning rate.

        Where only the change of a parameter is known (a loop over its entries), the scale of what
        is right has the learning rate in it, and its sign; what is subtracted, ``0.1 * X.T @ dz``,
        may have the rate.
        """
        levels = [level for level, _, _ in self.fit.chosen.values()]
        if any(level > 0 for level in levels):
            return [self.scale]
        params = [self.evidence.params[i] for i in self.fit.chosen]
        rates = sorted(step_sizes(self.fit, self.tape, params))[:MOST_RATES]
        signs = (1.0,) if 0 in levels else (-1.0, 1.0)
        return [self.scale, *(sign * self.scale / r for r in rates for sign in signs)]

    def _mirror(self) -> set[int]:
        """Forward values of the training pass, where the cost has a pass of its own."""
        new = [n for p in self.evidence.params for n in p.old]
        return self.tape.ancestors(new)

    def _cotangents(self) -> dict[int, np.ndarray[Any, Any]]:
        """Cotangents of the values of the forward pass that the author differentiates."""
        assert self.fit.adjoint is not None
        found: dict[int, np.ndarray[Any, Any]] = {}
        for node, g in self.fit.adjoint.items():
            if node in self.forward and not self._is_sign(node):
                found[node] = g
        return found

    def _is_sign(self, node: int) -> bool:
        """Whether a value is only the negative of another within an expression: ``exp(-x)``.

        Nobody means its cotangent, and what lacks a sign is not right for it.
        """
        made = self.tape.producer(node)
        if made is None or not is_in(made.function, NEGATE):
            return False
        users = [self.tape.operations[i].where.statement for i in self.tape.users[node]]
        return bool(users) and all(statement == made.where.statement for statement in users)

    def _parts(self) -> dict[int, list[tuple[int, Any]]]:
        assert self.fit.run is not None
        seeds = self.fit.hypothesis.seeds(self.fit.run)
        found: dict[int, list[tuple[int, Any]]] = {}
        if seeds is not None and len(self.of) < MOST_NODES:
            adjoints(self.tape, self.fit.run, seeds, parts=found)
            beside = self.fit.adjoint.beside if self.fit.adjoint is not None else None
            if beside:
                adjoints(self.tape, self.fit.run, beside, within=self.forward, parts=found)
        return {
            node: uses for node, uses in found.items()
            if len(uses) > 1 and node in self.forward and not isinstance(uses[0][1], list)
        }  # fmt: skip

    def _tables(self) -> dict[int, Table]:
        """Forward cotangents and their parts by size."""
        rows: dict[int, list[tuple[int, bool, np.ndarray[Any, Any]]]] = {}
        whole = [(node, False, g) for node, g in self.of.items()]
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

    def site_of(self, node: int) -> int:
        """The site that made a forward value: the same in every layer or time step."""
        operation = self.tape.producer(node)
        return -1 if operation is None else operation.site

    def matched(self, run: Run) -> dict[int, tuple[int, float]]:
        """Find the backward values that are a multiple of some forward value's cotangent.

        A number is a multiple of any: it is one by the scale of other values, which those of one
        sample have before the gradients of a batch are divided by its size.
        """
        found: dict[int, tuple[int, float]] = {}
        numbers = []
        for operation in self.tape.operations:
            out = operation.out
            if out in self.forward:
                continue
            if np.size(run.env[out]) == 1:
                numbers.append(out)
            elif (known := self.recognised(run, out)) is not None:
                found[out] = known
        often = Counter(float(f"{s:.9g}") for _, s in found.values())
        common = [s for s, _ in often.most_common(MOST_COMMON) if abs(s / self.scale - 1) > SAME]
        self.scales = [*self.own, *(s for s in common if s not in self.own)]
        for out in numbers:
            if (known := self.recognised(run, out)) is not None:
                found[out] = known
        return dict(sorted(found.items()))

    def recognised(self, run: Run, out: int, *, part: bool = False) -> tuple[int, float] | None:
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
            own = float(np.asarray(value).reshape(-1)[0])
            for s in self.scales if own else ():
                node = table.of_number(own / s, part=part)
                if node is not None:
                    return node, s
            return None
        best: tuple[int, float] | None = None
        distance = np.inf
        for x in (np.asarray(value, float).reshape(-1), *_transposed(value)):
            norm = float(np.linalg.norm(x))
            if not norm or not np.isfinite(norm):
                return None
            cosine = table.units @ (x / norm)
            alike = (np.abs(np.abs(cosine) - 1) < TOLERANCE) & (table.part == part)
            signs = {np.sign(s) for s in self.scales}
            for i in np.flatnonzero(alike & np.isin(np.sign(cosine), list(signs))):
                gap = float(np.linalg.norm(x / norm - np.sign(cosine[i]) * table.units[i]))
                s = float(np.sign(cosine[i])) * norm / float(table.norms[i])
                apart = min(abs(float(np.log(s / t))) for t in self.scales if s / t > 0)
                if gap <= TOLERANCE and apart < distance - 1e-9:
                    best, distance = (int(table.nodes[i]), s), apart
        return best


def _transposed(value: Any) -> list[np.ndarray[Any, Any]]:
    """Return a matrix's transpose as a vector, where that differs."""
    x = np.asarray(value, dtype=float)
    return [x.T.reshape(-1)] if x.ndim == 2 and min(x.shape) > 1 else []
