"""Judges programs that update nothing: layer functions and a driver, a cost and its gradient.

What a program calls `dW`, `W_grad`, `grads["dW1"]` or `grad_x` is taken for the gradient of what
it calls `W`, `W1`, `x`: of the cost that it computes beside them, or, where there is none, of an
output whose own gradient (`dout`) the program was given. Only what the names and the shapes say is
claimed.
"""

from __future__ import annotations

import operator
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
from backproof.trace.appended import append, site_like
from backproof.trace.site import SITES
from backproof.trace.tape import Ref, Tape

#: Share of the largest entry from which the ratio of two says something.
SMALL = 1e-6
#: What gradients are called.
GRADIENT = re.compile(r"^(?:d_?|grad_|g_|delta_)(\w+)$|^(\w+?)_(?:grad|gradient)$")
_COST = re.compile(r"loss|cost|^j$|_j$|objective|nll|energy|error$")
_KEY = re.compile(r"""\[\s*['"](\w+)['"]\s*\]$""")
#: What holds gradients under the names of the parameters: ``grads["W1"]``.
_HOLDER = re.compile(r"(?:.*\.)?(?:d?grads?|d?gradients?|dparams)$", re.IGNORECASE)
#: Relative difference of a gradient from one at values that a numeric check has moved a little.
MOVED = 1e-3

Array = np.ndarray[Any, Any]


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
    behind = {claim.gradient: tape.ancestors([claim.gradient]) for claim in pairs}
    for hypothesis, seeds, others in _hypotheses(tape, named, pairs):
        forward = tape.ancestors([hypothesis.node])
        claims = [
            claim for claim in pairs
            if claim.value in forward and claim.gradient not in forward
            and claim.value != hypothesis.node
            and (not seeds or seeds & behind[claim.gradient])
            and others.isdisjoint(behind[claim.gradient])
        ]  # fmt: skip
        if not claims:
            continue
        found = _judged(tape, claims, hypothesis, paths)
        excused = set() if found is None else _excused(found)
        if excused:
            claims = [c for c in claims if c.value not in excused]
            found = _judged(tape, claims, hypothesis, paths)
        if found is None or found.fit is None:
            continue
        if not (found.fit.chosen or _is_test(tape, seeds)):
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


def _excused(evidence: StepEvidence) -> set[int]:
    """Return the values of which a gradient that seems wrong accuses nothing.

    Those on the way: `dh` is that of the sum over the samples, or already behind the mask. Samples
    whose gradient is a multiple of the true one: a course divides by their number where it makes
    `dW`, and not before. And what was judged at values that a numeric check has moved a little.
    """
    found: set[int] = set()
    tape, olds, fit = evidence.tape, {n for p in evidence.params for n in p.old}, evidence.fit
    for i in fit.wrong if fit is not None else ():
        assert fit is not None
        parameter, truth = evidence.params[i], fit.matches[i].truth
        own = author_value(evidence.run, parameter, 0)
        (node, *several) = parameter.old
        if several:
            continue
        behind = tape.ancestors([node]) - {node}
        if len(_arrays(tape, behind)) > 1 or not olds.isdisjoint(behind):
            found.add(node)
        elif truth is not None and own is not None and own.shape == truth.shape:
            near = np.linalg.norm(own - truth) <= MOVED * np.linalg.norm(truth)
            if near or _is_per_sample(own, truth, np.shape(tape.nodes[node].obj)):
                found.add(node)
    return found


def _is_per_sample(own: Array, truth: Array, shape: tuple[int, ...]) -> bool:
    """Whether a gradient is the true one times a length of its axes."""
    known = np.abs(truth) > SMALL * np.max(np.abs(truth), initial=0.0)
    ratios = own[known] / truth[known]
    if ratios.size < 2 or np.ptp(ratios) > TOLERANCE * abs(float(ratios[0])):
        return False
    return any(abs(ratios[0] / n - 1) < TOLERANCE for n in shape)


