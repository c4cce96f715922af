"""Compares the author's gradients with the true ones under one hypothesis about the cost."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backproof.calculus.adjoint import Adjoints, adjoints
from backproof.checks.masked import free_entries
from backproof.checks.one_scale import common_scale
from backproof.checks.penalties import (
    penalty_in,
    penalty_on_part,
    penalty_on_sizes,
    penalty_on_some,
)
from backproof.checks.scales import SAME, TOLERANCE, holds, proportion
from backproof.hypotheses import Hypothesis
from backproof.roles import Parameter, vector
from backproof.trace.tape import Run, Tape

#: A gradient below this share of the largest value that it was summed from is zero to rounding.
VACUOUS = 1e-12
#: Strengths of weight decay that gradients of few entries are compared with.
MOST_STRENGTHS = 4
#: Operations of a step above which what no parameter moves is not looked through.
LARGE = 5_000
#: The level of the whole change of a parameter, weight decay included.
WITH_DECAY = -2


@dataclass(slots=True)
class Match:
    """One parameter under one hypothesis.

    ``scales`` holds (level index, scale, relative error) where the author's value is a multiple
    of the true gradient; level -1 is the whole change. ``truth`` is the true gradient as a vector.
    """

    parameter: Parameter
    truth: np.ndarray[Any, Any] | None
    scales: list[tuple[int, float, float]] = field(default_factory=list)
    vacuous: bool = False
    reason: str = ""
    nearest: tuple[int, float, float] = (-1, 1.0, np.inf)
    penalties: list[tuple[int, float, float]] = field(default_factory=list)
    """(level, s, λ) where the author's value is s·(truth + λ·parameter)."""

    @property
    def size(self) -> int:
        """Number of entries of the true gradient that are not zero: those that tell something."""
        return 0 if self.truth is None else int(np.count_nonzero(self.truth))

    @property
    def fits(self) -> bool:
        """Whether some level is a multiple of the true gradient."""
        return bool(self.scales)


