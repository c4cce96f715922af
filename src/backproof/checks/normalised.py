"""Softmaxes whose sum runs over the batch: no sample's shares sum to one, but all samples' do.

``e / np.sum(e)``, or the sum over the other axis. The labels say which axis holds the classes: each
of their samples sums to one. What the backward pass does is meant for shares of that kind, and this
is tried: the step is computed again with the other sum, and all gradients have to be right there.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backproof.arithmetic import DIVIDE, is_in, keeps
from backproof.checks.advice import advise
from backproof.checks.choice import is_full
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import compare
from backproof.checks.places import place_of
from backproof.finding import Finding
from backproof.joins import output_joins
from backproof.trace.primitives import Method
from backproof.trace.site import Site
from backproof.trace.tape import Operation

#: Places where output meets labels that are looked at, and costs that are tried there.
MOST_JOINS, MOST_COSTS = 4, 4
#: How far from one a sum of shares may be by rounding, float32 included.
NEAR = 1e-4
SUMS: frozenset[Any] = frozenset({np.sum, np.add.reduce, Method("sum"), sum})


@dataclass(frozen=True, slots=True)
class Softmax:
    """A softmax over the wrong axis: its sum, in the layout of the divisor, and the right axis."""

    summed: Operation
    divisor: Operation
    axis: int
    shape: tuple[int, ...]


class Normalised:
    """Fed with every judged step of a run, asked for findings at its end."""

    def __init__(self) -> None:
        self.found: Finding | None = None

    def look(self, evidence: StepEvidence) -> None:
        """Look for a softmax over the wrong axis, in a step whose gradients are not right."""
        fit = evidence.fit
        if self.found is not None or (fit is not None and is_full(fit)) or evidence.unfaithful:
            return
        for softmax in over_the_batch(evidence):
            right = _right_with(evidence, softmax)
            if right:
                self.found = _finding(evidence, softmax, right)
                return

    def findings(self) -> Iterator[Finding]:
        """Say where the sum stands."""
        if self.found is not None:
            yield self.found


def over_the_batch(evidence: StepEvidence) -> Iterator[Softmax]:
    """Yield the softmaxes of outputs that meet labels, but for those over the labels' classes."""
    tape = evidence.tape
    for join in output_joins(tape, evidence.params, limit=MOST_JOINS):
        labels = join.given if join.labels is None else tape.value(join.labels)
        axis = _class_axis(np.asarray(labels))
        shares, made = np.asarray(tape.value(join.output)), tape.producer(join.output)
        if axis is None or shares.shape != np.shape(labels) or made is None:
            continue
        if not is_in(made.function, DIVIDE) or len(made.inputs) != 2:
            continue
        divisor = summed = tape.producer(made.inputs[1])
        while summed is not None and (keeps(summed) or summed.function is operator.getitem):
            summed = tape.producer(summed.inputs[0])  # ``np.sum(e, axis=0)[:, None]``
        if summed is None or divisor is None or not is_in(summed.function, SUMS):
            continue
        whole = np.shape(tape.value(summed.inputs[0])) == shares.shape and bool(np.all(shares >= 0))
        # Over everything, or over the other axis: there the shares sum to one.
        over = None if np.size(tape.value(summed.out)) == 1 else 1 - axis
        if whole and np.all(np.abs(np.sum(shares, axis=over) - 1) < NEAR):
            yield Softmax(summed, divisor, axis, shares.shape)


def _class_axis(labels: np.ndarray[Any, Any]) -> int | None:
    """Return the one axis over which the labels of each sample sum to one."""
    if labels.ndim != 2 or min(labels.shape) < 2 or not np.issubdtype(labels.dtype, np.number):
        return None
    if not np.all(labels >= 0):
        return None
    axes = [axis for axis in (0, 1) if np.all(np.abs(labels.sum(axis=axis) - 1) < NEAR)]
    return axes[0] if len(axes) == 1 else None


def _right_with(evidence: StepEvidence, softmax: Softmax) -> int:
    """Return how many gradients are right, if all are, where the sum is that over the classes."""
    summed, divisor = softmax.summed, softmax.divisor
    over = {"axis": softmax.axis, "keepdims": True}
    meant = replace(
        divisor, function=np.sum, args=summed.args[:1], kwargs=over, inputs=summed.inputs[:1]
    )
    tape = evidence.tape.edited({divisor.index: meant})
    run = tape.replay(double=True, base=evidence.run, dirty=tape.reach([divisor.out]))
    fits = [*([evidence.fit] if evidence.fit is not None else []), *evidence.others]
    for fit in fits[:MOST_COSTS]:
        again = compare(tape, run, fit.hypothesis, evidence.params)
        if again is not None and is_full(again) and not any(m.reason for m in again.matches):
            return len(again.matches)
    return 0


def _finding(evidence: StepEvidence, softmax: Softmax, right: int) -> Finding:
    samples, where = softmax.shape[1 - softmax.axis], softmax.summed.where
    if where.span != softmax.divisor.where.span and where.text in softmax.divisor.where.text:
        where = softmax.divisor.where
    meant = _over(where, softmax.axis)
    whole = np.size(evidence.tape.value(softmax.summed.out)) == 1
    over = f"the whole batch of {samples} samples" if whole else f"the {samples} samples"
    sums = f"the labels of each of the {samples} samples sum to 1, the outputs of none do"
    return advise(
        "BP101", "wrong-axis", place_of(where),
        f"the softmax is over {over}, not over the classes of each",
        f"use `{meant}`" if meant else f"sum over axis {softmax.axis}, with keepdims=True",
        {
            "axis": softmax.axis, "shape": list(softmax.shape), "step": evidence.step,
            "found": where.text, "expected": meant, "forward": True,
            "parameters": [p.name for p in evidence.params],
        },
        severity="error", confidence="proven",
        notes=[sums, f"with the sum over axis {softmax.axis} all {right} gradients are right"],
    )  # fmt: skip


def _over(where: Site, axis: int) -> str:
    """Return the author's sum over an axis; empty where it is written in another way."""
    try:
        call = ast.parse(where.text, mode="eval").body
    except SyntaxError:
        return ""
    while isinstance(call, ast.Subscript):
        call = call.value
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return ""
    method = not ast.unparse(call.func).startswith(("np.", "numpy."))
    call.args = call.args[: 0 if method else 1]
    call.keywords = [
        ast.keyword("axis", ast.Constant(axis)),
        ast.keyword("keepdims", ast.Constant(True)),
    ]
    return ast.unparse(call)
