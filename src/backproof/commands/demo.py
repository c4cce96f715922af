"""``backproof demo``: the flower program: right gradients, and yet a cost that turns into NaN."""

from __future__ import annotations

import argparse
from pathlib import Path

from backproof.commands import run
from backproof.commands.arguments import fail

DESCRIPTION = """\
Run backproof on a program that comes with it: a two-layer network for the
flower data, with backpropagation written by hand. Its cost falls, and then
turns into `nan`."""

EXAMPLES = """\
examples:
  backproof demo
  backproof demo --json report.json
"""

_PACKAGE = Path(__file__).resolve().parents[1]
#: In a wheel it lies in the package; in the repository, where a reader looks for it.
_PLACES = (_PACKAGE / "examples" / "flower.py", _PACKAGE.parents[1] / "examples" / "flower.py")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    run.add_report_options(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the program; returns the exit status."""
    script = next((place for place in _PLACES if place.is_file()), None)
    if script is None:
        return fail("the program of the demonstration is missing from this installation")
    return run.examine(str(script), [], options)
