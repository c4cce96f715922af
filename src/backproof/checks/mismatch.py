"""Gradients that belong to another cost than the one the program reports (BP103).

A printed number need not be what is minimised: this is a warning, and only where the program's own
loss, by its name and its place in the step, fits no gradient in any judged step.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

import numpy as np

from backproof.arithmetic import keeps
from backproof.checks.accusation import Accusation, accusations
from backproof.checks.cause.passed_on import renamed_at
from backproof.checks.choice import FEW, is_exact, is_full
from backproof.checks.evaluated import Evaluated, evaluated, kind_of
from backproof.checks.explained import explained, is_near, is_no_chance
from backproof.checks.gradient import StepEvidence
from backproof.checks.last_kept import last_kept
from backproof.checks.leaves import whole_of
from backproof.checks.match import Fit
from backproof.checks.reported import is_called_loss
from backproof.checks.scales import SAME
from backproof.checks.sense import is_distance
from backproof.checks.unpenalised import Unpenalised, lacking, lacks_penalties, unpenalised
from backproof.costs import WeightedTotal
from backproof.finding import Finding, Related
from backproof.trace.site import Site
from backproof.trace.tape import Operation, Tape

#: Steps in which gradients must be those of a part of the cost.
LEAST_PARTIAL = 2
#: Steps that must fit a registered cost before it is held against one computed elsewhere.
LEAST_STEPS = 2
#: Relative difference that a small constant in the cost makes.
EPSILON = 1e-4


class Mismatch:
    """Fed with every judged step of a run, asked for findings at its end."""

    def __init__(self) -> None:
        self.found: list[Finding] = []
        self.weighted: list[Finding] = []
        """Two costs that are weighted otherwise than in the one that the program computes."""
        self.partial: list[tuple[StepEvidence, Fit]] = []
        """Steps whose gradients are those of a part of the program's cost, with all of that."""
        self.multiples: list[tuple[Finding, float]] = []
        """All gradients are the same multiple of those of the cost, by a factor of the sample."""
        self.natural = 0
        self.fits = False
        self.registered: list[tuple[str, Finding]] = []
        """Of each step that only a registered cost fits, its title, and what another would mean."""
        self.unpenalised: list[list[Unpenalised]] = []
        """Of each of these, the parameters whose gradients hold no penalty."""
        self._shapes: set[tuple[int, ...]] = set()
        """Those of the parameters that are matrices."""
        self.evaluated: list[Evaluated] = []
        """The costs that the program computes outside its steps."""
        self.near = 0
        """Steps in which the program's cost differs from the one that fits by an epsilon, or so."""

    def look(self, evidence: StepEvidence) -> None:
        """Compare the cost that explains the gradients with the program's own."""
        fit = evidence.fit
        if fit is None or not fit.chosen:
            self._multiples(evidence)
            return
        if not fit.hypothesis.any_cost:
            self.natural += 1
        if not fit.hypothesis.registered:
            self.fits = True
            whole = None if fit.hypothesis.own else _whole(evidence, fit)
            if whole is not None and len(self.partial) < LEAST_PARTIAL:
                evidence.keep()  # it is told at the end
                self.partial.append((evidence, whole))
            return
        own = [f for f in evidence.others if is_reported(evidence.tape, f)]
        made = evidence.tape.producer(fit.hypothesis.node)
        if made is not None and isinstance(made.function, WeightedTotal) and not fit.wrong:
            totals = [f for f in evidence.others if is_reported(evidence.tape, f, late=True)]
            totals = [f for f in totals if is_exact(f) and covers(f)]
            if totals:
                self.weighted.append(_finding(evidence, fit, totals[0]))
                return
        others = [f for f in evidence.others if not f.hypothesis.registered]
        if 2 * max(map(explained, others), default=0) >= max(1, len(fit.chosen)):
            self.fits = True  # of few, a bias may be right by chance
        elif any(is_near(m) for f in others for m in f.matches if m.size > 1):
            self.near += 1
        elif not fit.wrong and is_no_chance(fit):
            if own and _is_within_epsilon(own[0]):
                self.near += 1
            elif own:
                self.found.append(_finding(evidence, fit, own[0]))
            elif not others:
                shapes = [
                    np.shape(evidence.tape.nodes[n].obj) for p in evidence.params for n in p.old
                ]
                self._shapes.update(s for s in shapes if len(s) > 1 and min(s) > 1)
                self.registered.append((fit.hypothesis.title, _started(evidence, fit)))
                self.unpenalised.append(unpenalised(evidence, fit))

    @property
    def wants_evaluation(self) -> bool:
        """Whether a cost that the program computes outside its steps may say more."""
        return not self.evaluated and bool(self.registered) and not self.fits

    def evaluate(self, tape: Tape, parameters: Collection[int]) -> bool:
        """Look at what the program computes between its steps; returns whether it is anything.

        `parameters` are the ids of what is trained; what has their shapes, if none is met.
        """
        leaves = [n for n in tape.nodes if n.operation is None]
        trained = {n.index for n in leaves if id(n.obj) in parameters}
        trained = trained or {n.index for n in leaves if np.shape(n.obj) in self._shapes}
        self.evaluated = evaluated(tape, trained)
        return any(not trained.isdisjoint(o.inputs) for o in tape.operations)

    def findings(self) -> Iterator[Finding]:
        """Report the mismatch where no step speaks against it."""
        if not self.fits and len(self.found) >= max(2, self.near):
            yield self.found[0]
        elif self.weighted:
            yield self.weighted[0]
        elif len(self.partial) >= LEAST_PARTIAL:
            yield _lacking(*self.partial[0])
        elif self.evaluated and self._is_elsewhere():
            yield _evaluated(self.registered[0][1], self.evaluated[0])
        elif self.evaluated and not self.fits and len(self.unpenalised) >= LEAST_STEPS:
            yield from self._unpenalised()
        changing = len({round(scale, 6) for _, scale in self.multiples}) > 2
        if changing and not self.natural and not self.found:
            yield self.multiples[0][0]

    def _unpenalised(self) -> Iterator[Finding]:
        """Say which penalties of the evaluated cost no step's gradient has."""
        (first, *others), cost = self.unpenalised, self.evaluated[0]
        for one in first:
            strength = cost.penalties.get(one.shape, 0.0)
            if strength > 0 and all(one in other for other in others):
                yield lacking(one, strength, cost.title)

    def _is_elsewhere(self) -> bool:
        """Whether all steps fit a registered cost that is none of those evaluated."""
        steps = [title for title, _ in self.registered]
        told = all(cost.differs(title) for cost in self.evaluated for title in steps)
        return told and not self.fits and len(steps) >= LEAST_STEPS

    def _multiples(self, evidence: StepEvidence) -> None:
        """Note a step whose gradients are all the same strange multiple of the cost's own."""
        olds = {n for p in evidence.params for n in p.old}
        for fit in evidence.others:
            hypothesis = fit.hypothesis
            meant = hypothesis.own and not hypothesis.registered and not hypothesis.after
            if not meant or not is_full(fit) or sum(m.size for m in fit.matches) <= FEW:
                continue
            named = is_reported(evidence.tape, fit)
            if named or is_distance(evidence.tape, hypothesis.node, olds):
                self.multiples.append((_multiple(evidence, fit), fit.scale))
                return


