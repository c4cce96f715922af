"""The lines that a fault can be on, by which gradients depend on them."""

from __future__ import annotations

from backproof.checks.direction import climbing
from backproof.checks.gradient import StepEvidence
from backproof.trace.site import SITES


def suspects(evidence: StepEvidence) -> frozenset[tuple[str, int]]:
    """Return the lines that one fault can be on: what feeds a right gradient is right itself.

    Of those of the backward pass every wrong gradient depends on them, and no right one.
    """
    fit = evidence.fit
    if fit is None or not fit.chosen:
        fit = next((f for f in evidence.others if not f.hypothesis.registered), None)
        if fit is None:
            return frozenset()
    climbs = (
        {n for f in climbing(evidence) for n in f.evidence["parameters"]}
        if (fit is evidence.fit)
        else set()
    )
    wrong = {i for i, p in enumerate(evidence.params) if i in fit.wrong or p.name in climbs}
    tape = evidence.tape
    new = {n for p in evidence.params for n in p.new}
    stop = new if fit.hypothesis.after else None
    forward = tape.ancestors([fit.hypothesis.node], stop=stop)
    chains = tape.chains()
    hits: dict[tuple[str, int], set[int]] = {}
    for index, parameter in enumerate(evidence.params):
        for node in tape.ancestors(parameter.new) - forward:
            operation = tape.producer(node)
            if operation is None:
                continue
            sites = [operation.where, *(SITES[tape.calls[c][1]] for c in chains[operation.index])]
            sites += [SITES[site] for _, site in tape.flows.get(node, ())]
            for site in sites:
                hits.setdefault((site.file.path, site.span.line), set()).add(index)
    right = {i for i, m in enumerate(fit.matches) if i not in wrong and not m.vacuous}
    return frozenset(line for line, those in hits.items() if wrong <= those and not those & right)
