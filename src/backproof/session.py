"""One run: the script is launched, recorded steps are judged, the report is put together."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from backproof.checks.gradient import StepEvidence
from backproof.conductor import Conductor
from backproof.finding import Report
from backproof.lookout import Lookout
from backproof.objectives import Objectives
from backproof.options import RunOptions, StopRun
from backproof.trace.launch import Target, launch
from backproof.trace.recorder import Recorder
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Tape
from backproof.verdict import Verdict


def run(
    target: str,
    argv: list[str],
    options: RunOptions,
    *,
    module: bool = False,
    restore: bool = True,
    pulse: Callable[[int], object] | None = None,
    observe: Callable[[StepEvidence, Site | None], object] | None = None,
) -> Report:
    """Run a program under the debugger and return what was found.

    Parameters
    ----------
    target : str
        Path of a script or notebook, or the name of a module.
    argv : list of str
        The program's own arguments.
    options : RunOptions
    module : bool
        `target` is a module name (``python -m``).
    restore : bool
        Give the process its own ``sys.argv``, ``__main__`` … back (see `launch`).
    pulse : callable (steps) -> object, optional
        Called about once a second while the program trains.
    observe : callable (StepEvidence, Site or None) -> object, optional
        Called with each judged step and the training loop, if there is one; may raise `StopRun`
        to end the program there.

    Returns
    -------
    Report

    Raises
    ------
    CannotLaunch
        If there is no such program.
    """
    started = time.perf_counter()
    verdict = Verdict(options)
    lookout = Lookout()
    lookout.pulse = pulse
    lookout.watchers.append(verdict.training.before)
    clock = verdict.clock
    conductor = Conductor(
        verdict.judge, lookout=lookout, clock=clock, witness=verdict.witness,
        max_events=options.max_events, max_steps=options.steps, loop=options.loop,
    )  # fmt: skip
    conductor.pairs, conductor.idle = verdict.judge_pairs, verdict.look_idle
    conductor.aside = verdict.judge_aside

    def evaluate(tape: Tape) -> bool:
        full = True
        with verdict.guarded("an evaluation"):
            trained = conductor.homes.at_home()
            verdict.training.evaluate(tape, trained)
            mismatch = verdict.arrival.mismatch
            full = mismatch.wants_evaluation and mismatch.evaluate(tape, trained)
        return full

    conductor.evaluations.judge = evaluate
    conductor.evaluations.willing = lambda: (
        not lookout.hunting
        and (verdict.arrival.mismatch.wants_evaluation or verdict.training.wants_evaluation)
    )
    if observe is not None:
        verdict.observers.append(
            lambda e: observe(e, None if conductor.site is None else SITES[conductor.site])
        )
    recorder = Recorder(conductor)
    recorder.kinds.optimisers = Objectives(conductor, verdict, options).optimisers(recorder)
    times: dict[str, float] = {}

    def ready() -> None:
        times["ready"] = time.perf_counter()
        recorder.start()

    try:
        outcome = launch(
            Target(target, module=module), argv, include=options.include, on_ready=ready,
            stop=StopRun, on_end=lambda: guarded(conductor, recorder, verdict),
            restore=restore, show_plots=options.show_plots,
        )  # fmt: skip
    except BaseException:
        verdict.witness.leave()
        if lookout.hunting:
            conductor.give_up(recorder)
        lookout.close()
        raise
    verdict.witness.end()
    recorder.close()
    searched = time.perf_counter()
    try:
        lookout.finish(outcome.raised, conductor.steps)
    except KeyboardInterrupt:
        lookout.close()
        verdict.warnings.append("the search for the first non-finite value was interrupted")
    verdict.add_nonfinite(lookout.finding)
    verdict.training.record.moves.lists = recorder.kinds.shuffled
    verdict.training.ended(outcome.raised)
    verdict.warnings.extend((*recorder.failures, *lookout.warnings))
    clock.analysis += time.perf_counter() - searched
    ended = time.perf_counter()
    with np.errstate(all="ignore"):
        report = verdict.report(
            target=target,
            steps=conductor.steps,
            outcome=outcome,
            too_long=conductor.too_long,
            sources={site.file.path: site.file.text for site in SITES},
        )
    ready_at = times.get("ready", ended)
    report = replace(report, loop=conductor.loop)
    report.timing.update(
        startup_s=ready_at - started,
        script_s=max(0.0, ended - ready_at - clock.analysis),
        analysis_s=clock.analysis,
    )
    return report


def guarded(conductor: Conductor, recorder: Recorder, verdict: Any) -> None:
    """Finish the analysis; a failure of ours is reported, never the user's problem."""
    try:
        conductor.finish(recorder)
    except StopRun:
        recorder.close()
    except KeyboardInterrupt:
        verdict.warnings.append("the analysis of the last step was interrupted")
    except Exception as error:
        if os.environ.get("BACKPROOF_TESTING"):
            raise
        verdict.warnings.append(f"the analysis of the last step failed: {error!r}")
