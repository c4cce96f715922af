"""``backproof run``: run a program, judge it, report."""

from __future__ import annotations

import argparse
import ast
import os
import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, TextIO

from backproof.codes import UnknownCode, parse
from backproof.commands.arguments import FAILED, fail, positive
from backproof.options import RunOptions
from backproof.placeholders import at_placeholders

if TYPE_CHECKING:
    from backproof.finding import Report
    from backproof.repair.surroundings import Surroundings

#: Seconds that the search for fixes may take, and as many as those of the judged steps.
FIX_TIME, LONGEST_FIX = 5, 20

DESCRIPTION = """\
Run a training program as Python would, verify the gradient of every parameter,
and name the expression that is wrong, or where the first NaN comes from. The
program needs no change. It prints what it always prints; the report follows on
stderr."""

USAGE = """\
backproof run [options] SCRIPT [ARGS…]
       backproof run [options] -m MODULE [ARGS…]"""

EXAMPLES = """\
exit status:
  0  no error was found
  1  errors were found, or the program failed before there was one step to judge
  2  wrong usage, no such program, or a failure of backproof itself

examples:
  backproof run train.py --epochs 10         what follows the script is its own
  backproof run --steps 50 train.py          stop after 50 updates
  backproof run -m package.train
  backproof run notebook.ipynb
  backproof run --cost self.loss train.py    if another scalar was taken for it
  backproof run --json report.json --quiet train.py

A comment on the line of a finding takes it out of the report:
  dZ = A - Y    # backproof: ignore[BP103]
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.usage = USAGE
    program = parser.add_argument_group("the program")
    program.add_argument(
        "program", nargs=argparse.REMAINDER, metavar="SCRIPT [ARGS…]",
        help="script, notebook or folder to run, and its own arguments",
    )  # fmt: skip
    parser.usage = USAGE
    program.add_argument("-m", dest="module", action="store_true",
                         help="what follows is the name of a module")  # fmt: skip
    program.add_argument("--steps", type=positive, metavar="N",
                         help="stop after N updates of the parameters")  # fmt: skip
    program.add_argument("--include", action="append", default=[], metavar="MODULE",
                         help="instrument this module or package too (repeatable); modules beside "
                         "the script are instrumented anyway")  # fmt: skip
    program.add_argument("--show-plots", action="store_true",
                         help="let the program open windows; else plt.show() returns at "
                         "once")  # fmt: skip
    judging = parser.add_argument_group("judging")
    judging.add_argument("--cost", type=_expression, metavar="NAME",
                         help="the cost that the gradients belong to, as the program calls "
                         "it")  # fmt: skip
    judging.add_argument("--gradient", action="append", type=_pair, default=[],
                         metavar="PARAM=GRAD",
                         help="which gradient belongs to a parameter (repeatable)")  # fmt: skip
    fixing = judging.add_mutually_exclusive_group()
    fixing.add_argument("--fix-time", type=positive, metavar="SECONDS",
                        help="search a fix for each wrong gradient for so long "
                        f"({FIX_TIME}; up to {LONGEST_FIX} where judging took longer)")  # fmt: skip
    fixing.add_argument("--no-fix", action="store_true",
                        help="search no fix: the program is not run again")  # fmt: skip
    judging.add_argument("--max-events", type=positive, default=RunOptions().max_events,
                         metavar="N",
                         help="judge steps of up to N operations (%(default)s)")  # fmt: skip
    add_report_options(parser)


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that concern the report."""
    group = parser.add_argument_group("the report")
    group.add_argument("--json", metavar="OUT", help="write the report to this file as JSON, too")
    group.add_argument("--select", type=_codes, metavar="CODES",
                       help="report these codes only: BP101,BP105 or a family, BP1")  # fmt: skip
    group.add_argument("--ignore", type=_codes, metavar="CODES", default=frozenset(),
                       help="leave these codes out")  # fmt: skip
    volume = group.add_mutually_exclusive_group()
    volume.add_argument("-q", "--quiet", action="store_true",
                        help="print errors and warnings only")  # fmt: skip
    volume.add_argument("-v", "--verbose", action="store_true",
                        help="list every parameter, verified or not")  # fmt: skip
    group.add_argument("--timing", action="store_true", help="print how long the run took")


def execute(options: argparse.Namespace) -> int:
    """Run what the command line names; returns the exit status."""
    program: list[str] = options.program
    if program and program[0] == "--":
        program = program[1:]
    if not program:
        what = "-m needs the name of a module" if options.module else "there is no script to run"
        return fail(f"{what} (see `backproof run --help`)")
    return examine(program[0], program[1:], options, module=options.module)


