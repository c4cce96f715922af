"""Builds findings: one place, one measurement, one root cause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from backproof.checks.places import Place, definition, final_names, statement_of
from backproof.finding import Finding, Related, Severity
from backproof.trace.site import Site


def advise(
    code: str, cause: str, place: Place, title: str, message: str, evidence: dict[str, Any],
    *, severity: Severity = "warning", notes: Sequence[str] = (),
    related: Sequence[tuple[Place, str] | tuple[Place, str, str]] = (), label: str = "",
    confidence: Literal["proven", "likely", "possible"] = "likely",
) -> Finding:  # fmt: skip
    """Return a finding at a place; related places come with their role and perhaps a label."""
    return Finding(
        code=code, cause=cause, severity=severity, title=title, message=message,
        file=place.file.path, span=place.span, expression=place.text, evidence=evidence,
        related=tuple(
            Related(p.span, role, p.text, p.file.path, *beside)
            for p, role, *beside in related if p.span != place.span
        ),
        confidence=confidence, notes=tuple(notes), label=label,
    )  # fmt: skip


def rate_place(text: str, value: float, site: Site) -> Place:
    """Return where a step size is set: its definition, else the update that it stands in."""
    return (definition(text, value) if final_names(text) else None) or statement_of(site)


def short(number: float) -> str:
    """Return a number as in a sentence."""
    return f"{number:.3g}"
