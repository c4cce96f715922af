"""BP402 for class indices that no class has: ``P[range(n), y]`` with y of 1 … K and K columns.

Python ends the program there. Which of the numbers in the key reach too far is read from the frame
that failed.
"""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from backproof.checks.advice import advise
from backproof.checks.drawn import drawn_from
from backproof.checks.places import Birthplaces, Place, statement_of
from backproof.checks.raised import value_at
from backproof.finding import Finding
from backproof.source import SourceFile
from backproof.trace.site import SITES

#: Labels that are numbered from one: as many as there must be to tell.
FEWEST = 6


def explain_index(error: BaseException, births: Birthplaces) -> Finding | None:
    """Explain an index error by labels that count from one; None for any other."""
    if not isinstance(error, IndexError):
        return None
    files = {site.file.path: site.file for site in SITES}
    traceback, found = error.__traceback__, None
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_code.co_filename in files:
            found = files[frame.f_code.co_filename], frame, traceback.tb_lineno
        traceback = traceback.tb_next
    if found is None:
        return None
    file, frame, line = found
    for node in ast.walk(ast.parse(file.text)):
        if not isinstance(node, ast.Subscript) or not node.lineno <= line <= (node.end_lineno or 0):
            continue
        whole = value_at(ast.unparse(node.value), frame)
        if whole is None:
            whole = _identity(node.value, frame)
        shape = np.shape(whole) if isinstance(whole, np.ndarray) else ()
        keys = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        for axis, key in enumerate(keys[: len(shape)]):
            labels, text = _labels(key, frame)
            if labels is not None and int(labels.max()) == shape[axis] and labels.min() == 1:
                return _finding(file, text, labels, shape[axis], births, frame)
    return None


def _identity(node: ast.expr, frame: Any) -> Any:
    """Return the matrix that ``np.eye(K)`` makes."""
    if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("eye", "identity"):
        count = value_at(ast.unparse(node.args[0]), frame) if node.args else None
        if isinstance(count, (int, np.integer)) and 0 < count < 100_000:
            return np.eye(int(count))
    return None


def _labels(key: ast.expr, frame: Any) -> tuple[Any, str]:
    """Return the whole numbers that a key holds, or is one of, with their name."""
    while True:
        text = ast.unparse(key)
        value = value_at(text, frame)
        if isinstance(value, (list, tuple)) and value and all(type(v) is int for v in value):
            value = np.array(value)
        if isinstance(value, np.ndarray) and value.dtype.kind in "iu" and value.size >= FEWEST:
            return value, text
        if isinstance(key, ast.Call) and isinstance(key.func, ast.Attribute):
            key = key.func.value  # y.astype(int), y.ravel()
        elif isinstance(key, ast.Call) and key.args:
            key = key.args[0]
        elif isinstance(key, ast.Subscript):
            key = key.value
        else:
            return None, ""


def _finding(
    file: SourceFile, text: str, labels: Any, count: int, births: Birthplaces, frame: Any
) -> Finding | None:
    site = births.of(value_at(text, frame))
    place: Place | None = statement_of(site) if site is not None else drawn_from(text, file)
    if place is None:
        return None
    return advise(
        "BP402", "labels-outside-domain", place,
        f"labels 1 … {count} are used as indices of {count} classes, which are 0 … {count - 1}",
        f"number the classes from 0: `{text} - 1`",
        {"labels": [int(labels.min()), int(labels.max())], "classes": count},
        severity="error", confidence="proven",
    )  # fmt: skip
