"""Gradients that belong to another cost than the one the program reports (BP103).

A printed number need not be what is minimised: this is a warning, and only where the program's own
loss, by its name and its place in the step, fits no gradient in any judged step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from backproof.checks.choice import FEW
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import Fit
from backproof.checks.scales import is_plausible
from backproof.finding import Finding, Related
from backproof.trace.site import SITES
from backproof.trace.tape import Tape

#: Names of what a program minimises; an `error` or an accuracy is printed for the reader.
LOSS = re.compile(r"loss|cost|nll|entropy|\bJ\b|\bmse\b|\bbce\b|objective", re.I)
#: What only a measure of quality does.
METRIC = re.compile(r"abs\(|round|argmax|==|valid|test|dev\b|acc|mae|error|best|smooth", re.I)


#: A cost that differs by an epsilon in its logarithm has nearly the same gradient.
NEAR = 0.02


class Mismatch:
    """Fed with every judged step of a run, asked for findings at its end."""

    def __init__(self) -> None:
        self.found: list[Finding] = []
        self.fits = False

    def look(self, evidence: StepEvidence) -> None:
        """Compare the cost that explains the gradients with the program's own."""
        fit = evidence.fit
        if fit is None or not fit.chosen:
            return
        if not fit.hypothesis.registered:
            self.fits = True
            return
        own = [f for f in evidence.others if is_reported(evidence.tape, f)]
        if any(explains_some(f) for f in evidence.others if not f.hypothesis.registered):
            self.fits = True
        elif own and not fit.wrong and sum(m.size > 1 for m in fit.matches) > 0:
            self.found.append(_finding(evidence, fit, own[0]))

    def findings(self) -> Iterator[Finding]:
        """Report the mismatch where no step speaks against it."""
        if not self.fits and len(self.found) >= 2:
            yield self.found[0]


def is_reported(tape: Tape, fit: Fit) -> bool:
    """Whether a cost is one that the program computes in the step and calls its loss."""
    hypothesis = fit.hypothesis
    made = tape.producer(hypothesis.node)
    if hypothesis.registered or not hypothesis.own or hypothesis.after or made is None:
        return False
    names = [hypothesis.title, made.where.function]
    for call in tape.chains()[made.index]:
        if call >= 0:
            site = SITES[tape.calls[call][1]]
            names += site.targets if site.is_value else ()
    text = " ".join((*names, made.where.text))
    return any(LOSS.search(name) for name in names) and not METRIC.search(text)


def explains_some(fit: Fit) -> bool:
    """Whether any gradient of several entries is a multiple of the one under a cost.

    By a factor that programs have: two entries of opposite sign are a multiple of any such two.
    """
    return any(
        any(is_plausible(s) for _, s, _ in m.scales)
        or m.penalties or m.reason or (m.nearest[2] < NEAR and m.size > FEW)
        for m in fit.matches if m.size > 1
    )  # fmt: skip


def _finding(evidence: StepEvidence, fit: Fit, own: Fit) -> Finding:
    tape = evidence.tape
    join = tape.operations[fit.hypothesis.joins[0].operation].where
    made = tape.producer(own.hypothesis.node)
    related: tuple[Related, ...] = ()
    if made is not None and made.where.span != join.span:
        where = made.where
        related = (Related(where.span, "definition", where.text, where.file.path, "reported"),)
    gap = _gap(own)
    return Finding(
        code="BP103",
        cause="cost-mismatch",
        severity="warning",
        title=f"the gradients are those of the {fit.hypothesis.title}, not of "
        f"`{own.hypothesis.title}`",
        message=f"report the {fit.hypothesis.title}, or start from the gradient of "
        f"`{own.hypothesis.title}`; if it is only printed for information, ignore this",
        file=join.file.path,
        span=join.span,
        expression=join.text,
        evidence={"minimised": fit.hypothesis.title, "reported": own.hypothesis.title,
                  "step": evidence.step},
        related=related,
        confidence="likely",
        notes=(
            f"all {len(fit.chosen)} gradients fit the {fit.hypothesis.title}; from the gradients "
            f"of `{own.hypothesis.title}` they differ by {gap:.2g} of their size",
        ),
    )  # fmt: skip


def _gap(own: Fit) -> float:
    errors = [m.nearest[2] for m in own.matches if np.isfinite(m.nearest[2])]
    return max(errors, default=1.0)
