"""BP405 where all samples have the same inputs: what they are made of is lost before the training.

One list that is filled anew for every row, ``rows.append(row)``, holds the last row in all of them.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import numpy as np

from backproof.checks.advice import advise
from backproof.checks.observation import Observation
from backproof.checks.places import Place, statement_of
from backproof.finding import Finding
from backproof.source import SourceFile, tree_of

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: Samples that must have been seen, and the difference of their inputs that is none.
LEAST, SAME = 8, 1e-9
#: Features that are no copies of one another by chance.
LEAST_COLUMNS = 3


def same_inputs(record: Record) -> Finding | None:
    """Find inputs that are the same for every sample, in a step or over the judged ones."""
    seen = [o for o in record.seen if _has_pairs(o)]
    shapes = {(o.samples.inputs.shape[1], o.samples.labels.shape[1]) for o in seen}
    if len(shapes) != 1:
        return None
    x = np.concatenate([o.samples.inputs for o in seen])
    y = np.concatenate([o.samples.labels for o in seen])
    if len(x) < LEAST or np.all(y == y[:1]) or np.all(x == 1):
        return None  # of ones alone: what is learnt is a constant
    size = float(np.abs(x).max(initial=0.0))
    if float(np.max(np.ptp(x, axis=0), initial=0.0)) > SAME * max(size, 1e-300):
        return None
    place = _place(record, seen[0])
    if place is None:
        return None
    count = max(len(o.samples.inputs) for o in seen)
    known = f"all {count} samples" if count >= LEAST else f"the samples of {len(seen)} steps"
    return advise(
        "BP405", "one-class-prediction", place,
        f"{known} have the same inputs: the output cannot tell them apart",
        "look at how the inputs are made: each row needs an array or a list of its own",
        {"samples": count, "steps": len(seen), "largest": size}, confidence="proven",
    )  # fmt: skip


def equal_columns(record: Record) -> Finding | None:
    """Find inputs of which every feature is a copy of the first."""
    seen = [o for o in record.seen if _has_pairs(o)]
    parts = [o.samples.inputs for o in seen]
    if not parts or any(np.ndim(x) != 2 or x.shape[1] < LEAST_COLUMNS for x in parts):
        return None
    if len({x.shape[1] for x in parts}) != 1:
        return None
    x = np.concatenate(parts)
    if len(x) < LEAST or np.any(x != x[:, :1]) or not np.ptp(x):
        return None
    place = _filled(record, seen[0]) or _place(record, seen[0])
    if place is None:
        return None
    return advise(
        "BP405", "one-class-prediction", place,
        f"all {x.shape[1]} features of every sample are the same number",
        "look at how the columns are filled: each needs a feature of its own",
        {"features": int(x.shape[1]), "samples": len(x)}, confidence="proven",
    )  # fmt: skip


def _filled(record: Record, seen: Observation) -> Place | None:
    """Return the one statement that fills the columns of the inputs, if it is one."""
    site = record.births.of(seen.samples.inputs_source)
    if site is None or len(site.targets) != 1:
        return None
    stores = [
        node for node in ast.walk(tree_of(site.file.text)) if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Subscript)
        and ast.unparse(node.targets[0].value) == site.targets[0]
    ]  # fmt: skip
    return Place(site.file, site.file.span_of(stores[0])) if len(stores) == 1 else None


def _has_pairs(seen: Observation) -> bool:
    """Whether inputs and labels of a step are rows of the same samples."""
    x, y = seen.samples.inputs, seen.samples.labels
    once = len(seen.samples.executions) <= 1  # a sequence may begin alike, and go on otherwise
    return once and x is not None and y is not None and len(x) == len(y)


def _place(record: Record, seen: Observation) -> Place | None:
    site = record.births.of(seen.samples.inputs_source)
    file = seen.update_sites[0].file if site is None else site.file
    again = appended_again(file)
    if again is not None:
        return again
    return statement_of(site) if site is not None else seen.samples.inputs_place


def appended_again(file: SourceFile) -> Place | None:
    """Return where a loop appends a list or array that it fills anew and never makes anew."""
    for loop in ast.walk(tree_of(file.text)):
        if not isinstance(loop, ast.For | ast.While):
            continue
        inside = [node for statement in loop.body for node in ast.walk(statement)]
        bound = {n.id for n in inside if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        filled = {
            n.value.id for n in inside if isinstance(n, ast.Subscript)
            and isinstance(n.ctx, ast.Store) and isinstance(n.value, ast.Name)
        }  # fmt: skip
        for node in inside:
            if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
                continue
            call = node.value
            if not isinstance(call.func, ast.Attribute):
                continue
            given = call.args[0] if call.func.attr == "append" and len(call.args) == 1 else None
            if isinstance(given, ast.Name) and given.id in filled - bound:
                return Place(file, file.span_of(node))
    return None