@dataclass(slots=True)
class Fit:
    """All parameters under one hypothesis, with the scale that they share."""

    hypothesis: Hypothesis
    matches: list[Match]
    scale: float = 1.0
    chosen: dict[int, tuple[int, float, float]] = field(default_factory=dict)
    """Parameter index -> the (level, scale, error) that has the common scale."""
    run: Run | None = None
    adjoint: Adjoints | None = None
    anchored: bool = False
    """The cost is known to be meant although no gradient is right under it."""
    ratios: dict[int, np.ndarray[Any, Any]] = field(default_factory=dict)
    """Parameter index -> what a step size of its own may be, in units of the others'."""
    decayed: bool = False
    """Gradients that hold λ times their parameter, λ > 0, count as right: weight decay."""
    penalised: bool = False
    """The cost holds a penalty: what is added to a gradient that is that of all of it is too much.
    """
    slack: dict[int, float] = field(default_factory=dict)
    """By how much the true gradients differ from those of the cost as the program computes it."""

    @property
    def right(self) -> list[int]:
        """Indices of the parameters whose gradient has the common scale."""
        return sorted(self.chosen)

    @property
    def wrong(self) -> list[int]:
        """Indices of the parameters whose gradient has not."""
        return [
            i for i, m in enumerate(self.matches)
            if i not in self.chosen and not m.vacuous and not m.reason
        ]  # fmt: skip

    def is_right(self, index: int) -> bool:
        """Whether a gradient has the common scale, or is zero as it should be."""
        return index in self.chosen or self.matches[index].vacuous

    @property
    def scales(self) -> list[float]:
        """The scales that the chosen gradients have in common: one per place that rates them."""
        offered = [
            [
                s for level, s, _ in self.matches[i].scales
                if level < 0 or not self.matches[i].parameter.levels[level].deep
            ]
            for i in self.chosen
        ]  # fmt: skip
        alike = [s for s in offered[0] if all(holds(s, o) for o in offered[1:])] if offered else []
        return alike if holds(self.scale, alike) else [self.scale, *alike]

    @property
    def beneath(self) -> bool:
        """Whether the scale is that of values which a size divides before they are clipped."""
        return bool(self.chosen) and all(
            level >= 0 and self.matches[i].parameter.levels[level].deep
            for i, (level, _, _) in self.chosen.items()
        )

    @property
    def directions(self) -> dict[int, float]:
        """For each right gradient a number that is positive where its update goes up the cost."""
        return {i: s * self.matches[i].parameter.sign(n) for i, (n, s, _) in self.chosen.items()}

    def scales_of(self, index: int) -> list[float]:
        """The scales that a gradient may have: the common ones, and those of its own step size."""
        return self.scales + [self.scale * r for r in self.ratios.get(index, ())]

    def accept_ratios(self) -> None:
        """Count wrong gradients as right that have a step size of their own."""
        for i in set(self.wrong) & set(self.ratios):
            for level, s, error in self.matches[i].scales:
                if self.has_own_rate(i, s):
                    self.chosen[i] = (level, s, error)
                    break

    def has_own_rate(self, index: int, scale: float) -> bool:
        """Whether a scale is the common one times a ratio of step sizes."""
        ratios = self.ratios.get(index)
        if ratios is None or not self.scale:
            return False
        return bool(np.any(np.abs(scale / self.scale - ratios) < 1e-9 * np.abs(ratios)))

    def keeps(self, again: Fit) -> bool:
        """Whether what is right stays right in another run, with the same scale.

        Or with another, where everything is right and all that is added or subtracted is that
        multiple: one gradient alone does not show whether its rate belongs to it.
        """
        if not set(self.chosen) <= set(again.chosen) or not self.scale:
            return False
        if abs(again.scale / self.scale - 1) < SAME:
            return True
        offered = [[s for _, s, _ in again.matches[i].scales] for i in again.chosen]
        if offered and all(holds(self.scale, some) for some in offered):
            return True  # one of several that all gradients have
        if not self.chosen:
            return False
        if again.wrong or not holds(again.scale, self.scales):
            return False
        return all(
            holds(again.scale, [s for level, s, _ in again.matches[i].scales if level <= 0])
            for i in again.chosen
        )


def arrangements(value: Any, shape: tuple[int, ...]) -> list[np.ndarray[Any, Any]]:
    """Return a value as vectors, in its own layout and transposed where that fits."""
    x = np.asarray(value, dtype=float)
    found = [x.reshape(-1)]
    if x.ndim == 2 and x.T.shape == shape and x.shape != shape:
        found.insert(0, x.T.reshape(-1))
    return found


def author_value(run: Run, parameter: Parameter, level: int) -> np.ndarray[Any, Any] | None:
    """Return the author's value at a level as a vector.

    Level -1 is the change Δ of ``new = c·old + Δ``, level -2 the change with the decay in it.
    """
    if level < 0:
        parts = []
        for update, c in zip(parameter.updates, parameter.decay, strict=True):
            c = 1.0 if level == WITH_DECAY else c
            old, new = run.env[update.old], run.env[update.new]
            if old is None or new is None or np.shape(old) != np.shape(new):
                return None
            parts.append(np.asarray(new, float) - c * np.asarray(old, float))
        return vector(parts)
    value = parameter.levels[level].value(run)
    return None if value is None else vector([value])


