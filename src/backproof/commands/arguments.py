"""How the command line reads: help as people expect it, errors in one line."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

#: Exit status: wrong usage, or a failure of ours.
FAILED = 2


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Help with room for the options, and without a heading over the list of commands."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)

    def _format_action(self, action: argparse.Action) -> str:
        text = super()._format_action(action)
        return text.partition("\n")[2] if action.nargs == argparse.PARSER else text


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """End with status 2 and one line."""
        fail(f"{message} (see `{self.prog} --help`)")
        sys.exit(FAILED)


def fail(message: str) -> int:
    """Print an error of usage, or of ours, in one line; returns the exit status."""
    print(f"backproof: error: {' '.join(message.split())}", file=sys.stderr)
    return FAILED


def positive(text: str) -> int:
    """Read a number above zero."""
    try:
        number = int(text.replace("_", ""))
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number above zero, not {text!r}")
    return number
