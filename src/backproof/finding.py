"""What a run found: findings, verdicts and the report that holds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from backproof.source import Edit, Span

Severity = Literal["error", "warning", "note"]
Status = Literal["verified", "wrong", "unverified"]


@dataclass(frozen=True, slots=True)
class Related:
    """Another place that belongs to a finding."""

    span: Span
    role: str
    expression: str
    file: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A proposed change; `verified` only after the edited program was judged again."""

    before: str
    after: str
    verified: bool
    edits: tuple[tuple[str, Edit], ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One root cause."""

    code: str
    cause: str
    severity: Severity
    title: str
    message: str
    file: str
    span: Span
    expression: str
    evidence: dict[str, Any] = field(default_factory=dict)
    related: tuple[Related, ...] = ()
    fix: Fix | None = None
    confidence: Literal["proven", "likely", "possible"] = "proven"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParameterVerdict:
    """One parameter's gradient over all judged steps."""

    name: str
    gradient: str
    status: Status
    relative_error: float | None
    scale: float | None
    line: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class GradientReport:
    """All parameters, and the cost that their gradients belong to."""

    status: Status
    cost_expression: str | None
    cost_line: int | None
    parameters: tuple[ParameterVerdict, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a run found."""

    script: str
    status: Literal["completed", "raised", "interrupted"]
    steps: int
    gradient: GradientReport
    findings: tuple[Finding, ...]
    script_exit: int
    sources: dict[str, str]
    warnings: tuple[str, ...] = ()
    timing: dict[str, float] = field(default_factory=dict)
