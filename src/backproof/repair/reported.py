"""Fixes where the gradients are those of another cost than the one that the program reports.

Judged under the reported cost they are wrong, and are searched as any other wrong gradients are.
"""

from __future__ import annotations

from dataclasses import replace

from backproof.finding import Fix
from backproof.repair.court import costs_of, other_cost
from backproof.repair.effect import witnessed
from backproof.repair.hunt import Hunt
from backproof.repair.request import Answer, Request
from backproof.repair.workshop import Workshop

#: Judged steps of the run under the reported cost.
JUDGED = 2


def search_reported(request: Request) -> Answer:
    """Search an edit that makes the gradients those of the reported cost."""
    finding = other_cost(request.report)
    assert finding is not None
    reason = "no edit that was tried makes the gradients those of the reported cost"
    for cost in costs_of(finding):
        options = replace(request.options, cost=cost)
        with Workshop(request.program, options, workers=request.workers,
                      timeout=request.seconds) as workshop:  # fmt: skip
            workshop.know_loop(request.report.loop)
            hunt = Hunt(workshop, budget=request.seconds, brief=True)
            first = hunt.diagnosed(judged=JUDGED)
            if first.report is None or first.report.gradient.status != "wrong":
                continue
            hunt.report = first.report
            repair = hunt.repair()
            if repair.verified and len(repair.found) == 1:
                found, name = repair.found[0], finding.evidence["reported"]
                check = f"{witnessed(repair)}, under `{name}`"
                fix = Fix(found.before.strip(), found.after.strip(), True, found.edits, check)
                findings = tuple(
                    replace(f, fix=fix) if f is finding else f for f in request.report.findings
                )
                return Answer(findings, True, "")
    return Answer(request.report.findings, False, reason)