def compare(
    tape: Tape, run: Run, hypothesis: Hypothesis, params: Sequence[Parameter], *,
    tie: float = 0.5, penalised: bool = False,
) -> Fit | None:  # fmt: skip
    """Match every parameter's gradient against a hypothesis; None where it cannot be computed.

    A cost computed after the update is evaluated again with the old values in place of the new.
    """
    point = run
    if hypothesis.after:
        old_values = {}
        for p in params:
            for update in p.updates:
                old_values[update.new] = run.env[update.old]
        dirty = tape.reach(old_values)
        point = tape.replay(double=True, base=run, dirty=dirty, replace=old_values)
    if hypothesis.edited:
        dirty = tape.reach(tape.operations[i].out for i in hypothesis.edited)
        point = tape.replay(double=True, base=point, dirty=dirty, edited=hypothesis.edited)
    seeds = hypothesis.seeds(point)
    if seeds is None:
        return None
    within = set(range(len(tape.nodes))) - hypothesis.held if hypothesis.held else None
    if within is None and len(tape.operations) > LARGE:
        # How data were made of lists of numbers is most of such a tape, and no gradient's way.
        moving = tape.reach(n for p in params for n in p.old)
        leaves = {node.index for node in tape.nodes if node.operation is None}
        numbers = {node.index for node in tape.nodes if type(node.obj) is float}
        within = moving | leaves | numbers | _entries(tape, leaves)
    bar = adjoints(tape, point, seeds, tie=tie, within=within)
    blocked = bar.blocked(tape) if bar.cut else set()
    fit = Fit(hypothesis, [], run=point, adjoint=bar, penalised=penalised)
    for parameter in params:
        fit.matches.append(_match(tape, run, parameter, bar, blocked, hypothesis.after))
    if hypothesis.exact:
        for match in fit.matches:  # what the program hands over, not a part of it
            match.nearest = (min(match.nearest[0], 0), 1.0, match.nearest[2])
    common_scale(fit)
    return fit


def _entries(tape: Tape, leaves: set[int]) -> set[int]:
    """Return the numbers that are read from vectors: a bias that no update reaches."""
    return {
        o.out for o in tape.operations
        if o.function is operator.getitem and o.inputs[:1] and o.inputs[0] in leaves
        and np.ndim(tape.nodes[o.inputs[0]].obj) == 1 and np.size(tape.nodes[o.out].obj) == 1
    }  # fmt: skip


def _match(
    tape: Tape, run: Run, parameter: Parameter, bar: Adjoints, blocked: set[int], after: bool
) -> Match:
    nodes = parameter.new if after else parameter.old
    if any(n in blocked for n in nodes):
        reason = next(iter(bar.cut.values()), "an operation without a rule")
        return Match(parameter, None, reason=reason)
    parts = []
    for n in nodes:
        shape = np.shape(run.env[n])
        g = bar.of.get(n)
        parts.append(np.zeros(shape) if g is None else np.broadcast_to(np.asarray(g), shape))
    truth = vector(parts) * free_entries(tape, run, parameter)
    match = Match(parameter, truth)
    if not np.all(np.isfinite(truth)):
        match.reason = "the true gradient is not finite"
        return match
    fill(run, match, after)
    if not (match.scales or match.vacuous) and author_value(run, parameter, -1) is None:
        match.reason = "the step gives it another shape"
    return match


def fill(run: Run, match: Match, after: bool, *, penalties: bool = True) -> None:
    """Find the levels at which the author's value is a multiple of the truth, penalties aside."""
    parameter, truth = match.parameter, match.truth
    assert truth is not None
    if np.max(np.abs(truth), initial=0.0) <= VACUOUS:
        # An optimiser may make a step of nothing but rounding, divided by its own size.
        values = (author_value(run, parameter, k) for k in range(-1, len(parameter.levels)))
        if any(v is not None and np.max(np.abs(v), initial=0.0) <= VACUOUS for v in values):
            match.vacuous = True
            return
    nodes = parameter.new if after else parameter.old
    shape = np.shape(run.env[nodes[0]]) if len(nodes) == 1 else truth.shape
    decays = any(c != 1.0 for c in parameter.decay)
    finite: set[bool] = set()
    for level in range(WITH_DECAY if decays else -1, len(parameter.levels)):
        own = author_value(run, parameter, level)
        if own is not None:
            finite.add(bool(np.all(np.isfinite(own))))
        if own is not None and level >= 0 and own.size != truth.size:
            own = spread(parameter, own, truth.size)
        if own is None or own.size != truth.size:
            continue
        candidates = [own]
        if parameter.rows is not None:
            pass
        elif level >= 0 and len(nodes) == 1:
            candidates = arrangements(parameter.levels[level].value(run), shape)
        for x in candidates:
            s, error = proportion(x, truth)
            limit = TOLERANCE if level >= 0 else difference_tolerance(run, parameter, x)
            if error <= limit:
                match.scales.append((level, s, error))
                break
            if error < match.nearest[2]:
                match.nearest = (level, s, error)
            if not penalties:
                continue
            below = level >= 0 or not parameter.levels
            penalty = penalty_in(run, parameter, x, truth) if below else None
            penalty = penalty or penalty_on_some(run, parameter, x, truth, limit)
            if penalty is None and level >= 0:
                penalty = penalty_on_part(run, parameter, x, truth)
                penalty = penalty or penalty_on_sizes(run, parameter, x, truth)
            if penalty is not None:
                match.penalties.append((level, *penalty))
    if finite == {False}:
        match.reason = "the program's own gradient is not finite"


