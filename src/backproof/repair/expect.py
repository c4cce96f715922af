"""What the parameters should be after the first step whose gradients are wrong.

A judged step knows the true gradients. Put in place of the wrong ones, at any level of the way to
the update, they give the values that the right program would come to: an edit that does not lead
there need not be judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from backproof.calculus.adjoint import is_differentiable
from backproof.checks.direction import climbing
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import Fit, compare
from backproof.repair.multiples import is_multiple, without
from backproof.repair.options import options_of, placed_in, places, shared_levels
from backproof.roles import Parameter, vector
from backproof.trace.site import Site
from backproof.trace.tape import Run

Array = np.ndarray[Any, Any]
MOST_PIECES = 5_000
#: Relative difference of a right step from the true one that a trial is left to judge: an author's
#: formula may leave out an epsilon of the forward pass.
NEAR = 1e-6
#: Costs of the program's that may be meant where a known one fits some gradients.
MOST_OWN = 2
#: Places on the way to an update that a true gradient is put in at, the deepest of them.
MOST_PLACES = 3
#: Most of the error of right gradients that is allowed for.
SLACK = 1e-5


#: Size of a gradient that is rounding, relative to the largest of a step.
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Wanted:
    """One parameter in that step, its pieces joined to one vector.

    Attributes
    ----------
    paths : tuple of str
        Where its pieces are found when an iteration begins: ``net.W[0]``.
    kept : vector
        What of its old value the update keeps, weight decay taken away.
    options : tuple of vectors
        The values that true gradients may give; empty where the gradient is right.
    truths : tuple of vectors
        The true gradients under each cost that may be meant, where no gradient is right.
    precision : float
        Relative rounding error of its type.
    sizes : tuple of int
        Of the pieces.
    """

    name: str
    paths: tuple[str, ...]
    sizes: tuple[int, ...]
    old: Array
    kept: Array
    author: Array
    options: tuple[Array, ...]
    truths: tuple[Array, ...]
    precision: float
    together: Array | None = None
    """Its value where all wrong gradients are right at once: clipped by the norm of all of them."""
    reached: tuple[Array, ...] = ()
    """Its values where an optimiser is given true gradients, where none is right as it is."""
    idle: bool = False
    """Its true gradient is zero (a bias before a normalisation): it moves by rounding alone."""
    slack: float = 0.0
    """Relative error that right gradients have: an epsilon in the logarithm of the cost."""

    @property
    def known(self) -> tuple[str, ...]:
        """The last part of each path."""
        name = self.name.split(".")[-1]
        return tuple(path.split(".")[-1] or name for path in self.paths)


@dataclass(frozen=True, slots=True)
class Expected:
    """The parameters before and after a step.

    Attributes
    ----------
    step : int
        Iterations of the training loop before it.
    path, place : str, tuple
        File of the training loop, and line and column where it begins.
    """

    step: int
    path: str
    place: tuple[int, int]
    wanted: tuple[Wanted, ...]
    anchored: bool
    other: Expected | None = None
    """The same under the costs that the program computes, where a known one seems to be meant."""


def expected(evidence: StepEvidence, loop: Site | None) -> Expected | None:
    """Return what a judged step says; None where it cannot be known, or nothing is wrong."""
    if loop is None or loop.kind != "loop":
        return None
    if any(u.repeated for p in evidence.params for u in p.updates):
        return None
    base = evidence.tape.replay()
    fit = evidence.fit
    climbs = [] if fit is None else climbing(evidence)
    named = {name for finding in climbs for name in finding.evidence["parameters"]}
    up = {i for i, parameter in enumerate(evidence.params) if parameter.name in named}
    if fit is not None and not fit.wrong and not up:
        return None
    anchored = fit is not None and bool(fit.chosen)
    fits = _refitted(evidence, base, anchored)
    if not fits:
        return None
    wanted = []
    for index, parameter in enumerate(evidence.params):
        one = _wanted(evidence, base, index, parameter, fits, anchored)
        if one is None:
            return None
        if index in up and fit is not None and index not in fit.wrong:
            # The other way, and with the decay that it has beside the gradient.
            one = replace(one, options=(2 * one.old - one.author, 2 * one.kept - one.author))
        wanted.append(one)
    if anchored and fit is not None:
        wanted = _together(evidence, base, fits[0], wanted)
    elif not anchored:
        wanted = _reached(evidence, base, fits, wanted)
    place = loop.span.start
    other = None
    own = [f for f in evidence.others if f.hypothesis.own and not f.hypothesis.after]
    own = own or [Fit(hypothesis, []) for hypothesis in evidence.unasked[:MOST_OWN]]
    if anchored and fit is not None and fit.hypothesis.registered and own and not up:
        other = expected(replace(evidence, fit=None, others=own), loop)
    return Expected(evidence.step, loop.file.path, place, tuple(wanted), anchored, other)


def is_silent(evidence: StepEvidence) -> bool:
    """Whether a fault does not show at the program's own values: a penalty on zero weights."""
    known = evidence.fit
    if known is None or not known.wrong or climbing(evidence):
        return False
    if not known.chosen and not known.anchored:
        return False
    fit = compare(evidence.tape, evidence.tape.replay(), known.hypothesis, evidence.params)
    if fit is None:
        return False

    def is_right(index: int) -> bool:
        entry = fit.chosen.get(index)
        same = entry is not None and abs(entry[1] / known.scale - 1) < 1e-4
        return same or fit.matches[index].vacuous

    return all(map(is_right, known.wrong))