def is_reported(tape: Tape, fit: Fit, *, late: bool = False) -> bool:
    """Whether a cost is one that the program computes in the step and calls its loss.

    With `late`, after the update as well.
    """
    hypothesis = fit.hypothesis
    made = tape.producer(hypothesis.node)
    if hypothesis.registered or not hypothesis.own or made is None:
        return False
    if hypothesis.after and not late:
        return False
    return is_called_loss(tape, made, hypothesis.title)


def _whole(evidence: StepEvidence, fit: Fit) -> Fit | None:
    """Return the program's cost that has all terms of the one that fits, and others or weights.

    Gradients that the other terms do not reach are exactly those of the whole.
    """
    if fit.wrong:
        return None
    tape = evidence.tape
    made = tape.producer(fit.hypothesis.node)
    weighted = made is not None and isinstance(made.function, WeightedTotal)
    for other in evidence.others:
        if other.hypothesis.after or not covers(other) or not other.wrong:
            continue
        alike = not weighted and abs(other.scale / fit.scale - 1) < SAME
        entries = sum(other.matches[i].size for i in other.chosen)
        if (
            not is_exact(other)
            and not (alike and other.hypothesis.own and entries > FEW)
            and not (other.hypothesis.own and lacks_penalties(evidence, fit, other))
        ):
            continue
        within = tape.ancestors([other.hypothesis.node])
        parts = made.inputs if made is not None and weighted else (fit.hypothesis.node,)
        if within.issuperset(parts):
            return other
    return None


