"""One parameter over the judged steps of a run, and the verdict that follows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from backproof.finding import ParameterVerdict, Status

CONTRADICTED = "differences of the program and the adjoint disagree"


@dataclass(slots=True)
class History:
    """What the judged steps say about one parameter.

    Attributes
    ----------
    witness : str
        What has confirmed the adjoint, beside it: 'program', 'replay' or nothing.
    contradicted : bool
        The program's own differences contradict the adjoint in some step.
    elsewhere : str
        Why a gradient that other code forms is not verified, if there is one.
    """

    name: str
    gradient: str = ""
    line: int = 0
    statuses: list[str] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    scale: float | None = None
    reason: str = ""
    witness: str = ""
    contradicted: bool = False
    elsewhere: str = ""

    def hear(self, program: bool | None, replay: bool) -> None:
        """Hear the witnesses of a step: whether the program (if it can be asked) and the replay
        confirm the adjoint."""
        if program is False:
            self.contradicted = True
        elif program:
            self.witness = "program"
        elif replay:
            self.witness = self.witness or "replay"

    def verdict(self) -> ParameterVerdict:
        """Return the verdict over all steps."""
        status: Status
        if self.contradicted:
            status = "unverified"
        elif "wrong" in self.statuses:
            status = "wrong"
        elif self.elsewhere:
            status = "unverified"
        elif "verified" in self.statuses and (
            self.statuses.count("unverified") <= len(self.statuses) // 2
        ):
            status = "verified"
        elif not self.statuses:
            status = "verified" if "zero" in self.reason else "unverified"
        else:
            status = "unverified"
        reason = CONTRADICTED if self.contradicted else self.elsewhere or self.reason
        return ParameterVerdict(
            name=self.name,
            gradient=self.gradient,
            status=status,
            relative_error=max(self.errors) if self.errors else None,
            scale=self.scale,
            line=self.line,
            reason=reason if status == "unverified" else "",
            witness=None if status == "unverified" else self.witness or None,
        )


#: A subscript that is no literal: ``params[k]``, ``p["W" + str(l)]``.
VARIABLE = re.compile(r"""\[(?!\s*(?:-?\d+|'[^']*'|"[^"]*")\s*\])""")

#: What `setattr` puts in place has no name in the statement that updates it.
NAMELESS = re.compile(r"^parameter( \(\d+\))?$")


def distinct(parameters: Iterable[ParameterVerdict]) -> tuple[ParameterVerdict, ...]:
    """Leave out parameters that are known by their place as well: `p[n]` beside ``p['W1']``.

    The first steps are judged when the values that they made are gone; they are named by the
    statement that updates them. Nothing is left out whose verdict would be lost.
    """
    everything = tuple(parameters)
    groups: dict[tuple[int, str], list[ParameterVerdict]] = {}
    lines: dict[int, list[ParameterVerdict]] = {}
    for p in everything:
        groups.setdefault((p.line, re.split(r"[.\[]", p.name)[0]), []).append(p)
        lines.setdefault(p.line, []).append(p)
    dropped: set[str] = set()
    for members, pattern in (
        *((g, VARIABLE) for g in groups.values()), *((g, NAMELESS) for g in lines.values())
    ):  # fmt: skip
        loose = [p for p in members if pattern.search(p.name)]
        exact = [p for p in members if not pattern.search(p.name)]
        if len(loose) <= len(exact) and {p.status for p in loose} <= {p.status for p in exact}:
            dropped.update(p.name for p in loose)
        wrong = [p.name for p in loose if p.status == "wrong" and p.name not in dropped]
        for whole in exact:  # `w` beside `w[j]`, which is wrong: the other steps say less
            if any(name.startswith(f"{whole.name}[") for name in wrong):
                dropped.add(whole.name)
    return tuple(p for p in everything if p.name not in dropped)
