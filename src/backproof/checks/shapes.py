"""Outputs and labels of the same samples that broadcast to a square: (n, 1) against (n,), BP108."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from backproof.arithmetic import SUBTRACT, keeps
from backproof.carries import dependence
from backproof.checks.advice import advise
from backproof.checks.gradient import StepEvidence
from backproof.checks.places import place_of
from backproof.finding import Finding
from backproof.roles import Parameter
from backproof.trace.appended import is_appended
from backproof.trace.tape import Operation, Tape

#: Signs in an expression that its author wants every pair: ``p[:, None] - y[None, :]``.
MEANT = re.compile(r"None|newaxis|expand_dims|reshape|outer|keepdims|atleast")


class Shapes:
    """Fed with every judged step of a run, asked for findings at its end."""

    def __init__(self) -> None:
        self.found: dict[int, Finding] = {}
        self.explains = False
        """A parameter has an entry for each sample, of which its gradient says nothing."""

    def look(self, evidence: StepEvidence) -> None:
        """Look for outputs and labels that met in a square."""
        for operation, labels, sure in squares(evidence.tape, evidence.params):
            if operation.site not in self.found:
                self.found[operation.site] = _finding(evidence, operation, labels, sure=sure)
        wrong = evidence.fit is not None and evidence.fit.wrong
        for operation, labels in grown(evidence.tape, evidence.params) if wrong else ():
            if operation.site not in self.found:
                self.found[operation.site] = _swollen(evidence, operation, labels)
                self.explains = True
        for operation in class_numbers(evidence.tape, evidence.params):
            if operation.site not in self.found:
                self.found[operation.site] = _numbers(evidence, operation)

    def findings(self) -> Iterator[Finding]:
        """Say where outputs and labels met; labels that were made square, only once."""
        unsure = [f for f in self.found.values() if f.severity == "warning"]
        yield from (f for f in self.found.values() if f.severity == "error")
        yield from sorted(unsure, key=lambda f: f.span.line)[:1]


def squares(tape: Tape, params: list[Parameter]) -> Iterator[tuple[Operation, int, bool]]:
    """Yield the differences of output and labels that are squares: which are labels, if sure."""
    bits = {n: 1 << i for i, p in enumerate(params) for n in p.old}
    depends = dependence(tape, bits, 0, len(tape.operations))
    news = [n for p in params for n in p.new]
    candidates = []
    for operation in tape.operations:
        if operation.function not in SUBTRACT or is_appended(operation):
            continue
        if len(operation.inputs) != 2 or MEANT.search(operation.where.text):
            continue
        output, labels = sorted(operation.inputs, key=lambda n: not depends.get(n))
        if not depends.get(output) or depends.get(labels) or _is_parameter(tape, output, bits):
            continue
        shapes = {np.shape(tape.nodes[n].obj) for n in (output, labels)}
        n = np.size(tape.nodes[output].obj)
        if n > 1 and np.shape(tape.nodes[operation.out].obj) == (n, n):
            if shapes in ({(n,), (n, 1)}, {(1, n), (n, 1)}):
                candidates.append((operation, operation.inputs.index(labels), True))
            elif shapes == {(n,), (n, n)} and tape.nodes[labels].operation is None and n > 2:
                candidates.append((operation, operation.inputs.index(labels), False))
    if not candidates:
        return
    full = max(depends.get(o.inputs[0], 0) | depends.get(o.inputs[1], 0) for o, _, _ in candidates)
    feeding = tape.ancestors(news)
    for operation, place, sure in candidates:
        mask = depends[operation.out]
        used = operation.out in feeding or _ends_in_scalar(tape, operation.out)
        if mask == full and mask.bit_count() * 2 >= len(bits) and used:
            yield operation, place, sure


def grown(tape: Tape, params: list[Parameter]) -> Iterator[tuple[Operation, int]]:
    """Yield the differences of labels and outputs whose weights have a column for each sample.

    In the first step the outputs were a column, and the step has made the weights as wide as the
    square of differences: ``w = w - lr * X.T @ (p - y)``.
    """
    news = [n for p in params for n in p.new]
    widths = {
        shape[1] for p in params for n in p.old
        if len(shape := np.shape(tape.nodes[n].obj)) == 2 and shape[0] != shape[1]
    }  # fmt: skip
    moving, feeding = tape.reach(n for p in params for n in p.old), tape.ancestors(news)
    for operation in tape.operations if widths else ():
        if operation.function not in SUBTRACT or is_appended(operation):
            continue
        if len(operation.inputs) != 2 or MEANT.search(operation.where.text):
            continue
        output, labels = sorted(operation.inputs, key=lambda n: n not in moving)
        shape = np.shape(tape.nodes[labels].obj)
        if output not in moving or labels in moving or tape.nodes[labels].operation is not None:
            continue
        square = np.shape(tape.nodes[output].obj) == shape * 2
        column = len(shape) == 1 and shape[0] > 2 and shape[0] in widths
        if column and square and operation.out in feeding:
            yield operation, operation.inputs.index(labels)


def class_numbers(tape: Tape, params: list[Parameter]) -> Iterator[Operation]:
    """Yield the differences of shares of several classes and the numbers of classes."""
    moving = tape.reach(n for p in params for n in p.old)
    feeding = tape.ancestors([n for p in params for n in p.new])
    for operation in tape.operations:
        if operation.function not in SUBTRACT or operation.out not in feeding:
            continue
        if len(operation.inputs) != 2 or is_appended(operation):
            continue
        output, labels = sorted(operation.inputs, key=lambda n: n not in moving)
        if output not in moving or labels in moving:
            continue
        p, y = np.asarray(tape.value(output)), np.asarray(tape.value(labels))
        if p.ndim != 2 or y.shape != (len(p), 1) or p.shape[1] < 3 or len(p) < 2:
            continue
        shares = bool(np.all(p >= 0)) and np.allclose(p.sum(axis=1), 1.0)
        whole = np.isin(y, np.arange(p.shape[1])).all() and float(np.max(y)) > 1
        if shares and whole:
            yield operation


def _swollen(evidence: StepEvidence, operation: Operation, labels: int) -> Finding:
    shapes = [np.shape(evidence.tape.nodes[n].obj) for n in operation.inputs]
    (n,) = shapes[labels]
    return advise(
        "BP108", "broadcast", place_of(operation.where),
        f"{n} labels of shape {shapes[labels]} meet outputs of shape {shapes[1 - labels]}",
        f"give the labels the shape of a column, ({n}, 1)",
        {"shapes": [list(shape) for shape in shapes], "step": evidence.step, "labels": labels,
         "form": "reshape(-1, 1)", "forward": True},
        severity="error", confidence="likely",
        notes=[f"the weights have {n} columns, one for each label: so does a step make them in "
               f"which a column of outputs meets the {n} labels"],
    )  # fmt: skip


def _numbers(evidence: StepEvidence, operation: Operation) -> Finding:
    tape = evidence.tape
    shapes = [np.shape(tape.nodes[n].obj) for n in operation.inputs]
    classes = max(shape[1] for shape in shapes)
    return advise(
        "BP108", "broadcast", place_of(operation.where),
        f"numbers of classes are subtracted from the shares of {classes} classes",
        f"subtract one-hot rows: `np.eye({classes})[y]`",
        {"shapes": [list(shape) for shape in shapes], "step": evidence.step, "labels": None},
        severity="error", confidence="proven",
        notes=[f"each number meets all {classes} shares of its sample"],
    )  # fmt: skip


def _form(shape: tuple[int, ...]) -> str:
    """Return the call that gives labels the shape of the outputs, whatever their number."""
    if len(shape) == 1:
        return "ravel()"
    return "reshape(-1, 1)" if shape[1] == 1 else "reshape(1, -1)"


def _is_parameter(tape: Tape, node: int, bits: dict[int, int]) -> bool:
    """Whether a value is a parameter in some layout: centres, from which data is subtracted."""
    while node not in bits:
        made = tape.producer(node)
        if made is None or not made.inputs or not (keeps(made) or len(made.inputs) == 1):
            return False
        node = made.inputs[0]
    return True


def _ends_in_scalar(tape: Tape, node: int) -> bool:
    """Whether some number is computed of a value."""
    return any(np.size(tape.nodes[n].obj) == 1 for n in tape.reach([node]))


def _finding(evidence: StepEvidence, operation: Operation, labels: int, *, sure: bool) -> Finding:
    tape, where = evidence.tape, operation.where
    one, two = shapes = [np.shape(tape.nodes[n].obj) for n in operation.inputs]
    shape = np.shape(tape.nodes[operation.out].obj)
    n = shape[0]
    finding = advise(
        "BP108", "broadcast", place_of(where),
        f"shapes {one} and {two} broadcast to {shape}: every output meets every label",
        f"give both the same shape, ({n},) or ({n}, 1)",
        {"shapes": [list(one), list(two)], "result": list(shape), "step": evidence.step,
         "labels": labels, "form": _form(shapes[1 - labels]), "forward": True},
        severity="error", confidence="proven",
        notes=(f"{n} outputs and {n} labels give {n * n} differences, where {n} are meant",),
        label=f"{shape}",
    )  # fmt: skip
    if not sure:
        return replace(
            finding, severity="warning", confidence="likely",
            title=f"labels of shape {two if len(two) == 2 else one} meet {n} outputs",
            notes=(f"{n} labels are meant: a column met a row where the labels were made",),
        )  # fmt: skip
    return finding
