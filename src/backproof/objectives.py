"""Hands recorded evaluations of `scipy.optimize` to the judge, and counts them as steps."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from backproof.agenda import JUDGING_BUDGET
from backproof.checks.objective import judge_evaluation
from backproof.conductor import Conductor
from backproof.consulted import consult
from backproof.options import RunOptions, StopRun
from backproof.trace.alive import is_sound
from backproof.trace.event import Event
from backproof.trace.optimisers import Evaluation, Optimisers
from backproof.trace.recorder import Recorder
from backproof.trace.tape import build
from backproof.verdict import Verdict


class Objectives:
    """The costs and gradients that a program gives to optimisers."""

    def __init__(self, conductor: Conductor, verdict: Verdict, options: RunOptions) -> None:
        self.conductor = conductor
        self.verdict = verdict
        self.options = options
        self._begun = False

    def optimisers(self, recorder: Recorder) -> Optimisers:
        """Return what the recorder asks about calls of optimisers."""
        return Optimisers(
            recorder, self._judge, willing=self._willing, counted=self._count,
            changed=self._changed, max_events=self.options.max_events,
        )  # fmt: skip

    def _willing(self) -> bool:
        hunting = self.conductor.lookout.hunting
        return not hunting and self.conductor.clock.judging < JUDGING_BUDGET

    def _count(self) -> None:
        limit = self.options.steps
        if limit is not None and self.conductor.steps >= limit:
            raise StopRun
        self.conductor.steps += 1

    def _changed(self, point: Any, log: Sequence[Event], start: int) -> None:
        with self.conductor.clock.analysing(), self.verdict.guarded("an evaluation"):
            self.verdict.reason = "a function that an optimiser calls changes its argument"
            self.verdict.arrival.no_copy.argument(build(log, start, len(log)), point)

    def _judge(self, evaluation: Evaluation, log: Sequence[Event]) -> None:
        with self.conductor.clock.analysing():
            try:
                if not self._begun:
                    # (Later ones may be steps too far, which a line search takes back.)
                    self._begun = True
                    self._explain(evaluation, log)
                evidence = judge_evaluation(evaluation, log)
                if isinstance(evidence, str):
                    self.verdict.reason = evidence
                else:
                    self.verdict.judged += 1
                    said = consult(self.verdict.witness, evidence, evaluation)
                    self.verdict.take(evidence, claimed=True, said=said)
                    self.verdict.show(evidence)
            except Exception as error:
                if os.environ.get("BACKPROOF_TESTING"):
                    raise
                self.verdict.warnings.append(
                    f"evaluation {evaluation.number} could not be judged: "
                    f"{type(error).__name__}: {error}"
                )

    def _explain(self, evaluation: Evaluation, log: Sequence[Event]) -> None:
        """Look for non-finite values where the search begins."""
        if not is_sound(evaluation.cost) or not is_sound(evaluation.gradient):
            tape = build(log, evaluation.start, len(log))
            self.conductor.lookout.examine(tape, [], evaluation.number)