def covers(fit: Fit) -> bool:
    """Whether a cost depends on all parameters."""
    return all(m.truth is not None and np.any(m.truth) for m in fit.matches)


def _finding(evidence: StepEvidence, fit: Fit, own: Fit) -> Finding:
    tape = evidence.tape
    join = _begun(tape, tape.operations[fit.hypothesis.joins[0].operation], own.hypothesis.node)
    made = tape.producer(own.hypothesis.node)
    related: tuple[Related, ...] = ()
    at_fault = _at_fault(evidence, fit, own)
    if made is not None and made.where.span != join.span:
        where, role = (made.where, "reported") if at_fault is None else (join, "minimised")
        related = (Related(where.span, "definition", where.text, where.file.path, role),)
    join = at_fault or join
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


def _begun(tape: Tape, join: Operation, cost: int | None = None) -> Site:
    """Return where the backward pass starts: ``delta = error``, if it gets that name there.

    What the `cost` computes for itself is no such place, if there is another.
    """
    again = [
        o for o in tape.operations
        if o.function is join.function and sorted(o.inputs) == sorted(join.inputs)
    ]  # fmt: skip
    for operation in again:
        site = renamed_at(tape, operation.out)
        if site is not None and site.function == operation.where.function:
            return site
    within = set() if cost is None else tape.ancestors([cost])
    return next((o.where for o in again if within and o.out not in within), join.where)


def _at_fault(evidence: StepEvidence, fit: Fit, own: Fit) -> Site | None:
    """Return what is wrong where a program does not report another of the usual costs.

    Its labels, if the step makes some for the gradients alone; else the cost itself.
    """
    tape = evidence.tape
    made = tape.producer(own.hypothesis.node)
    moving = tape.reach(n for p in evidence.params for n in p.old)
    kind = kind_of(tape, own.hypothesis.node, moving)
    if made is None or (kind and Evaluated("", kind, made.where).differs(fit.hypothesis.title)):
        return None
    join, within = fit.hypothesis.joins[0], tape.ancestors([own.hypothesis.node])
    if join.output not in within:
        if whole_of(tape, join.output) in within:
            return tape.operations[join.operation].where  # the same output, and other labels
        return tape.called_from(made) or made.where
    labels = None if join.labels is None else tape.producer(join.labels)
    given = labels is None or keeps(labels) or labels.out in within
    return made.where if given or labels is None else labels.where


def _started(evidence: StepEvidence, fit: Fit) -> Finding:
    """Say of which cost the gradients are, at the statement where the backward pass starts.

    What a function returns belongs to the statement that calls it.
    """
    tape, title = evidence.tape, fit.hypothesis.title
    join = tape.operations[fit.hypothesis.joins[0].operation]
    where = join.where
    returned = where.file.slice(where.statement) == f"return {where.text}"
    where = (tape.called_from(join) if returned else None) or _begun(tape, join)
    return Finding(
        code="BP103", cause="cost-mismatch", severity="warning", title="", message="",
        file=where.file.path, span=where.span, expression=where.text,
        evidence={"minimised": title, "step": evidence.step}, confidence="likely",
        notes=(f"all {len(fit.chosen)} gradients fit the {title}",),
    )  # fmt: skip


