"""The rules of a scalar engine: what each use of a value gives back, held against the chain rule.

``self.grad += other.data * out.grad`` is one use's share of the gradient. The step is computed
again with what one statement gives put right, use after use: what comes in is right by then, and
tells which operation of the forward pass is differentiated, along with the values that are read.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, SUBTRACT
from backproof.checks.blame.cotangents import Cotangents
from backproof.checks.blame.fault import Fault
from backproof.checks.blame.replays import Replays
from backproof.checks.match import rematch
from backproof.trace.tape import Operation, Ref

#: Executions of a statement below which it is no rule of an engine, and above which it takes long.
LEAST, MOST = 2, 6_000
#: Executions that show what a statement reads.
SOME = 4
#: CPU seconds for all statements.
PATIENCE = 3.5
#: Relative difference of two numbers that are the same, and of two scales.
SAME, SCALE = 1e-9, 1e-6


class Rules:
    """Puts right what the statements of an engine's backward pass give.

    Parameters
    ----------
    feeding : set of int
        The backward nodes that the wrong gradients are made of.
    likely : collection of int
        Lines whose statements are looked at first.
    most : float
        CPU seconds for all statements.
    """

    def __init__(
        self, replays: Replays, cotangents: Cotangents, feeding: set[int],
        likely: Collection[int] = (), *, most: float = PATIENCE,
    ) -> None:  # fmt: skip
        self.replays = replays
        self.cotangents = cotangents
        self.feeding = feeding
        self.likely = likely
        self.tape = replays.tape
        self.deadline = time.process_time() + min(most, PATIENCE)

    def fault(self, wrong: set[int]) -> Fault | None:
        """Return the statement that makes all wrong gradients right once it is put right."""
        if any(type(self.tape.nodes[n].obj) is not float for n in self._olds()):
            return None
        for members in self._statements():
            for role in self._roles(members):
                if time.process_time() > self.deadline:
                    return None
                edited = {o.index: self._righted(o, *role) for o in members}
                outs = [o.out for o in members]
                run = self.tape.replay(
                    double=True, base=self.replays.run, edited=edited, replace=self.replays.kept,
                    dirty=self.tape.reach([*outs, *self.replays.kept]),
                )  # fmt: skip
                if all(run.env[n] == self.replays.start.env[n] for n in outs):
                    continue
                again = rematch(run, self.replays.fit)
                alike = abs(again.scale / self.replays.scale - 1) < SCALE
                if alike and self.replays.fit.keeps(again) and wrong <= set(again.chosen):
                    truth = {n: run.env[n] for n in outs}
                    indices = tuple(o.index for o in members)
                    return Fault(members[0].site, indices, truth, tuple(sorted(wrong)))
        return None

    def _olds(self) -> Iterator[int]:
        for match in self.replays.fit.matches:
            yield from match.parameter.old

    def _statements(self) -> list[list[Operation]]:
        """Return the executions of each expression of the backward pass that reads an error."""
        groups: dict[tuple[int, Any], list[Operation]] = {}
        for operation in self.tape.operations:
            if operation.out in self.feeding and len(operation.args) == 2:
                groups.setdefault((operation.site, operation.function), []).append(operation)
        found = [g for g in groups.values() if LEAST <= len(g) <= MOST]
        return sorted(found, key=lambda g: g[0].where.span.line not in self.likely)

    def _roles(self, members: Sequence[Operation]) -> Iterator[tuple[int, int, int]]:
        """Yield (position of the error, site of the operation, operand) that may be meant."""
        example = members[0]
        for position, arg in enumerate(example.args):
            if type(arg) is not Ref or arg.node in self.cotangents.forward:
                continue
            for site, uses in self._uses.items():
                if not self._reads(members, site):
                    continue
                for operand in range(uses.operands):
                    yield position, site, operand

    def _reads(self, members: Sequence[Operation], site: int) -> bool:
        """Whether each execution reads an operand, or the result, of an operation of a site."""
        forward, uses = self.cotangents.forward, self._uses[site]
        for operation in members[:SOME]:
            read = [n for n in operation.inputs if n in forward]
            if any(n not in uses.near for n in read):
                return False
        return True

    def _righted(self, operation: Operation, position: int, site: int, operand: int) -> Operation:
        """Return an execution that gives the share of the operand of what is differentiated."""
        uses, forward = self._uses[site], self.cotangents.forward
        read = [n for n in operation.inputs if n in forward]
        summing = operation.function in ADD or operation.function in SUBTRACT

        def share(*args: Any) -> Any:
            part = uses.share(args[position], read, operand, self.cotangents.own)
            if part is None:
                return operation.function(*args)
            return args[1 - position] + part if summing else part

        return replace(operation, function=share, nested=False)

    @cached_property
    def _uses(self) -> dict[int, Uses]:
        """The forward operations on numbers, by their sites."""
        found: dict[int, list[Operation]] = {}
        for operation in self.tape.operations:
            out = operation.out
            if out in self.cotangents.of and type(self.tape.nodes[out].obj) is float:
                found.setdefault(operation.site, []).append(operation)
        return {
            site: Uses(self.cotangents, group) for site, group in found.items()
            if 0 < len(group[0].inputs) <= 2
        }  # fmt: skip


class Uses:
    """The executions of one expression of the forward pass, by the cotangents of their results."""

    def __init__(self, cotangents: Cotangents, operations: Sequence[Operation]) -> None:
        self.operations, self.cotangents = operations, cotangents
        self.tape = cotangents.tape
        self.operands = max(len(o.inputs) for o in operations)
        self.operands += self._received(operations[0]) is not None
        self.near = {n for o in operations for n in (o.out, *o.inputs)}
        values = np.array([float(np.sum(cotangents.of[o.out])) for o in operations])
        self.order = np.argsort(values)
        self.values = values[self.order]

    def share(
        self, error: float, read: Sequence[int], operand: int, scales: Sequence[float]
    ) -> float | None:
        """Return what an operand gets of an error, or None where it belongs to no operation."""
        if not error:
            return 0.0
        for scale in filter(None, scales):
            value = error / scale
            width = SAME * abs(value)
            first = np.searchsorted(self.values, value - width)
            last = np.searchsorted(self.values, value + width, side="right")
            for place in self.order[first:last]:
                operation = self.operations[place]
                if all(n == operation.out or n in operation.inputs for n in read):
                    return self._part(operation, operand, scale)
        return None

    def _part(self, operation: Operation, operand: int, scale: float) -> float | None:
        if operand >= len(operation.inputs):
            node, call = self._received(operation), self.tape.chains()[operation.index]
            if node is None:
                return None
            uses = self.cotangents.parts.get(node, ())
            inside = [g for index, g in uses if self.tape.chains()[index] == call]
            return scale * float(sum(map(np.sum, inside or [self.cotangents.of[node]])))
        node = operation.inputs[operand]
        whole = self.cotangents.of.get(node)
        if whole is None:
            return None
        parts = dict(self.cotangents.parts.get(node, ()))
        return scale * float(np.sum(parts.get(operation.index, whole)))

    def _received(self, operation: Operation) -> int | None:
        """Return what a function of several operations gets: x of ``(e**x - 1) / (e**x + 1)``."""
        tape, chains = self.tape, self.tape.chains()
        call, outside, stack = chains[operation.index], set[int](), list(operation.inputs)
        inner = 0
        while call and stack:
            node = stack.pop()
            made = tape.producer(node)
            if made is not None and chains[made.index] == call:
                stack += made.inputs
                inner += 1
            elif node in self.cotangents.of:
                outside.add(node)
        return outside.pop() if inner and len(outside) == 1 else None
