"""Costs that are a part, or a multiple, of one another: which of them gradients belong to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backproof.arithmetic import DIVIDE, MULTIPLY, NEGATE, is_in, keeps
from backproof.checks.but_for_penalties import SUMS
from backproof.checks.choice import is_full
from backproof.checks.match import Fit
from backproof.checks.reported import is_called_loss
from backproof.checks.scales import SAME, is_plausible
from backproof.trace.tape import Tape

#: How near to one a scale is that is no chance, of a single entry, too.
EXACT = 1e-9


def the_whole(best: Fit | None, fits: Sequence[Fit], tape: Tape) -> Fit | None:
    """Return the cost that is meant where the one chosen is a part or a multiple of it."""
    best = of_a_part(best, fits) or best
    for whole in (of_all_samples, of_the_whole, of_the_mean):
        best = whole(best, fits, tape) or best
    return best


def of_the_whole(best: Fit | None, fits: Sequence[Fit], tape: Tape) -> Fit | None:
    """Return the program's cost of which the one chosen is a part, if it explains as much.

    Of a reconstruction and a divergence, the decoder's gradients are those of either the first or
    the sum; what is wrong in the encoder is so under the sum.
    """
    if best is None or not best.wrong or not best.chosen or best.hypothesis.registered:
        return None
    parts = _terms(tape, best.hypothesis.node)
    for fit in fits:
        alike = fit.scale and abs(fit.scale / best.scale - 1) < SAME
        if fit is best or not fit.hypothesis.own or not alike or fit.hypothesis.bare:
            continue
        whole = _terms(tape, fit.hypothesis.node)
        if set(best.chosen) <= set(fit.chosen) and parts < whole:
            return fit
    return None


def of_the_mean(best: Fit | None, fits: Sequence[Fit], tape: Tape) -> Fit | None:
    """Return the program's cost that is a number times the one chosen, if it explains as much.

    Where `dw` is the gradient of the sum and `db` that of the mean, the cost says which is meant.
    """
    if best is None or not best.wrong or not best.chosen or best.hypothesis.registered:
        return None
    for fit in fits:
        exact = fit.hypothesis.own and abs(fit.scale - 1) < EXACT
        if fit is best or not exact or len(fit.chosen) < len(best.chosen):
            continue
        if best.hypothesis.node in _multiplied(tape, fit.hypothesis.node):
            return fit
    return None


def _multiplied(tape: Tape, node: int) -> set[int]:
    """Return the values that a scalar is a number times of."""
    found: set[int] = set()
    while (made := tape.producer(node)) is not None:
        moving = [n for n in made.inputs if _is_of_arrays(tape, n)]
        alone = len(moving) == 1 and np.size(tape.nodes[moving[0]].obj) == 1
        if not alone or not (is_in(made.function, MULTIPLY | DIVIDE | NEGATE) or keeps(made)):
            break
        node = moving[0]
        found.add(node)
    return found


def _is_of_arrays(tape: Tape, node: int) -> bool:
    return any(np.ndim(tape.nodes[n].obj) for n in tape.ancestors([node]))


def _terms(tape: Tape, node: int) -> set[int]:
    """Return what a cost is made of, but for the totals on the way to it."""
    made = {n: tape.producer(n) for n in tape.ancestors([node])}
    return {n for n, op in made.items() if op is not None and not is_in(op.function, SUMS)}


def of_all_samples(best: Fit | None, fits: Sequence[Fit], tape: Tape) -> Fit | None:
    """Return the program's loss of all samples, where gradients are those of the last alone.

    A statement of a loop has made the terms of the loss one after the other; ``dW = …`` for
    ``dW += …`` keeps what comes back through the last of them.
    """
    if best is None or best.hypothesis.registered or best.hypothesis.own or not is_full(best):
        return None
    made = tape.producer(best.hypothesis.node)
    if made is None:
        return None
    for fit in fits:
        hypothesis = fit.hypothesis
        slope = None if fit.adjoint is None else fit.adjoint.of.get(best.hypothesis.node)
        if not hypothesis.own or hypothesis.after or slope is None or np.size(slope) != 1:
            continue
        whole = tape.producer(hypothesis.node)
        if whole is None or not is_called_loss(tape, whole, hypothesis.title):
            continue
        within = tape.ancestors([hypothesis.node])
        terms = [o for o in tape.operations if o.site == made.site and o.out in within]
        if len(terms) > 1 and terms[-1] is made and np.any(slope):
            fit.scale, fit.anchored = best.scale / float(np.sum(slope)), True
            return fit
    return None


def of_a_part(best: Fit | None, fits: Sequence[Fit]) -> Fit | None:
    """Return the program's own cost where gradients are what comes back through a part of it.

    Of ``E = psi @ H(psi) / (psi @ psi)`` the gradient of the numerator, divided by the denominator:
    the scale is the slope of the cost by its part, which no program would write otherwise.
    """
    if best is None or best.hypothesis.own or best.hypothesis.registered or not is_full(best):
        return None
    if is_plausible(best.scale):
        return None
    for fit in fits:
        slope = None if fit.adjoint is None else fit.adjoint.of.get(best.hypothesis.node)
        if not fit.hypothesis.own or fit.hypothesis.after or slope is None or np.size(slope) != 1:
            continue
        if slope and abs(best.scale / float(np.sum(slope)) - 1) < SAME:
            fit.scale, fit.anchored = 1.0, True
            return fit
    return None
