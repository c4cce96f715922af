"""The formulas between a step's logits and its cost and gradients, evaluated in two precisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.calculus.precision import Unsupported, as_floats, evaluate, many_digits
from backproof.calculus.slices import Slice
from backproof.checks.layers import Layer
from backproof.checks.samples import Join
from backproof.roles import Parameter
from backproof.trace.tape import Run, Tape


@dataclass(frozen=True, slots=True)
class Reading:
    """The outputs of a slice at some logits: as the program computes them, and exactly."""

    own: list[Any]
    exact: list[Any]
    plain: list[Any]
    """Exactly, without the epsilons."""
    values: dict[int, Any]
    truth: dict[int, Any]


@dataclass(slots=True)
class Formula:
    """The operations between a step's logits and its cost and gradients."""

    node: int
    part: Slice
    logits: Any
    title: str
    label: Any
    names: tuple[str, str]
    cost: bool
    """Whether the first output is the cost; all others are gradients."""

    @property
    def elements(self) -> int:
        """How many numbers one evaluation computes."""
        env = self.part.run.env
        return sum(int(np.size(env[o.out])) for o in self.part.operations)

    def read(self, factor: float) -> Reading | None:
        """Evaluate at the recorded logits times `factor`."""
        given = np.asarray(self.logits, dtype=float) * factor
        own = self.part.replay({self.node: given}).env
        lift, table = many_digits()
        env = list(self.part.run.env)
        env[self.node] = given
        try:
            truth = evaluate(self.part.operations, env, lift=lift, table=table)
            plain = evaluate(self.part.operations, env, lift=lift, table=table, plain=True)
            ends = self.part.outputs
            return Reading(
                [own[n] for n in ends], [as_floats(truth[n]) for n in ends],
                [as_floats(plain[n]) for n in ends], {o.out: own[o.out] for o in
                self.part.operations}, truth,
            )  # fmt: skip
        except (Unsupported, KeyError, TypeError, ValueError, OverflowError):
            return None


def find_formula(
    tape: Tape, run: Run, layers: Sequence[Layer], params: Sequence[Parameter], join: Join | None,
    cost: int | None, gradients: Sequence[int],
) -> Formula | None:  # fmt: skip
    """Return what follows the last layer's logits: the cost (a node), and gradients (nodes)."""
    last = next((layer for layer in reversed(layers) if not layer.hidden), None)
    if last is None or join is None or join.classes:
        return None
    after = tape.reach([last.z])
    # Gradients of this layer alone: those below it pass through more than its formulas.
    own = [n for n in gradients if n in after]
    ends = [n for n in (cost,) if n is not None and n in after] + own[:2]
    if not ends:
        return None
    part = Slice(tape, run, [last.z], ends)
    made = tape.producer(last.z)
    name = made.where.targets[0] if made is not None and made.where.targets else "Z"
    reader = tape.users[join.labels]
    where = tape.operations[reader[0]].where if reader else None
    label = where.operands[-1] if where is not None and where.operands else "Y"
    return Formula(
        last.z, part, np.array(run.env[last.z], dtype=float), "", np.array(run.env[join.labels]),
        (name, label if label.isidentifier() else "Y"), cost is not None and cost in after,
    )  # fmt: skip
