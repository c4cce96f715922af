"""Finds the weights of two costs that are trained together, where no single one explains all.

Each head of a network has parameters that the other head's cost does not reach: from these comes
the weight of its cost. The parameters below both are judged under the weighted sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backproof.checks.leaves import whole_of
from backproof.checks.match import VACUOUS, Fit, author_value, compare
from backproof.checks.scales import SAME, TOLERANCE, is_plausible
from backproof.costs import WeightedTotal
from backproof.hypotheses import Hypothesis
from backproof.roles import Parameter
from backproof.trace.appended import append, evaluate, is_appended, site_like
from backproof.trace.tape import Ref, Run, Tape

#: Entries of gradients that must show the weight of a second cost.
LEAST_LEFT = 2
#: Entries of one gradient that show it alone.
LEAST_SURE = 4


def weighted_sum(
    fits: Sequence[Fit], tape: Tape, run: Run, params: Sequence[Parameter]
) -> Fit | None:
    """Return the comparison with a weighted sum of two costs; None where there are no two heads."""
    heads: dict[frozenset[int], list[Fit]] = {}
    for fit in fits:
        if any(m.reason for m in fit.matches) or fit.hypothesis.after:
            continue
        out_of_reach = frozenset(
            i
            for i, m in enumerate(fit.matches)
            if m.truth is not None and np.max(np.abs(m.truth), initial=0.0) <= VACUOUS
        )
        if out_of_reach and len(out_of_reach) < len(params):
            heads.setdefault(out_of_reach, []).append(fit)
    for one, mine in heads.items():
        for other, theirs in heads.items():
            if one >= other or one & other or min(one) > min(other):
                continue
            found = []
            for whole in (True, False):
                first, second = _weighed(mine, other, whole), _weighed(theirs, one, whole)
                if first is None or second is None:
                    continue
                if not _is_turned(tape, fits, first, second):
                    found.append(_judged(first, second, tape, run, params))
            return _agreed([fit for fit in found if fit is not None])
    return None


def _is_turned(
    tape: Tape, fits: Sequence[Fit], first: tuple[Fit, float], second: tuple[Fit, float]
) -> bool:
    """Whether the program adds two costs of which one is trained upwards, the other downwards."""
    (one, w1), (other, w2) = first, second
    nodes = [whole_of(tape, f.hypothesis.node) for f in (one, other)]
    for fit in fits:
        of = fit.adjoint.of if fit.hypothesis.own and fit.adjoint is not None else {}
        slopes = [of.get(node) for node in nodes]
        known = [float(np.sum(s)) for s in slopes if s is not None and np.size(s) == 1]
        if len(known) == 2 and known[0] * known[1] * w1 * w2 < 0:
            return True
    return False


def with_another(
    best: Fit, fits: Sequence[Fit], tape: Tape, run: Run, params: Sequence[Parameter]
) -> Fit | None:
    """Return the comparison with a cost, and another that only some of the parameters reach.

    Of an autoencoder's reconstruction and its weighed divergence the decoder knows the first only;
    what the first leaves of other gradients, two at least, must be one multiple of the second's.
    """
    levels = {level for level, _, _ in best.chosen.values()}
    if len(levels) != 1 or not best.wrong or best.hypothesis.after:
        return None
    # The two entries of a softmax's bias are opposite: one gradient is any other's multiple there.
    known = sum(best.matches[i].size for i in best.chosen)
    if known < LEAST_SURE and not is_plausible(best.scale):
        return None
    level = levels.pop()
    reached = [i for i in best.wrong if level < len(params[i].levels)]
    if not reached:
        return None
    totals = [
        tape.ancestors([f.hypothesis.node]) for f in fits
        if f.hypothesis.own and (made := tape.producer(f.hypothesis.node)) is not None
        and not is_appended(made)  # the sum of all executions is one of ours
    ]  # fmt: skip
    for fit in fits:
        h = fit.hypothesis
        truths = [m.truth for m in fit.matches]
        if not h.own or h.after or any(m.reason or m.truth is None for m in fit.matches):
            continue
        if any(np.any(truths[i]) for i in best.chosen):
            continue
        if any({h.node, best.hypothesis.node} <= behind for behind in totals):
            continue  # the program says itself how they are weighed; or one is a part of the other
        sign = -params[reached[0]].sign(level)
        for weight, least in _weights(best, truths, run, level):
            pair = (best, sign * best.scale), (fit, sign * weight)
            found = _judged(*pair, tape, run, params)
            if found is not None and len(found.chosen) >= len(best.chosen) + least:
                return found
    return None


def _weights(
    best: Fit, truths: Sequence[Any], run: Run, level: int
) -> list[tuple[float, int]]:  # fmt: skip
    """Return by how much a second cost may be weighed, what most gradients say first.

    With each weight, how many more gradients it must make right to be no chance.
    """
    said: list[float] = []
    sure: set[float] = set()
    for i in best.wrong:
        rest = _rest(best, truths, run, level, i)
        weight = None if rest is None else _multiple(*rest)
        if rest is not None and weight is not None and weight / best.scale > 0:
            said.append(weight)
            if rest[0].size >= LEAST_SURE:
                sure.add(weight)
    alike = [sum(abs(other / weight - 1) < SAME for other in said) for weight in said]
    order = sorted(range(len(said)), key=lambda k: -alike[k])
    found = [(said[k], 1 if said[k] in sure else 2) for k in order]
    return [one for one, k in zip(found, order, strict=True) if alike[k] >= one[1]][:1]


def _rest(
    best: Fit, truths: Sequence[Any], run: Run, level: int, index: int
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None:
    """Return what a cost leaves of a gradient that is wrong under it, and another's there."""
    match = best.matches[index]
    if level >= len(match.parameter.levels) or match.truth is None:
        return None
    own = author_value(run, match.parameter, level)
    if own is None or own.shape != match.truth.shape:
        return None
    return own - best.scale * match.truth, np.asarray(truths[index], float)


