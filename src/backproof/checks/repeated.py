"""Rows that occur several times in an index and are stepped once: ``W[words] -= rate * grad``.

NumPy reads, subtracts and stores: of the steps of one row the last alone is kept.
"""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from backproof.checks.cause.diagnosis import Diagnosis
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import VACUOUS
from backproof.checks.scales import SAME, proportion
from backproof.trace.primitives import set_item
from backproof.trace.tape import Operation, Ref

#: Relative difference up to which the sum of all steps is the true gradient.
EXACT = 1e-7


def repeated_rows(evidence: StepEvidence) -> list[tuple[Diagnosis, tuple[int, ...]]]:
    """Find wrong gradients that are right once every row is stepped as often as it occurs."""
    fit = evidence.fit
    assert fit is not None
    found: list[tuple[Diagnosis, tuple[int, ...]]] = []
    for i in fit.wrong:
        parameter, truth = evidence.params[i], fit.matches[i].truth
        made = evidence.tape.producer(parameter.new[0]) if len(parameter.new) == 1 else None
        if truth is None or made is None or made.function is not set_item:
            continue
        if not _is_sum(evidence, made, parameter.old[0], truth):
            continue
        statement = made.where.file.slice(made.where.statement)
        index, meant = _meant(statement)
        told = {"found": statement, "expected": meant} if meant else {}
        found.append((
            Diagnosis(
                "BP101", "missing-term", made.where,
                f"a row that occurs several times in `{index}` is stepped once, by its last step",
                f"use `{meant or 'np.add.at'}`, which adds up all steps of a row",
                evidence=told,
            ),
            (i,),
        ))  # fmt: skip
    return found


def _is_sum(evidence: StepEvidence, store: Operation, old: int, truth: Any) -> bool:
    """Whether the steps of all rows, added up, are a multiple of the true gradient."""
    fit, run = evidence.fit, evidence.run
    assert fit is not None
    whole, key, value = store.args
    index = run.env[key.node] if type(key) is Ref else key
    if not isinstance(index, (np.ndarray, list)) or type(value) is not Ref:
        return False
    index = np.asarray(index)
    if index.dtype.kind not in "iu" or np.unique(index).size == index.size:
        return False
    start = np.asarray(run.env[old], float)
    if type(whole) is not Ref or np.shape(run.env[whole.node]) != start.shape:
        return False
    total = np.zeros(start.shape)
    np.add.at(total, index, np.asarray(run.env[value.node], float) - start[index])
    size = float(np.max(np.abs(truth), initial=0.0))
    s, error = proportion(total.reshape(-1), truth)
    scales = [s for i in fit.chosen for level, s, _ in fit.matches[i].scales if level < 0]
    known = not scales or any(abs(s / other - 1) < SAME for other in scales)
    return size > VACUOUS and error < EXACT and s < 0 and known


def _meant(statement: str) -> tuple[str, str]:
    """Return the index of an assignment to rows, and the call that adds up their steps."""
    try:
        node = ast.parse(statement).body[0]
    except SyntaxError:
        node = ast.Pass()
    target = node.target if isinstance(node, ast.AugAssign) else None
    if not isinstance(node, ast.AugAssign) or not isinstance(target, ast.Subscript):
        return statement.partition("[")[2].partition("]")[0], ""
    whole, index, step = map(ast.unparse, (target.value, target.slice, node.value))
    name = {ast.Add: "add", ast.Sub: "subtract"}.get(type(node.op), "")
    return index, f"np.{name}.at({whole}, {index}, {step})" if name else ""
