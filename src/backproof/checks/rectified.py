"""BP305 where units are single numbers: ``max(0, z)`` that gives 0 in every judged step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from backproof.checks.advice import advise, rate_place, short
from backproof.checks.pooled import unexplained
from backproof.finding import Finding
from backproof.trace.tape import Tape

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: Judged steps that must have been seen, and units of each.
STEPS, UNITS = 8, 2
#: Share of the labels' variance that they leave: a last bias comes to the mean without them.
OPEN = 0.5


def rectified_numbers(tape: Tape) -> tuple[int, int]:
    """Return how many times ``max(0, z)`` was taken in a step, and how many times it gave 0."""
    taken = [o for o in tape.operations if o.function is max and len(o.args) == 2]
    values = [tape.value(o.out) for o in taken if any(_is_zero(a) for a in o.args)]
    return len(values), sum(np.ndim(v) == 0 and float(v) == 0 for v in values)


def _is_zero(argument: object) -> bool:
    return type(argument) in (int, float) and argument == 0


def check(record: Record) -> Iterator[Finding]:
    """Judge units that are off in the later half of the judged steps, whatever the sample."""
    late = record.seen[-STEPS:]
    if record.found or len(late) < STEPS or record.nonfinite is not None:
        return
    if unexplained(*late) < OPEN:
        return
    if any(o.rectified[0] < UNITS or o.rectified[0] != o.rectified[1] for o in late):
        return
    inputs = [o.samples.inputs for o in late if o.samples.inputs is not None]
    if len({np.asarray(x).tobytes() for x in inputs}) < STEPS // 2:
        return  # of one sample they may be off
    alive = [o for o in record.seen if o.rectified[0] != o.rectified[1]]
    first, units = record.first, late[-1].rectified[0]
    rate = first.rate
    if alive and rate is not None:
        place, when = rate_place(rate.text, rate.value, rate.site), f"since step {late[0].step}"
        why = f"an update with the step size {short(rate.value)} drove them there"
        advice = "take smaller steps"
    else:
        index = int(np.argmax([np.size(v) for v in first.values]))
        place, when = record.birthplace(first, index), "from the start"
        why = "its initial weights make every input of the ReLU negative"
        advice = "draw the weights around zero, and centre the inputs"
    yield advise(
        "BP305", "dead-relu", place, f"all {units} ReLUs are dead {when}: {why}", advice,
        {"units": units, "steps": [o.step for o in late]},
        notes=[f"`max(0, z)` is 0 in all of the last {len(late)} judged steps, for all samples"],
        confidence="proven",
    )  # fmt: skip
