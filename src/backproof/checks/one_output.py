"""What several steps of one output each say together, and none of them alone.

Under one output of one sample any cost fits, by some factor, and one number is a multiple of any.
But a factor that is the same in all steps is no chance; nor is one that is the error itself, in all
steps: then the error stands squared where it is meant, as in ``error = (prediction - y) ** 2``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from backproof.arithmetic import MULTIPLY, is_in
from backproof.checks.advice import advise
from backproof.checks.choice import is_full
from backproof.checks.direction import SQUARED, error_term, is_single
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import Fit, author_value
from backproof.checks.places import Place, statement_of
from backproof.checks.scales import SAME, is_natural
from backproof.finding import Finding
from backproof.trace.site import Site

#: Steps that must agree.
STEPS = 4
Function = Callable[[float, float], float]
#: What stands in place of the error, by the factor that a gradient has beside the right one: a
#: function of the error and of the output.
ERRORS: dict[str, Function] = {
    "squared": lambda error, output: error,
    "without its sign": lambda error, output: float(np.sign(error)),
}
#: The slopes of an output that went through the function once more.
SLOPES: dict[str, Function] = {
    "sigmoid": lambda error, a: _sigmoid(a) * (1 - _sigmoid(a)) / (a * (1 - a)),
    "tanh": lambda error, a: float(1 - np.tanh(a) ** 2) / (1 - a * a),
}


def _sigmoid(z: float) -> float:
    return float(1 / (1 + np.exp(-z)))


class OneOutput:
    """Fed with every judged step of a run."""

    def __init__(self) -> None:
        self.factors: dict[str, list[tuple[float, float, float]]] = {}
        """Parameter -> its factors under the squared error, errors and outputs, step by step."""

    def settle(self, evidence: StepEvidence) -> None:
        """Take the squared error as the cost of a step that it fits as it fits those before."""
        fit = self._squared(evidence)
        values = None if fit is None else _values(evidence, fit)
        if fit is None or values is None or _has_own(evidence):
            return
        for index, parameter in enumerate(evidence.params):
            factor = _factor(evidence, fit, index)
            if factor is not None:
                self.factors.setdefault(parameter.name, []).append((factor, *values))
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
        steps = len(self.factors.get(names[0], ()))
        shown = ", ".join(f"`{name}`" for name in names[:4]) + (" …" if names[4:] else "")
        said = [what for what, of in ERRORS.items() if self._is_all(names, of)]
        slopes = [what for what, of in SLOPES.items() if self._is_all(names, of)]
        if said:
            return advise(
                "BP101", "wrong-operand", statement_of(site),
                f"the error stands {said[0]} where the error itself is meant: the gradients of "
                f"{shown} are wrong",
                f"step with `{site.text}`", {"parameters": names, "steps": steps},
                severity="error", confidence="proven",
                notes=[f"so in all {steps} judged steps; the derivative of no cost has one sign "
                       "whatever the sign of the error is"],
            )  # fmt: skip
        if slopes:
            slope = {"sigmoid": "a * (1 - a)", "tanh": "1 - a ** 2"}[slopes[0]]
            return advise(
                "BP101", "wrong-derivative", _product_of(evidence, site),
                f"the derivative of the {slopes[0]} is taken at the output, which has been through "
                f"it already: the gradients of {shown} are wrong",
                f"of an output `a` the derivative is `{slope}`; give a function that applies the "
                f"{slopes[0]} itself what is before the activation",
                {"parameters": names, "steps": steps}, severity="error", confidence="proven",
                notes=[f"so in all {steps} judged steps: the factor of the error is that of the "
                       f"{slopes[0]} applied twice"],
            )  # fmt: skip
        return None

    def _is_all(self, names: Sequence[str], of: Function) -> bool:
        """Whether the factors of all gradients are a function of the error and the output."""
        return all(self._is_steady(name, of) and not self._is_steady(name) for name in names)

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

    def _is_steady(self, name: str, of: Function = lambda error, output: 1.0) -> bool:
        """Whether a factor is the same multiple in all steps of a function."""
        known = self.factors.get(name, [])
        with np.errstate(all="ignore"):
            values = [of(error, np.float64(output)) for _, error, output in known]
        if len(known) < STEPS or any(not np.isfinite(v) or v == 0 for v in values):
            return False
        ratios = [factor / value for (factor, _, _), value in zip(known, values, strict=True)]
        return all(abs(ratio / ratios[0] - 1) < SAME for ratio in ratios)


def _product_of(evidence: StepEvidence, error: Site) -> Place:
    """Return the statement that multiplies the error by a slope, else that of the error."""
    tape = evidence.tape
    outs = {o.out for o in tape.operations if o.where is error}
    for operation in tape.operations:
        if is_in(operation.function, MULTIPLY) and not outs.isdisjoint(operation.inputs):
            return statement_of(operation.where)
    return statement_of(error)


def _has_own(evidence: StepEvidence) -> bool:
    """Whether a cost that the step computes fits its gradients."""
    fits = [*([] if evidence.fit is None else [evidence.fit]), *evidence.others]
    return any(f.hypothesis.own and is_full(f) for f in fits)


def _values(evidence: StepEvidence, fit: Fit) -> tuple[float, float] | None:
    """Return by how much the one output of a step differs from its label, and the output.

    Of a label that is written as a number, or is no array, the difference is 0: not known.
    """
    join = fit.hypothesis.joins[0]
    label = None if join.labels is None else evidence.run.env[join.labels]
    output = evidence.run.env[join.output]
    if output is None:
        return None
    value = float(np.ravel(output)[0])
    return 0.0 if label is None else value - float(np.ravel(label)[0]), value


def _factor(evidence: StepEvidence, fit: Fit, index: int) -> float | None:
    """Return the factor of one number's gradient at the level that is a multiple, or the last."""
    match = fit.matches[index]
    level = fit.chosen[index][0] if index in fit.chosen else len(match.parameter.levels) - 1
    own = author_value(evidence.run, match.parameter, level)
    if own is None or match.truth is None or own.size != match.truth.size or not np.any(own):
        return None
    truth = float(match.truth @ match.truth)
    return float(own @ match.truth) / truth if truth else None
