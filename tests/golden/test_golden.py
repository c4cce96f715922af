"""A reader's report, letter by letter.

To take over changes that are meant: ``BACKPROOF_GOLDEN=write pytest tests/golden``, then look at
the difference before you commit it.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from backproof.report import json as json_report
from backproof.report.terminal import Layout, write
from tests.golden import reports

HERE = Path(__file__).parent
EXPECTED = HERE / "expected"
BASE = "/home/ada/net"

#: Numbers that are rounding error, which differs from one processor to another.
_NOISE = re.compile(r"\b\d(?:\.\d+)?e-1\d\b")
#: How many steps a fix was judged on, which a slow machine makes fewer.
_HELD = re.compile(r"(?<=right on )\d+(?= judged steps)")


def compare(name: str, text: str) -> None:
    """Compare a text with the one kept in the file `name`."""
    kept = EXPECTED / name
    if os.environ.get("BACKPROOF_GOLDEN") == "write":
        kept.write_text(text, "utf-8")
    assert text == kept.read_text("utf-8")


@pytest.mark.parametrize("width", [60, 100])
@pytest.mark.parametrize("name", ["right", "wrong", "odd"])
def test_terminal(name: str, width: int) -> None:
    stream = io.StringIO()
    write(getattr(reports, name)(), stream, Layout(width=width, base=BASE), colour=False)
    text = stream.getvalue()
    assert "\x1b" not in text
    compare(f"{name}-{width}.txt", text)


@pytest.mark.parametrize("option", ["quiet", "verbose", "timing"])
def test_terminal_options(option: str) -> None:
    stream = io.StringIO()
    for name in ("right", "wrong"):
        layout = Layout(base=BASE, **{option: True})
        write(getattr(reports, name)(), stream, layout, colour=False)
    compare(f"{option}.txt", stream.getvalue())


def test_terminal_colours() -> None:
    stream = io.StringIO()
    write(reports.wrong(), stream, Layout(width=80, base=BASE), colour=True)
    text = stream.getvalue()
    compare("wrong-colour.txt", text)
    plain = io.StringIO()
    write(reports.wrong(), plain, Layout(width=80, base=BASE), colour=False)
    assert re.sub(r"\x1b\[[\d;]*m", "", text) == plain.getvalue()


@pytest.mark.parametrize("name", ["right", "wrong", "odd"])
def test_json(name: str) -> None:
    document = json_report.as_document(getattr(reports, name)())
    compare(
        f"{name}.json", json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    )


@pytest.mark.parametrize("name", ["linear", "sign", "raises"])
def test_run(name: str, tmp_path: Path) -> None:
    """A small program, run as a user runs it."""
    environment = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "NO_COLOR")}
    environment |= {"COLUMNS": "100", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "backproof", "run", "--json", tmp_path / "o.json", f"{name}.py"],
        cwd=HERE / "programs", env=environment, text=True, stdin=subprocess.DEVNULL,
        capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    folder = str(HERE / "programs") + os.sep
    text = f"{done.stdout}--- stderr\n{done.stderr}--- exit status {done.returncode}\n"
    text = _HELD.sub("several", text.replace(folder, ""))
    compare(f"run-{name}.txt", _NOISE.sub("0", text))
    document = json.loads((tmp_path / "o.json").read_text("utf-8"))
    del document["timing"]
    text = json.dumps(document, indent=2, ensure_ascii=False).replace(folder, "")
    compare(f"run-{name}.json", _settled(_HELD.sub("several", text)) + "\n")


def _settled(text: str) -> str:
    """Shorten numbers to six digits, and rounding error to nothing."""

    def short(match: re.Match[str]) -> str:
        number = float(match[0])
        return "0.0" if abs(number) < 1e-9 else f"{number:.6g}"

    return re.sub(r"-?\d+\.\d+(?:e[+-]?\d+)?|-?\d+e-\d+", short, text)