def spread(parameter: Parameter, own: Any, size: int) -> Any:
    """Put the entries of a row update at their places in the whole parameter."""
    if parameter.rows is None or own.size != len(parameter.rows):
        return None
    whole = np.zeros(size)
    whole[parameter.rows] = own
    return whole


def difference_tolerance(run: Run, parameter: Parameter, change: Any) -> float:
    """Rounding of ``new − c·old`` relative to its size: the change is small against the value."""
    old = vector(run.env[n] for n in parameter.old)
    size = float(np.linalg.norm(change))
    return TOLERANCE + (4e-16 * float(np.linalg.norm(old)) / size * 50 if size else np.inf)


def rematch(run: Run, fit: Fit) -> Fit:
    """Compare again, in another run, with the truths of a fit (blame: after a replacement)."""
    again = Fit(fit.hypothesis, [])
    for match in fit.matches:
        fresh = Match(match.parameter, match.truth, vacuous=match.vacuous, reason=match.reason)
        if match.truth is not None and not match.vacuous:
            fill(run, fresh, fit.hypothesis.after)
        again.matches.append(fresh)
    again.penalised = fit.penalised
    common_scale(again)
    if fit.decayed:
        accept_penalties(again, run)
    if fit.ratios:
        again.ratios = fit.ratios
        again.accept_ratios()
    return again


def _shrinks(match: Match, level: int, scale: float, strength: float) -> bool:
    """Whether what joins a gradient makes the weights smaller, down a cost or up one."""
    down = scale * match.parameter.sign(level) < 0
    return strength > 0 if down else strength < 0


def accept_penalties(fit: Fit, run: Run) -> None:
    """Count a gradient plus λ times its parameter, λ > 0, as right: weight decay.

    Of few entries it is right with the λ that another one shows.
    """
    fit.decayed = True
    strengths = sorted({lam for m in fit.matches for level, s, lam in m.penalties
                        if _shrinks(m, level, s, lam)})  # fmt: skip
    for match in fit.matches:
        if match.truth is None or match.vacuous or match.reason:
            continue
        single = np.count_nonzero(match.truth) == 1  # which is a multiple of any other number
        if match.scales and not single:
            continue
        match.scales += [
            (level, s, 0.0) for level, s, lam in match.penalties if _shrinks(match, level, s, lam)
        ]
        for level in range(-1, len(match.parameter.levels)) if single or not match.scales else ():
            own = author_value(run, match.parameter, level)
            if own is not None and own.size != match.truth.size:
                own = spread(match.parameter, own, match.truth.size)
            if own is None:
                continue
            w = vector(run.env[n] for n in match.parameter.old) * ((own != 0) | (match.truth != 0))
            for lam in strengths[:MOST_STRENGTHS]:
                s, error = proportion(own, match.truth + lam * w)
                if error <= TOLERANCE:
                    match.scales.append((level, s, error))
    common_scale(fit)