def _refitted(evidence: StepEvidence, base: Run, anchored: bool) -> list[Fit]:
    """Compare with the costs in question again, at the very values of the program."""
    known = [] if evidence.fit is None else [evidence.fit]
    if not anchored:
        known += [f for f in evidence.others if not f.hypothesis.registered][:4]
        known += [f for f in evidence.others if f.hypothesis.registered][:3]
    found = []
    for fit in known:
        again = compare(evidence.tape, base, fit.hypothesis, evidence.params)
        if again is not None:
            again.scale = fit.scale if anchored else 1.0
            found.append(again)
    return found


def _wanted(
    evidence: StepEvidence, base: Run, index: int, parameter: Parameter, fits: Sequence[Fit],
    anchored: bool,
) -> Wanted | None:  # fmt: skip
    tape = evidence.tape
    if len(parameter.updates) > MOST_PIECES:
        return None
    values = [base.env[n] for n in (*parameter.old, *parameter.new)]
    if any(v is None or not is_differentiable(v) for v in values):
        return None
    names = evidence.names
    paths = tuple(names.path(tape.nodes[n].obj) or "" for n in parameter.new)
    old, author = vector(values[: len(parameter.old)]), vector(values[len(parameter.old) :])
    single = any(getattr(v, "dtype", None) in (np.float32, np.float16) for v in values)
    truths = tuple(m.truth for f in fits if (m := f.matches[index]).truth is not None)
    options: list[Array] = []
    wrong = evidence.fit is None or index in evidence.fit.wrong
    if wrong and anchored:
        options = list(options_of(evidence, base, index, fits[0], truths[0] if truths else None))
    sizes = tuple(int(np.size(v)) for v in values[: len(parameter.old)])
    idle = bool(fits) and (fits[0].matches[index].vacuous or _is_idle(fits[0], index))
    rights = fits[0].chosen.values() if fits and anchored else ()
    slack = min(SLACK, 5 * max((error for _, _, error in rights), default=0.0))
    kept = old
    if len(parameter.decay) == len(parameter.old):
        pieces = zip(parameter.decay, values, strict=False)
        kept = vector(c * np.asarray(v, float) for c, v in pieces)
    return Wanted(parameter.name, paths, sizes, old, kept, author, tuple(options), truths,
                  3e-6 if single else 1e-9, idle=idle, slack=slack)  # fmt: skip


