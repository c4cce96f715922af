"""What the README shows happens: its outputs, as far as they are the same on every machine."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text("utf-8")
NUMBER = re.compile(r"(?<!\w)-?\d[\d,]*(\.\d+)?(e[+-]?\d+)?|\bnan\b|\binf\b")
#: Lines of a report that say what was found, where, and what to do.
TELLING = re.compile(r"gradients:|error\[|help:|  see:| +-->")


def refresh() -> Any:
    spec = importlib.util.spec_from_file_location("refresh", ROOT / "docs" / "refresh_readme.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blocks() -> list[tuple[str, str]]:
    """Return each block's command, and the output shown."""
    found = re.findall(
        r"<!-- output of: (.+?) -->\n```console\n\$ (.+?)\n(.*?)\n```\n<!-- end of output -->",
        TEXT,
        re.DOTALL,
    )
    assert len(found) == TEXT.count("<!-- output of:") == TEXT.count("<!-- end of output -->")
    assert all(command == shown for command, shown, _ in found)
    return [(command, output) for command, _, output in found]


def programs_own(output: str) -> list[str]:
    """Return the lines that the program prints, numbers masked.

    Without its warnings: whether the first quotient of a run is 1/0 or 0/0 hangs on the last bits.
    """
    lines = output.partition("\ngradients:")[0].strip().splitlines()
    told = [line for line in lines if "Warning" not in line and not line.startswith("  ")]
    return [NUMBER.sub("#", line) for line in told]


def findings(output: str) -> list[str]:
    """Return what the report says, folded lines joined, numbers but those of places masked.

    Advice on the step size is left out: it is tried for as long as a quick machine would need.
    """
    report = output[output.index("\ngradients:") :]
    report = re.sub(r"^(warning|note)\[BP3.*?(\n\n|\Z)", "", report, flags=re.DOTALL | re.MULTILINE)
    lines: list[str] = []
    telling = False
    for line in report.splitlines():
        if TELLING.match(line):
            telling = True
            lines.append(line.strip() if "-->" in line else NUMBER.sub("#", line.strip()))
        elif telling and line.startswith("    ") and line.strip(" |"):
            lines[-1] += " " + NUMBER.sub("#", line.strip())
        else:
            telling = False
    return lines


def test_both_halves_are_shown() -> None:
    commands = [command for command, _ in blocks()]
    assert any(c.endswith("examples/flower.py") for c in commands)
    assert any("examples/flower_fixed.py docs/images/flower.png" in c for c in commands)
    assert "](docs/images/flower.png)" in TEXT
    assert (ROOT / "docs" / "images" / "flower.png").read_bytes().startswith(b"\x89PNG")
    assert "Traceback" not in TEXT


@pytest.mark.slow
@pytest.mark.parametrize(("command", "shown"), blocks())
def test_output_is_what_is_shown(command: str, shown: str, tmp_path: Path) -> None:
    own = command.replace("docs/images", str(tmp_path))  # the repository's picture stays
    printed = refresh().output_of(own).replace(str(tmp_path), "docs/images")
    assert programs_own(printed) == programs_own(shown)
    assert findings(printed) == findings(shown)
    assert findings(shown)[0].startswith("gradients: # of # parameters verified")
    if "flower_fixed" in command:
        right, total = re.search(r"tanh units: (\d+) of (\d+) correct", printed).groups()
        assert int(right) >= 0.9 * int(total)
        assert "nan" not in printed
        assert (tmp_path / "flower.png").exists()


def test_a_block_is_filled_anew(monkeypatch: Any) -> None:
    module = refresh()
    monkeypatch.setattr(module, "output_of", lambda command: f"<{command}>")
    text = module.refreshed("a\n<!-- output of: backproof x -->\nold\n<!-- end of output -->\nb\n")
    assert text == (
        "a\n<!-- output of: backproof x -->\n```console\n$ backproof x\n<backproof x>\n```\n"
        "<!-- end of output -->\nb\n"
    )
    assert module.refreshed(text) == text


def test_examples_run() -> None:
    sources = re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    assert sources
    for source in sources:
        exec(source, {})


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (ROOT / target).exists(), target
