"""What a run found: findings, verdicts and the report that holds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from backproof.source import Edit, Span

Severity = Literal["error", "warning", "note"]
Status = Literal["verified", "wrong", "unverified"]


@dataclass(frozen=True, slots=True)
class Related:
    """Another place that belongs to a finding.

    Attributes
    ----------
    role : {'consequence', 'call-site', 'definition', 'overwrite'}
    label : str
        What the terminal writes beside the place, where the role alone would not do.
    """

    span: Span
    role: str
    expression: str
    file: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Fix:
    """A proposed change; `verified` only after the edited program was judged again.

    Attributes
    ----------
    edits : tuple of (file, Edit)
    check : str
        What the verification found: ``all 4 gradients exact to 2e-15``.
    """

    before: str
    after: str
    verified: bool
    edits: tuple[tuple[str, Edit], ...] = ()
    check: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One root cause.

    Attributes
    ----------
    title : str
        The headline: lower case, no full stop, stands alone.
    message : str
        The help: what to change.
    notes : tuple of str
        The evidence in sentences, numbers with their tolerance.
    label : str
        A few words for the caret: what was expected there.
    """

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
    label: str = ""

    @property
    def of_optimiser(self) -> bool:
        """Whether it is about what an optimiser makes of gradients, which may be right."""
        return self.evidence.get("rule") == "optimiser"


@dataclass(frozen=True, slots=True)
class ParameterVerdict:
    """One parameter's gradient over all judged steps.

    Attributes
    ----------
    witness : {'program', 'replay'} or None
        What agrees with the adjoint: differences of the program itself, or of the recorded step.
    """

    name: str
    gradient: str
    status: Status
    relative_error: float | None
    scale: float | None
    line: int
    reason: str = ""
    witness: str | None = None


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
    """Everything that a run found.

    Attributes
    ----------
    sources : dict of str to str
        Text of each instrumented file (or notebook cell), by the path that findings carry.
    """

    script: str
    status: Literal["completed", "raised", "interrupted"]
    steps: int
    gradient: GradientReport
    findings: tuple[Finding, ...]
    script_exit: int
    sources: dict[str, str]
    warnings: tuple[str, ...] = ()
    timing: dict[str, float] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    """What parameters that have no name in the first steps are called at the end."""
    ignored: int = 0
    """Findings that a comment in the source asked not to be shown."""
    loop: tuple[str, tuple[int, int]] | None = None
    """File of the training loop, and line and column where it begins."""
