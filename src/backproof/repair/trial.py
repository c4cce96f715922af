"""One run of an edited program, judged for a few steps: what it says about the edit."""

from __future__ import annotations

import os
import random
import sys
import time
import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from backproof.checks.gradient import StepEvidence
from backproof.checks.moments import Moments
from backproof.finding import Report
from backproof.options import RunOptions, StopRun
from backproof.repair.asking import Asked, asked
from backproof.repair.expect import Expected, expected, is_silent, settled
from backproof.repair.guard import Guard
from backproof.repair.judged import JudgedStep, summary, telling
from backproof.repair.meant import Meant, meant
from backproof.repair.suspects import suspects
from backproof.trace.site import Site

#: Characters of the program's output that are kept.
MOST_OUTPUT = 200_000
#: CPU seconds of a run after which two judged steps will do.
SLOW = 1.2
#: The same after which one step will do that shows the fault.
VERY_SLOW = 2.0
#: Judged steps in which a wrong gradient is looked for.
MOST_SOUGHT = 12


@dataclass(frozen=True, slots=True)
class Job:
    """A program to run, and how long.

    Attributes
    ----------
    target : str
        The script in the scratch copy, or a module.
    root : str
        The folder that the program may write to.
    stdin : str
        File that holds the standard input.
    judged : int or None
        End the program after so many judged steps.
    least : int
        In a slow program, so many will do.
    strict : bool
        End it at the first gradient that is not verified.
    own : bool
        Go on where a step that computes no cost of the program's is not verified.
    seed : int
        Of the random generators that the program does not seed.
    """

    target: str
    argv: tuple[str, ...]
    cwd: str
    root: str
    stdin: str
    options: RunOptions
    module: bool = False
    judged: int | None = None
    least: int = 2
    strict: bool = False
    own: bool = False
    decays: bool = False
    """Look for multiples of parameters in their gradients."""
    seek: bool = False
    """Go on until a wrong gradient is seen, and say what the parameters should come to."""
    known_wrong: int = 0
    """A step in which one was seen before."""
    blamed: tuple[int, ...] = ()
    """The lines on which a fault was found before."""
    seed: int = 0
    probe: Any = None
    """Called before the program starts, and asked for what it gathered (see `probe.Probe`)."""
    expected: Any = None
    """What the parameters should come to (see `expect.Expected`); its file is the copy's."""
    loop: int = -1
    """The number of the training loop among its file's loops."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What one run said.

    Attributes
    ----------
    report : Report or None
        None where the run failed outright: `failure` says why.
    output : str
        What the program printed.
    dirty : bool
        The program has changed files of its copy.
    refused : str
        What it was kept from doing outside the copy.
    """

    steps: tuple[JudgedStep, ...]
    report: Report | None
    output: str
    dirty: bool
    refused: str
    seconds: float
    failure: str = ""
    gathered: Any = None
    expected: Expected | None = None
    loop: tuple[str, tuple[int, int]] | None = None
    """File of the training loop, and line and column where it begins."""
    meant: Meant = field(default_factory=Meant)
    """What expressions should have come to in the first wrong step."""
    suspects: frozenset[tuple[str, int]] = frozenset()
    """The lines that the fault of the first wrong step can be on."""
    asked: Asked | None = None
    """What to ask an edited program about the gradient that it gives to an optimiser."""
    averaged: frozenset[str] = frozenset()
    """The parameters that go by an optimiser's averages, which are kept and fit together."""

    @property
    def telling(self) -> tuple[JudgedStep, ...]:
        """The steps that tell whether gradients are right."""
        return tuple(telling(self.steps))

    @property
    def verified(self) -> bool:
        """Whether every gradient came out right on every step that tells."""
        return bool(self.steps) and all(step.verified for step in self.telling)


def perform(job: Job) -> Trial:
    """Run a job in this process, which must exist for it alone: streams and files are the job's."""
    started = time.perf_counter()
    guard = Guard(job.root)
    output = os.path.join(job.root, "..", os.path.basename(job.root) + ".out")
    redirect(job, output)
    os.chdir(job.cwd)
    guard.install()
    # The filters of whoever asked for the trial are not the program's.
    warnings.resetwarnings()
    seed(job.seed)
    watch = Watch(job)
    report, failure = None, ""
    # Judging needs the session; the process that forks trials has imported it already.
    from backproof import session
    from backproof.trace.launch import CannotLaunch

    try:
        if job.probe is not None:
            job.probe.install()
        report = session.run(
            job.target, list(job.argv), job.options, module=job.module, restore=False,
            observe=watch,
        )  # fmt: skip
    except CannotLaunch as error:
        failure = str(error)
    except BaseException as error:
        failure = f"{type(error).__name__}: {error}"
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        failure = failure or "the program closed its output"
    with open(output, encoding="utf-8", errors="replace") as stream:
        printed = stream.read(MOST_OUTPUT)
    if report is not None:
        report = replace(report, warnings=tuple(str(w) for w in report.warnings))
    return Trial(
        tuple(watch.steps), report, printed, guard.changed, guard.refused,
        time.perf_counter() - started, failure,
        None if job.probe is None else job.probe.gathered, watch.expected(), watch.loop,
        watch.meant or Meant(), watch.suspects, watch.asked, watch.moments.proven(),
    )  # fmt: skip