def _stem(name: str) -> str:
    """Return the last word of a name: ``grads["dW1"]`` and ``self.dW1`` are both `dW1`.

    So is ``grads["W1"]``.
    """
    key = _KEY.search(name)
    if key is None:
        return name.rpartition(".")[2]
    word = key.group(1)
    held = _HOLDER.match(name[: key.start()]) is not None
    return f"d_{word}" if held and not GRADIENT.match(word) else word


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
        match = GRADIENT.match(stem)
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
        several = len({id(tape.nodes[n].obj) for n in near}) > 1
        if near and not (several and len(gradients) > 1):
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
) -> Iterator[tuple[Hypothesis, set[int], set[int]]]:
    """Yield the costs, then the outputs with gradients of their own that were given.

    With each the gradients that it is given, and those given to others.
    """
    values = {claim.value for claim in pairs}
    found = list(_given(tape, named, values))
    seeds = {seed for seed, _, _ in found}
    given = [one for one in found if seeds.isdisjoint(tape.ancestors([one[0]]) - {one[0]})]
    seeds = {seed for seed, _, _ in given}
    last = max(claim.gradient for claim in pairs)
    for stem, nodes in named.items():
        costs = [
            n for n in nodes if np.size(tape.nodes[n].obj) == 1 and _COST.search(stem.lower())
            and values & tape.ancestors([n])
        ]  # fmt: skip
        if costs:  # a numeric check computes it anew at other values
            node = next((n for n in reversed(costs) if n < last), costs[0])
            cost = Hypothesis(stem, node, line=_line(tape, node), own=True, exact=True)
            yield cost, set(), seeds
    if len(given) > 1:
        yield _together(tape, given), seeds, set()
    for seed, node, title in given:
        one = Hypothesis(title, node, line=_line(tape, node), exact=True, seed=seed)
        yield one, {seed}, seeds - {seed}


def _given(
    tape: Tape, named: dict[str, list[int]], values: set[int]
) -> Iterator[tuple[int, int, str]]:
    """Yield gradients that a driver makes up, with the outputs that they are of."""
    for stem, nodes in named.items():
        match = GRADIENT.match(stem)
        made_up = [n for n in nodes if _is_made_up(tape, n, values)]
        if match is None or not made_up:
            continue
        seed, wanted = made_up[-1], match.group(1) or match.group(2)
        shape = np.shape(tape.nodes[seed].obj)
        for node in reversed(named.get(wanted, ())):
            alike = tape.producer(node) is not None and np.shape(tape.nodes[node].obj) == shape
            if alike and values & (tape.ancestors([node]) - {node}):
                yield seed, node, f"⟨{stem}, {wanted}⟩"
                break


def _is_made_up(tape: Tape, node: int, values: set[int]) -> bool:
    """Whether a value is of nothing but one array: random, ones, or from outside."""
    behind = tape.ancestors([node])
    return values.isdisjoint(behind) and len(_arrays(tape, behind)) < 2 and bool(
        np.any(tape.nodes[node].obj)
    )  # fmt: skip


def _arrays(tape: Tape, nodes: set[int]) -> list[int]:
    """Return the arrays, of some nodes, that the log does not compute."""
    return [n for n in nodes if tape.producer(n) is None and np.ndim(tape.nodes[n].obj)]


def _together(tape: Tape, given: Sequence[tuple[int, int, str]]) -> Hypothesis:
    """Return the cost whose gradients are those given: of an LSTM's output and of its cell."""
    total = -1
    for seed, node, _ in given:
        made = tape.producer(node)
        assert made is not None
        site = site_like(made.site)
        product = append(tape, operator.mul, (Ref(node), Ref(seed)), site)
        part = append(tape, np.sum, (Ref(product),), site)
        total = part if total < 0 else append(tape, operator.add, (Ref(total), Ref(part)), site)
    title = " + ".join(title for _, _, title in given)
    return Hypothesis(title, total, line=_line(tape, given[-1][1]), exact=True)


def _is_test(tape: Tape, seeds: set[int]) -> bool:
    """Whether a given gradient is a random one: a driver that tests a layer."""
    return any(tape.nodes[n].kind == "draw" for n in tape.ancestors(seeds))


def _line(tape: Tape, node: int) -> int:
    made: Any = tape.producer(node)
    return 0 if made is None else int(made.where.span.line)
