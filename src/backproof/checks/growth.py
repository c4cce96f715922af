"""Parameters that an update makes larger: a bias of one entry becomes one of each sample, BP108."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from backproof.arithmetic import ADD, DIVIDE, MULTIPLY, SUBTRACT, is_in
from backproof.calculus.rule import unbroadcast
from backproof.checks.advice import advise
from backproof.checks.gradient import StepEvidence
from backproof.checks.places import statement_of
from backproof.finding import Finding
from backproof.trace.appended import is_appended
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Operation, Tape

#: How far the step may turn from the gradient, as one minus the cosine.
PARALLEL = 1e-9


class Growth:
    """Fed with every judged step of a run, asked for findings at its end."""

    def __init__(self) -> None:
        self.found: dict[int, Finding] = {}

    def look(self, evidence: StepEvidence) -> None:
        """Look for what an update gives another shape: ``b - η·db(b)``, larger than b."""
        tape = evidence.tape
        olds = {n for p in evidence.params for n in p.old}
        axes = {n for p in olds for n in np.shape(tape.nodes[p].obj)}
        samples = {
            n for node in tape.nodes if isinstance(node.obj, np.ndarray) for n in node.obj.shape
        }
        for operation in tape.operations:
            if is_appended(operation) or not is_in(operation.function, SUBTRACT | ADD):
                continue
            if len(operation.inputs) != 2 or operation.site in self.found:
                continue
            wider = set(_widened(tape, operation, olds))
            if wider & samples - axes or (wider and _sums_to_gradient(evidence, operation)):
                old, delta = operation.inputs
                read = tape.ancestors([delta])
                last = not tape.users[operation.out]
                if last and old in read and not olds.isdisjoint(read):
                    self.found[operation.site] = _finding(evidence, operation)

    def findings(self) -> Iterator[Finding]:
        """Say which parameters have as many entries as there are samples since their first step."""
        yield from self.found.values()


def _widened(tape: Tape, operation: Operation, olds: set[int]) -> Iterator[int]:
    """Yield the lengths of the axes along which what the step was given has one entry so far."""
    old = operation.inputs[0]
    before, after = (np.shape(tape.nodes[n].obj) for n in (old, operation.out))
    if tape.nodes[old].operation is not None or old in olds or not before or before == after:
        return
    padded = (1,) * (len(after) - len(before)) + before
    yield from (n for one, n in zip(padded, after, strict=True) if one != n)


def _sums_to_gradient(evidence: StepEvidence, operation: Operation) -> bool:
    """Whether the step, summed to the parameter's shape, is along the true gradient.

    Needed where there are as many samples as a layer has units: lengths do not tell them apart.
    """
    old, delta = operation.inputs
    if evidence.fit is None or evidence.fit.adjoint is None:
        return False
    truth = evidence.fit.adjoint.of.get(old)
    if truth is None:
        return False
    shape = np.shape(evidence.tape.nodes[old].obj)
    step = np.ravel(unbroadcast(np.asarray(evidence.run.env[delta], float), shape))
    truth = np.ravel(np.broadcast_to(np.asarray(truth, float), shape))
    length = float(np.linalg.norm(step) * np.linalg.norm(truth))
    return length > 0 and abs(float(step @ truth)) > (1 - PARALLEL) * length


def _finding(evidence: StepEvidence, operation: Operation) -> Finding:
    tape = evidence.tape
    before, after = (np.shape(tape.nodes[n].obj) for n in (operation.inputs[0], operation.out))
    made = _gradient(tape, operation)
    count = int(np.prod(after) // max(np.prod(before), 1))
    return advise(
        "BP108", "broadcast", statement_of(_handed_on(tape, made)),
        f"the update makes a parameter of shape {before} one of shape {after}",
        f"sum the gradient over the samples, to shape {before}",
        {"before": list(before), "after": list(after), "step": evidence.step},
        severity="error", confidence="proven",
        related=[(statement_of(operation.where), "consequence")],
        notes=(f"{count} samples have an entry of their own: they are not summed",),
        label=f"{np.shape(tape.nodes[made.out].obj)}",
    )  # fmt: skip


def _handed_on(tape: Tape, made: Operation) -> Site:
    """Return the statement that calls a value a gradient: ``nabla_b[-l] = delta``."""
    flows = [SITES[site] for _, site in sorted(tape.flows.get(made.out, ()))]
    return next((site for site in reversed(flows) if site.targets), made.where)


def _gradient(tape: Tape, operation: Operation) -> Operation:
    """Return the operation that made the gradient: what its factors scale."""
    while True:
        nodes = operation.inputs[1:] if is_in(operation.function, SUBTRACT | ADD) else (
            operation.inputs if is_in(operation.function, MULTIPLY | DIVIDE) else ()
        )  # fmt: skip
        makers = [tape.producer(n) for n in nodes if np.size(tape.nodes[n].obj) > 1]
        if len(makers) != 1 or makers[0] is None:
            return operation
        operation = makers[0]
