"""Chooses the cost that a step's gradients belong to, among those that were tried."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence

import numpy as np

from backproof.arithmetic import ADD, DIVIDE, MULTIPLY, NEGATE, POWERS, SUBTRACT, is_in, keeps
from backproof.checks.claims import is_number, operand_texts
from backproof.checks.match import (
    Fit,
    Match,
    accept_penalties,
    author_value,
    compare,
    spread,
)
from backproof.checks.one_scale import LEAST_EXACT, common_scale
from backproof.checks.scales import SAME, TOLERANCE, is_plausible
from backproof.costs import total
from backproof.joins import VIEWS
from backproof.roles import Parameter, vector
from backproof.source import Span
from backproof.trace.tape import Ref, Run, Tape

#: Entries up to which a scale must be plausible to say something.
FEW = 12
#: Relative error up to which two factors are no accident: outputs that are all nearly the same make
#: the gradients of one cost nearly a multiple of another's.
EXACT = 1e-9
#: Difference of a scale from 1 that an epsilon makes in the logarithm of a cost.
NEAR_ONE = 1e-3
#: What adds up the parts of a cost.
SUMS = ADD | SUBTRACT | NEGATE | {sum, np.sum, np.mean, np.average, math.fsum, total}


def is_full(fit: Fit) -> bool:
    """Whether a cost explains every gradient."""
    return bool(fit.chosen) and not fit.wrong


def is_exact(fit: Fit, entries: int = LEAST_EXACT) -> bool:
    """Whether more `entries` are exactly the gradient of the program's own cost: by no chance."""
    right = sum(fit.matches[i].size for i in fit.chosen)
    return fit.hypothesis.own and abs(fit.scale - 1) < 1e-5 and right > entries


def is_rough(fit: Fit) -> bool:
    """Whether gradients are nearly those of a cost, by a factor that no program has.

    Outputs that are all nearly the same make the gradients of one cost nearly a multiple of those
    of another.
    """
    error = max(error for _, _, error in fit.chosen.values())
    return error > EXACT and abs(fit.scale - 1) > SAME and not is_plausible(fit.scale)


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


def contradicted(best: Fit | None, fits: Sequence[Fit], tape: Tape, run: Run) -> Fit | None:
    """Return the program's own cost where gradients fit it but for their penalties.

    ``loss = data_loss + λ·ΣW²`` with the gradient of `data_loss` alone, or with another λ: what
    they fit is a part of the cost, or the cost without its penalty.
    """
    for fit in fits:
        if not fit.hypothesis.own or is_full(fit) or not has_penalty(tape, run, fit):
            continue
        other = None if best is None or best is fit else best.hypothesis.node
        within = tape.ancestors([fit.hypothesis.node])
        if is_exact(fit) and other in within and best is not None and is_full(best):
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
        fit.ratios[i] = np.array(sorted(ratios | _moved_alike(fit, i)))
    fit.accept_ratios()


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

    With `computed`, those as well that are computed of no parameter.
    """
    forward = tape.ancestors([fit.hypothesis.node])
    feeding = tape.ancestors([n for p in params for n in p.new]) - forward
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
