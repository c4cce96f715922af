"""Findings that only follow from another one, whose cause is known.

Gradients may be judged at several steps, each with its own findings: where one says what is wrong,
those that only say that something is wrong further on are no faults of their own.
"""

from __future__ import annotations

from collections.abc import Iterable

from backproof.finding import Finding


def without_inherited(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings but for those that another one explains."""
    found = list(findings)
    known = [f for f in found if f.code == "BP101" and not is_vague(f)]
    found = [f for f in found if not (is_vague(f) and any(_inherits(f, one) for one in known))]
    return [f for f in found if not any(_is_behind(one, f) for one in known)]


def _is_behind(finding: Finding, other: Finding) -> bool:
    """Whether the sign of an expression is why updates go the wrong way."""
    moved = set(other.evidence.get("parameters", ()))
    return (
        finding.cause == "wrong-sign" and other.code == "BP104" and bool(moved)
        and moved <= set(finding.evidence.get("parameters", ()))
    )  # fmt: skip


def is_vague(finding: Finding) -> bool:
    """Whether a finding says where something is wrong, and not what to write."""
    return finding.code == "BP101" and finding.title.endswith(finding.message)


def _inherits(finding: Finding, other: Finding) -> bool:
    """Whether a finding is at a statement that the error of another one reaches."""
    return any(
        related.role == "consequence" and related.file == finding.file
        and related.span.line == finding.span.line
        for related in other.related
    )  # fmt: skip
