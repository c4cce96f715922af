"""What several steps of one output each say together, and none of them alone.

Under one output of one sample any cost fits, by some factor, and one number is a multiple of any.
But a factor that is the same in all steps is no chance; nor is one that is the error itself, in all
steps: then the error stands squared where it is meant, as in ``error = (prediction - y) ** 2``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from backproof.checks.advice import advise
from backproof.checks.choice import is_full
from backproof.checks.direction import SQUARED, error_term, is_single
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import Fit, author_value
from backproof.checks.places import statement_of
from backproof.checks.scales import SAME, is_natural
from backproof.finding import Finding

#: Steps that must agree.
STEPS = 4
#: What stands in place of the error, by the factor that a gradient has beside the right one.
INSTEAD: dict[str, Callable[[float], float]] = {
    "squared": lambda error: error,
    "without its sign": np.sign,
}


class OneOutput:
    """Fed with every judged step of a run."""

    def __init__(self) -> None:
        self.factors: dict[str, list[tuple[float, float]]] = {}
        """Parameter -> its factors under the squared error, and the errors, step by step."""

    def settle(self, evidence: StepEvidence) -> None:
        """Take the squared error as the cost of a step that it fits as it fits those before."""
        fit = self._squared(evidence)
        error = None if fit is None else _error(evidence, fit)
        if fit is None or error is None or _has_own(evidence):
            return
        for index, parameter in enumerate(evidence.params):
            factor = _factor(evidence, fit, index)
            if factor is not None:
                self.factors.setdefault(parameter.name, []).append((factor, error))
        if evidence.fit is not None or not fit.wrong or len(fit.chosen) != 1:
            return
        kept = [self._is_kept(p.name) for p in evidence.params]
        same = all(is_kept == (i in fit.chosen) for i, is_kept in enumerate(kept))
        if same and not any(self._is_steady(evidence.params[i].name) for i in fit.wrong):
            evidence.fit = fit

    def look(self, evidence: StepEvidence) -> Finding | None:
        """Return the finding where another function of the error stands in its place."""
        fit = self._squared(evidence)
        site = None if fit is None or _has_own(evidence) else error_term(evidence, fit)
        if fit is None or site is None or fit.wrong or not evidence.params:
            return None
        names = [p.name for p in evidence.params]
        told = [
            what for what, of in INSTEAD.items()
            if all(self._is_steady(name, of) and not self._is_steady(name) for name in names)
        ]  # fmt: skip
        if not told:
            return None
        return advise(
            "BP101", "wrong-operand", statement_of(site),
            f"the error stands {told[0]} where the error itself is meant: the gradients of "
            f"{', '.join(f'`{name}`' for name in names[:4])} are wrong",
            f"step with `{site.text}`",
            {"parameters": names, "steps": len(self.factors[names[0]])},
            severity="error", confidence="proven",
            notes=[f"so in all {len(self.factors[names[0]])} judged steps; the derivative of no "
                   "cost has one sign whatever the sign of the error is"],
        )  # fmt: skip

    def _squared(self, evidence: StepEvidence) -> Fit | None:
        """Return the comparison with the squared error of a step's one output."""
        fits = [*([] if evidence.fit is None else [evidence.fit]), *evidence.others]
        for fit in fits:
            if fit.hypothesis.title == SQUARED and is_single(evidence, fit):
                return fit
        return None

    def _is_kept(self, name: str) -> bool:
        """Whether a factor is one that a program has, and the same in all steps."""
        return self._is_steady(name) and is_natural(self.factors[name][0][0])

    def _is_steady(self, name: str, of: Callable[[float], float] = lambda error: 1.0) -> bool:
        """Whether a factor is the same multiple in all steps of a function of the error."""
        known = self.factors.get(name, [])
        if len(known) < STEPS or any(of(error) == 0 for _, error in known):
            return False
        ratios = [factor / of(error) for factor, error in known]
        return all(abs(ratio / ratios[0] - 1) < SAME for ratio in ratios)


def _has_own(evidence: StepEvidence) -> bool:
    """Whether a cost that the step computes fits its gradients."""
    fits = [*([] if evidence.fit is None else [evidence.fit]), *evidence.others]
    return any(f.hypothesis.own and is_full(f) for f in fits)


def _error(evidence: StepEvidence, fit: Fit) -> float | None:
    """Return by how much the one output of a step differs from its label."""
    join = fit.hypothesis.joins[0]
    label = None if join.labels is None else evidence.run.env[join.labels]
    output = evidence.run.env[join.output]
    if label is None or output is None or np.size(label) != 1:
        return None
    return float(np.ravel(output)[0]) - float(np.ravel(label)[0])


def _factor(evidence: StepEvidence, fit: Fit, index: int) -> float | None:
    """Return the factor of one number's gradient at the level that is a multiple, or the last."""
    match = fit.matches[index]
    level = fit.chosen[index][0] if index in fit.chosen else len(match.parameter.levels) - 1
    own = author_value(evidence.run, match.parameter, level)
    if own is None or match.truth is None or own.size != match.truth.size or not np.any(own):
        return None
    truth = float(match.truth @ match.truth)
    return float(own @ match.truth) / truth if truth else None
