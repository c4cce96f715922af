"""``backproof explain CODE``: the page of a code, or the list of all codes."""

from __future__ import annotations

import argparse
import os
import sys
from importlib.resources import files

from backproof.codes import CODES, FAMILIES, Code, UnknownCode, find
from backproof.commands.arguments import fail

DESCRIPTION = """\
Explain a code: what it means, why it matters, a wrong example and the right
form. Without a code, list all of them."""

EXAMPLES = """\
examples:
  backproof explain BP101
  backproof explain read-after-update
  backproof explain | grep update
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("code", nargs="?", metavar="CODE", help="BP101, or its name")


def execute(options: argparse.Namespace) -> int:
    """Print a page; returns the exit status."""
    if options.code is None:
        text = listing()
    else:
        try:
            text = page(find(options.code))
        except UnknownCode as error:
            return fail(str(error))
    try:
        show(text)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def page(code: Code) -> str:
    """Return the page of a code, in Markdown."""
    return (files("backproof") / "explain" / f"{code.code}.md").read_text("utf-8")


def listing() -> str:
    """Return all codes with their meaning, in Markdown."""
    lines = ["# Codes", ""]
    for prefix, family in FAMILIES.items():
        lines += [f"## {prefix}xx: {family}", ""]
        lines += [
            f"- `{code.code}` {code.name}: {code.meaning}"
            for code in CODES.values() if code.code.startswith(prefix)
        ]  # fmt: skip
        lines.append("")
    return "\n".join(lines)


def show(text: str) -> None:
    """Print Markdown: rendered on a terminal, as it stands elsewhere."""
    from backproof.report.colour import wants_colour, width_of

    if not wants_colour(sys.stdout):
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        return
    from rich.console import Console
    from rich.markdown import Markdown

    width = min(width_of(sys.stdout), 100)
    console = Console(file=sys.stdout, force_terminal=True, width=width, color_system="standard")
    console.print(Markdown(text, code_theme="ansi_dark"))
