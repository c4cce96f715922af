"""The registered costs of a step: those that networks have where a program computes none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from backproof.arithmetic import (
    ADD,
    DIVIDE,
    EXPONENTIALS,
    LOGARITHMS,
    MULTIPLY,
    SIZES,
    is_in,
    keeps,
)
from backproof.bootstrapped import bootstrapped
from backproof.costs import COSTS, PERCEPTRON, huber, pairs
from backproof.hypotheses import MOST_EXECUTIONS, Hypothesis
from backproof.joins import ORDERS, Join, margins, output_joins
from backproof.quantiles import pinball
from backproof.roles import Parameter
from backproof.thresholds import score_of
from backproof.trace.appended import append, site_like
from backproof.trace.site import SITES
from backproof.trace.tape import Ref, Tape
from backproof.weighing import Weighing

#: Places in the source where output meets labels.
MOST_JOINS = 4
#: Limits between small errors and large ones that are tried.
MOST_LIMITS = 2
#: Costs of an error alone: targets that a network makes itself have no others. (What a Boltzmann
#: machine takes from its data is no target.)
OF_ERRORS = re.compile("squared error|absolute error|Huber")


def registry(
    tape: Tape, params: Sequence[Parameter], *, weighted: bool = False,
    within: range | None = None,
) -> list[Hypothesis]:  # fmt: skip
    """Return the registered costs of the outputs and labels of a step.

    All executions of one expression belong to one cost: the samples of a batch, the time steps.
    With `weighted`, after them, those of errors that the program multiplies by data: by weights of
    samples or classes, by the masks of what is known, by rewards. `within` are the operations in
    which output and labels meet.
    """
    groups: dict[int, list[Join]] = {}
    targets = bootstrapped(tape, params)
    for join in (*targets, *output_joins(tape, params, limit=MOST_EXECUTIONS)):
        if within is not None and join.operation not in within:
            continue
        groups.setdefault(tape.operations[join.operation].site, []).append(join)
    found: list[Hypothesis] = []
    later: list[Hypothesis] = []
    weighing = Weighing(tape, params) if weighted else None
    limits = margins(tape)
    places = list(groups.items())[:MOST_JOINS]
    sure = [(s, js) for s, js in places if js[0].labels is not None or np.ndim(js[0].given)]
    all_sure = [j for _, joins in sure for j in joins]
    # One statement for the first sample or time step, others for the rest.
    if len(sure) > 1 and not _are_complements(tape, all_sure):
        places.append((sure[0][0], all_sure))
    for site, joins in places:
        if all(_is_of_entropy(tape, j) for j in joins):
            continue
        held = frozenset(j.labels for j in joins if j in targets and j.labels is not None)
        args = tuple(
            a
            for j in joins
            for a in (Ref(j.output), j.given if j.labels is None else Ref(j.labels))
        )
        values = [tape.value(a.node) if type(a) is Ref else a for a in args]
        scores = [score_of(tape, j.output) for j in joins]
        if any(score is not None for score in scores):
            found.extend(_perceptron(tape, site, joins, scores, values))
            continue
        weights = weighing.of(joins, values) if weighing is not None else None
        shares = all(_is_sigmoid(tape, j.output) for j in joins)
        limit = limits.get(tape.operations[joins[0].operation].out)
        straight = pinball(tape, joins, values)
        more = () if straight is None else (straight,)
        for cost in (*COSTS, *map(huber, _limits(tape, joins)), *more):
            if (cost.of_scores and shares) or (held and not OF_ERRORS.match(cost.title)):
                continue
            if not cost.has_margin(limit):
                continue
            if not all(cost.applies(a, y) for a, y in pairs(values)):
                continue
            node = append(tape, cost, args, site_like(site))
            line = SITES[site].span.line
            found.append(Hypothesis(cost.title, node, tuple(joins), line=line, held=held))
            if weights is not None:
                other = replace(cost, title=f"weighted {cost.title}", weights=weights)
                node = append(tape, other, args, site_like(site))
                later.append(Hypothesis(other.title, node, tuple(joins), line=line, held=held))
    return [*found, *later]


def _limits(tape: Tape, joins: Sequence[Join]) -> list[float]:
    """Return the numbers that the size of an error is compared with, or that it is clipped at."""
    errors = {tape.operations[join.operation].out for join in joins}
    sizes = {o.out for o in tape.operations if is_in(o.function, SIZES) and errors & set(o.inputs)}
    found: dict[float, None] = {}
    for operation in tape.operations:
        if is_in(operation.function, ORDERS) and not sizes.isdisjoint(operation.inputs):
            given = [tape.value(a.node) if type(a) is Ref else a for a in operation.args]
        elif operation.function is np.clip and not errors.isdisjoint(operation.inputs):
            given = list(operation.args[2:])
        else:
            continue
        numbers = [float(v) for v in given if np.ndim(v) == 0 and isinstance(v, int | float)]
        found |= dict.fromkeys(n for n in numbers if n > 0 and n != 1)
    return list(found)[:MOST_LIMITS]


def _are_complements(tape: Tape, joins: Sequence[Join]) -> bool:
    """Whether an output is made of another: ``1 - a``, by which ``1 - y`` is divided."""
    outputs = {join.output for join in joins}
    made = (tape.producer(node) for node in outputs)
    return any(o is not None and not outputs.isdisjoint(o.inputs) for o in made)


def _is_of_entropy(tape: Tape, join: Join) -> bool:
    """Whether labels meet the logarithm of a share, ``y * log(a)``: it is no output itself."""
    made, meets = tape.producer(join.output), tape.operations[join.operation]
    return (
        made is not None and is_in(made.function, LOGARITHMS) and is_in(meets.function, MULTIPLY)
        and bool(np.all(np.asarray(tape.value(join.output)) <= 0))
    )  # fmt: skip


def _perceptron(
    tape: Tape, site: int, joins: Sequence[Join], scores: Sequence[int | None],
    values: Sequence[Any],
) -> Iterator[Hypothesis]:  # fmt: skip
    """Yield the cost of outputs that a threshold has made: they have no slope of their own."""
    args: list[Any] = []
    for score, (output, labels) in zip(scores, pairs(values), strict=True):
        if score is None:
            return
        args += [Ref(score), labels - output]
    node = append(tape, PERCEPTRON, tuple(args), site_like(site))
    yield Hypothesis(PERCEPTRON.title, node, tuple(joins), line=SITES[site].span.line)


def _is_sigmoid(tape: Tape, node: int) -> bool:
    """Whether a value is ``1 / (1 + exp(-z))`` by its formula."""
    made = tape.producer(node)
    while made is not None and keeps(made):
        made = tape.producer(made.inputs[0])
    if made is None:
        return False
    if getattr(made.function, "__name__", "") == "expit":
        return True
    if not is_in(made.function, DIVIDE) or not made.inputs:
        return False
    below = tape.producer(made.inputs[-1])
    if below is None or not is_in(below.function, ADD):
        return False
    return any(
        (part := tape.producer(n)) is not None and is_in(part.function, EXPONENTIALS)
        for n in below.inputs
    )
