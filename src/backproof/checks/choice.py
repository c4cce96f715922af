"""Chooses the cost that a step's gradients belong to, among those that were tried."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np

from backproof.checks.claims import is_number, operand_texts
from backproof.checks.match import (
    Fit,
    accept_penalties,
    author_value,
    compare,
    spread,
)
from backproof.checks.one_scale import LEAST_EXACT, common_scale
from backproof.checks.scales import SAME, is_plausible
from backproof.roles import Parameter, vector
from backproof.source import Span
from backproof.trace.tape import Ref, Run, Tape
from backproof.updates import is_shared

#: Entries up to which a scale must be plausible to say something.
FEW = 12
#: Relative error up to which two factors are no accident: outputs that are all nearly the same make
#: the gradients of one cost nearly a multiple of another's.
EXACT = 1e-9
#: Difference of a scale from 1 that an epsilon makes in the logarithm of a cost.
NEAR_ONE = 1e-3


def is_full(fit: Fit) -> bool:
    """Whether a cost explains every gradient."""
    return bool(fit.chosen) and not fit.wrong


def is_exact(fit: Fit, entries: int = LEAST_EXACT) -> bool:
    """Whether more `entries` are exactly the gradient of the program's own cost: by no chance."""
    right = sum(fit.matches[i].size for i in fit.chosen)
    return fit.hypothesis.own and abs(fit.scale - 1) < 1e-5 and right > entries


def error_of(fit: Fit) -> float:
    """Return the largest relative error of the gradients that a cost explains."""
    return max((error for _, _, error in fit.chosen.values()), default=np.inf)


def is_rough(fit: Fit) -> bool:
    """Whether gradients are nearly those of a cost, by a factor that no program has.

    Outputs that are all nearly the same make the gradients of one cost nearly a multiple of those
    of another.
    """
    return error_of(fit) > EXACT and abs(fit.scale - 1) > SAME and not is_plausible(fit.scale)


def best_fit(
    fits: Sequence[Fit], preferred: Sequence[str] = (), last: int | None = None,
    rated: Callable[[Fit], bool] = is_exact,
) -> Fit | None:  # fmt: skip
    """Return the hypothesis under which most gradients are right (the program's own cost first).

    Where several explain all, one under which no step goes up the cost that others go down.
    Of several, one of those `preferred`: the titles of costs that fitted other steps. Else one of
    which gradients are those of the program's own cost times a rate (`rated`), or that the gradient
    of the `last` parameter fits, next to the cost: where that is wrong, all are.
    """
    return max(
        fits,
        key=lambda f: (
            not f.hypothesis.bare,
            is_full(f),
            is_full(f) and _goes_one_way(f),
            is_exact(f),
            len(f.chosen),
            is_exact(f, 1),  # one number is a multiple of any
            f.hypothesis.title in preferred,
            rated(f),
            last in f.chosen,
            sum(m.fits for m in f.matches if m.size > 1),
            # A gradient of one sample is a multiple of many: only such scales say something.
            is_plausible(f.scale),
            abs(f.scale - 1) < NEAR_ONE,
            f.hypothesis.own,
            not f.hypothesis.registered,
            -round(abs(float(np.log(abs(f.scale)))), 9),
        ),
        default=None,
    )


def _goes_one_way(fit: Fit) -> bool:
    """Whether all steps go down a cost, or all go up."""
    ways = {
        fit.matches[i].parameter.sign(level) * s > 0 for i, (level, s, _) in fit.chosen.items() if s
    }
    return len(ways) < 2


def accept_decay(fit: Fit, run: Run) -> None:
    """Count a gradient plus λ times its parameter, λ > 0, as right: weight decay."""
    accept_penalties(fit, run)
    if not is_full(fit):
        _joint_decay(fit, run)


def decays_only(fit: Fit) -> bool:
    """Whether all that is wrong has one decay, in the scale of what is right."""
    strengths = [
        [lam for _, s, lam in fit.matches[i].penalties if lam > 0 and abs(s / fit.scale - 1) < SAME]
        for i in fit.wrong
    ]
    shared = strengths[0] if fit.chosen and strengths else []
    return any(all(any(abs(b / a - 1) < SAME for b in own) for own in strengths) for a in shared)


def _joint_decay(fit: Fit, run: Run) -> None:
    """Accept one decay for all parameters, of which a step changes a few entries each.

    ``P[i] += α·(e·Q[j] − β·P[i])``: three entries of one parameter prove nothing, all together do.
    """
    owns, truths, values, entries = [], [], [], []
    for index, match in enumerate(fit.matches):
        parameter = match.parameter
        own = author_value(run, parameter, 0 if parameter.levels else -1)
        if own is None or match.truth is None or match.reason:
            return
        if own.size != match.truth.size:
            own = spread(parameter, own, match.truth.size)
        if own is None:
            return
        touched = (own != 0) | (match.truth != 0)
        owns.append(own[touched])
        truths.append(match.truth[touched])
        values.append(vector(run.env[n] for n in parameter.old)[touched])
        entries.append(index)
    x, t, w = (np.concatenate(parts) for parts in (owns, truths, values))
    basis = np.stack([t, w], axis=1)
    if x.size < 4 or not (np.all(np.isfinite(basis)) and np.all(np.isfinite(x))):
        return
    solution, *_ = np.linalg.lstsq(basis, x, rcond=None)
    s, decay = float(solution[0]), float(solution[1])
    if not s or decay / s <= 0:
        return
    if x.size < 6 and not (is_plausible(s) and is_plausible(decay / s)):
        return
    if np.linalg.norm(x - basis @ solution) <= EXACT * np.linalg.norm(x):
        for index in entries:
            match = fit.matches[index]
            level = 0 if match.parameter.levels else -1
            match.scales = [(level, s, 0.0)]
        common_scale(fit)