def _is_idle(fit: Fit, index: int) -> bool:
    """Whether a true gradient is rounding: that of a bias before a normalisation."""
    sizes = [0.0 if m.truth is None else float(np.linalg.norm(m.truth)) for m in fit.matches]
    return fit.matches[index].truth is not None and sizes[index] <= ROUNDING * max(sizes)


def _together(
    evidence: StepEvidence, base: Run, fit: Fit, wanted: Sequence[Wanted]
) -> list[Wanted]:
    """Add what each parameter comes to where all wrong gradients are right at once."""
    assert evidence.fit is not None
    placed: dict[int, Any] = {}
    for index in evidence.fit.wrong:
        parameter, truth = evidence.params[index], fit.matches[index].truth
        levels = [(level, fit.scale) for level in places(evidence, parameter)[0][-1:]]
        levels = [*shared_levels(evidence, index)[:1], *levels]
        if not levels or truth is None:
            return list(wanted)
        level, scale = levels[0]
        pieces = placed_in(base, parameter, level.nodes, level.turn * scale * truth)
        if pieces is None:
            return list(wanted)
        placed.update(pieces)
    values = _values(evidence, base, placed)
    if values is None:
        return list(wanted)
    return [
        replace(one, together=joint) if joint.shape == one.author.shape else one
        for one, joint in zip(wanted, values, strict=True)
    ]


def _reached(
    evidence: StepEvidence, base: Run, fits: Sequence[Fit], wanted: Sequence[Wanted]
) -> list[Wanted]:
    """Add what each parameter comes to where an optimiser is given all true gradients.

    A step of Adam is no multiple of a gradient.
    """
    params = evidence.params
    ways = [[level for level in p.levels if not level.deep] for p in params]
    if not all(ways) or all(level.factor for way in ways for level in way):
        return list(wanted)
    found: list[list[Array]] = []
    depth = min(map(len, ways))
    for fit, number in product(fits, range(max(0, depth - MOST_PLACES), depth)):
        placed: dict[int, Any] = {}
        for parameter, way, match in zip(params, ways, fit.matches, strict=True):
            level = way[number]
            if match.truth is None:
                break
            truth = -level.sign * level.turn * match.truth
            placed |= placed_in(base, parameter, level.nodes, truth) or {}
        values = _values(evidence, base, placed)
        if values is not None:
            found.append(values)
    return [
        replace(one, reached=tuple(values[index] for values in found))
        for index, one in enumerate(wanted)
    ]


def _values(evidence: StepEvidence, base: Run, placed: dict[int, Any]) -> list[Array] | None:
    """Return what all parameters come to with other values in the place of some."""
    tape = evidence.tape
    run = tape.replay(base=base, dirty=tape.reach(placed), replace=placed)
    rows = [[run.env[n] for n in parameter.new] for parameter in evidence.params]
    if any(v is None for row in rows for v in row):
        return None
    values = [vector(row) for row in rows]
    return values if all(np.all(np.isfinite(v)) for v in values) else None


def settled(found: Sequence[Expected | None], judged: Sequence[tuple[int, bool, int]],
            paths: dict[str, tuple[str, ...]]) -> Expected | None:  # fmt: skip
    """Return the expectation of the first wrong step, if nothing before it is wrong or unknown.

    Parameters
    ----------
    judged : sequence of (step, is wrong, number of parameters)
        A parameter that starts as the integer 0 is none in the first step: nothing is known of it.
    paths : dict of parameter to paths
        Those of the last step: what it has replaced by then is found nowhere for an earlier one.
    """
    wrong = [step for step, is_wrong, _ in judged if is_wrong]
    if not wrong:
        return None
    first = min(wrong)
    one = next((e for e in found if e is not None and e.step == first), None)
    if one is None:
        return None
    known = {step for step, _, count in judged if count >= len(one.wanted)}
    if not set(range(first)) <= known:
        return None
    wanted = tuple(
        replace(w, paths=paths[w.name]) if len(paths.get(w.name, ())) == len(w.paths) else w
        for w in one.wanted
    )
    return replace(one, wanted=wanted)


