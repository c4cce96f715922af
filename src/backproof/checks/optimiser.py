"""Finds the gradients beneath an optimiser that makes something else of them, as their signs.

``W -= lr * np.sign(0.9 * m + 0.1 * g)`` is no multiple of the gradient ``g``, and right. The way
from such a gradient to its parameter is the same for all parameters, keeps the shape, and reads
nothing that the cost is computed from.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, is_in
from backproof.calculus.adjoint import is_differentiable
from backproof.checks.match import Fit
from backproof.checks.one_scale import common_scale
from backproof.checks.scales import TOLERANCE, proportion
from backproof.kept import still_holds
from backproof.roles import Level, Parameter, vector
from backproof.trace.primitives import Method
from backproof.trace.tape import Operation, Run, Tape
from backproof.updates import Update

#: What tells the entries of a gradient apart.
CHOOSES: frozenset[Any] = frozenset({
    np.sign, np.copysign, np.where, np.greater, np.greater_equal, np.less, np.less_equal,
    operator.gt, operator.ge, operator.lt, operator.le, operator.ne, np.not_equal,
})  # fmt: skip
#: What an optimiser does to a gradient besides arithmetic. Without any, its step is a slip.
DECIDES: frozenset[Any] = CHOOSES | {
    np.maximum, np.minimum, np.clip, np.round, np.rint, np.floor, np.tanh, np.abs, abs, np.fabs,
    np.sqrt, np.mean, "clip", "round", "mean",
}  # fmt: skip
#: Operations between a gradient and its parameter that are looked through.
MOST_STEPS = 40
#: A multiple of the gradient that leaves no doubt which way its step goes, whatever the momentum.
FAR = 1e3


@dataclass(frozen=True, slots=True)
class _Way:
    """From a parameter's new value down to a node: the node, and the functions on the way."""

    node: int
    functions: tuple[Any, ...]


def beneath(fit: Fit, tape: Tape, run: Run, params: Sequence[Parameter]) -> None:
    """Count gradients as right that stand beneath an optimiser's own function of them.

    Only where most parameters of several numbers have their gradient at the end of the same way;
    what stands there for the others is wrong. Where some are right otherwise, all must have it
    there, and the optimiser treat the entries of a gradient differently: a slip in one of several
    updates does not.
    """
    judged = [i for i, m in enumerate(fit.matches) if m.size > 1 and not m.vacuous and not m.reason]
    if any(len(params[i].updates) != 1 for i in judged):
        return
    forward = tape.ancestors([fit.hypothesis.node])
    olds = {n for p in params for n in p.old}
    data = {
        n for n in forward - olds
        if tape.nodes[n].operation is None and np.size(tape.nodes[n].obj) > 1
    }  # fmt: skip
    wanted = CHOOSES if any(i in fit.chosen for i in judged) else DECIDES
    found: dict[int, _Way] = {}
    for i in judged:
        new, truth = params[i].updates[0].new, fit.matches[i].truth
        for way in _ways(tape, run, params[i].updates[0], forward):
            if truth is None or proportion(vector([run.env[way.node]]), truth)[1] > TOLERANCE:
                continue
            if _is_optimiser(tape, new, way.node, data | (olds - set(params[i].old)), wanted):
                found[i] = way  # the last one is nearest to the backward pass
    ways = Counter(way.functions for way in found.values()).most_common(1)
    least = len(judged) if wanted is CHOOSES else max(min(2, len(judged)), len(judged) / 2)
    if not ways or ways[0][1] < least:
        return
    for i, match in enumerate(fit.matches):
        level = _level(tape, run, params[i], ways[0][0], forward)
        if level is None or match.truth is None or match.vacuous or match.reason:
            continue
        params[i].levels.append(level)
        s, error = proportion(vector([level.value(run)]), match.truth)
        match.nearest = len(params[i].levels) - 1, s, error
        match.scales = [*match.scales, match.nearest] if error <= TOLERANCE else []
    common_scale(fit)


def _ways(tape: Tape, run: Run, update: Update, forward: set[int]) -> Iterator[_Way]:
    """Yield the nodes of a parameter's shape that its new value is made of, nearest first.

    What is added to an accumulator that earlier steps have filled is not looked into.
    """
    new = update.new
    shape = np.shape(run.env[new])
    queue, seen = [_Way(new, ())], {new}
    while queue and len(seen) <= MOST_STEPS:
        way = queue.pop(0)
        made = tape.producer(way.node)
        if made is None or _piles_up(tape, made, update.old):
            continue
        for node in made.inputs:
            alike = is_differentiable(run.env[node]) and np.shape(run.env[node]) == shape
            if not alike or node in seen or node in forward:
                continue
            seen.add(node)
            below = _Way(node, (*way.functions, _key(made.function)))
            yield below
            queue.append(below)


def _piles_up(tape: Tape, operation: Operation, old: int) -> bool:
    """Whether an operation adds to all that earlier steps have left."""
    if not is_in(operation.function, ADD) or len(operation.args) != 2:
        return False
    one, two = operation.args
    return still_holds(tape, one, two, old) or still_holds(tape, two, one, old)


def _key(function: Any) -> Any:
    return function.name if isinstance(function, Method) else function


def _is_optimiser(
    tape: Tape, new: int, gradient: int, foreign: set[int], wanted: frozenset[Any]
) -> bool:
    """Whether a function that is wanted is applied to a gradient, and nothing foreign is read."""
    between = tape.reach([gradient]) & tape.ancestors([new])
    found = False
    for node in between - {gradient}:
        made = tape.producer(node)
        assert made is not None
        found = found or is_in(_key(made.function), wanted)
        for other in made.inputs:
            if other in between or np.size(tape.nodes[other].obj) <= 1:
                continue
            if not foreign.isdisjoint(tape.ancestors([other])):
                return False
    return found


def _level(
    tape: Tape, run: Run, parameter: Parameter, functions: tuple[Any, ...], forward: set[int]
) -> Level | None:
    """Return the place at the end of a way, for any parameter."""
    if len(parameter.updates) != 1:
        return None
    update = parameter.updates[0]
    new = update.new
    nodes = [w.node for w in _ways(tape, run, update, forward) if w.functions == functions]
    if not nodes:
        return None
    node = nodes[-1]
    value, ends = run.env[node], []
    for held in (FAR * value, -FAR * value):
        again = tape.replay(double=True, base=run, dirty=tape.reach([node]), replace={node: held})
        ends.append(again.env[new])
    if any(end is None for end in ends):
        return None
    rises = float(np.sum((np.asarray(ends[0]) - np.asarray(ends[1])) * value)) > 0
    return Level((node,), None, False, 1.0 if rises else -1.0)
