"""BP201 for Python's arithmetic exceptions: which expression, with which operands."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Any

import numpy as np

from backproof.finding import Finding
from backproof.source import SourceFile, Span
from backproof.trace.site import SITES, Site

#: Exceptions of arithmetic; of ValueError only the domain errors of `math`.
ARITHMETIC = (OverflowError, ZeroDivisionError, FloatingPointError)
DOMAIN = ("math domain error", "expected a ", "argument must be", "math range error")

_OPERATORS: dict[type[ast.AST], Any] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.USub: operator.neg, ast.UAdd: operator.pos,
    ast.Pow: operator.pow, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip


def explain_exception(
    error: BaseException, step: int, growth: Sequence[tuple[int, float]]
) -> Finding | None:
    """Explain an arithmetic exception that ended the program; None for any other."""
    if not _is_arithmetic(error):
        return None
    place = place_of_error(error.__traceback__)
    if place is None:
        return None
    site, frame = place
    values = {text: value_at(text, frame) for text in site.operands}
    known = {
        text: float(v) for text, v in values.items()
        if isinstance(v, (int, float, np.number)) and not isinstance(v, bool)
    }  # fmt: skip
    shown = ", ".join(f"`{text}` = {value:.6g}" for text, value in known.items())
    text = " ".join(site.text.split())
    kind = {
        "OverflowError": "overflows", "ZeroDivisionError": "divides by zero",
        "FloatingPointError": "leaves the range of the floats",
    }.get(type(error).__name__, "leaves the domain of the function")  # fmt: skip
    advice = _advice(error, site, known)
    when = f" at step {step}" if step > 0 else ""
    return Finding(
        code="BP201", cause="numeric-nonfinite", severity="error",
        title=f"`{text}` {kind}{when}" + (f": {shown}" if shown else ""),
        message=advice or f"{type(error).__name__}: {error}",
        file=site.file.path, span=site.span, expression=site.text,
        evidence={
            "exception": type(error).__name__, "text": str(error), "step": step,
            "operands": known,
        },
        notes=tuple(_locals(frame, known)),
    )  # fmt: skip


def _is_arithmetic(error: BaseException) -> bool:
    return isinstance(error, ARITHMETIC) or (
        isinstance(error, ValueError) and str(error).startswith(DOMAIN)
    )


def place_of_error(traceback: TracebackType | None) -> tuple[Site, FrameType] | None:
    """Return the smallest watched expression around the failing instruction."""
    files = {site.file.path: site.file for site in SITES}
    found: tuple[Site, FrameType] | None = None
    while traceback is not None:
        frame = traceback.tb_frame
        file = files.get(frame.f_code.co_filename)
        if file is not None:
            positions = list(frame.f_code.co_positions())
            line, end, column, end_column = positions[traceback.tb_lasti // 2]
            if line and end and column is not None and end_column is not None:
                span = _span(file, line, column, end, end_column)
                site = _smallest(file, span)
                if site is not None:
                    found = site, frame
        traceback = traceback.tb_next
    return found


def _span(file: SourceFile, line: int, column: int, end: int, end_column: int) -> Span:
    node = ast.Constant(0, lineno=line, col_offset=column, end_lineno=end,
                        end_col_offset=end_column)  # fmt: skip
    return file.span_of(node)


def _smallest(file: SourceFile, span: Span) -> Site | None:
    sites = [
        site for site in SITES
        if site.file is file and site.kind in ("binop", "call", "method", "unary", "aug",
                                               "aug_attr", "aug_item")
    ]  # fmt: skip
    exact = [site for site in sites if site.span == span]
    if exact:
        return exact[-1]
    around = [
        site for site in sites
        if (site.span.line, site.span.column) <= (span.line, span.column)
        and (site.span.end_line, site.span.end_column) >= (span.end_line, span.end_column)
    ]  # fmt: skip
    around.sort(key=lambda s: (s.span.end_line - s.span.line, len(s.text)))
    return around[0] if around else None


def value_at(text: str, frame: FrameType) -> Any:
    """Return the value of an operand, where computing it again changes nothing."""
    try:
        return _value(ast.parse(text.strip(), mode="eval").body, frame)
    except Exception:
        return None


def _value(node: ast.AST, frame: FrameType) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return frame.f_locals.get(node.id, frame.f_globals.get(node.id))
    if isinstance(node, ast.Attribute):
        return vars(_value(node.value, frame))[node.attr]
    if isinstance(node, ast.Subscript):
        container = _value(node.value, frame)
        if type(container) not in (list, tuple, dict, np.ndarray):
            raise TypeError
        return container[_value(node.slice, frame)]
    if isinstance(node, ast.BinOp):
        return _OPERATORS[type(node.op)](_value(node.left, frame), _value(node.right, frame))
    if isinstance(node, ast.UnaryOp):
        return _OPERATORS[type(node.op)](_value(node.operand, frame))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        module = _value(node.func.value, frame)
        if module is math or module is np:
            return getattr(module, node.func.attr)(*[_value(a, frame) for a in node.args])
    raise TypeError


def _locals(frame: FrameType, known: dict[str, float]) -> list[str]:
    shown = [
        f"`{name}` = {float(value):.6g}" for name, value in frame.f_locals.items()
        if isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
        and name not in known and not name.startswith("_")
    ]  # fmt: skip
    return ["there " + ", ".join(shown[:6])] if shown else []


def _advice(error: BaseException, site: Site, known: dict[str, float]) -> str:
    name = site.op.rpartition(".")[2]
    if isinstance(error, OverflowError) and name in ("exp", "expm1"):
        return (
            "exp of more than 709.78 is beyond the largest float; take it of a number that is "
            "never positive: for x < 0, sigmoid is exp(x) / (1 + exp(x))"
        )
    if name in ("log", "log2", "log10"):
        return "the logarithm of zero or less does not exist; compute it from the logits instead"
    return ""
