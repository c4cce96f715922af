"""The one scale that the gradients of all parameters share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.checks.scales import SAME, is_natural, is_plausible
from backproof.checks.words import FALLS, GROWS
from backproof.roles import Parameter

if TYPE_CHECKING:
    from backproof.checks.match import Fit, Match

#: Entries that gradients equal to those of the program's own cost must have to decide its scale.
LEAST_EXACT = 3
#: What no program multiplies a gradient with: the true one has died out.
HUGE = 1e15

Entry = tuple[int, float, float]
Offer = tuple[float, int, Entry]


def _offers(fit: Fit, *, deep: bool) -> list[Offer]:
    """Return the scales that parameters offer, above the first division by a size or beneath."""
    return [
        (s, i, (level, s, error))
        for i, match in enumerate(fit.matches) for level, s, error in match.scales
        if 1 / HUGE < abs(s) < HUGE
        and deep == (level >= 0 and match.parameter.levels[level].deep)
    ]  # fmt: skip


def _too_much(fit: Fit, match: Match) -> list[int]:
    """Return the levels at which a gradient is joined by its parameter, where that is wrong.

    A decay may be the program's own affair, but not one that makes weights grow, nor one that the
    gradient holds beside the cost's own penalty. (Where a step goes up a cost that the program does
    not compute, a reward may have turned all of it.)
    """
    found = []
    for level, s, strength in match.penalties:
        way = s * match.parameter.sign(level)
        grows = way * strength > 0 and (way < 0 or not fit.hypothesis.registered)
        beside = fit.penalised and level >= 0 and not match.parameter.levels[level].updating
        if grows or beside:
            found.append(level)
    return found


def _most_alike(fit: Fit, offers: Sequence[Offer]) -> tuple[dict[int, Entry], float]:
    """Return the entries of the scale that most parameters share, and that scale.

    A single number is a multiple of any other; the weights of one unit are of what they should be,
    by a number that no program has.
    """
    best: dict[int, Entry] = {}
    best_key: tuple[Any, ...] = (0,)
    title, scale = fit.hypothesis.title, fit.scale
    grows = GROWS.search(title) is not None and not FALLS.search(title)
    split, sizes = False, _sizes(fit)
    for s in _distinct(offers):
        groups = _alike(fit, offers, s)
        together = set().union(*groups)
        several = sum(fit.matches[i].size for i in together) > 1
        says = 2 * (is_natural(s) or (several and is_plausible(s))) + several
        if fit.hypothesis.own and abs(s - 1) < 1e-9:
            says = 3  # exactly the gradient of the program's own cost, by one entry, too
        for members in groups:
            up = any(_direction(fit, i, entry) > 0 for i, entry in members.items())
            meant = len(groups) < 2 or up == grows  # few, if a sign turns those before them
            # Of n and 1/n the second: a cost is divided by a size.
            size = -abs(float(np.log(abs(s)))) * (1 + 1e-9 * (abs(s) > 1))
            way = (up == grows, s > 0, meant)
            mean = any(abs(s * n - 1) < SAME for n in sizes)
            key = (len(together), says, way, len(members), is_natural(s), mean, size)
            if key > best_key:
                best, best_key, scale, split = members, key, s, len(groups) > 1
    if split and len(best) < len({i for _, i, _ in offers}):  # the scale of these alone
        return _most_alike(fit, [offer for offer in offers if offer[1] in best])
    return best, scale


def _sizes(fit: Fit) -> set[int]:
    """Return by what a cost that the program does not compute may be divided: its samples.

    Where some gradients are divided by them, and as many are not, these lack it.
    """
    if not fit.hypothesis.registered or fit.run is None:
        return set()
    outputs = (fit.run.env[join.output] for join in fit.hypothesis.joins)
    return {n for out in outputs if out is not None for n in np.shape(out) if n > 1}


def _distinct(offers: Sequence[Offer]) -> list[float]:
    """Return the scales that are offered, those that are one to rounding once."""
    found: list[float] = []
    for s, _, _ in offers:
        if not any(abs(s / other - 1) < 1e-9 for other in found):
            found.append(s)
    return found


def _alike(fit: Fit, offers: Sequence[Offer], scale: float) -> list[dict[int, Entry]]:
    """Return the groups of parameters that may share a scale, each with its deepest level.

    One group where all go up the cost, or all down. Of those that go the other way only those
    belong to it whose own update turns them; else the sign of their gradient is wrong.
    """
    sides: dict[bool, dict[int, list[Entry]]] = {True: {}, False: {}}
    for other, i, entry in offers:
        if abs(other / scale - 1) < SAME:
            sides[_direction(fit, i, entry) > 0].setdefault(i, []).append(entry)
    found = []
    for up, members in sides.items():
        ways = {_way(fit, i) for i in members}
        others = {
            i: entries for i, entries in sides[not up].items()
            if i not in members and (_way(fit, i) == 0 or -_way(fit, i) in ways)
        }  # fmt: skip
        found.append(_of_one_rate(fit, members | others))
    # Where the updates' own signs explain the difference, all are one group.
    every = len(sides[True].keys() | sides[False].keys())
    whole = [members for members in found if len(members) == every][:1]
    return whole or [members for members in found if members]


def _of_one_rate(fit: Fit, members: dict[int, list[Entry]]) -> dict[int, Entry]:
    """Leave out parameters that a common rate moves by another multiple of their gradients.

    With a rate of 0.01, a gradient that lacks a division by 100 has the scale of the others' steps.
    """
    kept = {i: max(entries) for i, entries in members.items()}
    rates: dict[float, list[tuple[int, Entry, float]]] = {}
    for i, entries in members.items():
        rate, parameter = _first_rate(fit, i), fit.matches[i].parameter
        if rate is None or parameter.factor(kept[i][0]) is None:
            continue
        for entry in entries:
            factor = parameter.factor(entry[0])
            if factor is not None:
                rates.setdefault(rate, []).append((i, entry, entry[1] * factor))
    for moved in rates.values():
        alike: list[tuple[float, dict[int, Entry]]] = []
        for i, entry, m in moved:
            group = next((g for other, g in alike if abs(m - other) <= SAME * abs(other)), None)
            if group is None:
                alike.append((m, {i: entry}))
            else:
                group[i] = max(entry, group.get(i, entry))
        # Of as many, those whose gradient is what the rate multiplies: not the rate's product, nor
        # what the gradient is itself a multiple of (``gW = 2 * X.T @ d``).
        most = max((group for _, group in alike), key=lambda group: (len(group), *_nearest(group)))
        for i, _, _ in moved:
            kept.pop(i, None)
        kept |= most
    return kept


def _nearest(group: dict[int, Entry]) -> tuple[bool, int]:
    """Return a key that is greatest where a gradient stands right beneath the rate."""
    level = max(level for level, _, _ in group.values())
    return level >= 1, -level


def _holds_rate(fit: Fit, index: int, entry: Entry) -> bool:
    """Whether a rate is in a value still, which may happen to be the gradient: ``0.02 * sum``."""
    rate = _rate(fit, index)
    return entry[0] < 1 and rate is not None and abs(rate) != 1.0


def _rate(fit: Fit, index: int) -> float | None:
    """Return what the update multiplies the value beneath its change with."""
    levels = fit.matches[index].parameter.levels
    return levels[1].factor if len(levels) > 1 else None


def _first_rate(fit: Fit, index: int) -> float | None:
    """Return the first factor on the way to a gradient: ``v = β * v - rate * g``, ``w += v``."""
    factors = [level.factor for level in fit.matches[index].parameter.levels[1:]]
    known = (f for f in factors if f is None or abs(f) != 1.0)
    return next(known, factors[0] if factors else None)


def _direction(fit: Fit, index: int, entry: Entry) -> float:
    """Return a number that is positive where an update goes up the cost."""
    level, s, _ = entry
    return s * fit.matches[index].parameter.sign(level)


def _way(fit: Fit, index: int) -> float:
    """Return the sign of the way from a parameter's gradient to its update, 0 if unknown."""
    levels = fit.matches[index].parameter.levels
    return levels[-1].sign if levels else 0.0


