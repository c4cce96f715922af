"""The command line: ``backproof run``, ``fix``, ``explain``, ``demo``."""

from __future__ import annotations

import os
import sys

import backproof
from backproof.commands import demo, explain, fix, run
from backproof.commands.arguments import Formatter, Parser, fail

DESCRIPTION = """\
backproof verifies hand-written backpropagation: it runs a NumPy training
program as it is, checks the gradient of every parameter, names the expression
that is wrong, and explains the first NaN."""

EXAMPLES = """\
examples:
  backproof run train.py        verify the gradients of your program
  backproof fix train.py        show the edit that makes them right
  backproof explain BP101       what a code means
  backproof demo                a program that goes wrong, explained

`backproof COMMAND --help` tells more.
"""

_COMMANDS = {
    "run": (run, "run a program and verify its gradients"),
    "fix": (fix, "find the edit that makes every gradient right, and try it"),
    "explain": (explain, "explain a code such as BP101, or list all codes"),
    "demo": (demo, "see a program that goes wrong, and why"),
}


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status.

    Parameters
    ----------
    argv : list of str, optional
        The arguments; by default those of this process.
    """
    arguments = sys.argv[1:] if argv is None else argv
    process = os.getpid()
    parser = _parser()
    if arguments and arguments[0] not in _COMMANDS and os.path.isfile(arguments[0]):
        return fail(f"to run a program: backproof run {' '.join(arguments)}")
    options = parser.parse_args(arguments)
    try:
        return int(_COMMANDS[options.command][0].execute(options))
    except KeyboardInterrupt:
        return fail("interrupted before there was anything to report")
    except Exception as error:
        if os.getpid() != process or os.environ.get("BACKPROOF_TESTING", "") not in ("", "0"):
            raise
        return fail(f"backproof itself failed: {type(error).__name__}: {error} "
                    "(BACKPROOF_TESTING=1 shows where)")  # fmt: skip


def _parser() -> Parser:
    parser = Parser(prog="backproof", description=DESCRIPTION, epilog=EXAMPLES,
                    formatter_class=Formatter)  # fmt: skip
    parser.add_argument("--version", action="version",
                        version=f"backproof {backproof.__version__}")  # fmt: skip
    commands = parser.add_subparsers(dest="command", required=True, title="commands",
                                     metavar="COMMAND", parser_class=Parser)  # fmt: skip
    for name, (command, summary) in _COMMANDS.items():
        command.configure(commands.add_parser(
            name, help=summary, description=command.DESCRIPTION, epilog=command.EXAMPLES,
            formatter_class=Formatter,
        ))  # fmt: skip
    return parser


if __name__ == "__main__":
    sys.exit(main())
