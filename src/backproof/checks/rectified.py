"""BP305 where units are no layer's: ``max(0, z)``, ``z if z > 0 else 0``, a picture's maps.

Single numbers and the maps of a convolution have no axis of samples: what tells is that all
rectifiers of one depth give 0 in every judged step, whatever it sees.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.arithmetic import MULTIPLY, is_in
from backproof.calculus.adjoint import is_differentiable
from backproof.checks.advice import advise, rate_place, short
from backproof.checks.places import Place
from backproof.checks.pooled import unexplained
from backproof.finding import Finding
from backproof.roles import Parameter
from backproof.trace.primitives import Method, decided, set_item
from backproof.trace.tape import Operation, Ref, Tape

if TYPE_CHECKING:
    from backproof.checks.observation import Observation
    from backproof.checks.training import Record

#: Judged steps that must have been seen, and units of each.
STEPS, UNITS = 8, 2
#: Share of the labels' variance that they leave: a last bias comes to the mean without them. A run
#: whose cost has come down by more than the second learns all the same.
OPEN, LEARNT = 0.5, 0.5
#: What sets to zero where it is given a zero.
ZEROING: frozenset[Any] = frozenset({max, np.maximum, np.where, np.clip, set_item})
#: Rectifiers of a step that are followed, and values before each.
MOST, MOST_BEFORE = 4_000, 20_000


@dataclass(slots=True)
class Depth:
    """The rectifiers of a step with as many others before them: units, those off, what they see."""

    units: int = 0
    off: int = 0
    seen: float = 0.0
    before: frozenset[int] = frozenset()
    """The parameters (by index) that they rectify, not through others."""


def rectified_units(tape: Tape, params: Sequence[Parameter], cost: int | None) -> dict[int, Depth]:
    """Return the rectifiers of a step's forward pass by depth, from 1."""
    forward = None if cost is None else tape.ancestors([cost])
    olds = {n: i for i, p in enumerate(params) for n in p.old}
    depth: dict[int, int] = {}
    found: dict[int, Depth] = {}
    walked = 0
    for operation in tape.operations:
        if forward is not None and operation.out not in forward:
            continue
        z = _rectified(tape, operation)
        if z is None:
            continue
        before = tape.ancestors([z.node], stop=set(depth))
        walked += len(before)
        if len(depth) >= MOST or walked > MOST * 20 or len(before) > MOST_BEFORE:
            return {}
        touched = frozenset(olds[n] for n in before if n in olds)
        if not touched:
            continue
        level = 1 + max((depth[n] for n in before if n in depth), default=0)
        depth[operation.out] = level
        value, given = np.asarray(tape.value(operation.out)), np.asarray(tape.value(z.node))
        known = found.setdefault(level, Depth())
        known.units += value.size
        known.off += int(np.sum(value == 0))
        known.seen += float(np.sum(given))
        known.before |= touched
    return found


def _rectified(tape: Tape, operation: Operation) -> Ref | None:
    """Return what an operation sets to zero where it is negative, if it does so."""
    function, args = operation.function, operation.args
    if function is not decided and not _is_zeroing(operation):
        return None
    refs = [a for a in args if type(a) is Ref and is_differentiable(tape.value(a.node))]
    if function is decided:
        # Of ``z if z > 0 else 0`` what was compared counts.
        return refs[-1] if refs else None
    if len(refs) != 1:
        return None
    given, made = np.asarray(tape.value(refs[0].node)), np.asarray(tape.value(operation.out))
    if given.shape != made.shape or not np.all((made == 0) | (made == given)):
        return None
    return refs[0] if np.all(made[given > 0] != 0) and np.all(made[given < 0] == 0) else None


def _is_zeroing(operation: Operation) -> bool:
    function, args = operation.function, operation.args
    if isinstance(function, Method):
        return function.name == "clip"
    if is_in(function, ZEROING):
        return any(type(a) in (int, float) and a == 0 for a in args) or function is np.clip
    return is_in(function, MULTIPLY)


def check(record: Record) -> Iterator[Finding]:
    """Judge units that are off in the later half of the judged steps, whatever the sample."""
    late = record.seen[-STEPS:]
    if record.found or len(late) < STEPS or record.nonfinite is not None:
        return
    left = unexplained(*late)
    if left < OPEN if left else record.learns(LEARNT):
        return
    level = next((k for k in sorted(late[-1].rectified) if all(_is_off(o, k) for o in late)), None)
    if level is None:
        return
    if 1 < len({o.rectified[level].seen for o in record.seen if _is_off(o, level)}) < STEPS // 2:
        return  # of the same few samples they may be off
    alive = [o.step for o in record.seen if level in o.rectified and not _is_off(o, level)]
    units, rate = late[-1].rectified[level].units, record.first.rate
    if alive and rate is not None:
        since = next(o.step for o in record.seen if o.step > alive[-1])
        place, when = rate_place(rate.text, rate.value, rate.site), f"since step {since}"
        why = f"an update with the step size {short(rate.value)} drove them there"
        advice = "take smaller steps"
    else:
        place, why, advice = _born(record, record.first, level)
        when = "from the start"
    yield advise(
        "BP305", "dead-relu", place, f"all {units} ReLUs are dead {when}: {why}", advice,
        {"units": units, "steps": [o.step for o in late]},
        notes=[f"they give 0 in all of the last {len(late)} judged steps, for all samples"],
        confidence="proven",
    )  # fmt: skip


def _is_off(seen: Observation, level: int) -> bool:
    known = seen.rectified.get(level)
    return known is not None and known.units >= UNITS and known.units == known.off


def _born(record: Record, first: Observation, level: int) -> tuple[Place, str, str]:
    """Return where and why units start dead, and what to do."""
    own = sorted(first.rectified[level].before) if level in first.rectified else []
    own = own or list(range(len(first.values)))
    for index in own:
        value = np.asarray(first.values[index])
        start = float(np.mean(value))
        if start < 0 and np.ptp(value) == 0:
            return (
                record.birthplace(first, index),
                f"`{first.names[index]}` starts too low ({short(start)})",
                "start the bias at zero",
            )
    return (
        record.birthplace(first, max(own, key=lambda i: np.size(first.values[i]))),
        "its initial weights make every input of the ReLU negative",
        "draw the weights around zero, and centre the inputs",
    )