def accept_own_rates(fit: Fit, tape: Tape, params: Sequence[Parameter]) -> None:
    """Count a gradient with a step size of its own as right (``eta_s * error * …``)."""
    common = {1.0, *step_sizes(fit, tape, [params[i] for i in fit.chosen])}
    for i in fit.wrong:
        own_rates = step_sizes(fit, tape, [params[i]])
        # What all updates read, as the decay of a rate, is no parameter's own.
        ratios = {
            own / other for own in {1.0, *own_rates} for other in common
            if own not in common or other not in {1.0, *own_rates}
        } - {1.0}  # fmt: skip
        ratios |= _rows_taken(fit, tape, i)
        fit.ratios[i] = np.array(sorted(ratios | _moved_alike(fit, i)))
    fit.accept_ratios()


def _rows_taken(fit: Fit, tape: Tape, index: int) -> set[float]:
    """Return how many rows of a matrix a step takes, each for one sample: a code is its alone.

    Its cost is that of its sample, where that of what all share is the mean.
    """
    match = fit.matches[index]
    old = match.parameter.old
    value = np.asarray(tape.nodes[old[0]].obj) if len(old) == 1 else np.zeros(0)
    if value.ndim != 2 or match.truth is None or match.truth.size != value.size:
        return set()
    taken = int(np.count_nonzero(np.any(match.truth.reshape(value.shape), axis=1)))
    return {float(taken)} if 1 < taken < len(value) else set()


def _moved_alike(fit: Fit, index: int) -> set[float]:
    """Return the ratios of scales with which a step moves a parameter as the others.

    ``b -= 0.1 * 2 * np.mean(r)`` beside ``W -= 0.1 * (2 * X.T @ r / m + λ * W)``: the steps are
    the same multiple of the gradients, if not the values that they are made of.
    """

    def moved(i: int, level: int, s: float) -> float | None:
        factor = fit.matches[i].parameter.factor(level)
        return None if factor is None else s * factor

    steps = [moved(i, level, s) for i, (level, s, _) in fit.chosen.items()]
    first = steps[0] if steps else None
    if not first or any(m is None or abs(m / first - 1) > SAME for m in steps):
        return set()
    return {
        s / fit.scale for level, s, _ in fit.matches[index].scales
        if (m := moved(index, level, s)) is not None and abs(m / first - 1) < SAME
    }  # fmt: skip


def step_sizes(
    fit: Fit, tape: Tape, params: Sequence[Parameter], *, computed: bool = False
) -> set[float]:
    """Return the floats that the updates of some parameters read and the cost does not.

    With `computed`, those as well that are computed of no parameter. A number that the program has
    written is one object wherever it stands: it may be a rate, and the slope of a leaky unit.
    """
    forward = tape.ancestors([fit.hypothesis.node])
    feeding = tape.ancestors([n for p in params for n in p.new])
    backward = (o for o in tape.operations if o.out in feeding and o.out not in forward)
    read = {n for o in backward for n in o.inputs if is_shared(tape.nodes[n].obj)}
    feeding = (feeding - forward) | read
    moving = tape.reach([n for p in params for n in p.old]) if computed else set()
    merged = {tape.operations[i].where.statement for p in params for u in p.updates
              for i, _ in u.merges}  # fmt: skip
    values = {
        n: tape.nodes[n].obj for n in feeding
        if tape.nodes[n].operation is None or (computed and n not in moving)
    }  # fmt: skip
    return {
        float(v) for n, v in values.items()
        if type(v) in (float, np.float64) and v and not _is_literal(tape, n, merged)
    }  # fmt: skip


def _is_literal(tape: Tape, node: int, merged: Collection[Span]) -> bool:
    """Whether a number is written out in the gradient, ``4. / m``: no step size, but a factor.

    ``W -= 0.1 * d * x`` has its step size written out in the statement that updates.
    """
    reads = [tape.operations[i] for i in tape.users[node]]
    texts = [
        text for o in reads for text, arg in zip(operand_texts(o), o.args, strict=False)
        if type(arg) is Ref and arg.node == node
    ]  # fmt: skip
    written = bool(texts) and all(is_number(text) for text in texts)
    return written and all(o.where.statement not in merged for o in reads)


def is_rated(fit: Fit, tape: Tape, params: Sequence[Parameter]) -> bool:
    """Whether gradients are those of the program's own cost times what their updates read."""
    if is_exact(fit) or not fit.hypothesis.own or not fit.wrong:
        return is_exact(fit)
    entries = sum(fit.matches[i].size for i in fit.chosen)
    rates = step_sizes(fit, tape, [params[i] for i in fit.chosen]) if entries > LEAST_EXACT else ()
    return any(abs(fit.scale / rate - 1) < SAME for rate in rates)


def at_kinks(best: Fit, tape: Tape, run: Run, params: Sequence[Parameter]) -> Fit:
    """Try the other sub-gradients where a value sits exactly at a kink."""
    for tie in (0.0, 1.0):
        other = compare(tape, run, best.hypothesis, params, tie=tie, penalised=best.penalised)
        if other is not None and len(other.chosen) > len(best.chosen):
            best = other
    return best
