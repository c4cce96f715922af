"""Biases that are trained and never added: the forward pass of a step has lost ``+ b`` (BP109).

The step of such a value is exactly that which the bias of a product would get, in the size of the
steps of the product's weights; and nothing that the cost is made of reads it.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from backproof.arithmetic import PRODUCTS, SUBTRACT, is_in
from backproof.calculus.rule import unbroadcast
from backproof.carries import carries_of
from backproof.checks.gradient import StepEvidence
from backproof.checks.places import Place, number, place_of, statement_of
from backproof.checks.scales import SAME
from backproof.finding import Finding, Related
from backproof.source import tree_of
from backproof.trace.primitives import Method
from backproof.trace.tape import Operation, Tape
from backproof.updates import Update, is_shared

SUMS: frozenset[Any] = frozenset({np.sum, Method("sum")})
CONTRACTIONS: frozenset[Any] = frozenset({np.einsum, np.tensordot})
#: Judged steps that must all show it, and that are looked at.
LEAST_STEPS, MOST_STEPS = 2, 3


class Unused:
    """Fed with every judged step of a run, asked for findings at its end."""

    def __init__(self) -> None:
        self.seen: Counter[tuple[Place, Place]] = Counter()
        """By where such a value is updated, and what it would be added to."""
        self.names: dict[tuple[Place, Place], str] = {}
        self.steps = 0

    def look(self, evidence: StepEvidence) -> None:
        """Note what is stepped as a bias is, and feeds nothing but its own next value."""
        fit = evidence.fit
        if fit is None or not fit.chosen or fit.wrong or self.steps == MOST_STEPS:
            return
        self.steps += 1
        tape, found = evidence.tape, set()
        for update in _fed_back_only(evidence):
            product = _product_of(evidence, update)
            if product is not None:
                merge = tape.operations[update.merges[0][0]].where
                name = evidence.names.of(tape, [update])
                key = statement_of(merge), _start_of(place_of(product.where))
                self.names.setdefault(key, name)
                found.add(key)
        self.seen.update(found)

    def findings(self) -> Iterator[Finding]:
        """Say what is trained for nothing, and where it is missed."""
        for key, count in self.seen.items():
            if count < max(LEAST_STEPS, self.steps):
                continue
            (updated, at), name = key, self.names[key]
            yield Finding(
                code="BP109", cause="missing-term", severity="error", confidence="proven",
                title=f"`{name}` is trained as a bias and never used: `{at.text}` lacks it",
                message=f"add `{name}` in the forward pass, or leave its update out",
                file=at.file.path, span=at.span, expression=at.text,
                evidence={"parameters": [name], "steps": count, "forward": True},
                related=(
                    Related(updated.span, "call-site", updated.text, updated.file.path,
                            "updated here"),
                ),
                notes=(
                    f"in {count} judged steps its step was that of such a bias, and the cost does "
                    "not depend on it",
                ),
            )  # fmt: skip


def _fed_back_only(evidence: StepEvidence) -> list[Update]:
    """Return what is stepped once, and read by neither the cost nor the step of another value.

    An evaluation may read it: only the forward pass that is trained has lost it.
    """
    tape, fit = evidence.tape, evidence.fit
    assert fit is not None
    judged = {node for p in evidence.params for node in (*p.old, *p.new)}
    read = tape.ancestors([fit.hypothesis.node, *judged])
    found = [
        Update(old, out, pairs)
        for out, (_, merges) in carries_of(tape).links.items()
        for old, pairs in merges.items()
        if len(pairs) == 1 and not {old, out} & read
    ]
    fed = {user for update in found for user in tape.ancestors([update.new]) - {update.new}}
    return [update for update in found if update.new not in fed]


def _product_of(evidence: StepEvidence, update: Update) -> Operation | None:
    """Return the product whose bias would be stepped as a value is."""
    tape, run, fit = evidence.tape, evidence.run, evidence.fit
    assert fit is not None
    old, new = run.env[update.old], run.env[update.new]
    if old is None or new is None or np.shape(old) != np.shape(new) or fit.adjoint is None:
        return None
    change = np.asarray(new, float) - np.asarray(old, float) - _going_on(evidence, update)
    rates = {
        node: rate for i in fit.chosen if (rate := _rate(evidence, i)) is not None
        for node in evidence.params[i].old
    }  # fmt: skip
    within = tape.ancestors([fit.hypothesis.node])
    meant: dict[tuple[int, frozenset[int]], np.ndarray[Any, Any]] = {}
    for operation in tape.operations:
        if operation.out not in within or not _sums_products(tape, operation):
            continue
        cotangent = fit.adjoint.of.get(operation.out)
        known = [rates[n] for n in operation.inputs if n in rates] or fit.scales
        if cotangent is None or not known or np.ndim(cotangent) < change.ndim:
            continue
        try:
            one = known[0] * unbroadcast(np.asarray(cotangent, float), change.shape)
        except ValueError:
            continue
        # Of samples that are looked at one by one, the steps add up, those of all units or of
        # each; where numbers are multiplied one by one, each product has the cotangent of its sum.
        weights = frozenset(n for n in operation.inputs if n in rates)
        for key in {(operation.site, frozenset[int]()), (operation.site, weights)}:
            meant[key] = meant.get(key, 0.0) + one
        for step in (one, *(meant[operation.site, of] for of in (frozenset(), weights))):
            if step.shape == change.shape and np.any(step):
                gap = float(np.linalg.norm(change - step))
                if gap <= SAME * float(np.linalg.norm(step)):
                    return operation
    return None


def _rate(evidence: StepEvidence, index: int) -> float | None:
    """Return the multiple of its gradient that a parameter moves by, a velocity left out."""
    assert evidence.fit is not None
    whole = [s for level, s, _ in evidence.fit.matches[index].scales if level == -1]
    level, s, _ = evidence.fit.chosen[index]
    factor = evidence.params[index].factor(level)
    return whole[0] if whole else None if factor is None else s * factor


def _going_on(evidence: StepEvidence, update: Update) -> Any:
    """Return what of a change is the velocity of the steps before."""
    tape, run = evidence.tape, evidence.run
    ((index, delta),) = update.merges
    kept = carries_of(tape).carry.get(delta, {})
    values = [
        share * np.asarray(run.env[leaf], float) for leaf, share in kept.items()
        if 0 < share < 1 and not is_shared(tape.nodes[leaf].obj)
    ]  # fmt: skip
    return sum(values) * (-1.0 if is_in(tape.operations[index].function, SUBTRACT) else 1.0)


def _sums_products(tape: Tape, operation: Operation) -> bool:
    """Whether an operation is a product, or what a filter makes of one place of an image."""
    if is_in(operation.function, PRODUCTS | CONTRACTIONS):
        return True
    if not is_in(operation.function, SUMS) or not operation.inputs:
        return False
    summed = tape.producer(operation.inputs[0])
    return summed is not None and is_in(summed.function, PRODUCTS)


def _start_of(product: Place) -> Place:
    """Return where a sum of products is set to a number before the loop, else the product."""
    file, line = product.file, product.span.line
    nodes = [n for n in ast.walk(tree_of(file.text)) if getattr(n, "lineno", line) <= line]
    sums = {ast.unparse(n.target) for n in nodes if isinstance(n, ast.AugAssign)
            and file.span_of(n).contains(product.span)}  # fmt: skip
    starts = [
        file.span_of(n) for n in nodes
        if isinstance(n, ast.Assign) and number(n.value) is not None
        and not sums.isdisjoint(map(ast.unparse, n.targets))
    ]  # fmt: skip
    return Place(file, max(starts, key=lambda span: span.start)) if starts else product
