"""BP405 where a program sees less of its data than it means to: one batch, or one class, for ever.

``start = (step * BATCH) % BATCH`` is always 0, and a generator that is made anew in each step draws
the same rows in all of them. Rows that are chosen once, before the training, are meant.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.checks.advice import advise
from backproof.checks.labels import labels_place
from backproof.checks.places import Place, place_of
from backproof.checks.samples import Samples
from backproof.finding import Finding
from backproof.source import tree_of
from backproof.trace.site import Site

if TYPE_CHECKING:
    from backproof.checks.observation import Observation
    from backproof.checks.training import Record

#: Judged steps that must have the same rows, and how many more rows there are.
LEAST_STEPS, TIMES = 4, 2
#: Labels of a training that are all the same.
LEAST_LABELS = 8
#: Up to so many equal labels may be meant, and those that an author writes as a constant.
MOST_MEANT, LABELS = 24, (-1.0, 0.0, 1.0)
CONSTANT = ("zeros", "ones", "full", "repeat", "tile", " * ")
MOST_COLUMNS = 1_000

LOOPS = (ast.For, ast.While, ast.AsyncFor)


def seen_in_part(record: Record) -> Finding | None:
    """Find a training that sees the same part of its data in every step."""
    return same_batch(record) or one_label(record)


def same_batch(record: Record) -> Finding | None:
    """Find a training whose steps all choose the same rows, by a choice of their own."""
    seen = [o for o in record.seen if o.samples.inputs_rows is not None]
    if len(seen) < LEAST_STEPS or len(seen) < len(record.seen) - 1:
        return None
    first, taken = seen[0].samples, seen[0].inputs_taken
    rows, source = np.ravel(first.inputs_rows), first.inputs_source
    count = np.shape(source)[first.inputs_axis] if np.ndim(source) else 0
    if taken is None or rows.size < 2 or count < TIMES * rows.size:
        return None
    if any(
        o.samples.inputs_source is not source
        or not np.array_equal(np.sort(np.ravel(o.samples.inputs_rows)), np.sort(rows))
        for o in seen
    ):
        return None
    if not _is_chosen_anew(taken):
        return None
    return advise(
        "BP405", "one-class-prediction", place_of(taken),
        f"every step sees the same {rows.size} of {count} samples",
        "let the rows change from step to step: count on from the last batch, or draw them by a "
        "generator that is made once",
        {"rows": rows[:20].tolist(), "samples": int(count), "steps": [o.step for o in seen]},
        confidence="proven",
        notes=[f"`{taken.text}` gave the same rows in {len(seen)} judged steps"],
    )  # fmt: skip


def _is_chosen_anew(taken: Site) -> bool:
    """Whether an index is computed in the loop, or the function, that reads by it."""
    tree = tree_of(taken.file.text)
    within = [n for n in ast.walk(tree) if _holds(n, taken)]
    read = next((n for n in within[::-1] if isinstance(n, ast.Subscript)), None)
    around = next((n for n in within[::-1] if isinstance(n, (*LOOPS, ast.FunctionDef))), None)
    if read is None or around is None:
        return False
    keys = read.slice.elts if isinstance(read.slice, ast.Tuple) else [read.slice]
    chosen = [k.lower if isinstance(k, ast.Slice) else k for k in keys]
    names = {n.id for k in chosen if k is not None for n in ast.walk(k) if isinstance(n, ast.Name)}
    made = {
        n.id for statement in ast.walk(around) if isinstance(statement, ast.Assign)
        and any(isinstance(part, ast.Call | ast.BinOp) for part in ast.walk(statement.value))
        for target in statement.targets for n in ast.walk(target) if isinstance(n, ast.Name)
    }  # fmt: skip
    return bool(names & made)


def _holds(node: ast.AST, site: Site) -> bool:
    if not hasattr(node, "end_lineno"):
        return False
    line, end = getattr(node, "lineno", 0), getattr(node, "end_lineno", 0)
    return bool(line <= site.span.line <= (end or 0))


def one_label(record: Record) -> Finding | None:
    """Find a training whose labels are all one, cut from an array that has others or not."""
    seen = [o for o in record.seen if o.samples.labels is not None]
    if len(seen) < LEAST_STEPS or len(seen) < len(record.seen) - 1:
        return None
    labels = np.concatenate([np.ravel(o.samples.labels) for o in seen])
    if len(seen[0].samples.labels) < LEAST_LABELS or np.any(labels != labels[0]):
        return None
    place, count = labels_place(record, seen[0]), int(seen[0].samples.labels.size)
    whole = _whole_of(seen[0].samples)
    values = np.unique(whole) if whole is not None else np.zeros(0)
    if place is None:
        return None
    if not values.size > 1:
        return _all_alike(seen, place, count)
    if labels[0] not in values:
        return None
    return advise(
        "BP405", "one-class-prediction", place,
        f"all {count} labels of the training are {labels[0]:g}",
        "shuffle inputs and labels by one order before they are split: the data is sorted by class",
        {"label": float(labels[0]), "labels": count, "all": values[:20].tolist()},
        confidence="proven",
        notes=[f"the array that they are cut from has {values.size} different labels"],
    )  # fmt: skip


def _all_alike(seen: Sequence[Observation], place: Place, count: int) -> Finding | None:
    """Find classes that are all one before any split; labels that are written so are meant."""
    first = seen[0].samples
    label, output = np.ravel(first.labels)[0], first.output
    classes = first.classes or (output is not None and output.min() >= 0 and output.max() <= 1)
    meant = any(name in place.text for name in CONSTANT) or first.labels_leaf is None
    if count < MOST_MEANT or first.inputs is None or meant or not classes or label not in LABELS:
        return None
    return advise(
        "BP405", "one-class-prediction", place,
        f"all {count} labels are {label:g}: there is nothing to tell apart",
        "look at what the labels are made of: a comparison that never holds (blanks, the case of "
        "letters, numbers beside their texts) gives one class",
        {"label": float(label), "labels": count, "steps": [o.step for o in seen]},
        confidence="proven",
        notes=[f"they are the same in all {len(seen)} judged steps"],
    )  # fmt: skip


def _whole_of(samples: Samples) -> Any:
    """Return the column, or vector, of the array of which a step's labels are some rows."""
    whole = samples.labels_then if samples.labels_then is not None else samples.labels_source
    rows, labels = samples.labels_rows, np.ravel(samples.labels)
    if rows is None or not isinstance(whole, np.ndarray) or whole.ndim > 2:
        return None
    columns = whole.reshape(len(whole), -1)
    if np.size(rows) != labels.size or columns.shape[1] > MOST_COLUMNS:
        return None
    shown = columns[np.ravel(rows)]
    same = [c for c in columns.T[np.all(shown == labels[:, None], axis=0)] if np.ptp(c)]
    return same[-1] if same else None
