"""BP203 loss-of-precision: digits that cancel, and updates too small for the parameters' type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from backproof.checks.advice import advise, short
from backproof.checks.digits import LOST
from backproof.checks.places import place_of, statement_of
from backproof.checks.step_size import attempt
from backproof.finding import Finding

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: Share of the entries whose update leaves them as they were.
STUCK = 0.9
#: A step in more bits must lower the cost by this share for the loss to be harmful.
GAINS = 0.05
#: Below this share of the first cost a program has arrived, as near as its type allows.
CONVERGED = 0.02


def check(record: Record) -> Iterator[Finding]:
    """Judge the number format over the judged steps."""
    if record.nonfinite is not None:
        return
    found = _cancelled(record) or _too_small(record)
    if found is not None:
        yield found


def _cancelled(record: Record) -> Finding | None:
    seen = [o for o in record.seen if o.rounding is not None]
    largest: dict[str, float] = {}
    for o in seen:
        assert o.rounding is not None
        for name, _, size in o.rounding.errors:
            largest[name] = max(largest.get(name, 0.0), size)
    for o in reversed(seen):
        r = o.rounding
        assert r is not None
        worst = [(n, e / largest[n]) for n, e, _ in r.errors if largest[n] > 0]
        worst = [(n, e) for n, e in worst if e > LOST[r.bits]]
        if r.site is None or not worst:
            continue
        what, error = max(worst, key=lambda w: w[1])
        text = " ".join(r.operation.split())
        notes = [
            f"{what} is off by {short(error)} of its size at step {o.step}: computed again in "
            + ("float64" if r.bits == 4 else "80-bit floats")
        ]
        message = "rearrange it so that nothing large cancels"
        if r.form:
            message = f"write `{r.form}`"
            notes.append("that form has the exact value on the recorded operands")
        return advise(
            "BP203", "numeric-nonfinite", place_of(r.site),
            f"`{text}` loses its digits: {short(r.got)} instead of {short(r.true)}",
            message,
            {"step": o.step, "error": error, "got": r.got, "true": r.true, "stable": r.form},
            notes=notes, confidence="proven",
        )  # fmt: skip
    return None


def _too_small(record: Record) -> Finding | None:
    """Find parameters that their type keeps where they are, though the cost would still fall."""
    late = [o for o in record.seen[-2:] if o.rounding is not None]
    if len(late) < 2 or any(o.rounding is not None and o.rounding.stuck < STUCK for o in late):
        return None
    last = late[-1]
    if last.map is None or last.cost is None or not last.stateless:
        return None
    if last.cost < CONVERGED * abs(record.first.cost or 0.0):
        return None
    steps = int(min(150, max(20, record.steps)))
    trial = attempt(last, 1.0, steps, record.deadline)
    if trial is None or trial.cost > (1 - GAINS) * last.cost:
        return None
    assert last.rounding is not None
    index = max(range(len(last.values)), key=lambda i: int(np.size(last.values[i])))
    made = record.birthplace(last, index)
    kind = str(getattr(last.objects[index], "dtype", "float"))
    return advise(
        "BP203", "dtype", made,
        f"{kind} is too coarse for the updates: {100 * last.rounding.stuck:.0f} % of them leave "
        f"`{last.names[index]}` and the others as they are",
        "keep the parameters in float64 (or float32), whatever the data are in",
        {"stuck": last.rounding.stuck, "step": last.step, "cost": last.cost, "trial": trial.cost,
         "trial_steps": trial.steps},
        notes=[
            f"at step {last.step} the cost is {short(last.cost)}; {trial.steps} more of the same "
            f"steps in float64 bring it to {short(trial.cost)}"
        ],
        related=[(statement_of(last.update_sites[index]), "call-site")], confidence="proven",
    )  # fmt: skip
