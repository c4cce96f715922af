"""Gradients that were zero in every judged step (BP109): nothing was verified of them."""

from __future__ import annotations

from collections.abc import Iterator

from backproof.checks.gradient import StepEvidence
from backproof.checks.places import Place, statement_of
from backproof.finding import Finding


class Vacuous:
    """Fed with every judged step of a run, asked for findings at its end."""

    def __init__(self) -> None:
        self.zero: dict[str, Place] = {}
        self.other: set[str] = set()
        self.steps = 0

    def look(self, evidence: StepEvidence) -> None:
        """Note which gradients are zero to rounding, the true one and the author's."""
        fit = evidence.fit
        if fit is None or not fit.chosen:
            return
        self.steps += 1
        for i, match in enumerate(fit.matches):
            parameter = evidence.params[i]
            if match.vacuous and parameter.updates[-1].merges:
                merge = parameter.updates[-1].merges[-1][0]
                place = statement_of(evidence.tape.operations[merge].where)
                self.zero.setdefault(parameter.name, place)
            else:
                self.other.add(parameter.name)

    def findings(self) -> Iterator[Finding]:
        """Say which parameters have no influence on the cost."""
        groups: dict[tuple[str, int], list[str]] = {}
        places: dict[tuple[str, int], Place] = {}
        for name, place in self.zero.items():
            if name not in self.other and self.steps > 1:
                key = place.file.path, place.span.line
                groups.setdefault(key, []).append(name)
                places[key] = place
        for key, names in groups.items():
            place = places[key]
            shown = ", ".join(f"`{n}`" for n in names[:4]) + (" …" if len(names) > 4 else "")
            one = len(names) == 1
            yield Finding(
                code="BP109", cause="zero-gradient", severity="note",
                title=f"the gradient{'' if one else 's'} of {shown} {'is' if one else 'are'} zero "
                "in every judged step: nothing was verified",
                message="see whether it is meant to have no influence (a bias before a batch "
                "normalisation) or never gets a chance (weights that start at zero, dead units)",
                file=place.file.path, span=place.span, expression=place.text,
                evidence={"parameters": names, "steps": self.steps}, confidence="proven",
                notes=(
                    f"the true gradient is zero as well, to rounding, in {self.steps} judged steps",
                ),
            )  # fmt: skip
