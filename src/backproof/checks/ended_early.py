"""BP302 where the steps are right and too few: the training ends before the cost has come down.

XOR in sixty passes: the recorded steps are taken on from the last parameters, with their own size.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from backproof.calculus.slices import StepMap
from backproof.checks.advice import advise, short
from backproof.checks.observation import Observation
from backproof.checks.places import Place, definition, number, statement_of
from backproof.checks.pooled import affordable, alike, cost_at, repeat, unexplained
from backproof.checks.stepping import turns
from backproof.checks.tiny_set import distinct, in_turn
from backproof.finding import Finding
from backproof.source import tree_of

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: Steps that the program must have taken, the share of its cost that it has gained at most, and of
#: the labels' variance that it leaves at least.
FEWEST, STOPPED, OPEN = 30, 0.1, 0.6
#: Times as many steps that are tried, the share of the last cost that they must end below, and the
#: work that they may take beside.
TIMES, HALVED, WORK = (4, 16, 64, 256), 0.5, 1.0


def check(record: Record) -> Iterator[Finding]:
    """Judge whether more of the same steps would have learnt what these have not."""
    if record.found or record.nonfinite is not None or record.steps < FEWEST:
        return
    seen = alike(record)
    if len(seen) < 3 or any(not o.stateless for o in seen):
        return
    first, last = seen[0], seen[-1]
    handful = distinct(seen)
    around = in_turn(seen, len(handful)) if 1 < len(handful) < len(seen) else False
    chosen = handful if around else [last]
    maps = [o.map for o in chosen if o.map is not None]
    if first.map is None or last.map is None or (not around and len(turns(record, last)) != 1):
        return
    with np.errstate(all="ignore"):
        before, now = cost_at(maps, first.map.theta), cost_at(maps, last.map.theta)
    gained = (before - now) * max(1.0, record.steps / max(1, last.step - first.step))
    variance = float(np.var(np.concatenate([o.samples.labels for o in chosen]))) if around else None
    late = seen[-len(chosen) :]
    if not before > 0 or not 0 <= gained <= STOPPED * before:
        return
    if (not around or len(distinct(late)) == len(handful)) and (
        unexplained(*late, variance=variance) < OPEN
    ):
        return
    found = _trial(record, maps, last.map, now)
    if found is not None:
        yield _finding(record, last, (before, now), found, len(maps))


def _trial(
    record: Record, maps: Sequence[StepMap], last: StepMap, now: float
) -> tuple[int, float] | None:
    """Return how many more steps bring the cost down, and to what."""
    record.meter.allowed += WORK
    most = affordable(maps, record.meter.left, TIMES[-1] * record.steps)
    theta, taken = last.theta, 0
    for times in TIMES:
        more = times * record.steps - taken
        more -= more % len(maps)
        if taken + more > most:
            return None
        theta, taken = repeat(maps, [1.0] * len(maps), theta, more), taken + more
        with np.errstate(all="ignore"):
            cost = cost_at(maps, theta) if np.all(np.isfinite(theta)) else np.inf
        if not np.isfinite(cost):
            return None
        if cost < HALVED * now:
            return taken, cost
    return None


def _finding(
    record: Record, last: Observation, costs: tuple[float, float], found: tuple[int, float],
    each: int,
) -> Finding:  # fmt: skip
    before, now = costs
    more, cost = found
    place = _counted(last, record.steps, each) or statement_of(last.update_sites[0])
    rounds = float(f"{(record.steps + more) / each:.1g}")
    return advise(
        "BP302", "learning-rate-too-low", place,
        f"training ends too early: {record.steps} steps hardly move the cost, more of them do",
        f"take about {rounds:g} {'rounds' if each > 1 else 'steps'}, or longer ones",
        {"steps": record.steps, "cost_first": before, "cost_last": now,
         "trial": {"steps": more, "cost": cost}},
        notes=[
            f"the cost goes from {short(before)} to {short(now)} up to step {last.step}",
            f"tried on the recorded step: {more} more of the same size bring the cost to "
            f"{short(cost)}",
        ],
        related=[(statement_of(last.update_sites[0]), "call-site")], confidence="proven",
    )  # fmt: skip


def _counted(last: Observation, steps: int, each: int) -> Place | None:
    """Return where the number of passes is set: ``epochs = 60``, ``range(60)``."""
    file = last.update_sites[0].file
    counts = {steps, round(steps / each)}
    for loop in ast.walk(tree_of(file.text)):
        given = loop.iter if isinstance(loop, ast.For) else None
        if not isinstance(given, ast.Call) or not given.args:
            continue
        stop = given.args[min(1, len(given.args) - 1)]
        written = number(stop)
        if written in counts:
            return Place(file, file.span_of(given))
        for count in counts if written is None else ():
            place = definition(file.slice(file.span_of(stop)), float(count))
            if place is not None and _gives(place, count):
                return place
    return None


def _gives(place: Place, count: int) -> bool:
    """Whether a place holds a number."""
    digits = "".join(c if c.isdigit() else " " for c in place.text.replace("_", ""))
    return str(count) in digits.split()
