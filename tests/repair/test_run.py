"""`backproof run` shows fixes that were run, and touches nothing for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backproof.repair.attach import asks
from tests.repair.test_fix import NET, WRONG


def run(
    folder: Path, *options: str, given: bytes | None = None
) -> tuple[subprocess.CompletedProcess[bytes], dict[str, Any]]:
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    stdin: dict[str, Any] = {"stdin": subprocess.DEVNULL} if given is None else {"input": given}
    command = [sys.executable, "-m", "backproof", "run", "--json", "out.json", *options]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=60,
                          check=False, **stdin)  # fmt: skip
    return done, json.loads((folder / "out.json").read_text("utf-8"))


def plain(folder: Path) -> bytes:
    command = [sys.executable, "train.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout


def made(text: bytes, report: dict[str, Any]) -> bytes:
    """Make the edits of the first fix, as an editor would."""
    lines = text.decode("utf-8").splitlines(keepends=True)
    for edit in reversed(report["findings"][0]["fix"]["edits"]):
        assert edit["line"] == edit["end_line"]
        line = lines[edit["line"] - 1]
        head, tail = line[: edit["column"] - 1], line[edit["end_column"] - 1 :]
        lines[edit["line"] - 1] = head + edit["text"] + tail
    return "".join(lines).encode("utf-8")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_verified_fix_is_exact_and_right(tmp_path: Path, end: str) -> None:
    script = tmp_path / "train.py"
    script.write_bytes(WRONG.replace("# dW", "# ∂W, in Σ").replace("\n", end).encode())
    before = script.read_bytes()
    done, report = run(tmp_path, "--fix-time", "30", "train.py")
    fix = report["findings"][0]["fix"]
    assert fix["verified"] is True, done.stderr
    assert b"[verified: all 2 gradients right" in done.stderr
    assert script.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.json", "train.py"]
    script.write_bytes(made(before, report))
    repaired = plain(tmp_path)
    script.write_text(NET)
    assert repaired.splitlines() == plain(tmp_path).splitlines()


def test_no_temporary_files_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beside, folder = tmp_path / "temporary", tmp_path / "project"
    beside.mkdir()
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(beside))
    (folder / "train.py").write_text(WRONG)
    _, report = run(folder, "--fix-time", "30", "train.py")
    assert report["findings"][0]["fix"]["verified"] is True
    assert list(beside.iterdir()) == []


def test_no_fix_means_no_second_run(tmp_path: Path) -> None:
    note = 'open("runs.txt", "a").write("x")\n'
    (tmp_path / "train.py").write_text(WRONG.replace("rng =", note + "rng =", 1))
    _, report = run(tmp_path, "--no-fix", "train.py")
    assert report["findings"][0]["fix"] is None
    assert (tmp_path / "runs.txt").read_text() == "x"


def test_what_the_program_writes_is_written_once(tmp_path: Path) -> None:
    note = 'open("runs.txt", "a").write("x")\n'
    (tmp_path / "train.py").write_text(WRONG.replace("rng =", note + "rng =", 1))
    _, report = run(tmp_path, "--fix-time", "30", "train.py")
    assert report["findings"][0]["fix"]["verified"] is True
    assert (tmp_path / "runs.txt").read_text() == "x"


def test_input_that_is_gone_is_not_asked_for_again(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(WRONG.replace("rng =", "input()\nrng =", 1))
    done, report = run(tmp_path, "train.py", given=b"go\n")
    assert report["findings"][0]["fix"] is None
    assert b"no verified fix: the program reads its standard input" in done.stderr
    assert asks("import sys\nfor line in sys.stdin: pass")
    assert not asks("inputs = [1]")


def test_the_network_is_not_used_a_second_time(tmp_path: Path) -> None:
    connect = (
        "import socket\ns = socket.socket()\ntry:\n    s.connect(('127.0.0.1', 9))\n"
        "except ConnectionError:\n    pass\nrng ="
    )
    (tmp_path / "train.py").write_text(WRONG.replace("rng =", connect, 1))
    done, report = run(tmp_path, "--fix-time", "30", "train.py")
    assert report["findings"][0]["fix"] is None
    assert b"may not use the network" in b" ".join(done.stderr.split())


def test_a_program_that_takes_long_to_begin_is_said_to(tmp_path: Path) -> None:
    slow = "import time\ntime.sleep(2)\nrng ="
    (tmp_path / "train.py").write_text(WRONG.replace("rng =", slow, 1))
    done, report = run(tmp_path, "--fix-time", "1", "train.py")
    assert report["findings"][0]["fix"] is None
    assert b"no verified fix: " in done.stderr


def test_a_finding_moves_to_its_fix(tmp_path: Path) -> None:
    """Through two helpers, what is blamed is not where the slip is."""
    text = WRONG.replace("dP.mean(axis=0, keepdims=True)", "total(dP)").replace(
        "rng =", "def total(g):\n    return g.mean(axis=0, keepdims=True)\n\nrng =", 1
    )
    (tmp_path / "train.py").write_text(text)
    _, report = run(tmp_path, "--fix-time", "30", "train.py")
    finding = report["findings"][0]
    assert finding["fix"]["verified"] is True
    assert finding["line"] in (finding["fix"]["edits"][0]["line"], 5)


def test_a_notebook_keeps_its_cells(tmp_path: Path) -> None:
    head, _, tail = WRONG.partition("for step")
    cells = [{"cell_type": "code", "source": text, "metadata": {}, "outputs": []}
             for text in (head, "for step" + tail)]  # fmt: skip
    (tmp_path / "net.ipynb").write_text(json.dumps({"cells": cells, "nbformat": 4}))
    _, report = run(tmp_path, "--fix-time", "30", "net.ipynb")
    fix = report["findings"][0]["fix"]
    assert fix["verified"] is True
    assert fix["edits"][0]["cell"] == 2


TRIPLETS = """
import numpy as np
rs = np.random.RandomState(42)
X, M, vel = rs.randn(40, 6), rs.randn(6, 3) * 0.3, 0.0
for it in range(20):
    a, p, n = rs.randint(0, 40, (3, 20))
    ea, ep, en = X[a] @ M, X[p] @ M, X[n] @ M
    dp, dn = ea - ep, ea - en
    viol = (dp ** 2).sum(1) - (dn ** 2).sum(1) + 1.0
    act = (viol > 0).astype(float)[:, None]
    loss = np.maximum(viol, 0).mean()
    ga = 2 * act * (dp - dn) / 20
    gp = -2 * act * dn / 20
    gn = 2 * act * dn / 20
    grad = X[a].T @ ga + X[p].T @ gp + X[n].T @ gn
    vel = 0.5 * vel - 0.02 * grad
    M = M + vel
    print(loss)
"""


def test_the_exchange_that_is_told_comes_before_other_ways_to_its_value(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TRIPLETS)
    _, report = run(tmp_path, "--fix-time", "30", "train.py")
    fix = report["findings"][0]["fix"]
    assert fix["after"].strip() == "gp = -2 * act * dp / 20"
    assert fix["verified"]