def redirect(job: Job, output: str) -> None:
    """Give this process the job's input, and files in place of the terminal."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    places = (
        (0, job.stdin, os.O_RDONLY),
        (1, output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (2, os.devnull, os.O_WRONLY),
    )
    for number, path, flags in places:
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115


def seed(number: int) -> None:
    """Seed what a program that seeds nothing draws from, so that two runs can be compared."""
    random.seed(number)
    np.random.seed(number)
    unseeded = np.random.default_rng

    def default_rng(seed: Any = None) -> np.random.Generator:
        return unseeded(number if seed is None else seed)

    np.random.default_rng = default_rng


class Watch:
    """Notes each judged step, and ends the program when enough is known."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.steps: list[JudgedStep] = []
        self.started = time.process_time()
        self.loop: tuple[str, tuple[int, int]] | None = None
        self.meant: Meant | None = None
        self.asked: Asked | None = None
        self.moments = Moments()
        self.suspects: frozenset[tuple[str, int]] = frozenset()
        self._expected: list[Expected | None] = []
        self._silent: set[int] = set()
        self._paths: dict[str, tuple[str, ...]] = {}

    def __call__(self, evidence: StepEvidence, loop: Site | None) -> None:
        """Take one judged step."""
        step = summary(evidence, decays=self.job.decays)
        if evidence.fit is None:
            # The cost that fits other steps is computed in this one, and does not fit: this tells.
            known = {s.cost_title for s in self.steps if s.own_cost}
            computed = {f.hypothesis.title for f in evidence.others}
            step = replace(step, own_cost=not known.isdisjoint(computed))
        self.steps.append(step)
        if loop is not None and loop.kind == "loop":
            self.loop = (loop.file.path, loop.span.start)
        if self.job.seek:
            self._expect(evidence, loop)
        else:
            self.moments.look(evidence)
        enough = self.job.judged
        if enough is not None and self.job.strict and time.process_time() - self.started > SLOW:
            enough = max(self.job.least, enough - 2)
        done = enough is not None and len(self.steps) >= enough
        few = len(self.steps) < MOST_SOUGHT or step.step <= self.job.known_wrong
        if self.job.seek and few:
            seen = any(s.wrong or s.ascends for s in self.telling)
            used = time.process_time() - self.started
            done = seen and (done or used > (SLOW if len(self.steps) > 1 else VERY_SLOW))
            # Of the two steps that show a loop the later one is judged first: without the other it
            # is not known what the parameters should come to.
            done = done and not (len(self.steps) == 1 and step.step == 1 and self.loop is not None)
        tells = step.own_cost or (not self.job.own and bool(step.verdicts))
        if done or (self.job.strict and tells and not step.verified):
            raise StopRun

    @property
    def telling(self) -> list[JudgedStep]:
        """The steps that tell whether gradients are right."""
        return telling(self.steps)

    def expected(self) -> Expected | None:
        """Return what the parameters should come to in the first wrong step, if that is known."""
        telling = [s.step for s in self.telling]
        judged = [
            (s.step, (bool(s.wrong) or s.ascends) and s.step not in self._silent, len(s.verdicts))
            for s in self.steps
            if s.step in telling
        ]
        return settled(self._expected, judged, self._paths)

    def _expect(self, evidence: StepEvidence, loop: Site | None) -> None:
        if not self._paths:
            names, nodes = evidence.names, evidence.tape.nodes
            for p in evidence.params:
                self._paths[p.name] = tuple(names.path(nodes[n].obj) or "" for n in p.new)
        try:
            if len(self._expected) < 4 and is_silent(evidence):
                self._silent.add(evidence.step)
                return
            if len(self._expected) < 4:
                self._expected.append(expected(evidence, loop))
            if not self.suspects:
                self.suspects = suspects(evidence)
            if self.meant is None and (evidence.fit is None or evidence.fit.wrong):
                self.meant, self.asked = meant(evidence, self.job.blamed), asked(evidence)
        except Exception:
            if os.environ.get("BACKPROOF_TESTING"):
                raise
