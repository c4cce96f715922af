"""The page of covered operations is what the rules say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backproof.calculus import table
from backproof.calculus.rules import TABLE
from backproof.calculus.table import name_of

PAGE = Path(__file__).parents[2] / "docs" / "rules.md"


@pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.3.0", reason="older NumPy lacks listed functions"
)
def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == table.text(), (
        "run: python -m backproof.calculus.table"
    )


def test_every_rule_is_listed() -> None:
    page = table.text()
    listed = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
    own = {f for _, module in table.SECTIONS for f in module.RULES}
    assert {name_of(f) for f in own} <= listed
    assert own <= set(TABLE)


def test_no_two_functions_share_a_name() -> None:
    own = [f for _, module in table.SECTIONS for f in module.RULES]
    names = [name_of(f) for f in dict.fromkeys(own)]
    assert len(names) == len(set(names))


def test_main_writes_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["table", str(tmp_path / "page.md")])
    table.main()
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == table.text()