def _multiple(left: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float | None:
    """Return the number that one vector is of another, if one."""
    if left.size < LEAST_LEFT or not np.any(other) or not np.all(np.isfinite(left)):
        return None
    weight = float(left @ other / (other @ other))
    close = np.linalg.norm(left - weight * other) <= TOLERANCE * np.linalg.norm(left)
    return weight if close else None


def _agreed(found: Sequence[Fit]) -> Fit | None:
    """Return the comparison that explains all, or the one that all of them come to.

    The weights are read off the changes of the parameters, and off the gradients behind the rates.
    Where these tell different gradients wrong, a rate is not the same for all.
    """
    for fit in found:
        if fit.chosen and not fit.wrong:
            return fit
    wrong = {tuple(fit.wrong) for fit in found}
    return found[-1] if len(wrong) == 1 else None


def _weighed(fits: Sequence[Fit], alone: frozenset[int], whole: bool) -> tuple[Fit, float] | None:
    """Return the cost, and its weight, that explains most of the parameters that it has alone.

    By the whole changes of these parameters, or by the gradients behind them.
    """
    best: tuple[tuple[int, bool, float], Fit, float] | None = None
    for fit in fits:
        offers = []
        for i in alone:
            parameter = fit.matches[i].parameter
            for level, s, _ in fit.matches[i].scales:
                if (level < 0) == whole and (level < 0 or not parameter.levels[level].deep):
                    offers.append((-s * parameter.sign(level), i))
        for weight in (w for w, _ in offers if w):
            explained = {i for other, i in offers if abs(other / weight - 1) < 1e-5}
            entries = sum(fit.matches[i].size for i in explained)
            key = (entries, fit.hypothesis.own, -abs(float(np.log(abs(weight)))))
            if is_plausible(weight) and entries > 1 and (best is None or key > best[0]):
                best = key, fit, weight
    return None if best is None else best[1:]


def _judged(
    first: tuple[Fit, float], second: tuple[Fit, float], tape: Tape, run: Run,
    params: Sequence[Parameter],
) -> Fit | None:  # fmt: skip
    """Judge all gradients under the weighted sum of two costs."""
    (one, w1), (two, w2) = first, second
    a, b = one.hypothesis, two.hypothesis
    made = tape.producer(a.node)
    node = append(
        tape, WeightedTotal((w1, w2)), (Ref(a.node), Ref(b.node)),
        site_like(made.site if made is not None else 0),
    )  # fmt: skip
    evaluate(tape, run, node)
    title = " + ".join(
        h.title if abs(w - 1) < SAME else f"{w:g} · {h.title}" for h, w in ((a, w1), (b, w2))
    )
    hypothesis = Hypothesis(
        title, node, (*a.joins, *b.joins), line=a.line, own=a.own and b.own, held=a.held,
        edited={**a.edited, **b.edited},
    )  # fmt: skip
    return compare(tape, run, hypothesis, params)
