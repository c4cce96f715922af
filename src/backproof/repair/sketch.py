"""The run that a search begins with: what the parameters should come to, and what is suspected."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from backproof.costs import is_registered
from backproof.finding import Report
from backproof.repair.court import AVERAGED, JUDGED, faults
from backproof.repair.trial import Trial
from backproof.repair.workshop import Files, Workshop

#: Judged steps of the run that a search starts with, if the fault shows in them.
SKETCHED = 2


def sketch(workshop: Workshop, base: Files, report: Report) -> Trial:
    """Run the program for a few steps, to see what its parameters should come to."""
    cost = report.gradient.cost_expression
    registered = cost is not None and is_registered(cost)
    if any(f.cause == "update-direction" and f.code == "BP107" for f in faults(report)):
        return Trial((), report, "", False, "", 0.0)  # nothing is trained: no step is found
    if report.gradient.status != "wrong":
        # No gradient is wrong: one step shows what is trained.
        if all(f.code == "BP107" for f in faults(report)):
            return workshop.try_one(base, judged=1)
        if all(f.of_optimiser for f in faults(report)):
            return workshop.try_one(base, judged=AVERAGED)
        if all("forward" in f.evidence for f in faults(report)):
            return workshop.try_one(base, judged=JUDGED)
    named = registered or any(cost is not None and cost in t for t in report.sources.values())
    seen = [f.evidence["step"] for f in faults(report) if "step" in f.evidence]
    how: dict[str, Any] = {
        "judged": SKETCHED, "seek": True, "known_wrong": min(seen, default=0),
        "blamed": tuple(f.span.line for f in faults(report)),
    }  # fmt: skip
    if named:
        # No other cost need be tried on each step, which takes most of the time.
        tried = workshop.try_one(base, cost=cost, **how)
        if not tried.steps and tried.failure:
            return tried  # no other run comes to a step either
        telling = [step for step in tried.telling if step.own_cost or registered]
        if any(step.wrong or step.ascends for step in telling) and (
            not registered or any(len(step.wrong) < len(step.verdicts) for step in telling)
        ):
            return tried
        if not registered and tried.meant.values and tried.expected is not None:
            return tried
        if not registered and tried.meant.values:
            # No gradient fits it, and it is known what would.
            return replace(workshop.try_one(base, **how), meant=tried.meant)
        other = workshop.try_one(base, **how)
        # Where no gradient is right in either, the cost that the report names is the likelier.
        return other if tried.expected is None or _is_anchored(other) else tried
    return workshop.try_one(base, **how)


def _is_anchored(trial: Trial) -> bool:
    """Whether some gradients are right in the step that says what parameters should come to."""
    return trial.expected is not None and trial.expected.anchored
