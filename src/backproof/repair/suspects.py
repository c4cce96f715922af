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
    # One bit for each parameter whose update depends on a node.
    feeds: dict[int, int] = {}
    for index, parameter in enumerate(evidence.params):
        for node in parameter.new:
            feeds[node] = feeds.get(node, 0) | 1 << index
    hits: dict[tuple[str, int], int] = {}
    for operation in reversed(tape.operations):
        node = operation.out
        bits = feeds.get(node, 0)
        if not bits:
            continue
        for read in operation.inputs:
            feeds[read] = feeds.get(read, 0) | bits
        if node in forward:
            continue
        sites = [operation.where, *(SITES[tape.calls[c][1]] for c in chains[operation.index])]
        sites += [SITES[site] for _, site in tape.flows.get(node, ())]
        for place in {(site.file.path, site.span.line) for site in sites}:
            hits[place] = hits.get(place, 0) | bits
    all_wrong = sum(1 << i for i in wrong)
    right = sum(1 << i for i, m in enumerate(fit.matches) if i not in wrong and not m.vacuous)
    return frozenset(
        p for p, bits in hits.items() if bits & all_wrong == all_wrong and not bits & right
    )
