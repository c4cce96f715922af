"""Fill the README's blocks with what its commands print now: ``make docs``.

A block begins with ``<!-- output of: COMMAND -->`` and ends with ``<!-- end of output -->``; what
stands between is replaced. Commands run in the repository, without colour, 100 columns wide.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- output of: (.+?) -->\n).*?(<!-- end of output -->)", re.DOTALL)


def output_of(command: str) -> str:
    """Run ``backproof …`` and return all it prints, as on a terminal.

    Raises
    ------
    SystemExit
        The command is another program, or failed (a status above 1; 1 says that errors were found).
    """
    program, *arguments = shlex.split(command)
    if program != "backproof":
        raise SystemExit(f"only backproof is run from the README, not {program}")
    environment = {key: value for key, value in os.environ.items() if key != "FORCE_COLOR"}
    environment |= {
        "COLUMNS": "100", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1", "MPLBACKEND": "Agg",
    }  # fmt: skip
    finished = subprocess.run(
        [sys.executable, "-m", "backproof", *arguments],
        cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
    )  # fmt: skip
    if finished.returncode > 1:
        raise SystemExit(f"{command} ended with {finished.returncode}:\n{finished.stdout}")
    lines = finished.stdout.replace(f"{ROOT}{os.sep}", "").splitlines()
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def refreshed(text: str) -> str:
    """Return the text with every block filled anew."""

    def fill(block: re.Match[str]) -> str:
        command = block[2]
        return f"{block[1]}```console\n$ {command}\n{output_of(command)}\n```\n{block[3]}"

    result, count = BLOCK.subn(fill, text)
    if not count:
        raise SystemExit(f"{README.name} holds no block to fill")
    return result


def main() -> None:
    """Rewrite the README in place."""
    README.write_text(refreshed(README.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