def _size(parameter: Parameter) -> float:
    """Return the product of the sizes that divide a gradient on its way, to nine digits."""
    factors = [(level.factor, level.deep) for level in parameter.levels if level.factor]
    shallow = [f for f, deep in factors if not deep]
    below = [f for f, deep in factors if deep]
    return float(f"{below[-1] / shallow[-1]:.9g}") if below and shallow else 0.0


def common_scale(fit: Fit) -> None:
    """Choose one scale that as many parameters as possible share.

    A parameter offers the scales of its levels down to the last that no size factor precedes; the
    whole change counts as a level, so equal rates with any factor folded in agree there.
    """
    if fit.hypothesis.exact:
        fit.chosen = {
            i: entry for i, match in enumerate(fit.matches) for entry in match.scales
            if entry[0] == 0 and abs(entry[1] - 1) < 1e-5
        }  # fmt: skip
        return
    for match in fit.matches:
        above = min(_too_much(fit, match), default=None)
        if above is not None:
            match.scales = [entry for entry in match.scales if entry[0] <= above]
    offers = _offers(fit, deep=False)
    best, fit.scale = _most_alike(fit, offers)
    judged = sum(not m.vacuous and not m.reason for m in fit.matches)
    if len(best) < judged and len({_size(m.parameter) for m in fit.matches}) == 1:
        # All are divided by one size, and clipped by entry before: right beneath both.
        below = _offers(fit, deep=True)
        beneath, scale = _most_alike(fit, below)
        if len(beneath) > len(best):
            best, fit.scale, offers = beneath, scale, below
    if fit.hypothesis.own and abs(fit.scale - 1) > 1e-5 and len(best) < judged:
        # What is exactly the gradient of the program's own cost is right, few as it may be.
        bare = [offer for offer in offers if not _holds_rate(fit, offer[1], offer[2])]
        exact = max(_alike(fit, bare, 1.0), key=len, default={})
        # (But not less right: a change that has no gradient of its own has the rate in it.)
        if sum(fit.matches[i].size for i in exact) > LEAST_EXACT and not set(exact) < set(best):
            best, fit.scale = exact, 1.0
    entries = sum(fit.matches[i].size for i in best)
    # One number is a multiple of any: of what is a part of a cost at most, it shows nothing.
    known = fit.hypothesis.own or fit.hypothesis.registered or len(best) == judged
    known = known or abs(fit.scale - 1) < 1e-9
    fit.chosen = best if entries > 1 or (known and is_natural(fit.scale)) else {}
