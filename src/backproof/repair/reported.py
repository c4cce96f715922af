"""Fixes where the gradients are those of another cost than the one that the program reports.

Judged under the reported cost they are wrong, and are searched as any other wrong gradients are.
"""

from __future__ import annotations

import ast
import re
import time
from dataclasses import replace

from backproof.costs import is_registered
from backproof.finding import Finding, Fix, Report
from backproof.repair.accept import judge
from backproof.repair.candidate import Code, targets_of
from backproof.repair.court import costs_of, other_cost, unpenalised
from backproof.repair.effect import witnessed
from backproof.repair.generate import propose
from backproof.repair.hunt import Hunt
from backproof.repair.patch import changed_lines
from backproof.repair.request import Answer, Request
from backproof.repair.screen import source_of
from backproof.repair.trial import Trial
from backproof.repair.workshop import Workshop
from backproof.report.place import document
from backproof.source import Edit, SourceFile

#: Judged steps of a run.
JUDGED = 2
#: Edits that are tried for one penalty.
MOST_TRIED = 16
#: Relative difference of two strengths that are the same.
SAME = 1e-6


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
                named = f"the {cost}" if is_registered(cost) else f"`{name}`"
                check = f"{witnessed(repair)}, under {named}"
                fix = Fix(found.before.strip(), found.after.strip(), True, found.edits, check)
                told = replace(_summed(finding, fix), fix=fix)
                findings = tuple(told if f is finding else f for f in request.report.findings)
                return Answer(findings, True, "")
    return Answer(request.report.findings, False, reason)


def _summed(finding: Finding, fix: Fix) -> Finding:
    """Return what is told where a sum keeps its last value alone: that is no cost of its own."""
    if fix.before.replace(" = ", " += ", 1) != fix.after:
        return finding
    names = [str(name) for name in finding.evidence.get("parameters", ())]
    shown = ", ".join(f"`{name}`" for name in names[:4]) + (" …" if len(names) > 4 else "")
    verb = "gradients of" if len(names) > 1 else "gradient of"
    return replace(
        finding, code="BP101", cause="missing-term", severity="error", confidence="proven",
        title=f"{verb} {shown} {'are' if len(names) > 1 else 'is'} wrong: of the values that "
        f"belong to a sum, `{fix.before}` keeps the last alone",
        message="use `+=` in place of `=`",
    )  # fmt: skip


def search_penalties(request: Request) -> Answer:
    """Search edits that give gradients the penalties that the reported loss has."""
    started, report = time.monotonic(), request.report
    fixes: dict[int, Fix] = {}
    with Workshop(request.program, request.options, workers=request.workers,
                  timeout=request.seconds) as workshop:  # fmt: skip
        workshop.know_loop(report.loop)
        before = workshop.try_one(judged=JUDGED, decays=True)
        for finding in unpenalised(report):
            if time.monotonic() - started > request.seconds or not before.verified:
                break
            edits = _penalised(finding, report)
            waiting = [(edit, ((finding.file, edit),)) for edit in edits]
            tried = workshop.try_all(waiting, judged=JUDGED, decays=True)
            right = {edit for edit, trial in tried if _is_right(trial, before, finding)}
            best = next((edit for edit in edits if edit in right), None)
            if best is not None:
                fixes[id(finding)] = _fix(workshop, finding, best)
    findings = tuple(replace(f, fix=fixes.get(id(f))) for f in report.findings)
    missed = len(fixes) < len(unpenalised(report))
    return Answer(findings, not missed, "no edit that was tried adds the penalty" if missed else "")


def _penalised(finding: Finding, report: Report) -> list[Edit]:
    """Return the edits that add a multiple of a parameter to what makes its gradient."""
    text = report.sources.get(finding.file)
    if text is None:
        return []
    code = Code.of(SourceFile(finding.file, text, document(finding.file)[1]))
    place, parameter = finding.span, str(finding.evidence["parameters"][0])
    statement = code.statement_at(place.line, place.column)
    if not isinstance(statement, ast.Assign):
        return []  # beside a step with its rate another multiple is meant
    if parameter in map(code.text, targets_of(statement)):
        return []
    name = re.findall(r"\w+", parameter)[-1]
    found = [
        c for c in propose(code, [finding], [], {}, only=True)
        if len(c.edits) == 1 and c.cause == "missing-term"
        and re.search(rf"\b{re.escape(name)}\b", c.edits[0].text)
    ]  # fmt: skip
    found.sort(key=lambda c: c.price)
    return list(dict.fromkeys(c.edits[0] for c in found))[:MOST_TRIED]


def _is_right(trial: Trial, before: Trial, finding: Finding) -> bool:
    """Whether a gradient has the penalty in each step, and no other gradient has another."""
    name, strength = finding.evidence["parameters"][0], finding.evidence["strength"]
    if not judge(trial, before).complete:
        return False
    old = {s.step: s for s in before.steps}
    for step in trial.telling:
        was = old[step.step].decays if step.step in old else {}
        strengths = step.decays.get(name, ())
        if len(strengths) != 1 or abs(strengths[0] / strength - 1) > SAME:
            return False
        if any(lams != was.get(n) for n, lams in step.decays.items() if n != name):
            return False
    return True


def _fix(workshop: Workshop, finding: Finding, edit: Edit) -> Fix:
    """Word the edit that adds a penalty."""
    edits = ((finding.file, edit),)
    name, cell = document(finding.file)
    before = source_of(finding.file, workshop.read(name), cell)
    after = source_of(finding.file, workshop.edited(edits)[name], cell)
    old, new = changed_lines(before.lines, after.lines)
    strength, shown = finding.evidence["strength"], finding.evidence["parameters"][0]
    like = "the loss does" if finding.code == "BP103" else "those of the others do"
    check = f"the gradient of `{shown}` holds {strength:.4g} times the parameter, as {like}"
    return Fix(old.strip(), new.strip(), True, edits, check)
