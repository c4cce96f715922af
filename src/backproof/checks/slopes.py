"""The slopes of the elementwise functions that the forward pass applies: σ′(z) wherever a = σ(z).

What such a function is called does not matter, nor of how many operations it consists: the value
`a` is followed down to the last value `z` that it is a function of, entry by entry.
"""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from backproof.calculus.adjoint import is_differentiable, pull
from backproof.calculus.rules import NoRule
from backproof.checks.layers import ELEMENTWISE
from backproof.checks.passes import gathered
from backproof.entries import entries_read
from backproof.trace.tape import Operation, Run, Tape

#: Elementwise functions of single numbers.
OF_NUMBERS: frozenset[Any] = frozenset({
    math.exp, math.log, math.tanh, math.sqrt, math.pow, math.sin, math.cos, math.atan, math.expm1,
    math.log1p, math.cosh, math.sinh, builtins.abs, builtins.max, builtins.min, builtins.pow,
})  # fmt: skip
#: Values whose slope is computed.
MOST_SLOPES = 2_000
#: Values behind another in the backward pass, among which the one of the forward pass is sought.
MOST_BEHIND = 40


class Slopes:
    """What the forward pass of a step makes by elementwise functions.

    Parameters
    ----------
    varying : set of int
        The nodes of the forward pass that depend on parameters.
    """

    def __init__(self, tape: Tape, run: Run, varying: set[int]) -> None:
        self.tape = tape
        self.run = run
        self._base: dict[int, int] = {}
        self._chains: dict[int, list[Operation]] = {}
        self._known: dict[int, Any] = {}
        self._stored = entries_read(tape)
        ends: dict[int, None] = {}
        for operation in tape.operations:
            base = self._base_of(operation, varying)
            if base is not None:
                self._base[operation.out] = base
                self._chains.setdefault(base, []).append(operation)
            for node in operation.inputs:
                if self._base.get(node, base) != base and is_differentiable(run.env[node]):
                    ends[node] = None
        of_all = gathered(tape, self._base, self.of)
        self._known |= of_all
        ends |= dict.fromkeys(of_all)
        self._base |= {node: node for node in of_all}
        self.ends = frozenset(list(ends)[:MOST_SLOPES])
        """Values of elementwise functions that something else reads."""
        self._last = {self._base[n]: n for n in self.ends}

    def _base_of(self, operation: Operation, varying: set[int]) -> int | None:
        """Return the value that an operation's value is an elementwise function of, if one.

        A mask is one as well: ``np.where(z > 0, z, 0.1 * z)`` is a function of `z` alone.
        """
        out, env = operation.out, self.run.env
        mask = isinstance(env[out], np.ndarray) and env[out].dtype == bool
        if out not in varying or not (mask or is_differentiable(env[out])):
            return None
        if not _elementwise(operation):
            return None
        bases = {self._base.get(n, n) for n in operation.inputs if n in varying}
        base = bases.pop() if len(bases) == 1 else None
        if base is None or base == out or np.shape(env[base]) != np.shape(env[out]):
            return None
        return base

    def read_by(self, node: int) -> int | None:
        """Return the one `a` that a value is computed from, or from whose `z`; None if several."""
        found: set[int] = set()
        queue, seen = [node], {node}
        while queue and len(seen) < MOST_BEHIND:
            one = queue.pop()
            if one in self.ends or one in self._last:
                found.add(self._base.get(one, one))
                continue
            made = self.tape.producer(one)
            stored = self._stored.get(one)
            for n in (stored,) if stored is not None else made.inputs if made is not None else ():
                if n not in seen:
                    seen.add(n)
                    queue.append(n)
        return self._last[found.pop()] if len(found) == 1 and not queue else None

    def gives(self, node: int) -> list[Any]:
        """Return the slopes of all values that are functions of what a value is computed from."""
        own = self.read_by(node)
        base = None if own is None else self._base[own]
        return [] if base is None else [self.of(n) for n in self.ends if self._base[n] == base]

    def of(self, node: int) -> Any:
        """Return da/dz of a value `a`, entry by entry; None where it says nothing."""
        if node not in self._known:
            self._known[node] = self._slope(node)
        return self._known[node]

    def _slope(self, node: int) -> Any:
        base, value = self._base.get(node), self.run.env[node]
        if base is None:
            return None
        bar: dict[int, Any] = {node: 1.0 if type(value) is float else np.ones(np.shape(value))}
        chain = self._chains[base]
        within = {o.out for o in chain} | {base}
        for operation in reversed(chain):
            g = bar.get(operation.out)
            if g is None:
                continue
            try:
                pulled = pull(operation, self.run.env, g, within=within)
            except NoRule:
                return None
            for n, part in pulled:
                bar[n] = bar[n] + part if n in bar else part
        found = bar.get(base)
        if found is None or not np.all(np.isfinite(found)):
            return None
        return None if np.size(found) > 1 and np.ptp(found) == 0 else found


def _elementwise(operation: Operation) -> bool:
    function = operation.function
    if isinstance(function, np.ufunc):
        return True
    try:
        return function in ELEMENTWISE or function in OF_NUMBERS
    except TypeError:
        return False