def examine(
    target: str, argv: list[str], options: argparse.Namespace, *, module: bool = False
) -> int:
    """Run a program under the debugger and report; returns the exit status."""
    # All that the report needs is imported before the program may change where modules come from,
    # and the streams are those of this moment: the program may replace or close its own.
    from backproof.report import json as json_report
    from backproof.report import terminal
    from backproof.report.colour import is_terminal, wants_colour, width_of
    from backproof.report.filter import filtered

    stream = sys.stderr
    layout = terminal.Layout(
        width=width_of(stream), base=os.getcwd(), verbose=options.verbose, quiet=options.quiet,
        timing=options.timing,
    )  # fmt: skip
    colour = wants_colour(stream)
    if colour:
        import rich.console
        import rich.text  # noqa: F401
    output = None
    if options.json is not None:
        try:
            output = json_report.Output(options.json)
        except json_report.CannotWrite as error:
            return fail(str(error))
    from backproof.repair.surroundings import Surroundings
    from backproof.session import run
    from backproof.trace.launch import CannotLaunch

    wishes = RunOptions(
        steps=getattr(options, "steps", None),
        include=tuple(getattr(options, "include", ())),
        cost=getattr(options, "cost", None),
        gradients=tuple(getattr(options, "gradient", ())),
        max_events=getattr(options, "max_events", RunOptions().max_events),
        show_plots=getattr(options, "show_plots", False),
    )
    around = Surroundings.now()
    progress = None
    if is_terminal(stream) and not options.quiet:
        from backproof.progress import Progress

        progress = Progress(stream)
    try:
        report = run(
            target, argv, wishes, module=module, restore=False,
            pulse=None if progress is None else progress.show,
        )  # fmt: skip
    except CannotLaunch as error:
        return fail(str(error))
    finally:
        if progress is not None:
            progress.close()
    report = at_placeholders(filtered(report, select=options.select, ignore=options.ignore))
    seconds = 0 if getattr(options, "no_fix", True) else options.fix_time or _patience(report)
    wrong = [
        f for f in report.findings
        if f.severity == "error" or f.of_optimiser or f.code == "BP103" or "strength" in f.evidence
    ]  # fmt: skip
    if seconds and any(f.code < "BP2" for f in wrong):
        report = _fixed(report, target, argv, wishes, around, module, seconds)
        report = at_placeholders(report)  # an edit may have been made where it is not missing
    from backproof.aliases import named

    report = named(report)
    if output is not None:
        try:
            output.write(report)
        except json_report.CannotWrite as error:
            return fail(str(error))
    terminal.write(report, _open(stream), layout, colour=colour)
    mistakes = list(_mistakes(wishes, report))
    for mistake in mistakes:
        fail(mistake)
    if mistakes:
        return FAILED
    if any(finding.severity == "error" for finding in report.findings):
        return 1
    return int(report.script_exit != 0 and not report.gradient.parameters)


def _patience(report: Report) -> int:
    """Return the seconds for fixes: what the judged steps took, at least."""
    return min(LONGEST_FIX, max(FIX_TIME, round(report.timing.get("analysis_s", 0.0))))


def _fixed(
    report: Report, target: str, argv: list[str], wishes: RunOptions, around: Surroundings,
    module: bool, seconds: int,
) -> Report:  # fmt: skip
    """Add fixes to a report; a failure of ours leaves it as it is."""
    path = sys.path[:]
    sys.path[:] = around.path  # the program's own modules must not stand before ours
    try:
        from backproof.repair.attach import with_fixes

        return with_fixes(report, target, argv, wishes, around, module=module, seconds=seconds)
    except Exception as error:
        if os.environ.get("BACKPROOF_TESTING"):
            raise
        warning = f"no fix was searched: {type(error).__name__}: {error}"
        return replace(report, warnings=(*report.warnings, warning))
    finally:
        sys.path[:] = path


def _open(stream: TextIO) -> TextIO:
    """Return a stream; where the program has closed it, one to the same place."""
    if not stream.closed:
        return stream
    try:
        return open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
    except OSError:
        return open(os.devnull, "w", encoding="utf-8")


# ---- hints -------------------------------------------------------------------------------------


def _codes(text: str) -> frozenset[str]:
    try:
        return parse(text)
    except UnknownCode as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _expression(text: str) -> str:
    try:
        ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError):
        raise argparse.ArgumentTypeError(f"{text!r} is no name of Python's") from None
    return text.strip()


def _pair(text: str) -> tuple[str, str]:
    parameter, equals, gradient = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"must be PARAM=GRAD, such as W1=dW1, not {text!r}")
    return _expression(parameter), _expression(gradient)


def _mistakes(wishes: RunOptions, report: Report) -> list[str]:
    """Return a line for each hint that names nothing in the program."""
    if not report.sources:
        return []
    hints = [] if wishes.cost is None else [("--cost", wishes.cost)]
    hints += [("--gradient", name) for pair in wishes.gradients for name in pair]
    words: set[str] = set()
    for text in report.sources.values():
        words.update(re.findall(r"\w+", text))
    return [
        f"{option}: nothing in the program is called `{name}`"
        for option, name in hints if not set(re.findall(r"[^\W\d]\w*", name)) <= words
    ]  # fmt: skip
