"""``backproof fix``: find the edit that makes every gradient right, try it, show or write it."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from backproof.commands.arguments import FAILED, fail, positive
from backproof.options import RunOptions

if TYPE_CHECKING:
    from backproof.repair.hunt import Repair
    from backproof.repair.workshop import Workshop

DESCRIPTION = """\
Find the edit that makes every gradient of a program right. Edits are tried by
running the edited program in a scratch copy of its folder; what is shown as
verified has been run, and every gradient came out right. Nothing is written
unless you ask for it."""

USAGE = """\
backproof fix [options] SCRIPT [ARGS…]
       backproof fix [options] -m MODULE [ARGS…]"""

EXAMPLES = """\
exit status:
  0  there is nothing to fix, or --write has written the fix
  1  there are errors (with a fix or without)
  2  wrong usage, no such program, or a failure of backproof itself

examples:
  backproof fix train.py                     print the fix as a diff
  backproof fix --write train.py             make it; train.py.orig keeps the old file
  backproof fix --check train.py             for CI: say only whether there is something to fix
  backproof fix --steps 20 --timeout 120 train.py
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.usage = USAGE
    parser.add_argument(
        "program", nargs=argparse.REMAINDER, metavar="SCRIPT [ARGS…]",
        help="script or notebook to repair, and its own arguments",
    )  # fmt: skip
    parser.add_argument("-m", dest="module", action="store_true",
                        help="what follows is the name of a module")  # fmt: skip
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--write", action="store_true",
                        help="make the edits; the old file is kept as SCRIPT.orig")  # fmt: skip
    action.add_argument("--check", action="store_true",
                        help="print no diff, only whether there is something to fix")  # fmt: skip
    parser.add_argument("--unverified", action="store_true",
                        help="show (and write) edits that help but do not make all gradients "
                        "right, too")  # fmt: skip
    parser.add_argument("--steps", type=positive, default=100, metavar="N",
                        help="run the program for N updates each time (%(default)s)")  # fmt: skip
    parser.add_argument("--timeout", type=positive, default=60, metavar="SECONDS",
                        help="end the search after so long (%(default)s)")  # fmt: skip
    parser.add_argument("--cost", metavar="NAME", help="the cost, as the program calls it")
    parser.add_argument("--include", action="append", default=[], metavar="MODULE",
                        help="instrument this module or package too")  # fmt: skip
    parser.add_argument("--json", metavar="OUT", help="write the report to this file as JSON, too")


def execute(options: argparse.Namespace) -> int:
    """Repair what the command line names; returns the exit status."""
    program: list[str] = options.program
    if program and program[0] == "--":
        program = program[1:]
    if not program:
        return fail("there is no script to repair (see `backproof fix --help`)")
    if not hasattr(os, "fork"):
        return fail("fix needs processes that can be forked, which this system has not")
    # Several edited programs run side by side; more threads than that only wait for each other.
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    from backproof import session  # noqa: F401  (imported once, before trials are forked)
    from backproof.repair.hunt import Hunt
    from backproof.repair.patch import CannotPatch
    from backproof.repair.workshop import Program, Workshop, standard_input
    from backproof.report import json as json_report

    if not options.module and not os.path.exists(program[0]):
        return fail(f"can't open file {program[0]!r}: No such file or directory")
    output = None
    if options.json is not None:
        try:
            output = json_report.Output(options.json)
        except json_report.CannotWrite as error:
            return fail(str(error))
    wishes = RunOptions(steps=options.steps, include=tuple(options.include), cost=options.cost)
    subject = Program(program[0], tuple(program[1:]), options.module, os.getcwd(), standard_input())
    workers = max(1, min(4, os.cpu_count() or 1))
    try:
        with Workshop(subject, wishes, workers=workers, timeout=float(options.timeout)) as workshop:
            repair = Hunt(workshop, budget=float(options.timeout)).repair()
            if repair.report is None:
                return fail(repair.original.failure)
            status = _report(repair, workshop, options)
    except CannotPatch as error:
        return fail(str(error))
    if output is not None:
        from backproof.aliases import named
        from backproof.repair.effect import fixed_findings

        try:
            output.write(named(replace(repair.report, findings=fixed_findings(repair))))
        except json_report.CannotWrite as error:
            return fail(str(error))
    return status


def _report(repair: Repair, workshop: Workshop, options: argparse.Namespace) -> int:
    """Print the outcome, and write the files if that is asked for."""
    from backproof.repair.court import faults
    from backproof.repair.effect import effect, witnessed
    from backproof.repair.patch import CannotPatch, diff, write

    report = repair.report
    assert report is not None
    errors = [f for f in report.findings if f.severity == "error"]
    if repair.original.refused:
        _say(f"the program was kept from this in its copy: {repair.original.refused}")
    if not faults(report):
        if errors:
            _say(f"no gradient is wrong; {errors[0].title} ({errors[0].code}, line "
                 f"{errors[0].span.line}): see `backproof run`")  # fmt: skip
            return 1
        if report.gradient.status != "verified":
            _say(f"there is nothing to fix, but not every gradient is verified: "
                 f"{report.gradient.reason or 'see `backproof run`'}")  # fmt: skip
            return int(report.script_exit != 0 and not report.gradient.parameters)
        _say("there is nothing to fix: every gradient is verified")
        return 0
    for number, found in enumerate(repair.found, 1):
        lead = f"{number}. " if len(repair.found) > 1 else ""
        _say(f"{lead}line {found.statement.line}: {found.finding.title} ({found.finding.code})")
    if not repair.found or not (repair.verified or options.unverified):
        first = faults(report)[0]
        _say(f"line {first.span.line}: {first.title} ({first.code})") if not repair.found else None
        _say(f"no verified fix: {repair.reason or 'not every gradient came out right'} "
             f"({repair.runs} runs, {repair.seconds:.1f} s)")  # fmt: skip
        return 1
    if options.check:
        _say("a verified fix is known: `backproof fix` shows it" if repair.verified
             else "an edit is known that helps: `backproof fix --unverified` shows it")  # fmt: skip
        return 1
    for path, data in repair.files.items():
        sys.stdout.write(diff(os.path.relpath(path), workshop.read(path), data))
    sys.stdout.flush()
    if repair.verified:
        _say(f"verified: {witnessed(repair)}, in a fresh process "
             f"({repair.runs} runs, {repair.seconds:.1f} s)")  # fmt: skip
    else:
        _say("not verified: the edit helps, but not every gradient is right with it")
    for line in effect(repair):
        _say(line)
    if not options.write:
        return 1
    for path, data in repair.files.items():
        try:
            kept = write(path, workshop.read(path), data)
        except CannotPatch as error:
            fail(str(error))
            return FAILED
        _say(f"{os.path.relpath(path)} is written; the old file is {os.path.relpath(kept)}")
    return 0 if repair.verified else 1


def _say(text: str) -> None:
    """Print a line where reports go: the diff alone goes to the standard output."""
    print(text, file=sys.stderr)
