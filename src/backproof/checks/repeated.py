"""Rows that occur several times in an index and are stepped once: ``W[words] -= rate * grad``.

NumPy reads, subtracts and stores: of the steps of one row the last alone is kept.
"""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

import numpy as np

from backproof.checks.cause.diagnosis import Diagnosis
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import VACUOUS, rematch
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
        if _is_sum(evidence, made, parameter.old[0], truth):
            reason = "a row that occurs several times in `{}` is stepped once, by its last step"
            found.append((_diagnosis(made, reason), (i,)))
    return found or _in_gradients(evidence)


def _diagnosis(store: Operation, reason: str) -> Diagnosis:
    statement = store.where.file.slice(store.where.statement)
    index, meant = _meant(statement)
    return Diagnosis(
        "BP101", "missing-term", store.where, reason.format(index),
        f"use `{meant or 'np.add.at'}`, which adds up all that belongs to a row",
        evidence={"found": statement, "expected": meant} if meant else {},
    )  # fmt: skip


def _in_gradients(evidence: StepEvidence) -> list[tuple[Diagnosis, tuple[int, ...]]]:
    """Find the statement that puts rows of a gradient in place: ``g[ids] += dx``."""
    tape, fit = evidence.tape, evidence.fit
    assert fit is not None
    feeding = tape.ancestors(n for i in fit.wrong for n in evidence.params[i].new)
    stores: dict[int, list[Operation]] = {}
    for operation in tape.operations:
        if operation.function is set_item and operation.out in feeding:
            index = _index(evidence, operation)
            if index is not None and np.unique(index).size < index.size:
                stores.setdefault(operation.site, []).append(operation)
    for operations in stores.values():
        edited = {o.index: replace(o, function=_added_up) for o in operations}
        dirty = tape.reach(o.out for o in operations)
        run = tape.replay(double=True, base=evidence.run, dirty=dirty, edited=edited)
        again = rematch(run, fit)
        mended = tuple(i for i in fit.wrong if i in again.chosen)
        if mended and fit.keeps(again):
            reason = "of what belongs to a row that occurs several times in `{}` the last is kept"
            return [(_diagnosis(operations[0], reason), mended)]
    return []


def _added_up(whole: Any, key: Any, value: Any) -> Any:
    """Add to rows what an assignment puts in their place, for each time that they occur."""
    total = np.array(whole)
    np.add.at(total, key, value - total[key])
    return total


def _index(evidence: StepEvidence, store: Operation) -> Any:
    """Return the row numbers of an assignment to rows, if it is one."""
    key = store.args[1]
    rows = evidence.run.env[key.node] if type(key) is Ref else key
    if not isinstance(rows, (np.ndarray, list)) or type(store.args[2]) is not Ref:
        return None
    rows = np.asarray(rows)
    return rows if rows.dtype.kind in "iu" else None


def _is_sum(evidence: StepEvidence, store: Operation, old: int, truth: Any) -> bool:
    """Whether the steps of all rows, added up, are a multiple of the true gradient."""
    fit, run = evidence.fit, evidence.run
    assert fit is not None
    whole, _, value = store.args
    index = _index(evidence, store)
    if index is None or np.unique(index).size == index.size:
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
