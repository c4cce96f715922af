"""The program's own cost where gradients fit it but for its penalties, and what a penalty is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from backproof.arithmetic import ADD, DIVIDE, MULTIPLY, NEGATE, POWERS, SUBTRACT, is_in, keeps
from backproof.checks.choice import NEAR_ONE, is_exact, is_full
from backproof.checks.match import Fit, Match, author_value
from backproof.checks.scales import SAME, TOLERANCE, is_plausible
from backproof.costs import total
from backproof.joins import VIEWS
from backproof.roles import vector
from backproof.trace.tape import Ref, Run, Tape

#: What adds up the parts of a cost.
SUMS = ADD | SUBTRACT | NEGATE | {sum, np.sum, np.mean, np.average, math.fsum, total}


def contradicted(best: Fit | None, fits: Sequence[Fit], tape: Tape, run: Run) -> Fit | None:
    """Return the program's own cost where gradients fit it but for their penalties.

    ``loss = data_loss + λ·ΣW²`` with the gradient of `data_loss` alone, or with another λ: what
    they fit is a part of the cost, or the cost without its penalty.
    """
    for fit in fits:
        odd = not (is_plausible(fit.scale) or abs(fit.scale - 1) < NEAR_ONE)
        if not fit.hypothesis.own or is_full(fit) or odd or not has_penalty(tape, run, fit):
            continue  # (parameters that are numbers look like costs, by some factor)
        other = None if best is None or best is fit else best.hypothesis.node
        within = tape.ancestors([fit.hypothesis.node])
        if best is not None and is_full(best) and is_exact(best) and other not in within:
            continue
        whole = best is not None and other in within and is_full(best)
        both = best is not None and fit.chosen and abs(fit.scale - 1) + abs(best.scale - 1) < SAME
        if whole and (is_exact(fit) or both):
            return fit  # all but the penalised gradients are exactly those of the whole cost
        if best is not None and other in within and not fit.chosen:
            # Of a part of the cost more entries are wrong: `λ * w[1:]` for a penalty on all of w.
            own, part = _wrong_entries(fit, run), _wrong_entries(best, run)
            if own is not None and part is not None and own < part:
                fit.scale, fit.anchored = 1.0, True
                return fit
        pairs = [(s, lam) for i in fit.wrong for _, s, lam in fit.matches[i].penalties]
        if not pairs or not all(
            fit.matches[i].penalties or _is_alike(fit.matches[i], run, pairs) for i in fit.wrong
        ):
            continue
        if not fit.chosen:
            scales = {s for i in fit.wrong for _, s, _ in fit.matches[i].penalties}
            shared = _shared(fit, scales)
            if shared is None:
                continue
            fit.scale, fit.anchored = shared, True
        return fit
    return None


def _wrong_entries(fit: Fit, run: Run) -> int | None:
    """Return how many entries of the gradients are not those of a cost, in its own scale."""
    wrong = 0
    for match in fit.matches:
        counts = []
        for level in range(len(match.parameter.levels)):
            own = author_value(run, match.parameter, level)
            if own is not None and match.truth is not None and own.shape == match.truth.shape:
                limit = TOLERANCE * float(np.max(np.abs(match.truth), initial=0.0))
                counts.append(int(np.count_nonzero(np.abs(own - match.truth) > limit)))
        if not counts:
            return None
        wrong += min(counts)
    return wrong


def _is_alike(match: Match, run: Run, pairs: Sequence[tuple[float, float]]) -> bool:
    """Whether a gradient of few entries differs from the truth by a penalty that others show."""
    parameter, truth = match.parameter, match.truth
    own = author_value(run, parameter, 0) if parameter.levels else None
    if own is None or truth is None or own.size != truth.size:
        return False
    w = vector(run.env[n] for n in parameter.old)
    return any(
        np.linalg.norm(own - s * (truth + lam * w)) <= TOLERANCE * np.linalg.norm(own)
        for s, lam in pairs
    )


def _shared(fit: Fit, scales: set[float]) -> float | None:
    """Return the scale, nearest to one, that the penalised gradients of all parameters have."""
    for s in sorted(scales, key=lambda s: abs(np.log(abs(s)))):
        if s > 0 and all(
            any(abs(other / s - 1) < 1e-4 for _, other, _ in fit.matches[i].penalties)
            for i in fit.wrong
            if fit.matches[i].penalties
        ):
            return s
    return None


def has_penalty(tape: Tape, run: Run, fit: Fit) -> bool:
    """Whether a cost contains a term of the parameters alone: ``λ·np.sum(W**2)``."""
    assert fit.adjoint is not None
    hypothesis = fit.hypothesis
    olds = {
        n for m in fit.matches
        for n in (m.parameter.new if hypothesis.after else m.parameter.old)
        if np.size(run.env[n]) > 1
    }  # fmt: skip
    pure: set[int] = set()
    mixed: set[int] = set()
    within = tape.ancestors([hypothesis.node])
    for operation in tape.makers(within):
        if operation.out in olds:
            continue
        if is_in(operation.function, VIEWS) and not olds.isdisjoint(operation.inputs):
            olds.add(operation.out)  # a bias that is read from a vector of all is no penalty
            continue
        touched = False
        for node in operation.inputs:
            if node in olds or node in pure:
                touched = True
            elif node in mixed or (
                np.size(tape.nodes[node].obj) != 1 and not pure.intersection(operation.inputs)
            ):
                touched = False  # weights of a penalty meet W², data meet W itself
                break
        if touched:
            pure.add(operation.out)
        elif operation.inputs:
            mixed.add(operation.out)
    pure |= _squares(tape, run, fit, within)
    pure &= _summands(tape, hypothesis.node, tape.reach(olds))
    return any(np.size(run.env[n]) == 1 and np.any(fit.adjoint.of.get(n, 0.0)) for n in pure)


def _summands(tape: Tape, node: int, moving: set[int]) -> set[int]:
    """Return what a cost is a sum of: nothing but numbers, that do not move, multiplies it."""
    found, stack = {node}, [node]
    while stack:
        made = tape.producer(stack.pop())
        if made is None:
            continue
        if is_in(made.function, MULTIPLY | DIVIDE):
            parts = [n for n in made.inputs if moving.isdisjoint(m for m in made.inputs if m != n)]
        elif is_in(made.function, SUMS) or keeps(made) or getattr(made.function, "name", "") in (
            "sum", "mean",
        ):  # fmt: skip
            parts = list(made.inputs)
        else:
            continue
        stack += [n for n in parts if n not in found]
        found.update(parts)
    return found


def _squares(tape: Tape, run: Run, fit: Fit, within: set[int]) -> set[int]:
    """Return the squares of single numbers that are parameters, times a number: ``λ * w * w``."""
    source = {
        n: n for m in fit.matches
        for n in (m.parameter.new if fit.hypothesis.after else m.parameter.old)
        if np.size(run.env[n]) == 1
    }  # fmt: skip
    found = set()
    for operation in tape.operations if source else ():
        known = [source[n] for n in operation.inputs if n in source]
        if operation.out not in within or not known or operation.out in source:
            continue
        if is_in(operation.function, MULTIPLY):
            factors = [source.get(a.node) for a in operation.args if type(a) is Ref]
            if len(factors) == 2 and factors[0] == factors[1]:
                found.add(operation.out)
            elif len(known) == 1:
                source[operation.out] = known[0]
        elif is_in(operation.function, POWERS) and operation.args[1] == 2:
            found.add(operation.out)
    return found
