"""The reverse sweep: cotangents of every value that a seed depends on."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backproof.calculus.rules import NoRule, pullback
from backproof.calculus.rules_index import is_basic
from backproof.trace.tape import Operation, Ref, Run, Tape, map_refs, refs_in

#: Types of the numbers that programs compute with.
NUMBERS = (float, np.float64, int)


@dataclass(slots=True)
class Adjoints:
    """Cotangents by node; `cut` maps operations that no rule covers to the reason."""

    of: dict[int, Any]
    cut: dict[int, str] = field(default_factory=dict)
    beside: dict[int, Any] | None = None
    """Outputs of forward passes beside that of the cost, once these are looked for: cotangents."""

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
    own: set[int] = set()
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
            if scalar and _scalar_step(function, args, env, g, bar, within):
                continue
            part = function is operator.getitem and parts is None and not operation.nested
            if part and _part_step(args, env, g, bar, own, within):
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
    given = operation.args
    if operation.nested:
        refs = list(refs_in(given))
    else:
        refs = [((i,), a.node) for i, a in enumerate(given) if type(a) is Ref][::-1]
    wanted = [
        (path, node)
        for path, node in refs
        if (within is None or node in within) and is_differentiable(env[node])
    ]
    if operation.kwargs:
        wanted += [
            ((key,), a.node)
            for key, a in operation.kwargs.items()
            if type(a) is Ref and is_differentiable(env[a.node])
        ]
    if not wanted:
        return []
    resolve = lambda ref: env[ref.node]  # noqa: E731
    if operation.nested:
        args = tuple(map_refs(list(given), resolve))
    else:
        args = tuple([env[a.node] if type(a) is Ref else a for a in given])
    cotangents = pullback(
        operation.function,
        args,
        map_refs(operation.kwargs, resolve) if operation.kwargs else {},
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


def _part_step(
    args: tuple[Any, ...], env: list[Any], g: Any, bar: dict[int, Any], own: set[int],
    within: set[int] | None,
) -> bool:  # fmt: skip
    """Handle a window or an entry of an array: loops over pixels read one array thousands of times.

    Its cotangent is added to in place, once it is an array that the sweep has made itself (`own`).
    """
    whole, key = args
    if type(whole) is not Ref or (within is not None and whole.node not in within):
        return False
    node, value = whole.node, env[whole.node]
    if type(value) is not np.ndarray or value.dtype.kind != "f" or not is_basic(key):
        return False
    known = bar.get(node)
    if known is None or node not in own:
        fresh = np.zeros(value.shape)
        if known is not None:
            fresh += known
        bar[node] = known = fresh
        own.add(node)
    part = known[key]
    if isinstance(part, np.ndarray):
        part += np.reshape(g, part.shape)
    else:
        known[key] += np.sum(g)
    return True


def _scalar_step(
    function: Any, args: tuple[Any, ...], env: list[Any], g: float, bar: dict[int, Any],
    within: set[int] | None,
) -> bool:  # fmt: skip
    """Handle ``+ − * /`` of two numbers (pure-Python nets have 10⁵ of them in a step)."""
    left, right = args
    a = env[left.node] if type(left) is Ref else left
    b = env[right.node] if type(right) is Ref else right
    plain = (type(a) is float or type(left) is not Ref) and (
        type(b) is float or type(right) is not Ref
    )
    if not plain:
        if type(a) not in NUMBERS or type(b) not in NUMBERS:
            return False
        a, b = float(a), float(b)
    if function is operator.mul:
        da, db = g * b, g * a
    elif function is operator.add:
        da, db = g, g
    elif function is operator.sub:
        da, db = g, -g
    elif function is operator.truediv:
        if b * b == 0:
            return False
        da, db = g / b, -g * a / (b * b)
    else:
        return False
    if not (plain or math.isfinite(da + db)):
        return False
    if type(left) is Ref and (within is None or left.node in within):
        bar[left.node] = bar.get(left.node, 0.0) + da
    if type(right) is Ref and (within is None or right.node in within):
        bar[right.node] = bar.get(right.node, 0.0) + db
    return True
