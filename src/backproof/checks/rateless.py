"""Steps of an optimiser that lack the rate: ``b -= m / (√v + ε)`` beside ``W -= lr · …``.

No one number leads from such a gradient to its step. But the operations between them are those of
another parameter, all but the multiplication by the rate.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, DIVIDE, MULTIPLY, NEGATE, SUBTRACT, is_in, keeps
from backproof.checks.gradient import StepEvidence
from backproof.checks.places import final_names
from backproof.trace.site import Site
from backproof.trace.tape import Operation, Ref

#: Operations that may be spelled in several ways.
KINDS = (("multiply", MULTIPLY), ("divide", DIVIDE), ("add", ADD), ("subtract", SUBTRACT),
         ("negate", NEGATE))  # fmt: skip
#: What authors call a learning rate, and nothing else.
RATE = re.compile(r"(?!.*(decay|beta|drop))(.*(lr|rate|learn|step)\w*|eta\w*|alpha\w*)", re.I)
#: A number by its name, as it stands in a program.
NAME = re.compile(r"[A-Za-z_][\w.]*(\[[\w'\"]+\])?")
#: Fewer operations say nothing: that is no optimiser.
LEAST = 4

Step = Counter[tuple[Any, tuple[float, ...]]]


def rateless(evidence: StepEvidence) -> Iterator[tuple[int, int, str, float]]:
    """Yield parameters whose step lacks the rate, with another one that has it, and the rate."""
    assert evidence.fit is not None
    known = {i: found for i in evidence.fit.chosen if (found := _way(evidence, i)) is not None}
    for index, (own, rates) in known.items():
        if rates:
            continue
        for other, (usual, theirs) in known.items():
            more = usual - own
            if own - usual or more.total() != 1 or len(theirs) != 1 or own.total() < LEAST:
                continue
            (kind, numbers), (name,) = next(iter(more)), theirs
            if kind == "multiply" and numbers == (theirs[name],):
                yield index, other, called(evidence, other, theirs[name]) or name, theirs[name]
                break


def _way(evidence: StepEvidence, index: int) -> tuple[Step, dict[str, float]] | None:
    """Return what is done between a gradient and its step, and the rates that are read there."""
    assert evidence.fit is not None
    tape, parameter = evidence.tape, evidence.params[index]
    level, _, _ = evidence.fit.chosen[index]
    if len(parameter.updates) != 1 or len(parameter.updates[0].merges) != 1:
        return None
    if not 0 <= level < len(parameter.levels) or len(parameter.levels[level].nodes) != 1:
        return None
    (_, delta), node = parameter.updates[0].merges[0], parameter.levels[level].nodes[0]
    within = tape.ancestors([delta]) - tape.ancestors([node])
    found: Step = Counter()
    rates: dict[str, float] = {}
    for operation in tape.operations:
        if operation.out not in within or keeps(operation):
            continue
        numbers = _numbers(evidence, operation)
        found[_kind(operation), numbers] += 1
        if len(numbers) == 1 and is_in(operation.function, MULTIPLY):
            names = [n for t in operation.where.operands for n in final_names(t)]
            rates |= {n: numbers[0] for n in names if RATE.fullmatch(n)}
    return found, rates


def _kind(operation: Operation) -> Any:
    return next((name for name, kinds in KINDS if is_in(operation.function, kinds)),
                operation.function)  # fmt: skip


def _numbers(evidence: StepEvidence, operation: Operation) -> tuple[float, ...]:
    """Return the single floats that an operation reads."""
    values = (evidence.run.env[a.node] if type(a) is Ref else a for a in operation.args)
    return tuple(float(v) for v in values if isinstance(v, float | np.floating))


def scaled(merge: Site, name: str) -> dict[str, str]:
    """Return what a statement takes as its step, and the same times a rate, as evidence."""
    text = merge.file.slice(merge.statement)
    try:
        (statement,) = ast.parse(text).body
    except (SyntaxError, ValueError):
        return {}
    value = getattr(statement, "value", None)
    if isinstance(statement, ast.Assign) and isinstance(value, ast.BinOp):
        value = value.right if isinstance(value.op, ast.Add | ast.Sub) else value
    elif not isinstance(statement, ast.AugAssign):
        return {}
    step = ast.get_source_segment(text, value) if isinstance(value, ast.expr) else None
    if step is None or "\n" in step:
        return {}
    sums = isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add | ast.Sub)
    return {"found": step, "expected": f"{name} * ({step})" if sums else f"{name} * {step}"}


def called(evidence: StepEvidence, index: int, value: float) -> str:
    """Return the text by which the step of a parameter is multiplied by a number, or ''."""
    tape, parameter = evidence.tape, evidence.params[index]
    within = tape.ancestors(delta for u in parameter.updates[:1] for _, delta in u.merges)
    for operation in reversed(tape.operations):
        if operation.out not in within or not is_in(operation.function, MULTIPLY):
            continue
        for text, arg in zip(operation.where.operands, operation.args, strict=False):
            number = evidence.run.env[arg.node] if type(arg) is Ref else arg
            if np.size(number) == 1 and np.isclose(number, value, 1e-9, 0):
                return text if NAME.fullmatch(text) else f"({text.strip('()')})"
    return ""
