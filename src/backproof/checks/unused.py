"""Biases that are trained and never added: the forward pass of a step has lost ``+ b`` (BP109).

The step of such a value is exactly that which the bias of a product would get, in the size of the
steps of the product's weights; and nothing that the cost is made of reads it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from backproof.arithmetic import MULTIPLY, is_in
from backproof.calculus.rule import unbroadcast
from backproof.carries import carries_of
from backproof.checks.gradient import StepEvidence
from backproof.checks.places import Place, statement_of
from backproof.checks.scales import SAME
from backproof.checks.sense import PRODUCTS
from backproof.finding import Finding, Related
from backproof.trace.appended import is_appended
from backproof.trace.tape import Operation, Tape

#: Judged steps that must all show it, and that are looked at.
LEAST_STEPS, MOST_STEPS = 2, 3


@dataclass(frozen=True, slots=True)
class Unread:
    """A trained value that nothing reads: where it is updated, and what it would be added to."""

    name: str
    updated: Place
    product: Place


class Unused:
    """Fed with every judged step of a run, asked for findings at its end."""

    def __init__(self) -> None:
        self.seen: Counter[Unread] = Counter()
        self.steps = 0

    def look(self, evidence: StepEvidence) -> None:
        """Note what is stepped as a bias is, and feeds nothing but its own next value."""
        fit = evidence.fit
        if fit is None or not fit.chosen or fit.wrong or self.steps == MOST_STEPS:
            return
        self.steps += 1
        tape, judged = evidence.tape, {n for p in evidence.params for n in p.old}
        for out, (_, merges) in carries_of(tape).links.items():
            if not _feeds_only(tape, out, None):
                continue
            name = evidence.names.path(tape.nodes[out].obj)
            for old, pairs in merges.items():
                if name is None or old in judged or len(pairs) != 1:
                    continue
                if not _feeds_only(tape, old, out):
                    continue
                product = _product_of(evidence, old, out)
                if product is not None:
                    merge = tape.operations[pairs[0][0]].where
                    found = Unread(name, statement_of(merge), statement_of(product.where))
                    self.seen[found] += 1

    def findings(self) -> Iterator[Finding]:
        """Say what is trained for nothing, and where it is missed."""
        for one, count in self.seen.items():
            if count < max(LEAST_STEPS, self.steps):
                continue
            at = one.product
            yield Finding(
                code="BP109", cause="missing-term", severity="warning", confidence="proven",
                title=f"`{one.name}` is trained as the bias of `{at.text}`, and nothing reads it",
                message=f"add `{one.name}` in the forward pass, or leave its update out",
                file=at.file.path, span=at.span, expression=at.text,
                evidence={"parameters": [one.name], "steps": count},
                related=(
                    Related(one.updated.span, "call-site", one.updated.text,
                            one.updated.file.path, "updated here"),
                ),
                notes=(
                    f"in {count} judged steps its step was that of such a bias, and the cost does "
                    "not depend on it",
                ),
            )  # fmt: skip


def _feeds_only(tape: Tape, node: int, out: int | None) -> bool:
    """Whether the program makes one other value of a value, or nothing at all."""
    users = (tape.operations[i] for i in tape.users[node])
    made = (operation.out for operation in users if not is_appended(operation))
    return next(made, None) == out and next(made, None) is None


def _product_of(evidence: StepEvidence, before: int, after: int) -> Operation | None:
    """Return the product with trained weights whose bias would be stepped as a value is."""
    tape, run, fit = evidence.tape, evidence.run, evidence.fit
    assert fit is not None
    old, new = run.env[before], run.env[after]
    if old is None or new is None or np.shape(old) != np.shape(new) or fit.adjoint is None:
        return None
    change = np.asarray(new, float) - np.asarray(old, float)
    rates = {
        node: s for i in fit.chosen for level, s, _ in fit.matches[i].scales if level == -1
        for node in evidence.params[i].old
    }  # fmt: skip
    within = tape.ancestors([fit.hypothesis.node])
    meant: dict[int, np.ndarray[Any, Any]] = {}
    for operation in tape.operations:
        if operation.out not in within or not is_in(operation.function, PRODUCTS - MULTIPLY):
            continue
        cotangent = fit.adjoint.of.get(operation.out)
        known = [rates[n] for n in operation.inputs if n in rates]
        if cotangent is None or not known:
            continue
        try:
            one = known[0] * unbroadcast(np.asarray(cotangent, float), change.shape)
        except ValueError:
            continue
        # Of samples that are looked at one by one, the steps add up.
        total = meant[operation.site] = meant.get(operation.site, 0.0) + one
        gap = float(np.linalg.norm(change - total)) if total.shape == change.shape else np.inf
        if np.any(total) and gap <= SAME * float(np.linalg.norm(total)):
            return operation
    return None
