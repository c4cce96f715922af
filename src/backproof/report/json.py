"""The report for machines: the JSON contract (``schema.json``), written whole or not at all."""

from __future__ import annotations

import json
import math
import os
import tempfile
from contextlib import suppress
from typing import Any

from backproof.finding import Finding, Fix, ParameterVerdict, Related, Report
from backproof.report.place import document
from backproof.source import Span

SCHEMA = "backproof/1"


class CannotWrite(Exception):
    """The report cannot be written there; the message says why, in one line."""


class Output:
    """Where a report will go: found out, and tried, before the program runs.

    Parameters
    ----------
    path : str
        Relative to the folder of this moment: the program may go elsewhere.

    Raises
    ------
    CannotWrite
        If nothing can be written there.
    """

    def __init__(self, path: str) -> None:
        # A link is followed, so that the file behind it is replaced and not the link; what links
        # of /dev lead to has no name.
        self.path = os.path.abspath(path)
        if self._is_plain():
            self.path = os.path.realpath(path)
        self.name = path
        folder = os.path.dirname(self.path)
        if os.path.isdir(self.path):
            raise CannotWrite(f"cannot write {path!r}: it is a folder")
        if not os.path.isdir(folder):
            raise CannotWrite(f"cannot write {path!r}: there is no folder {folder!r}")
        try:
            if self._is_plain():
                if os.path.exists(self.path):
                    with open(self.path, "ab"):
                        pass
                with tempfile.TemporaryFile(dir=folder):
                    pass
        except OSError as error:
            raise CannotWrite(f"cannot write {path!r}: {error.strerror}") from error
        # A pipe must not be opened for a trial: its reader would see the end.
        if not os.access(self.path if os.path.exists(self.path) else folder, os.W_OK):
            raise CannotWrite(f"cannot write {path!r}: permission denied")

    def _is_plain(self) -> bool:
        """Whether a finished file can be put in place (not a pipe, nor a device)."""
        return not os.path.exists(self.path) or os.path.isfile(self.path)

    def write(self, report: Report) -> None:
        """Write a report: first a file beside, which then takes the place of an old one.

        Raises
        ------
        CannotWrite
        """
        text = json.dumps(as_document(report), indent=2, allow_nan=False) + "\n"
        folder, name = os.path.split(self.path)
        beside = os.path.join(folder, f".{name}.{os.getpid()}") if self._is_plain() else self.path
        try:
            with open(beside, "w", encoding="utf-8") as stream:
                stream.write(text)
            if beside != self.path:
                os.replace(beside, self.path)
        except OSError as error:
            if beside != self.path:
                with suppress(OSError):
                    os.unlink(beside)
            raise CannotWrite(f"cannot write {self.name!r}: {error.strerror}") from error


def as_document(report: Report) -> dict[str, Any]:
    """Return a report as the tree that JSON holds; numbers in it are finite."""
    gradient = report.gradient
    cost = None
    if gradient.cost_expression is not None:
        cost = {"expression": gradient.cost_expression, "line": gradient.cost_line or 1}
    return {
        "schema": SCHEMA,
        "script": report.script,
        "status": report.status,
        "steps": report.steps,
        "gradient": {
            "status": gradient.status,
            "cost": cost,
            "parameters": [_parameter(p) for p in gradient.parameters],
            "reason": gradient.reason,
        },
        "findings": [_finding(f) for f in report.findings],
        "script_exit": report.script_exit,
        "ignored": report.ignored,
        "warnings": list(report.warnings),
        "timing": {name: _number(seconds) for name, seconds in report.timing.items()},
    }


def _parameter(parameter: ParameterVerdict) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "gradient": parameter.gradient,
        "status": parameter.status,
        "relative_error": _number(parameter.relative_error),
        "scale": _number(parameter.scale),
        "line": parameter.line,
        "reason": parameter.reason,
        "witness": parameter.witness,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "cause": finding.cause,
        "severity": finding.severity,
        "confidence": finding.confidence,
        "title": finding.title,
        "message": finding.message,
        **_place(finding.file, finding.span),
        "expression": finding.expression,
        "label": finding.label,
        "notes": list(finding.notes),
        "evidence": tree(finding.evidence),
        "related": [_related(r) for r in finding.related],
        "fix": None if finding.fix is None else _fix(finding.fix),
    }


def _related(related: Related) -> dict[str, Any]:
    return {
        **_place(related.file, related.span),
        "role": related.role,
        "expression": related.expression,
        "label": related.label,
    }


def _fix(fix: Fix) -> dict[str, Any]:
    return {
        "before": fix.before,
        "after": fix.after,
        "verified": fix.verified,
        "check": fix.check,
        "edits": [{**_place(path, edit.span), "text": edit.text} for path, edit in fix.edits],
    }


def _place(path: str, span: Span) -> dict[str, Any]:
    """Return where something stands; a notebook's cell beside the notebook."""
    file, cell = document(path)
    place: dict[str, Any] = {
        "file": file,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }
    return place if cell is None else {**place, "cell": cell}


def _number(value: Any) -> float | None:
    """Return a number, None where it is missing or not finite."""
    return None if value is None or not math.isfinite(value) else float(value)


def tree(value: Any) -> Any:
    """Return evidence as JSON knows it: NaN and infinities as text, arrays as lists."""
    if isinstance(value, bool | str) or value is None:
        return value
    if hasattr(value, "tolist"):
        return tree(value.tolist())
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else repr(float(value))
    if isinstance(value, dict):
        return {str(k): tree(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [tree(v) for v in value]
    return str(value)
