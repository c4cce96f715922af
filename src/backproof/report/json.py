"""The JSON contract."""

from __future__ import annotations

import json
import math
from typing import Any, TextIO

from backproof.finding import Report


def finite(value: Any) -> Any:
    """Return a tree without NaN and infinities."""
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, dict):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(v) for v in value]
    return value


def write(report: Report, stream: TextIO) -> None:
    """Write a report as JSON."""
    g = report.gradient
    cost = None
    if g.cost_expression is not None:
        cost = {"expression": g.cost_expression, "line": g.cost_line}
    document = {
        "schema": "backproof/1", "script": report.script, "status": report.status,
        "steps": report.steps,
        "gradient": {
            "status": g.status, "cost": cost, "reason": g.reason,
            "parameters": [
                {"name": p.name, "gradient": p.gradient, "status": p.status,
                 "relative_error": p.relative_error, "scale": p.scale, "line": p.line,
                 "reason": p.reason}
                for p in g.parameters
            ],
        },
        "findings": [
            {"code": f.code, "cause": f.cause, "severity": f.severity, "title": f.title,
             "message": f.message, "file": f.file, "line": f.span.line,
             "end_line": f.span.end_line, "column": f.span.column,
             "end_column": f.span.end_column, "expression": f.expression,
             "evidence": f.evidence,
             "related": [
                 {"line": r.span.line, "column": r.span.column, "end_line": r.span.end_line,
                  "end_column": r.span.end_column, "role": r.role, "expression": r.expression}
                 for r in f.related
             ],
             "fix": None}
            for f in report.findings
        ],
        "script_exit": report.script_exit, "timing": report.timing,
        "warnings": list(report.warnings),
    }  # fmt: skip
    json.dump(finite(document), stream, indent=1)
