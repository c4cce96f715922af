"""Parts of a tape as functions: a recorded step as a map of its parameters, evaluated anywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backproof.calculus.effort import Meter, effort_of
from backproof.trace.tape import Operation, Run, Tape

Vector = np.ndarray[Any, np.dtype[np.float64]]


class Slice:
    """The operations between some values of a step and others, as a function.

    Parameters
    ----------
    tape, run : Tape, Run
        The step and its values at the point that is held fixed elsewhere.
    inputs, outputs : sequence of int
        Nodes; an input's own producer is left out, whatever it was.
    """

    def __init__(self, tape: Tape, run: Run, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        self.run = run
        self.outputs = tuple(outputs)
        wanted = tape.reach(inputs) & tape.ancestors(outputs, stop=set(inputs))
        wanted -= set(inputs)
        self.operations: list[Operation] = [o for o in tape.operations if o.out in wanted]
        self.part = Tape()
        self.part.nodes = tape.nodes
        self.part.operations = self.operations

    def replay(self, values: dict[int, Any]) -> Run:
        """Evaluate with other inputs; the values of all nodes."""
        return self.part.replay(values, double=True, base=self.run)

    def __call__(self, values: dict[int, Any]) -> list[Any]:
        """Return the outputs for other inputs (None where one cannot be computed)."""
        env = self.replay(values).env
        return [env[n] for n in self.outputs]


def flat(values: Sequence[Any]) -> Vector:
    """Join values of any shape into one float64 vector."""
    return np.concatenate([np.asarray(v, dtype=float).reshape(-1) for v in values])


class Packing:
    """Turns the values of some nodes into one vector and back, types and shapes kept."""

    def __init__(self, run: Run, nodes: Sequence[int]) -> None:
        self.nodes = tuple(nodes)
        self.like = [run.env[n] for n in nodes]
        self.sizes = [int(np.size(v)) for v in self.like]

    def pack(self, env: Sequence[Any]) -> Vector:
        """Return the vector of the nodes' values."""
        return flat([env[n] for n in self.nodes])

    def unpack(self, vector: Vector) -> dict[int, Any]:
        """Return the nodes' values that a vector stands for."""
        values: dict[int, Any] = {}
        offset = 0
        for node, like, size in zip(self.nodes, self.like, self.sizes, strict=True):
            part = vector[offset : offset + size]
            offset += size
            if type(like) is float or isinstance(like, np.generic):
                values[node] = float(part[0])
            else:
                shaped = part.reshape(np.shape(like))
                values[node] = np.asmatrix(shaped) if isinstance(like, np.matrix) else shaped
        return values


class StepMap:
    """One recorded step as a function ``θ ↦ θ + Δ(θ)`` of the parameters, data held fixed.

    Attributes
    ----------
    theta : vector
        The parameters before the recorded step.
    cost : callable (θ) -> float, or None
        The cost on the step's own data.
    meter : Meter
        Counts what evaluations take; `effort` is what one does, of change or cost.
    """

    def __init__(
        self,
        tape: Tape,
        run: Run,
        old: Sequence[int],
        new: Sequence[int],
        cost: Callable[[Vector], float] | None = None,
        meter: Meter | None = None,
    ) -> None:
        self.packing = Packing(run, old)
        self.theta = self.packing.pack(run.env)
        self.slice = Slice(tape, run, old, new)
        self.meter = meter or Meter()
        self.effort = effort_of(self.slice.operations, run.env)
        self._cost = cost

    @property
    def cost(self) -> Callable[[Vector], float] | None:
        """The cost as a function of the parameters, if it is known."""
        return None if self._cost is None else self._counted

    def take_cost(self, other: StepMap) -> None:
        """Take the cost of another step of the same parameters on the same data."""
        self._cost = other._cost

    def _counted(self, theta: Vector) -> float:
        self.meter.spent += self.effort
        assert self._cost is not None
        return self._cost(theta)

    @property
    def operations(self) -> int:
        """How many operations one evaluation takes."""
        return len(self.slice.operations)

    def __call__(self, theta: Vector) -> Vector:
        """Return the parameters after one step from `theta`; NaN where it cannot be computed."""
        self.meter.spent += self.effort
        out = self.slice(self.packing.unpack(theta))
        if any(v is None for v in out):
            return np.full_like(theta, np.nan)
        result = flat(out)
        return result if result.shape == theta.shape else np.full_like(theta, np.nan)

    def change(self, theta: Vector) -> Vector:
        """Return ``Δ(θ)``."""
        return self(theta) - theta
