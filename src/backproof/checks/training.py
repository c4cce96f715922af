"""Judges training where the gradients are right: step size, initialisation, units, data."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from backproof.calculus.effort import Meter
from backproof.checks import (
    alignment,
    capacity,
    coarse,
    decayed,
    diverged,
    ended_early,
    fed,
    fitting,
    flat_start,
    flattened,
    forgotten,
    initialisation,
    labels,
    laid_out,
    looming,
    memory,
    one_column,
    rare_class,
    rectified,
    rounding,
    scaling,
    swamped,
    swings,
    through_time,
    tiny_set,
    too_large,
    too_small,
    units,
    unseen,
    unstable,
)
from backproof.checks.coarse import Coarse
from backproof.checks.drawn import drawn_from
from backproof.checks.fed import Fed
from backproof.checks.flattened import Reshapes
from backproof.checks.gradient import StepEvidence
from backproof.checks.indexed import explain_index
from backproof.checks.integers import Integers, first_findings
from backproof.checks.looming import Looming
from backproof.checks.moves import Moves
from backproof.checks.observation import MEASURED, Observation, observe
from backproof.checks.one_column import Columns
from backproof.checks.one_cost import with_one_cost
from backproof.checks.one_training import of_one_training, with_rates
from backproof.checks.places import Birthplaces, Place, first_assignment, statement_of
from backproof.checks.pooled import FEW, progress
from backproof.finding import Finding
from backproof.trace.event import Event
from backproof.trace.tape import Tape
from backproof.updates import Update

#: What all measurements and trials of a run may take, and the share of its steps' own work that
#: they may take where this is more, in seconds of a usual machine.
BUDGET = 1.0
SHARE = 0.1
#: What observing may take of it, and what is spent when the curvature is measured no more: a large
#: program has its last steps seen as well, and something left for trials.
OBSERVING, CURVED = 0.4, 0.2
#: How much later a step must be than the one before where observing is dear: where it takes more
#: than this share of what is left for it.
APART, DEAR = 4, 0.5


@dataclass(slots=True)
class Record:
    """All that is known of a run's training when it is over.

    `seen` are the judged steps of its first training, `every` those of all.
    """

    seen: list[Observation] = field(default_factory=list)
    every: list[Observation] = field(default_factory=list)
    standing: list[Observation] = field(default_factory=list)
    """Steps that change nothing."""
    births: Birthplaces = field(default_factory=Birthplaces)
    moves: Moves = field(default_factory=Moves)
    reshapes: Reshapes = field(default_factory=Reshapes)
    coarse: Coarse = field(default_factory=Coarse)
    looming: Looming = field(default_factory=Looming)
    fed: Fed = field(default_factory=Fed)
    columns: Columns = field(default_factory=Columns)
    steps: int = 0
    nonfinite: Finding | None = None
    meter: Meter = field(default_factory=Meter)
    found: list[Finding] = field(default_factory=list)
    """What the checks before have found."""
    progressed: tuple[float, float] | tuple[()] | None = None
    """What `pooled.progress` has measured; empty where it could not."""

    @property
    def first(self) -> Observation:
        """The earliest judged step."""
        return self.seen[0]

    @property
    def last(self) -> Observation:
        """The latest judged step."""
        return self.seen[-1]

    def birthplace(self, seen: Observation, parameter: int) -> Place:
        """Return where the array that held a parameter was made, else where it is updated.

        Lists of numbers, and arrays whose making was not seen, are known by what they are called.
        """
        updated = seen.update_sites[parameter]
        name = seen.names[parameter]
        for o in (seen, *self.seen):
            if name in o.names:
                site = self.births.of(o.objects[o.names.index(name)])
                if site is not None:
                    return statement_of(site)
        made = first_assignment(name, updated.file) or drawn_from(name, updated.file)
        return made if made is not None else statement_of(updated)

    def comparable(self) -> list[Observation]:
        """Return the judged steps whose cost is of the kind that most of them have.

        A cost that only some steps compute is another in the others.
        """
        known = [o for o in self.seen if o.cost is not None]
        kinds = [o.title for o in known]
        usual = max(kinds, key=kinds.count, default="")
        return [o for o in known if o.title == usual]

    def learns(self, share: float = 0.2) -> bool:
        """Whether the cost has come down by more than this share over the judged steps.

        Where a step sees a few samples, its cost before and after training is compared.
        """
        inputs = self.first.samples.inputs
        known = progress(self) if inputs is None or len(inputs) < FEW else None
        if known is not None:
            return known[0] - known[1] > share * abs(known[0])
        costs = [o.cost for o in self.comparable() if o.cost is not None]
        if len(costs) < 2 or not all(math.isfinite(c) for c in costs):
            return False
        return costs[0] - costs[-1] > share * abs(costs[0])


Check = Callable[[Record], Iterable[Finding]]
#: In the order of triage: what stands earlier explains what stands later.
CHECKS: tuple[Check, ...] = (
    initialisation.check, labels.check, coarse.check, alignment.check, flattened.check,
    laid_out.check, unseen.check, one_column.check,
    through_time.check, swamped.check, scaling.check, units.check,
    rectified.check, rounding.check, too_large.check,
    diverged.check, swings.check, unstable.check, too_small.check, decayed.check, looming.check,
    flat_start.check, ended_early.check, fitting.check, capacity.check, rare_class.check,
    tiny_set.check, forgotten.check, fed.check, memory.check,
)  # fmt: skip


#: What is asked where no judged step changes a parameter.
STANDING_CHECKS: tuple[Check, ...] = (labels.check, fitting.check_reach, units.check)
MOST_STANDING = 6


class TrainingHistory:
    """Fed with every judged step of a run, asked for findings at its end."""

    def __init__(self) -> None:
        self.record = Record()
        self.integers = Integers()
        self.raised: list[Finding] = []

    def before(self, log: Sequence[Event], later: Sequence[Event] = ()) -> None:
        """Events outside the judged steps: remember where data and weights were made.

        `later` are the events since.
        """
        self.record.births.add(log)
        self._guarded(lambda: self.integers.add(log, self.record.births))
        self._guarded(lambda: self.record.moves.add(log, later))
        self._guarded(lambda: self.record.reshapes.add(log, later))
        self._guarded(lambda: self.record.coarse.add(log, later))

    def look(self, tape: Tape, updates: Sequence[Update], step: int) -> None:
        """Look at a recorded step before it is judged: arithmetic of integers."""
        self._guarded(lambda: self.integers.look(tape, updates, self.record.births))
        self._guarded(lambda: self.record.moves.look(tape))
        self._guarded(lambda: self.record.looming.look(tape, step))
        self._guarded(lambda: self.record.coarse.look(tape))

    @property
    def wants_evaluation(self) -> bool:
        """Whether what a program computes outside its steps may say more."""
        return bool(self.record.seen) and not self.record.fed.full

    def evaluate(self, tape: Tape, trained: Collection[int]) -> None:
        """Look at what a program computes outside its steps; `trained` are ids of parameters."""
        own = {id(o) for last in self.record.seen[-1:] for o in last.objects} | set(trained)
        leaves = [n.index for n in tape.nodes if n.operation is None and id(n.obj) in own]
        self._guarded(lambda: self.record.fed.look(tape, leaves))
        self._guarded(lambda: self.record.columns.look(tape, leaves))

    def ended(self, error: BaseException | None) -> None:
        """The program is over, by an exception perhaps."""
        self._guarded(lambda: self.integers.end(error, self.record.births))
        self._guarded(lambda: self._end(error))

    def _end(self, error: BaseException | None) -> None:
        found = None if error is None else explain_index(error, self.record.births)
        self.raised += [] if found is None else [found]

    def observe(self, evidence: StepEvidence) -> None:
        """Measure a judged step."""
        new = [n for p in evidence.params for n in p.new]
        known = [*(n for p in evidence.params for n in p.old), *new]
        self._guarded(lambda: self.record.fed.look(evidence.tape, known, new))
        self._guarded(lambda: self.record.columns.look(evidence.tape, known))
        meter = self.record.meter
        curved = meter.spent < CURVED * BUDGET
        latest = max((o.step for o in self.record.seen), default=0)
        due = curved or evidence.step >= APART * latest or self._is_cheap()
        if due and meter.spent < OBSERVING * BUDGET:
            try:
                seen = observe(evidence, meter, curvature=curved, trial=True)
                if seen is not None:
                    self.record.seen.append(seen)
            except Exception as error:
                self._failed(error)

    def _is_cheap(self) -> bool:
        """Whether observing one more step leaves enough for those to come."""
        efforts = [o.map.effort for o in self.record.seen if o.map is not None]
        left = OBSERVING * BUDGET - self.record.meter.spent
        return bool(efforts) and MEASURED * max(efforts) < DEAR * left

    def observe_standing(self, evidence: StepEvidence) -> bool:
        """Measure a step that changes nothing; False, since it says nothing of its gradients."""
        if len(self.record.standing) < MOST_STANDING:
            self._guarded(lambda: self._keep_standing(evidence))
        return False

    def _keep_standing(self, evidence: StepEvidence) -> None:
        seen = observe(evidence, self.record.meter, curvature=False, trial=False)
        self.record.standing += [] if seen is None else [seen]

    def triaged(self, findings: list[Finding], status: str, steps: int) -> list[Finding]:
        """Return a run's findings with those about training added, in the order of triage.

        Nothing is said about training while a gradient is wrong.
        """
        whole = self.integers.findings() or self.raised
        if whole:
            return first_findings(findings, whole)
        errors = [f for f in findings if f.severity == "error" and f.code.startswith("BP1")]
        findings = in_order(findings)
        root = findings if status == "verified" and not errors else self._with_reach(findings)
        if status == "wrong" or errors or root != findings:
            return root
        nonfinite = next((f for f in findings if f.code == "BP201"), None)
        try:
            found = self._found(steps, nonfinite)
        except Exception as error:
            self._failed(error)
            found = []
        return sorted(triage(findings, found), key=lambda f: SEVERITIES.index(f.severity))

    def _with_reach(self, findings: list[Finding]) -> list[Finding]:
        """Return findings about gradients; an output that is always 1 explains them.

        ``P - Y`` is the gradient of a softmax for labels that add up to one: not over one unit.
        """
        seen = [o for o in self.record.seen if o.samples.output is not None]
        if not seen or not all(np.all(o.samples.output == 1.0) for o in seen):
            return findings
        root: list[Finding] = []
        self._guarded(lambda: root.extend(fitting.check_reach(self.record)))
        if not root:
            return findings
        rest = [replace(f, severity="note") for f in findings]
        return [replace(root[0], severity="error"), *rest]

    def _found(self, steps: int, nonfinite: Finding | None) -> list[Finding]:
        record = self.record
        checks = CHECKS
        if not record.seen:
            # No step has changed anything: what the first ones show is all there is.
            record.seen, checks = record.standing, STANDING_CHECKS
        if not record.seen:
            return []
        record.every = sorted(record.seen, key=lambda o: o.step)
        record.seen = of_one_training(record.every)
        with_one_cost(record.seen, record.comparable())
        with_rates(record.seen)
        record.steps, record.nonfinite = steps, nonfinite
        work = max((o.map.effort for o in record.seen if o.map is not None), default=0.0)
        record.meter.allowed = max(BUDGET, SHARE * steps * work)
        for check in checks:
            try:
                record.found.extend(check(record))
            except Exception as error:
                self._failed(error)
        return record.found

    def _guarded(self, look: Callable[[], object]) -> None:
        try:
            look()
        except Exception as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        """An error of ours takes nothing away from the report."""
        if os.environ.get("BACKPROOF_TESTING"):
            raise error


SEVERITIES = ("error", "warning", "note")


def in_order(findings: Sequence[Finding]) -> list[Finding]:
    """Sort findings: errors first, then gradients before numbers.

    A value that overflows follows from the wrong gradient before it: a warning, no second error.
    """
    if any(f.severity == "error" and f.code.startswith("BP1") for f in findings):
        findings = [
            replace(f, severity="warning") if f.code == "BP201" and f.severity == "error" else f
            for f in findings
        ]
    return sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), f.code[:3]))


def triage(findings: Sequence[Finding], training: Sequence[Finding]) -> list[Finding]:
    """Join the findings of a run with those about its training: one root cause, the rest notes.

    A step size that was tried and makes the iterates diverge is the cause of the overflow that
    follows from it; else what is known already comes first.
    """
    if not training:
        return list(findings)
    root, *rest = sorted(training, key=lambda f: f.severity == "note")
    rest = [replace(f, severity="note") for f in rest]
    errors = [f for f in findings if f.severity == "error"]
    if root.severity == "error" and errors and root.code != "BP402":
        root = replace(root, severity="warning")
    if root.code == "BP402" and errors:
        # Labels out of reach pull the output to the end of its range, where the logarithm ends.
        notes = [replace(f, severity="note") if f.code == "BP201" else f for f in findings]
        return [root, *notes, *rest]
    if root.code in ("BP301", "BP303", "BP304", "BP306", "BP401") and errors:
        overflow = [
            f for f in errors if f.code == "BP201"
            and (root.code == "BP306" or f.evidence.get("diverges") or f.evidence.get("given"))
        ]  # fmt: skip
        if overflow:
            others = [f for f in findings if f not in overflow]
            notes = [replace(f, severity="note") for f in overflow]
            return [replace(root, severity="error"), *others, *notes, *rest]
    return [*findings, root, *rest]
