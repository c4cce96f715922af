"""The answer: why a value is wrong, where exactly, and what to write there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from backproof.arithmetic import MULTIPLY, is_in
from backproof.checks.cause.aliased import aliased
from backproof.checks.cause.formed import formed_at, handed_in
from backproof.checks.cause.handed_on import handed_on
from backproof.checks.cause.partial import named_partial
from backproof.checks.cause.passed import passed_in
from backproof.checks.cause.slope_made import slope_made, stored_at
from backproof.checks.cause.used import used_after, used_at
from backproof.checks.claims import is_name
from backproof.checks.edits.edit import short
from backproof.checks.found import Found
from backproof.checks.search import StepSearch
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Operation, Tape

#: What is added to a value.
ADDED = {"missing-term", "missing-factor"}
#: A statement that computes nothing.
RENAMING = re.compile(r"[\w.]+(\[[\w'\"]+\])?\s*=\s*[\w.]+(\[[\w'\"]+\])?$")
ALIAS = re.compile(r"\w+\s*=\s*\w+$")
#: What makes a derivative wrong where the edited expression is one.
LOCAL_CAUSES = {"extra-term", "missing-term", "extra-factor", "missing-factor", "wrong-sign"}


@dataclass(slots=True)
class Diagnosis:
    """Why a site's value is wrong, and where exactly."""

    code: str
    cause: str
    site: Site
    reason: str
    help: str = ""
    overwrite: Site | None = None
    evidence: dict[str, Any] = field(default_factory=dict)

    @property
    def is_vague(self) -> bool:
        """Whether it says where something is wrong, and not what."""
        return not self.help


def from_edit(search: StepSearch, found: Found) -> Diagnosis:
    """Word the diagnosis that an edit is."""
    edit, cause = found.edit, found.edit.cause
    if edit.cause == "mutated-value":
        return Diagnosis(
            "BP105", "mutated-value", found.site,
            f"`{edit.found}` was changed before it is read here",
            f"use the value that `{edit.found}` had in the forward pass (a copy)",
        )  # fmt: skip
    formed = formed_at(search, found)
    if formed is not None:
        told = cause == "missing-factor" and is_name(edit.expected)
        what = f"the factor `{edit.expected}`" if told else "a factor"
        return Diagnosis(
            "BP101", "missing-factor", formed, f"{what} is missing from `{short(formed.text)}`",
            "multiply by what the chain rule gives there",
        )  # fmt: skip
    executions = [search.tape.operations[index] for index in found.edited]
    added = cause in ADDED and (edit.expected or edit.is_slope)
    renamed = renaming(search.tape, executions, found.site) if added else None
    if renamed is None and added and edit.is_slope:
        renamed = handed_on(search.tape, edit.derived)
        place = None if renamed else used_at(search.tape, executions, edit.derived)
        place = place or used_after(search, executions, edit.derived)
        place = place or (None if renamed else handed_in(search, executions))
        if place is not None:
            reason = re.sub("missing from `.*", lambda _: f"missing in `{place.text}`", edit.reason)
            return Diagnosis("BP101", cause, place, reason, edit.help)
    if renamed is not None and not edit.expected:
        text = renamed.file.slice(renamed.statement)
        reason = re.sub("missing from `.*", lambda _: f"missing from `{text}`", edit.reason)
        return Diagnosis("BP101", cause, renamed, reason, edit.help)
    if renamed is not None:
        text = renamed.file.slice(renamed.statement)
        what = "term" if cause == "missing-term" else "factor"
        return Diagnosis(
            "BP101", cause, renamed, f"the {what} `{edit.expected}` is missing in `{text}`",
            f"put `{edit.expected}` in", evidence={"expected": edit.expected},
        )  # fmt: skip
    if cause in LOCAL_CAUSES and found.site.kind == "binop" and _is_slope(search, found.site.index):
        cause = "wrong-derivative"
    site = passed_in(search.tape, found) if cause == "wrong-operand" else found.site
    site = slope_made(search, found) or named_partial(search, found) or site
    site = stored_at(search, found) or aliased(search, found) or site
    return Diagnosis(
        "BP101", "missing-term" if cause == "extra-term" else cause, site, edit.reason,
        edit.help,
        evidence={"found": edit.found, "expected": edit.expected} if edit.found else {},
    )  # fmt: skip


def renaming(tape: Tape, operations: Sequence[Operation], call: Site | None = None) -> Site | None:
    """Return the statement that only gives another name to what a function returned, if one does.

    In ``dx1 = dbranch`` nothing is computed; what is missing from the value is missing there,
    unless it is read before. Where one `call` of a helper is at fault, none of the helper's.
    """
    shared: set[int] | None = None
    for operation in operations:
        read = min((tape.operations[i].event for i in tape.users[operation.out]), default=None)
        sites = {
            site for event, site in tape.flows.get(operation.out, ())
            if (read is None or event < read)
            and (call is None or not _is_within(SITES[site], operation.where, call))
            and (ALIAS if SITES[site].function == operation.where.function else RENAMING).match(
                SITES[site].file.slice(SITES[site].statement)
            )
        }  # fmt: skip
        shared = sites if shared is None else shared & sites
    return SITES[min(shared)] if shared else None


def _is_within(statement: Site, made: Site, call: Site) -> bool:
    """Whether a statement is in the helper that made a value, not in the caller."""
    return statement.function == made.function != call.function


def _is_slope(search: StepSearch, site: int) -> bool:
    """Whether an error is multiplied by what a site makes of forward values alone."""
    users = {
        search.tape.operations[index].function
        for operation in search.groups.get(site, ()) for index in search.tape.users[operation.out]
    }  # fmt: skip
    return search.is_local(site) and any(is_in(function, MULTIPLY) for function in users)
