"""Judges programs that update nothing: layer functions and a driver, a cost and its gradient.

What a program calls `dW`, `W_grad`, `grads["dW1"]` or `grad_x` is taken for the gradient of what
it calls `W`, `W1`, `x`: of the cost that it computes beside them, or, where there is none, of an
output whose own gradient (`dout`) the program was given. Only what the names and the shapes say is
claimed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, is_in
from backproof.calculus.adjoint import is_differentiable
from backproof.checks.claims import Claim, ClaimNames, as_updates, called
from backproof.checks.gradient import StepEvidence, judge_step
from backproof.checks.match import author_value
from backproof.checks.scales import TOLERANCE
from backproof.hypotheses import Hypothesis
from backproof.names import Names
from backproof.trace.site import SITES
from backproof.trace.tape import Tape

#: Events of a log above which no gradients are searched in it.
MOST_EVENTS = 30_000
#: Share of the largest entry from which the ratio of two says something.
SMALL = 1e-6
_GRADIENT = re.compile(r"^(?:d_?|grad_|g_|delta_)(\w+)$|^(\w+?)_(?:grad|gradient)$")
_COST = re.compile(r"loss|cost|^j$|_j$|objective|nll|energy|error$")
_KEY = re.compile(r"""\[\s*['"](\w+)['"]\s*\]$""")


def judge_pairs(tape: Tape) -> StepEvidence | None:
    """Judge what a program without updates calls gradients; None where nothing is called so."""
    paths = Names({site.file.path for site in SITES})
    named = _named(tape, paths)
    # A layer's `W`, whose gradient it calls `dW`, may be the `W1` of the program, with `dW1`.
    pairs = list(
        {c.value: c for c in sorted(_pairs(tape, named), key=lambda c: len(c.name))}.values()
    )
    if not pairs:
        return None
    best: StepEvidence | None = None
    for hypothesis in _hypotheses(tape, named, pairs):
        forward = tape.ancestors([hypothesis.node])
        claims = [
            claim for claim in pairs
            if claim.value in forward and claim.gradient not in forward
            and claim.value != hypothesis.node
            and (hypothesis.seed is None or hypothesis.seed in tape.ancestors([claim.gradient]))
        ]  # fmt: skip
        if not claims:
            continue
        found = _judged(tape, claims, hypothesis, paths)
        scaled = [] if found is None else _scaled(found)
        if scaled:
            claims = [c for c in claims if c.value not in scaled]
            found = _judged(tape, claims, hypothesis, paths)
        if found is None or found.fit is None:
            continue
        if not (found.fit.chosen or _is_test(tape, hypothesis.seed)):
            continue  # names alone prove nothing: `dx` may be a step in space
        if best is None or best.fit is None or len(found.fit.chosen) > len(best.fit.chosen):
            best = found
    return best


def _judged(
    tape: Tape, claims: Sequence[Claim], hypothesis: Hypothesis, paths: Names
) -> StepEvidence | None:
    updates = as_updates(tape, claims)
    if not updates:
        return None
    names = ClaimNames(paths, claims)
    moved = [c.value for c in claims if tape.nodes[c.value].operation is None]
    return judge_step(tape, updates, 0, names, given=[hypothesis], moved=moved)


def _scaled(evidence: StepEvidence) -> set[int]:
    """Return the values of samples whose gradients are a multiple of the true ones.

    A course divides by the number of samples where it makes `dW`, and not before: its `dZ` is that
    of the sum over them.
    """
    found: set[int] = set()
    tape, olds = evidence.tape, {n for p in evidence.params for n in p.old}
    fit = evidence.fit
    for i in fit.wrong if fit is not None else ():
        assert fit is not None
        parameter, truth = evidence.params[i], fit.matches[i].truth
        own = author_value(evidence.run, parameter, 0)
        if truth is None or own is None or own.shape != truth.shape or len(parameter.old) > 1:
            continue
        known = np.abs(truth) > SMALL * np.max(np.abs(truth), initial=0.0)
        ratios = own[known] / truth[known]
        if ratios.size < 2 or np.ptp(ratios) > TOLERANCE * abs(float(ratios[0])):
            continue
        (node,) = parameter.old
        samples = np.shape(tape.nodes[node].obj)
        on_the_way = not olds.isdisjoint(tape.ancestors([node]) - {node})
        if on_the_way or any(abs(ratios[0] / n - 1) < TOLERANCE for n in samples):
            found.add(node)
    return found


def _stem(name: str) -> str:
    """Return the last word of a name: ``grads["dW1"]`` and ``self.dW1`` are both `dW1`."""
    key = _KEY.search(name)
    if key is not None:
        return key.group(1)
    return name.rpartition(".")[2]


def _named(tape: Tape, paths: Names) -> dict[str, list[int]]:
    """Return the values of a log by the last word of what the program calls them."""
    found: dict[str, list[int]] = {}
    for node in tape.nodes:
        if is_differentiable(node.obj):
            names = called(tape, node.index)[:4]
            path = paths.path(node.obj)
            for stem in dict.fromkeys(_stem(n) for n in (*names, *([path] if path else ()))):
                found.setdefault(stem, []).append(node.index)
    return found


def _pairs(tape: Tape, named: dict[str, list[int]]) -> Iterator[Claim]:
    """Yield the latest value and gradient of each pair of names."""
    for stem, gradients in named.items():
        match = _GRADIENT.match(stem)
        if match is None:
            continue
        wanted = match.group(1) or match.group(2)
        gradient = _added_to(tape, gradients[-1])
        made = tape.producer(gradient)
        if made is None:
            continue
        behind = tape.ancestors([gradient])
        fitting = [
            n for n in named.get(wanted, ())
            if n < gradient and np.shape(tape.nodes[n].obj) == np.shape(tape.nodes[gradient].obj)
            and np.size(tape.nodes[n].obj) > 0
        ]  # fmt: skip
        near = [n for n in fitting if n in behind] or fitting
        # Of the layers of a loop, `dz` of the first is the last; which `z` it is of is not said.
        if near and not (len(near) > 1 and len(gradients) > 1):
            yield Claim(wanted, near[-1], gradient)


def _added_to(tape: Tape, gradient: int) -> int:
    """Return what a gradient comes to at its place: ``grads[k] += λ * p[k]`` adds a penalty."""
    for index in tape.users[gradient]:
        added = tape.operations[index]
        first = added.inputs[0]
        if added.mutates and is_in(added.function, ADD) and first == gradient:
            return _added_to(tape, added.out)
    return gradient


def _hypotheses(
    tape: Tape, named: dict[str, list[int]], pairs: Sequence[Claim]
) -> Iterator[Hypothesis]:
    """Yield the costs, then the outputs with a gradient of their own that was given."""
    values = {claim.value for claim in pairs}
    for stem, nodes in named.items():
        for node in reversed(nodes):
            is_cost = np.size(tape.nodes[node].obj) == 1 and _COST.search(stem.lower())
            if is_cost and values & tape.ancestors([node]):
                yield Hypothesis(stem, node, line=_line(tape, node), own=True, exact=True)
                break
    for stem, nodes in named.items():
        match = _GRADIENT.match(stem)
        given = [n for n in nodes if not tape.ancestors([n]) & values]
        if match is None or not given:
            continue
        seed = given[-1]
        shape = np.shape(tape.nodes[seed].obj)
        for node in reversed(named.get(match.group(1) or match.group(2), ())):
            if np.shape(tape.nodes[node].obj) == shape and values & tape.ancestors([node]):
                title = f"⟨{stem}, {match.group(1) or match.group(2)}⟩"
                yield Hypothesis(title, node, line=_line(tape, node), exact=True, seed=seed)
                break


def _is_test(tape: Tape, seed: int | None) -> bool:
    """Whether a given gradient is a random one: a driver that tests a layer."""
    return seed is not None and any(tape.nodes[n].kind == "draw" for n in tape.ancestors([seed]))


def _line(tape: Tape, node: int) -> int:
    made: Any = tape.producer(node)
    return 0 if made is None else int(made.where.span.line)
