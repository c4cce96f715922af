"""BP203 loss-of-precision: digits that cancel, and updates too small for the parameters' type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.checks.advice import advise, short
from backproof.checks.digits import LOST
from backproof.checks.fitting import descend
from backproof.checks.observation import Observation
from backproof.checks.places import place_of, statement_of
from backproof.checks.pooled import unexplained
from backproof.checks.stepping import attempt
from backproof.finding import Finding
from backproof.trace.site import Site

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: Share of the entries whose update leaves them as they were.
STUCK = 0.9
#: Share of the largest gradient of a run below which another one is zero.
ZERO = 1e-9
#: A step in more bits must lower the cost by this share for the loss to be harmful.
GAINS = 0.05
#: Below this share of the first cost a program has arrived, as near as its type allows.
CONVERGED = 0.02
#: Share of updates lost from which on the whole run is compared with one in float64, and how much
#: lower the cost of that must be.
LOST_UPDATES = 0.5
HELD_BACK = 0.1
#: A program that stands still can go below this share of its cost.
FROZEN = 0.6
POOR = 0.1
#: … and one whose gradients underflow could have come below this share of it by now.
SLOWED = 0.8
#: Steps that stand for all those between two judged ones, each so much longer.
STRIDES = 120
LEAST_STEPS = 20
#: Sizes of such steps: those of an optimiser without its state are too long at times.
SIZES = (1.0, 0.3)


def check(record: Record) -> Iterator[Finding]:
    """Judge the number format over the judged steps."""
    if record.nonfinite is not None:
        return
    found = (
        _cancelled(record) or _vanished(record)
        or _too_small(record) or _held_back(record) or _frozen(record)
    )  # fmt: skip
    if found is not None:
        yield found


def _vanished(record: Record) -> Finding | None:
    """Find gradients that are too small for their type, where in float64 the run comes further."""
    known = [o for o in record.seen if o.map is not None and o.map.cost is not None]
    small = [o for o in known if o.rounding is not None and o.rounding.vanished is not None]
    if 2 * len(small) < len(known) or len(known) < 3:
        return None
    last = known[-1]
    first = next(o for o in reversed(known[:-1]) if 2 * o.step <= last.step)
    step, steps = first.fresh(), min(last.step - first.step, STRIDES)
    if step is None or step.cost is None or last.map is None or steps < LEAST_STEPS:
        return None
    before, own = step.cost(step.theta), step.cost(last.map.theta)
    limit = min(SLOWED * own, (1 - HELD_BACK) * before)
    trials = [attempt([step], step.theta, scale, steps, 0.4 * record.meter.left) for scale in SIZES]
    trial = min((t for t in trials if t is not None), key=lambda t: t.cost, default=None)
    if trial is None or not trial.cost < limit:
        return None
    least = min(small, key=lambda o: o.step).rounding
    assert least is not None
    assert least.vanished is not None
    site, kind, share = least.vanished
    return advise(
        "BP203", "dtype", statement_of(site),
        f"{100 * share:.0f} % of `{' '.join(site.text.split())}` underflow to zero in {kind}",
        f"compute the gradients in float32, or scale the cost up before {kind} and down after it",
        {"share": share, "dtype": kind, "cost": own, "trial": trial.cost, "steps": trial.steps},
        notes=[
            f"from step {first.step} to step {last.step} the cost came from {short(before)} to "
            f"{short(own)}; as many of the recorded steps in float64 bring it to "
            f"{short(trial.cost)}"
        ],
        confidence="proven",
    )  # fmt: skip


def _cancelled(record: Record) -> Finding | None:
    seen = [o for o in record.seen if o.rounding is not None]
    largest: dict[str, float] = {}
    for o in seen:
        assert o.rounding is not None
        for name, _, size in o.rounding.errors:
            largest[name] = max(largest.get(name, 0.0), size)
    # The bias of centred data has a gradient of zero: all that is seen of it is rounding.
    least = ZERO * max(largest.values(), default=0.0)
    for o in reversed(seen):
        r = o.rounding
        assert r is not None
        worst = [(n, e / largest[n]) for n, e, _ in r.errors if largest[n] > least]
        worst = [(n, e) for n, e in worst if e > LOST[r.bits]]
        if r.site is None or not worst:
            continue
        what, error = max(worst, key=lambda w: w[1])
        notes = [
            f"{what} is off by {short(error)} of its size at step {o.step}: computed again in "
            + ("float64" if r.bits == 4 else "80-bit floats")
        ]
        message = "rearrange it so that nothing large cancels"
        if r.form:
            message = f"write `{r.form}`"
            notes.append("that form has the exact value on the recorded operands")
        evidence = {"step": o.step, "error": error, "stable": r.form}
        return digits_lost(r.site, r.got, r.true, message, evidence, notes)
    return None


def digits_lost(
    site: Site, got: float, true: float, message: str, evidence: dict[str, Any], notes: list[str]
) -> Finding:
    """Say that an operation loses the digits of its result."""
    return advise(
        "BP203", "numeric-nonfinite", place_of(site),
        f"`{' '.join(site.text.split())}` loses its digits: {short(got)} instead of {short(true)}",
        message, {"got": got, "true": true, **evidence}, notes=notes, confidence="proven",
    )  # fmt: skip


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
    trial = attempt([last.map], last.map.theta, 1.0, steps, record.meter.left)
    if trial is None or trial.cost > (1 - GAINS) * last.cost:
        return None
    notes = [
        f"at step {last.step} the cost is {short(last.cost)}; {trial.steps} more of the same "
        f"steps in float64 bring it to {short(trial.cost)}"
    ]
    return _coarse(record, last, notes, {"trial": trial.cost, "trial_steps": trial.steps})


def _held_back(record: Record) -> Finding | None:
    """Find a run that its type has slowed down: in float64 the same steps come further."""
    known = [o for o in record.comparable() if o.rounding is not None and o.map is not None]
    late = [o for o in record.seen[-2:] if o.rounding is not None]
    if len(known) < 3 or len(late) < 2:
        return None
    if any(o.rounding is None or o.rounding.stuck < LOST_UPDATES for o in late):
        return None
    last = known[-1]
    first = next(o for o in known if o.rounding is not None and o.rounding.stuck > HELD_BACK)
    steps = last.step - first.step
    if steps < STRIDES or not first.stateless or first.names != last.names:
        return None
    if first.map is None or first.map.cost is None or last.map is None:
        return None
    own = first.map.cost(last.map.theta)
    if own < CONVERGED * abs(known[0].cost or 0.0) and unexplained(last) < POOR:
        return None
    trial = attempt([first.map], first.map.theta, steps / STRIDES, STRIDES, record.meter.left)
    if trial is None or trial.rises or not trial.cost < (1 - HELD_BACK) * own:
        return None
    notes = [
        f"from step {first.step} to step {last.step} the cost came to {short(own)}; the same "
        f"{steps} steps in float64 (taken as {STRIDES} longer ones) bring it to {short(trial.cost)}"
    ]
    return _coarse(record, late[-1], notes, {"trial": trial.cost, "trial_steps": steps})


def _frozen(record: Record) -> Finding | None:
    """Find a run whose steps are rounded away whole, where the gradient leads much further down."""
    last = record.seen[-1]
    if last.rounding is None or last.rounding.lost < STUCK or last.map is None:
        return None
    start = record.seen[0].map
    if last.map.cost is None or start is None or not last.stateless:
        return None
    own = last.map.cost(last.map.theta)
    if start.theta.size != last.map.theta.size:
        return None
    if own < CONVERGED * last.map.cost(start.theta) and unexplained(last) < POOR:
        return None
    found = descend(last.map, 0.4 * record.meter.left)
    if found is None or not found[1] < FROZEN * own:
        return None
    notes = [
        f"at step {last.step} {100 * last.rounding.lost:.0f} % of the step (by its square) are "
        f"rounded away at a cost of {short(own)}; in float64 the recorded step, with its size "
        f"adapted, leads down to {short(found[1])} in {found[2]} steps"
    ]
    return _coarse(record, last, notes, {"lost": last.rounding.lost, "trial": found[1]})


def _coarse(
    record: Record, last: Observation, notes: list[str], evidence: dict[str, Any]
) -> Finding:
    """Say that the type of the parameters is too coarse."""
    assert last.rounding is not None
    index = max(range(len(last.values)), key=lambda i: float(np.sum(last.changes[i] ** 2)))
    home = record.first if record.first.names == last.names else last
    made = record.birthplace(home, index)
    kind = str(getattr(last.objects[index], "dtype", "float"))
    return advise(
        "BP203", "dtype", made,
        f"{kind} is too coarse for the updates: {100 * last.rounding.stuck:.0f} % of them leave "
        f"`{last.names[index]}` and the others as they are",
        "keep the parameters in float64 (or float32), whatever the data are in",
        {"stuck": last.rounding.stuck, "step": last.step, "cost": last.cost, **evidence},
        notes=notes,
        related=[(statement_of(last.update_sites[index]), "call-site")], confidence="proven",
    )  # fmt: skip
