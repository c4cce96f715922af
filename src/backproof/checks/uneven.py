"""Weight decay (BP101) that all matrices have but one, where no step computes the cost.

Without a cost, any decay of any parameter may be meant. That of one matrix is told from its
siblings', and only where the program's source takes the squares of that matrix, too, or of all in a
loop: as a warning, since the cost that holds the penalty has not been seen at work.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from backproof.checks.gradient import StepEvidence
from backproof.checks.match import Fit
from backproof.checks.multiples import multiples_of
from backproof.checks.scales import SAME
from backproof.checks.siblings import Kept
from backproof.finding import Finding
from backproof.trace.site import SITES, Site

#: Matrices that decay alike.
LEAST = 2
#: Where a source takes squares, and what it calls the strength of a penalty.
SQUARES = re.compile(r"\*\*\s*2\b|\bsquare\(|\bnorm\(|\bvdot\(")
STRENGTH = re.compile(r"\b\w*(lam|reg|l2|decay|penal|\bwd\b|alpha|beta)\w*", re.I)


@dataclass(frozen=True, slots=True)
class Odd:
    """A matrix whose decay is another than that of the others."""

    name: str
    site: Site
    own: float
    shared: float
    others: tuple[str, ...]
    strength: float = 0.0
    """The multiple of another parameter that is added to its gradient; 0 where not one is."""


class Uneven:
    """Fed with every judged step of a run, asked for findings at its end."""

    def __init__(self) -> None:
        self.found: dict[str, list[Odd]] = {}
        self.steps = 0

    def look(self, evidence: StepEvidence) -> None:
        """Note which matrix decays otherwise than its siblings."""
        fit = evidence.fit
        if fit is None or fit.wrong or not fit.hypothesis.registered:
            return
        self.steps += 1
        odd = odd_one(evidence, fit)
        if odd is not None:
            self.found.setdefault(odd.name, []).append(odd)

    def findings(self) -> Iterator[Finding]:
        """Say which matrix has no decay, or another."""
        for name, seen in self.found.items():
            odd = seen[0]
            if len(seen) < self.steps or self.steps < LEAST or not is_squared(odd):
                continue
            site, ratio = odd.site, odd.own / odd.shared
            shown = ", ".join(f"`{other}`" for other in odd.others[:4])
            what = f"{ratio:.4g} times that of {shown}" if odd.own else "missing"
            yield Finding(
                code="BP101", cause="missing-factor" if odd.own else "missing-term",
                severity="warning", confidence="likely",
                title=f"the weight decay of `{name}` is {what}",
                message=f"add the penalty's gradient, as for {shown}",
                file=site.file.path, span=site.span, expression=site.text,
                evidence={
                    "parameters": [name], "decay": odd.own, "of_the_others": odd.shared,
                    **({"strength": odd.strength} if odd.strength and not odd.own else {}),
                },
                notes=(
                    "the gradients are those of a cost that no step computes, with a decay of "
                    f"{shown} beside it; the source takes the squares of `{name}`, too",
                ),
            )  # fmt: skip


def odd_one(evidence: StepEvidence, fit: Fit) -> Odd | None:
    """Return the one matrix beside at least two others whose decay is not theirs."""
    matrices: dict[int, float] = {}
    for i, (_, scale, _) in fit.chosen.items():
        parameter = evidence.params[i]
        if len(parameter.old) != 1 or np.ndim(evidence.tape.value(parameter.old[0])) != 2:
            continue
        decays = [lam for _, s, lam in fit.matches[i].penalties if abs(s / scale - 1) < SAME]
        matrices[i] = decays[0] if decays else 0.0
    names = {i: evidence.params[i].name for i in matrices}
    if len({Kept.at(name).around for name in names.values()}) != 1:
        return None
    for shared in {lam for lam in matrices.values() if lam > 0}:
        alike = [i for i, lam in matrices.items() if abs(lam / shared - 1) < SAME]
        rest = [i for i in matrices if i not in alike]
        if len(alike) >= LEAST and len(rest) == 1:
            (i,) = rest
            level = fit.chosen[i][0]
            levels = evidence.params[i].levels
            made = evidence.tape.producer(levels[max(level, 0)].nodes[0]) if levels else None
            if made is not None:
                others = tuple(names[n] for n in alike)
                added = multiples_of(evidence.tape, evidence.params[alike[0]], fit.hypothesis.node)
                strength = added[0] if len(added) == 1 else 0.0
                return Odd(names[i], made.where, matrices[i], shared, others, strength)
    return None


def is_squared(odd: Odd) -> bool:
    """Whether the source takes the squares of a matrix where it takes those of the others."""
    lines = [
        line for file in {id(s.file): s.file for s in SITES}.values()
        for line in file.text.splitlines() if SQUARES.search(line)
    ]  # fmt: skip
    if _mentioned(odd.name, lines):
        return True
    named = any(_mentioned(other, lines) for other in odd.others)
    return not named and any(STRENGTH.search(line) for line in lines)


def _mentioned(path: str, lines: Sequence[str]) -> bool:
    name = Kept.at(path).parts[-1].strip("[]'\"") if Kept.at(path).parts else path
    return any(re.search(rf"\b{re.escape(name)}\b", line) for line in lines)