def _evaluated(found: Finding, reported: Evaluated) -> Finding:
    """Say that gradients are those of another cost than the one that is computed elsewhere."""
    title, site = found.evidence["minimised"], reported.site
    return replace(
        found,
        title=f"the gradients are those of the {title}, not of `{reported.title}`, "
        f"a {reported.kind}",
        message=f"report the {title}, or start from the gradient of the {reported.kind}; if it is "
        "only printed for information, ignore this",
        evidence={**found.evidence, "reported": reported.title, "kind": reported.kind},
        related=(Related(site.span, "definition", site.text, site.file.path, "reported"),),
    )


def _lacking(evidence: StepEvidence, whole: Fit) -> Finding:
    """Say that gradients lack a term of the program's cost, or weigh it otherwise, and where."""
    fit = evidence.fit
    assert fit is not None
    title, wrong = whole.hypothesis.title, [evidence.params[i].name for i in whole.wrong]
    meant = replace(evidence, fit=whole, others=[])
    for one in last_kept(meant):  # no term is left out, only values of a sum
        if len(one[1]) == len(whole.wrong):
            return Accusation(*one).finding(meant)
    told = next(accusations(meant, set(whole.wrong)), None)
    made = evidence.tape.producer(whole.hypothesis.node)
    site = told.diagnosis.site if told is not None else None
    if site is None:
        assert made is not None
        site = made.where
    shown = ", ".join(f"`{name}`" for name in wrong[:4]) + (" …" if len(wrong) > 4 else "")
    return Finding(
        code="BP103", cause="cost-mismatch", severity="warning",
        title=f"the gradients are those of `{fit.hypothesis.title}`, not of all of `{title}`",
        message=f"add the gradient of the other terms of `{title}`, with their weights; or leave "
        "them out of the cost, if they are not to be minimised",
        file=site.file.path, span=site.span, expression=site.text,
        evidence={"minimised": fit.hypothesis.title, "reported": title, "parameters": wrong,
                  "step": evidence.step},
        confidence="likely",
        notes=(
            *(
                [f"under `{title}` {len(whole.chosen)} gradients are exact, and not those of "
                 f"{shown}"] if whole.chosen else []
            ),
            *(() if told is None else (told.diagnosis.reason,)),
        ),
    )  # fmt: skip


def _multiple(evidence: StepEvidence, fit: Fit) -> Finding:
    """Say that gradients are a multiple of the cost's that changes from sample to sample."""
    tape, hypothesis = evidence.tape, fit.hypothesis
    news = [n for p in evidence.params for n in p.new]
    olds = {n for p in evidence.params for n in p.old}
    backward = tape.ancestors(news) - tape.ancestors([hypothesis.node]) - set(news)
    reach = tape.reach(olds)
    first = next(o for o in tape.operations if o.out in backward and o.out in reach)
    made = tape.producer(hypothesis.node)
    related: tuple[Related, ...] = ()
    if made is not None and made.where.span != first.where.span:
        where = made.where
        related = (Related(where.span, "definition", where.text, where.file.path, "the cost"),)
    title = hypothesis.title
    return Finding(
        code="BP103", cause="cost-mismatch", severity="warning",
        title=f"all gradients are a multiple of those of `{title}` that changes with the sample",
        message=f"start from the derivative of `{title}` by the output: a factor of it is missing "
        "or wrong, that of the output's activation perhaps",
        file=first.where.file.path, span=first.where.span, expression=first.where.text,
        evidence={"reported": title, "factor": float(fit.scale), "step": evidence.step},
        related=related, confidence="likely",
        notes=(f"by {fit.scale:.4g} in step {evidence.step}",),
    )  # fmt: skip


def _is_within_epsilon(own: Fit) -> bool:
    """Whether gradients are a cost's, times sizes, but for a constant: ``log(1.0001 - A)``."""
    nearest = [m.nearest for m in own.matches if np.isfinite(m.nearest[2])]
    sizes = [max(abs(s), 1 / abs(s)) for _, s, _ in nearest if s]
    whole = all(abs(2 * size - round(2 * size)) < EPSILON * size for size in sizes)
    return bool(nearest) and whole and _gap(own) < EPSILON


def _gap(own: Fit) -> float:
    errors = [m.nearest[2] for m in own.matches if np.isfinite(m.nearest[2])]
    return max(errors, default=1.0)
