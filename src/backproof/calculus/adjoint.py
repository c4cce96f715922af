"""The reverse sweep: cotangents of every value that a seed depends on."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backproof.calculus.rules import NoRule, pullback
from backproof.trace.tape import Operation, Ref, Run, Tape, map_refs, refs_in


@dataclass(slots=True)
class Adjoints:
    """Cotangents by node; `cut` maps operations that no rule covers to the reason."""

    of: dict[int, Any]
    cut: dict[int, str] = field(default_factory=dict)

    def items(self) -> Iterator[tuple[int, Any]]:
        """Yield node and cotangent, but for tuples, whose parts have their own."""
        return ((node, g) for node, g in self.of.items() if not isinstance(g, list))

    def blocked(self, tape: Tape) -> set[int]:
        """Return the nodes whose cotangent may lack a part: what the cut operations read."""
        return tape.ancestors(n for index in self.cut for n in tape.operations[index].inputs)


def is_differentiable(value: Any) -> bool:
    """Whether a value can carry a cotangent (a real floating-point number or array of them)."""
    if type(value) is float:
        return True
    return isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind == "f"


def adjoints(
    tape: Tape,
    run: Run,
    seeds: dict[int, Any],
    *,
    tie: float = 0.5,
    within: set[int] | None = None,
    parts: dict[int, list[tuple[int, Any]]] | None = None,
) -> Adjoints:
    """Pull the cotangents `seeds` back through the tape: ``v̄ += (∂out/∂v)ᵀ · out̄``.

    Parameters
    ----------
    tape, run : Tape, Run
        The operations and their values.
    seeds : dict of node to cotangent
        Each of its node's shape.
    tie : float
        The sub-gradient taken at exact kinks: 0, 0.5 or 1.
    within : set of nodes
        Only these can receive a cotangent (default: all).
    parts : dict, optional
        Filled with what comes back to each node through each operation that reads it:
        ``node -> [(operation, cotangent), …]``.

    Returns
    -------
    Adjoints
        Cotangents of all nodes reached, float64.
    """
    env = run.env
    result = Adjoints(dict(seeds))
    bar = result.of
    last = max((tape.nodes[n].operation or 0 for n in seeds), default=0)
    with np.errstate(all="ignore"):
        for operation in reversed(tape.operations[: last + 1]):
            g = bar.get(operation.out)
            if g is None:
                continue
            if operation.mutates and not is_differentiable(env[operation.out]):
                continue
            args, function = operation.args, operation.function
            scalar = type(g) is float and len(args) == 2 and parts is None
            if scalar and _scalar_step(function, args, env, g, bar):
                continue
            try:
                pulled = pull(operation, env, g, tie=tie, within=within)
            except NoRule as reason:
                result.cut[operation.index] = str(reason)
                continue
            if not pulled:
                _tuple_parts(operation, env, bar, g)
            for node, cotangent in pulled:
                if parts is not None:
                    parts.setdefault(node, []).append((operation.index, cotangent))
                known = bar.get(node)
                bar[node] = cotangent if known is None else known + cotangent
    return result


def pull(
    operation: Operation,
    env: list[Any],
    g: Any,
    *,
    tie: float = 0.5,
    within: set[int] | None = None,
) -> list[tuple[int, Any]]:
    """Pull one operation's cotangent back to what it reads: ``[(node, cotangent), …]``.

    Raises
    ------
    NoRule
        If no derivative rule covers the operation.
    """
    wanted = [
        (path, node)
        for path, node in refs_in(operation.args)
        if is_differentiable(env[node]) and (within is None or node in within)
    ]
    wanted += [
        ((key,), a.node)
        for key, a in operation.kwargs.items()
        if type(a) is Ref and is_differentiable(env[a.node])
    ]
    if not wanted:
        return []
    resolve = lambda ref: env[ref.node]  # noqa: E731
    cotangents = pullback(
        operation.function,
        tuple(map_refs(list(operation.args), resolve)),
        map_refs(operation.kwargs, resolve),
        env[operation.out],
        g,
        [path for path, _ in wanted],
        tie=tie,
    )
    return [
        (node, cotangent)
        for (_, node), cotangent in zip(wanted, cotangents, strict=True)
        if cotangent is not None
    ]


def _tuple_parts(operation: Any, env: list[Any], bar: dict[int, Any], g: Any) -> None:
    """Gather the cotangents of a tuple's elements: ``getitem(tuple, i)``."""
    if operation.function is not operator.getitem or type(operation.args[0]) is not Ref:
        return
    node, i = operation.args[0].node, operation.args[1]
    whole = env[node]
    if isinstance(whole, (tuple, list)):
        parts = bar.get(node) or [None] * len(whole)
        parts = list(parts)
        parts[i] = g if parts[i] is None else parts[i] + g
        bar[node] = parts


def _scalar_step(
    function: Any, args: tuple[Any, ...], env: list[Any], g: float, bar: dict[int, Any]
) -> bool:
    """Handle ``+ − * /`` of two Python floats (pure-Python nets have 10⁵ of them in a step)."""
    left, right = args
    if type(left) is Ref:
        a = env[left.node]
        if type(a) is not float:
            return False
    else:
        a = left
    if type(right) is Ref:
        b = env[right.node]
        if type(b) is not float:
            return False
    else:
        b = right
    if function is operator.mul:
        da, db = g * b, g * a
    elif function is operator.add:
        da, db = g, g
    elif function is operator.sub:
        da, db = g, -g
    elif function is operator.truediv:
        if b == 0:
            return False
        da, db = g / b, -g * a / (b * b)
    else:
        return False
    if type(left) is Ref:
        bar[left.node] = bar.get(left.node, 0.0) + da
    if type(right) is Ref:
        bar[right.node] = bar.get(right.node, 0.0) + db
    return True
