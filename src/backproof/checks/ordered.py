"""The parameters of a step in one order: they are found in another one from step to step."""

from __future__ import annotations

from dataclasses import replace

from backproof.checks.gradient import StepEvidence
from backproof.roles import Parameter


def in_order(evidence: StepEvidence) -> StepEvidence:
    """Return a step with parameters, and the numbers of lists, in the order of their updates."""
    tape, fit = evidence.tape, evidence.fit

    def key(index: int) -> tuple[str, int, int, str]:
        parameter = evidence.params[index]
        where = tape.operations[parameter.updates[-1].merges[-1][0]].where
        return where.file.path, where.span.line, where.span.column, parameter.name

    order = sorted(range(len(evidence.params)), key=key)
    if fit is not None:
        chosen = {new: fit.chosen[old] for new, old in enumerate(order) if old in fit.chosen}
        fit = replace(fit, chosen=chosen, matches=[fit.matches[i] for i in order])
    params = [_numbers_in_order(evidence.params[i]) for i in order]
    return replace(evidence, params=params, fit=fit)


def _numbers_in_order(parameter: Parameter) -> Parameter:
    if len(parameter.updates) < 2 or parameter.updates[0].pack >= 0:
        return parameter
    return replace(parameter, updates=tuple(sorted(parameter.updates, key=lambda u: u.merges[-1])))
