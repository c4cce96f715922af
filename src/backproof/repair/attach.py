"""Adds fixes to the report of a run."""

from __future__ import annotations

import ast
import os
from dataclasses import replace

from backproof.finding import Finding, Report
from backproof.options import RunOptions
from backproof.repair.court import faults, other_cost, unpenalised
from backproof.repair.request import Request, ask, imported, portable
from backproof.repair.surroundings import Surroundings
from backproof.repair.workshop import Program


def with_fixes(
    report: Report, target: str, argv: list[str], options: RunOptions, around: Surroundings, *,
    module: bool, seconds: float,
) -> Report:  # fmt: skip
    """Return a report whose gradient errors carry fixes, or say why they have none.

    Parameters
    ----------
    report : Report
    target, argv, module
        The program, as it was run.
    around : Surroundings
        Of the process before the run.
    seconds : float
        For the whole search.
    """
    wrong = [f for f in faults(report) if f.severity == "error" or f.of_optimiser]
    if not wrong and other_cost(report) is None and not unpenalised(report):
        return report
    if report.status == "interrupted" or not hasattr(os, "fork"):
        return report
    stdin = around.given()
    if stdin is None:
        if any(asks(text) for text in report.sources.values()):
            return _without(report, wrong, "the program reads its standard input, which is gone")
        stdin = b""
    request = Request(
        Program(target, tuple(argv), module, around.cwd, stdin), options, portable(report),
        seconds, max(1, min(4, os.cpu_count() or 1)), imported(around.modules),
    )  # fmt: skip
    try:
        answer = ask(request, around)
    except KeyboardInterrupt:
        return _without(report, wrong, "the search was interrupted")
    if answer is None or len(answer.findings) != len(report.findings):
        return _without(report, wrong, f"the search was not done within {seconds:g} s")
    findings = tuple(
        replace(new, evidence=old.evidence)
        for new, old in zip(answer.findings, report.findings, strict=True)
    )
    report = replace(report, findings=findings)
    return report if answer.verified else _without(report, wrong, answer.reason)


def asks(text: str) -> bool:
    """Whether a program reads its standard input."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return any(
        (isinstance(node, ast.Name) and node.id in ("input", "stdin", "fileinput"))
        or (isinstance(node, ast.Attribute) and node.attr == "stdin")
        for node in ast.walk(tree)
    )


def _without(report: Report, wrong: list[Finding], reason: str) -> Report:
    """Say at each finding without a fix why it has none."""
    places = {(f.file, f.span) for f in wrong}
    findings = tuple(
        replace(f, notes=(*f.notes, f"no verified fix: {reason}"))
        if (f.file, f.span) in places and (f.fix is None or not f.fix.verified) else f
        for f in report.findings
    )  # fmt: skip
    return replace(report, findings=findings)
