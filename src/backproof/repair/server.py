"""The process that searches fixes for `backproof run`: it runs nothing of the user's itself."""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import sys
from contextlib import suppress
from typing import Any

from backproof.finding import Finding
from backproof.repair.request import Answer, Request


def main() -> None:
    """Read a request from the standard input, and write the answer to the standard output."""
    with os.fdopen(os.dup(0), "rb") as stream:
        request: Request = pickle.load(stream)
    out = os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    signal.signal(signal.SIGTERM, _leave)
    # A Ctrl-C is for the process that asked; it then ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in request.modules:
        with suppress(Exception):
            importlib.import_module(name)
    answer = pickle.dumps(search(request))
    with os.fdopen(out, "wb") as stream:
        stream.write(answer)


def search(request: Request) -> Answer:
    """Search fixes for the findings of a report."""
    from backproof import session  # noqa: F401  (imported once, before trials are forked)
    from backproof.repair.court import other_cost, unpenalised
    from backproof.repair.effect import fixed_findings
    from backproof.repair.hunt import Hunt
    from backproof.repair.reported import search_penalties, search_reported
    from backproof.repair.workshop import Workshop

    if other_cost(request.report) is not None:
        return search_reported(request)
    if unpenalised(request.report):
        return search_penalties(request)
    with Workshop(request.program, request.options, workers=request.workers,
                  timeout=request.seconds) as workshop:  # fmt: skip
        hunt = Hunt(workshop, budget=request.seconds, report=request.report, brief=True)
        repair = hunt.repair()
        reason = repair.reason
        if repair.original.refused:
            reason = f"in a copy of its folder the program may not {repair.original.refused}"
        elif not repair.original.steps:
            reason = repair.original.failure or reason
        findings: tuple[Finding, ...] = request.report.findings
        if repair.found:
            findings = fixed_findings(repair)
        return Answer(findings, repair.verified, "" if repair.verified else reason)


def _leave(*_: Any) -> None:
    sys.exit(1)
