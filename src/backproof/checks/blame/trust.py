"""Which values of the backward pass can be trusted: cotangents, their parts, and sums of such.

Error enters where a value that is in order is made into one that is not. What serves as a whole
cotangent and is only a part of one, or a sum with a summand that belongs elsewhere, is doubted.
"""

from __future__ import annotations

import operator

from backproof.arithmetic import ADD, SUBTRACT
from backproof.checks.blame.cotangents import Cotangents
from backproof.trace.primitives import patch_view, set_item, strided_view, ufunc_at
from backproof.trace.tape import Operation, Run, Tape

#: Operations that only put values together.
SUMMING = {*ADD, *SUBTRACT, set_item, patch_view, strided_view, operator.getitem}


def is_sum(operation: Operation) -> bool:
    """Whether an operation only puts values together: ``np.add.at(total, rows, values)``, too."""
    function = operation.function
    return function in SUMMING or (function is ufunc_at and operation.args[0] in ADD | SUBTRACT)


class Trust:
    """What is known of the backward values of a run.

    Parameters
    ----------
    feeding : set of int
        The backward nodes that the wrong gradients are made of.

    Attributes
    ----------
    right : dict
        Backward node -> (forward node, scale) whose cotangent it is.
    accounted : set of int
        Nodes that are a cotangent, a part of one, or a sum of such.
    doubted : set of int
        Those of them that do not belong where they are used.
    """

    def __init__(self, cotangents: Cotangents, run: Run, feeding: set[int]) -> None:
        self.cotangents = cotangents
        self.tape: Tape = cotangents.tape
        self.forward = cotangents.forward
        self.run = run
        self.feeding = feeding
        self.right: dict[int, tuple[int, float]] = cotangents.matched(run)
        self.accounted: set[int] = set()
        self.doubted: set[int] = set()
        self._account()

    def _account(self) -> None:
        """Mark the backward values that are cotangents, parts of them, or sums of such."""
        for operation in self.tape.operations:
            out = operation.out
            if out in self.forward:
                continue
            if (
                out in self.right
                or self.cotangents.recognised(self.run, out, part=True) is not None
                or (
                    is_sum(operation)
                    and all(
                        n in self.accounted or is_constant(self.tape, n) for n in operation.inputs
                    )
                )
            ):
                self.accounted.add(out)

        self._check_sums()
        for operation in self.tape.operations:
            out = operation.out
            if out in self.accounted and out not in self.right and out in self.feeding:
                users = [self.tape.operations[i] for i in self.tape.users[out]]
                users = [u for u in users if u.out in self.feeding]
                summed = all(is_sum(u) for u in users)
                if not summed and self.cotangents.recognised(self.run, out, part=True) is not None:
                    self.doubted.add(out)  # a part, used as if it were all

    def _check_sums(self) -> None:
        """Doubt sums that serve as cotangents and are none, and the summands that do not belong.

        What comes back to one value through its uses must be parts of the same cotangent.
        """
        for operation in self.tape.operations:
            out = operation.out
            if not is_sum(operation) or out not in self.accounted or out in self.right:
                continue
            users = [self.tape.operations[i] for i in self.tape.users[out]]
            if all(is_sum(u) or u.out not in self.feeding for u in users):
                continue
            self.accounted.discard(out)
            summands = self._summands(out)
            meant = [self._uses_of(n) for n in summands]
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
            return [] if is_constant(self.tape, node) else [node]
        if node in self.right and node not in self.accounted:
            return [node]
        return [m for n in operation.inputs if n not in self.forward for m in self._summands(n)]

    def _uses_of(self, node: int) -> set[int]:
        """Forward values that a value is a cotangent of, or a part of it."""
        found = {
            self.cotangents.recognised(self.run, node),
            self.cotangents.recognised(self.run, node, part=True),
        }
        return {match[0] for match in found if match is not None}

    def in_order(self, operation: Operation) -> bool:
        """Whether a value is a cotangent, with the scale of the cotangents that it is made of."""
        known = self.right.get(operation.out)
        if operation.out in self.doubted:
            return False
        if known is None:
            return operation.out in self.accounted
        scales = [self.right[n][1] for n in operation.inputs if n in self.right]
        if not scales and not self._has_common(known[1]):
            # ``(N * dxhat - … ) / std``: no operand is a cotangent, but what they are made of is.
            return not any(self._has_common(s) for _, s in self.nearest_right(operation, self.run))
        return not scales or any(abs(known[1] / s - 1) < 1e-6 for s in scales)

    def _has_common(self, scale: float) -> bool:
        """Whether a cotangent has the scale of the right gradients."""
        return any(abs(scale / s - 1) < 1e-6 for s in self.cotangents.own)

    def is_idle(self, operation: Operation) -> bool:
        """Whether an operation leaves a cotangent as it is: something may be missing there."""
        known = self.right.get(operation.out)
        return known is not None and known in [self.right.get(n) for n in operation.inputs]

    def nearest_right(self, operation: Operation, run: Run) -> list[tuple[int, float]]:
        """The cotangents that an operation is made of, through operations that are none."""
        known: dict[tuple[int, float], None] = {}
        queue, seen = list(operation.inputs), set(operation.inputs)
        for n in queue:
            if n in self.forward:
                continue
            match = self.right.get(n) if run is self.run else self.cotangents.recognised(run, n)
            if match is not None:
                known[match] = None
                continue
            producer = self.tape.producer(n)
            if producer is not None and len(seen) < 40:
                queue.extend(x for x in producer.inputs if x not in seen)
                seen.update(producer.inputs)
        return list(known)

    def reads_cotangent(self, operation: Operation) -> bool:
        """Whether an operation reads a cotangent, directly or through values that are none."""
        return bool(self.nearest_right(operation, self.run))


def is_constant(tape: Tape, node: int) -> bool:
    """Whether a value is a leaf or made of none (zeros, a number)."""
    operation = tape.producer(node)
    return operation is None or not operation.inputs
