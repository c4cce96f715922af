"""What a program weighs its errors with: rewards, weights of samples or classes, masks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from backproof.arithmetic import (
    ADD,
    DIVIDE,
    JOINING,
    MULTIPLY,
    NEGATE,
    SPLITTING,
    SUBTRACT,
    is_in,
    keeps,
)
from backproof.costs import pairs
from backproof.joins import Join
from backproof.roles import Parameter
from backproof.trace.tape import Operation, Ref, Run, Tape

Array = np.ndarray[Any, np.dtype[np.float64]]
#: Entries of all errors together that are followed.
MOST_ENTRIES = 100_000
#: By how much of their size two weights of one error may differ.
ROUNDING = 1e-9


class Weighing:
    """Follows the errors of a step to where something else than data is made of them.

    An error may be stored, or stacked with those of other samples, before it is multiplied by its
    weight: ``errors.append(p - y)``, and at the end of the episode
    ``np.vstack(errors) * advantages``.
    """

    def __init__(self, tape: Tape, params: Sequence[Parameter]) -> None:
        self.tape = tape
        self._moving = tape.reach(n for p in params for n in p.old)
        self._feeding = tape.ancestors(n for p in params for n in p.new)

    @cached_property
    def _run(self) -> Run:
        return self.tape.replay(double=True)

    def of(self, joins: Sequence[Join], values: Sequence[Any]) -> tuple[Array, ...] | None:
        """Return the weights of the errors of all joins, each in its output's shape.

        None where the program has none, or where they cannot be told.
        """
        given = pairs(values)
        errors = [
            self._error(join, np.shape(output))
            for join, (output, _) in zip(joins, given, strict=True)
        ]
        known = [e for e in errors if e is not None and e in self._feeding]
        if len(set(known)) < len(joins) or sum(a.size for a, _ in given) > MOST_ENTRIES:
            return None
        carrying, ends = self._carried(known)
        shapes = [np.shape(a) for a, _ in given]
        weights = self._weighed(known, carrying, ends, shapes) if ends else None
        if weights is None or not _differ(weights):
            weights = self._later(known, shapes)
        if weights is None or not _differ(weights):
            return None
        if all(np.array_equal(w, y) for w, (_, y) in zip(weights, given, strict=True)):
            return None  # that is no weight, but a slip
        return weights

    def _error(self, join: Join, shape: tuple[int, ...]) -> int | None:
        """Return the node that holds the errors of a join, one for each entry of the output."""
        node = self.tape.operations[join.operation].out
        if np.shape(self.tape.value(node)) == shape:
            return node
        for index in self.tape.users[node]:  # ``P[range(n), y] -= 1``
            user = self.tape.operations[index]
            if user.mutates and np.shape(self.tape.value(user.out)) == shape:
                return user.out
        return None

    def _carried(self, errors: Sequence[int]) -> tuple[set[int], list[int]]:
        """Return what is made of errors and data alone, and the last of it on each way."""
        carrying, ends = set(errors), []
        first = min(errors)
        for operation in self.tape.operations:
            if operation.out > first and operation.out in self._feeding:
                inputs = [n for n in operation.inputs if n in carrying]
                if inputs and self._hands_on(operation, inputs):
                    carrying.add(operation.out)
        for node in carrying:
            users = {self.tape.operations[i].out for i in self.tape.users[node]} & self._feeding
            if users and users.isdisjoint(carrying):
                ends.append(node)
        return carrying - set(errors), sorted(ends)

    def _hands_on(self, operation: Operation, errors: Sequence[int]) -> bool:
        """Whether an operation moves errors elsewhere, or multiplies them by data."""
        function = operation.function
        others = [n for n in operation.inputs if n not in errors]
        if any(n in self._moving for n in others):
            return False
        if keeps(operation) or is_in(function, NEGATE):
            return operation.inputs[0] in errors
        if is_in(function, DIVIDE):
            return operation.inputs[0] in errors and len(errors) == 1
        if is_in(function, MULTIPLY):
            return len(errors) == 1
        return is_in(function, JOINING | SPLITTING)

    def _weighed(
        self, errors: Sequence[int], carrying: set[int], ends: Sequence[int],
        shapes: Sequence[tuple[int, ...]],
    ) -> tuple[Array, ...] | None:  # fmt: skip
        """Return what each entry of the errors is multiplied by on its way to the ends.

        By what the ends become if all errors are 0, or 1, or each has its number.
        """
        total = sum(map(math.prod, shapes))
        nothing, ones, numbers = (
            self._ends(dict(zip(errors, _parts(flat, shapes), strict=True)), carrying, ends)
            for flat in (np.zeros(total), np.ones(total), np.arange(1.0, total + 1))
        )
        if nothing is None or ones is None or numbers is None:
            return None
        by, times = ones - nothing, numbers - nothing
        there = by != 0
        which = times[there] / by[there] - 1
        entries = np.rint(which).astype(int)
        if not np.all(np.abs(which - entries) <= ROUNDING * total):
            return None
        if entries.size and not 0 <= entries.min() <= entries.max() < total:
            return None
        weights = np.zeros(total)
        weights[entries] = by[there]
        if np.any(np.abs(weights[entries] - by[there]) > ROUNDING * np.abs(by[there])):
            return None  # one error, with two weights
        return tuple(_parts(weights, shapes))

    def _later(
        self, errors: Sequence[int], shapes: Sequence[tuple[int, ...]]
    ) -> tuple[Array, ...] | None:
        """Return the numbers that all gradients of each sample are multiplied by.

        ``W += rate * returns[t] * gradients[t]``
        """
        factors = {error: (sample, 1.0) for sample, error in enumerate(errors)}
        found: list[set[float] | None] = [None] * len(errors)
        for operation in self.tape.operations:
            inputs = [n for n in operation.inputs if n in factors]
            if not inputs or operation.out in factors or operation.out not in self._feeding:
                continue
            if len(inputs) > 1 or is_in(operation.function, ADD | SUBTRACT | JOINING):
                for sample, factor in (factors[n] for n in inputs):
                    known = found[sample]
                    found[sample] = {factor} if known is None else known & {factor}
                continue
            sample, factor = factors[inputs[0]]
            factors[operation.out] = sample, factor * self._number(operation, inputs[0])
        if any(known is None or len(known) != 1 for known in found):
            return None
        return tuple(
            np.full(shape, next(iter(known or ())))
            for shape, known in zip(shapes, found, strict=True)
        )

    def _number(self, operation: Operation, error: int) -> float:
        """Return the number of the data that an operation multiplies with, or 1."""
        divides = is_in(operation.function, DIVIDE)
        if not divides and not is_in(operation.function, MULTIPLY):
            return 1.0
        first, second = operation.args[:2]
        other = second if type(first) is Ref and first.node == error else first
        if type(other) is Ref:
            if other.node in self._moving:
                return 1.0
            other = self.tape.value(other.node)
        if np.size(other) != 1 or (divides and other is first):
            return 1.0
        value = float(np.reshape(other, ()))
        return value if not divides else 1 / value if value else 1.0

    def _ends(
        self, errors: dict[int, Array], carrying: set[int], ends: Sequence[int]
    ) -> Array | None:  # fmt: skip
        """Return all entries of the ends for other errors."""
        run = self.tape.replay(
            base=self._run, dirty=carrying | set(errors), replace=errors, double=True
        )
        values = [run.env[n] for n in ends]
        if any(v is None for v in values):
            return None
        return np.concatenate([np.asarray(v, dtype=float).reshape(-1) for v in values])


def _parts(flat: Array, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """Return arrays of some shapes with the entries of one vector."""
    ends = np.cumsum([math.prod(shape) for shape in shapes])[:-1]
    parts = zip(np.split(flat, ends), shapes, strict=True)
    return [part.reshape(shape) for part, shape in parts]


def _differ(weights: Sequence[Array]) -> bool:
    """Whether some weights are larger than others."""
    every = np.abs(np.concatenate([w.reshape(-1) for w in weights]))
    return bool(np.all(np.isfinite(every)) and np.any(every != every[0]))
