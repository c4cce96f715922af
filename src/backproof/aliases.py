"""What the parameters of the first steps are called later, when their values can be looked up.

A loop is known to train when it has run for a while. What its first steps made is gone by then,
and was named by the statement that updates: ``parameter (2)``. In a later step of the same
parameters, in the same order, each has its place: ``net.layers[0].b``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np

from backproof.checks.gradient import StepEvidence
from backproof.finding import Report
from backproof.history import NAMELESS

#: Such a name in a sentence.
QUOTED = re.compile(r"\bparameter(?: \(\d+\))?(?=[`:])")


class Aliases:
    """Fed with every judged step, asked for the names at the end."""

    def __init__(self) -> None:
        self._orders: dict[tuple[Any, ...], dict[tuple[str, ...], None]] = {}

    def look(self, evidence: StepEvidence) -> None:
        """Note what the parameters of a step are called, by their shapes in order."""
        nodes = evidence.tape.nodes
        shapes = tuple(tuple(np.shape(nodes[n].obj) for n in p.old) for p in evidence.params)
        self._orders.setdefault(shapes, {})[tuple(p.name for p in evidence.params)] = None

    def known(self) -> dict[str, str]:
        """Return the names that nameless parameters have in other steps, where it is one name."""
        found: dict[str, set[str]] = {}
        for orders in self._orders.values():
            named = [names for names in orders if not any(map(NAMELESS.match, names))]
            for names in orders:
                for others in named if any(map(NAMELESS.match, names)) else ():
                    for name, other in zip(names, others, strict=True):
                        if NAMELESS.match(name):
                            found.setdefault(name, set()).add(other)
        return {name: others.pop() for name, others in found.items() if len(others) == 1}


def named(report: Report) -> Report:
    """Return a report whose findings call parameters as they are known at the end."""
    known = report.aliases

    def read(text: str) -> str:
        return QUOTED.sub(lambda match: known.get(match.group(), match.group()), text)

    findings = tuple(
        replace(
            f, title=read(f.title), message=read(f.message), notes=tuple(map(read, f.notes)),
            evidence={
                key: [known.get(str(n), n) for n in value] if key == "parameters" else value
                for key, value in f.evidence.items()
            },
        )
        for f in report.findings
    )  # fmt: skip
    return replace(report, findings=findings) if known else report