def agrees(one: Wanted, value: Array, wish: Array, near: float = 0.0) -> bool:
    """Whether a parameter has come to a value, up to rounding and `near` of its change."""
    if value.shape != wish.shape:
        return False
    gap = float(np.linalg.norm(value - wish))
    change = float(np.linalg.norm(wish - one.old))
    size = float(np.linalg.norm(wish))
    loose = 1e3 if one.precision > 1e-8 else 1.0  # single precision loses digits on the way
    return gap <= (loose * one.precision + one.slack + near) * change + one.precision * 1e-3 * size


def verdict(wanted: Expected, values: Sequence[Array]) -> str:
    """Return ``right``, ``partly`` right, ``unchanged`` (as without an edit) or ``wrong``."""
    if wanted.other is not None and verdict(wanted.other, values) == "right":
        return "right"
    rows = list(zip(wanted.wanted, values, strict=True))
    if all(agrees(w, v, w.author) for w, v in rows if not w.idle):
        return "unchanged"
    if wanted.anchored:
        rows = [(w, v) for w, v in rows if not w.idle]
        if all(w.together is not None and agrees(w, v, w.together, NEAR) for w, v in rows):
            return "right"
        if is_clipped(rows):
            return "right"
        right = [any(agrees(w, v, o, NEAR) for o in (w.options or (w.author,))) for w, v in rows]
        spoiled = any(not r and not w.options for (w, _), r in zip(rows, right, strict=True))
        gained = any(r and w.options for (w, _), r in zip(rows, right, strict=True))
        return "right" if all(right) else "partly" if gained and not spoiled else "wrong"
    counts = {len(w.truths) for w in wanted.wanted}
    if len(counts) != 1:
        return "right"
    known = range(counts.pop())
    starts = [[w.old for w, _ in rows], [w.kept for w, _ in rows]]
    for number, start in product(known, starts):
        truths = [w.truths[number] for w, _ in rows]
        moved = [v - s for (_, v), s in zip(rows, start, strict=True)]
        before = [w.author - s for (w, _), s in zip(rows, start, strict=True)]
        if is_multiple(moved, before, truths):
            return "right"
    for reached in zip(*(w.reached for w, _ in rows), strict=False):
        triples = [(v, r, w.old) for (w, v), r in zip(rows, reached, strict=True)]
        norm = np.linalg.norm
        if all(norm(v - r) <= SLACK * norm(r - old) for v, r, old in triples):
            return "right"
    for number in known:  # with a decay whose strength is not known
        moved = [without(w.old, v - w.old) for w, v in rows]
        before = [without(w.old, w.author - w.old) for w, _ in rows]
        truths = [without(w.old, w.truths[number]) for w, _ in rows]
        if is_multiple(moved, before, truths):
            return "right"
    return "wrong"


def is_clipped(rows: Sequence[tuple[Wanted, Array]]) -> bool:
    """Whether all parameters move by one multiple of their true gradients, and the right ones did.

    A norm over all gradients that was beyond its limit may be within it when they are right.
    """
    if not all(len(w.truths) == 1 and w.truths[0].shape == w.old.shape for w, _ in rows):
        return False
    rights = [w for w, _ in rows if not w.options]
    if not rights or all(agrees(w, v, w.author) for w, v in rows if not w.options):
        return False  # it is no other factor by which they move
    truths, known = [w.truths[0] for w, _ in rows], [w.truths[0] for w in rights]
    for number in range(2):
        starts = [(w.old, w.kept)[number] for w, _ in rows]
        moved = [v - start for (_, v), start in zip(rows, starts, strict=True)]
        before = [w.author - start for (w, _), start in zip(rows, starts, strict=True)]
        own = [step for step, (w, _) in zip(before, rows, strict=True) if not w.options]
        if is_multiple(own, own, known) and is_multiple(moved, before, truths):
            return True
    return False


def is_usable(wanted: Expected) -> bool:
    """Whether what is expected differs from what the program does by more than rounding."""
    return not wanted.anchored or any(
        w.options and not any(agrees(w, w.author, o) for o in w.options) for w in wanted.wanted
    )
