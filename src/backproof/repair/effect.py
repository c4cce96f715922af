"""What a fix changes: the cost of both programs after the same steps."""

from __future__ import annotations

import re
from dataclasses import replace
from textwrap import dedent

from backproof.finding import Finding, Fix, Related, Report
from backproof.repair.hunt import Found, Repair
from backproof.repair.trial import Trial
from backproof.source import SourceFile, Span

_ACCURACY = re.compile(
    r"acc(?:uracy)?\w*\W{0,4}(?:on \w+ )?\W{0,4}(\d+(?:\.\d+)?)\s*(%?)", re.IGNORECASE
)
_COST = re.compile(
    r"\b(loss|cost|error|mse|j)\b[^\d\n-]{0,12}(-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)", re.IGNORECASE
)


def last_cost(one: Trial, other: Trial) -> tuple[int, float, float] | None:
    """Return (step, cost, cost) of two programs at the last step that both were judged at."""
    found = None
    for step in one.steps:
        for its in other.steps:
            same = (step.step, step.cost_title, step.after) == (its.step, its.cost_title, its.after)
            later = step.step > (0 if found is None else found[0])
            if same and later and step.cost is not None and its.cost is not None:
                found = (step.step, step.cost, its.cost)
    return found


def accuracy(output: str) -> str:
    """Return the last accuracy that a program printed; empty if it printed none."""
    found = _ACCURACY.findall(output)
    return "".join(found[-1]) if found else ""


def printed_cost(output: str) -> tuple[str, float] | None:
    """Return the last cost that a program printed, with its word."""
    found = _COST.findall(output)
    return (found[-1][0].lower(), float(found[-1][1])) if found else None


def effect(repair: Repair) -> list[str]:
    """Return sentences on what the fix changes."""
    if repair.fixed is None:
        return []
    lines = []
    costs = last_cost(repair.original, repair.fixed)
    known = None
    if costs is not None:
        step, *known = costs
        lines.append(f"cost at step {step}: {known[0]:.6g} before, {known[1]:.6g} with the fix")
    else:
        one, two = printed_cost(repair.original.output), printed_cost(repair.fixed.output)
        if one is not None and two is not None and one[0] == two[0]:
            known = [one[1], two[1]]
            lines.append(
                f"{one[0]} printed last: {known[0]:.6g} before, {known[1]:.6g} with the fix"
            )
    if known is not None:
        before, after = known
        if after > before * (1 + 1e-9) + 1e-12:
            lines.append(
                "the wrong gradient happened to train better over these steps; "
                "the right one follows the cost that the program states"
            )
    shown = accuracy(repair.original.output), accuracy(repair.fixed.output)
    if all(shown):
        lines.append(f"accuracy printed last: {shown[0]} before, {shown[1]} with the fix")
    if not repair.deterministic:
        lines.append(
            "the program draws random numbers without a seed: both runs were given the same one"
        )
    return lines


def witnessed(repair: Repair) -> str:
    """Return what the verification found: ``all 4 gradients right on 6 judged steps``."""
    fixed = repair.fixed
    if fixed is None or fixed.report is None:
        return ""
    count = len(fixed.report.gradient.parameters)
    errors = [p.relative_error for p in fixed.report.gradient.parameters if p.relative_error]
    worst = f" (worst {max(errors):.0e})" if errors else ""
    return f"all {count} gradients right on {len(fixed.steps)} judged steps{worst}"


def witnessed_in_part(found: Found) -> str:
    """Return what a repair of one fault of several makes right; empty where that is not all of it.

    The repairs found before it are in place by then.
    """
    names = [str(name) for name in found.finding.evidence.get("parameters", ())]
    steps = [step for step in found.trial.steps if step.verdicts]
    right = all(
        step.verdicts.get(name, ("verified", ""))[0] == "verified"
        for step in steps for name in names
    )  # fmt: skip
    if not names or not steps or not right:
        return ""
    shown = ", ".join(f"`{name}`" for name in names[:3]) + (" …" if len(names) > 3 else "")
    return f"{shown} right on {len(steps)} judged steps; other faults are left"


def fixed_findings(repair: Repair) -> tuple[Finding, ...]:
    """Return the findings of the first run with their fixes.

    Where an edit elsewhere is what makes the gradients right, the finding moves there: the edit is
    better evidence than the blame. Where one edit makes all gradients right, the findings that
    only named other values with the same error are no faults of their own.
    """
    report = repair.report
    if report is None:
        return ()
    fixes: dict[tuple[str, Span], tuple[Found, Fix]] = {}
    for found in repair.found:
        check = witnessed(repair) if repair.verified else witnessed_in_part(found)
        if not check:
            continue
        before, after = (dedent(text).strip("\n") for text in (found.before, found.after))
        fix = Fix(before, after, True, found.edits, check)
        fixes.setdefault((found.finding.file, found.finding.span), (found, fix))
    done = []
    for finding in report.findings:
        entry = fixes.get((finding.file, finding.span))
        if entry is None or entry[0].finding.code != finding.code:
            done.append(finding)
            continue
        done.append(_moved(replace(finding, fix=entry[1]), entry[0], report))
    return tuple(done)


def _moved(finding: Finding, found: Found, report: Report) -> Finding:
    """Return a finding at the place of its fix, with the cause that the edit shows."""
    path, edit = found.edits[0]
    fix = finding.fix
    if len(found.edits) != 1 or fix is None or not fix.verified:
        return finding
    if finding.code not in ("BP101", "BP102") or finding.evidence.get("turned"):
        return finding  # what it computes, or what stands beside it, shows the place
    text = report.sources.get(path)
    if text is None:
        return finding
    file = SourceFile(path, text)
    old, new = " ".join(file.slice(edit.span).split()), " ".join(edit.text.split())
    stays = path == finding.file and (
        edit.span.line == finding.span.line
        or finding.span.contains(edit.span) or edit.span.contains(finding.span)
    )  # fmt: skip
    vague = any(words in f"{finding.title} {finding.message}" for words in _VAGUE)
    if not old or not new or max(len(old), len(new)) > 80:
        return finding
    if stays and not vague:
        told = finding.message if new in finding.message else f"use `{new}` in place of `{old}`"
        return replace(finding, message=told)
    head = finding.title.split(":")[0]
    changed = replace(
        finding, cause=found.cause or finding.cause, label="",
        title=f"{head}: `{old}` stands where `{new}` is meant",
        message=f"use `{new}` in place of `{old}`",
    )  # fmt: skip
    if stays:
        return changed
    before = Related(finding.span, "consequence", finding.expression, finding.file)
    related = [r for r in finding.related if r.span.line != edit.span.line or r.file != path]
    return replace(
        changed, file=path, span=edit.span, expression=file.slice(edit.span),
        related=(before, *related),
    )  # fmt: skip


#: What a diagnosis says that knows no edit.
_VAGUE = ("is not what the chain rule", "is not the derivative", "does not use its own gradient")
