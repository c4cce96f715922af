"""An output error that adds the label, ``y + a`` for ``y - a``, where the program has no cost.

All gradients are then those of a squared error of the labels with the other sign. Nobody trains for
these.
"""

from __future__ import annotations

from collections.abc import Container
from itertools import product
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, is_in
from backproof.carries import dependence
from backproof.checks.cause.diagnosis import Diagnosis
from backproof.checks.choice import FEW, is_full
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import Fit, compare
from backproof.checks.scales import is_plausible
from backproof.costs import COSTS
from backproof.hypotheses import Hypothesis
from backproof.joins import Join
from backproof.trace.appended import append, evaluate
from backproof.trace.tape import Operation, Ref, Tape
from backproof.updates import NUMBER

#: The squared error, and the cost whose error term below a sigmoid is ``a - y`` too.
SQUARED, ENTROPY = COSTS[:2]
#: Entries of gradients that say nothing, where they are those of several samples.
LEAST = 2
#: Places that are tried.
MOST_SUMS = 4


def added_label(evidence: StepEvidence) -> tuple[Fit, Diagnosis] | None:
    """Return the squared error that is meant, and the place where a label is added."""
    tape, params = evidence.tape, evidence.params
    for joins, cost in product(_sums(evidence).values(), (SQUARED, ENTROPY)):
        shares = (np.asarray(tape.value(output)) for _, output, _ in joins)
        if cost is ENTROPY and not all(np.all((a > 0) & (a < 1)) for a in shares):
            continue
        fits = []
        for sign in (1.0, -1.0):
            args = [
                a for _, output, labels in joins
                for a in (Ref(output), sign * np.asarray(_value(tape, labels), dtype=float))
            ]  # fmt: skip
            node = append(tape, cost, tuple(args), joins[0][0].site)
            evidence.complete()
            evaluate(tape, evidence.run, node)
            join = Join(joins[0][1], None, _value(tape, joins[0][2]), joins[0][0].index)
            line = joins[0][0].where.span.line
            hypothesis = Hypothesis(cost.title, node, (join,), line=line)
            fits.append(compare(tape, evidence.run, hypothesis, params))
        fit, turned = fits
        if fit is None or turned is None or not _fits(turned) or _fits(fit):
            continue
        samples = sum(np.size(tape.value(output)) for _, output, _ in joins)
        if sum(match.size for match in turned.matches) <= (FEW if samples == 1 else LEAST):
            continue
        where = joins[0][0].where
        fit.scale, fit.chosen, fit.anchored = abs(turned.scale), {}, True
        return fit, Diagnosis(
            "BP101", "wrong-sign", where, f"`{where.text}` adds output and label: it is no error",
            "take the one from the other",
        )  # fmt: skip
    return None


def _fits(fit: Fit) -> bool:
    """Whether all gradients are those of a cost: those of one sample's output are a multiple."""
    return is_full(fit) and is_plausible(fit.scale)


def _value(tape: Tape, argument: Any) -> Any:
    return tape.value(argument.node) if type(argument) is Ref else argument


def _sums(evidence: StepEvidence) -> dict[int, list[tuple[Operation, int, Any]]]:
    """Return the sums of the step's output and of data, by their place: operation and operands."""
    tape, params = evidence.tape, evidence.params
    bits = {n: 1 << i for i, p in enumerate(params) for n in p.old}
    depends = dependence(tape, bits, 0, len(tape.operations))
    feeding = tape.ancestors([n for p in params for n in p.new])
    found: dict[int, list[tuple[Operation, int, Any]]] = {}
    for operation in tape.operations:
        if not is_in(operation.function, ADD) or operation.out not in feeding:
            continue
        for output, labels in (operation.args, operation.args[::-1]):
            if type(output) is not Ref or depends.get(output.node, 0).bit_count() < len(params):
                continue
            if type(labels) is Ref and depends.get(labels.node):
                continue
            a, y = tape.nodes[output.node].obj, _value(tape, labels)
            if np.ndim(a) and _is_penalty(tape, output.node, bits):
                continue
            alike = np.shape(a) == np.shape(y) or np.size(a) == np.size(y) == 1
            written = any(NUMBER.fullmatch(text) for text in operation.where.operands)
            if alike and not written and isinstance(y, np.ndarray | np.generic | float | int):
                found.setdefault(operation.site, []).append((operation, output.node, labels))
    return dict(list(found.items())[:MOST_SUMS])


def _is_penalty(tape: Tape, node: int, olds: Container[int]) -> bool:
    """Whether an array is made of parameters and numbers alone: it is no output."""
    leaves = (n for n in tape.ancestors([node]) if tape.producer(n) is None)
    return all(n in olds or not np.ndim(tape.nodes[n].obj) for n in leaves)
