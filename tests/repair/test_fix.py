"""`backproof fix`, end to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

NET = """\
import sys
import numpy as np

# dW of the mean squared error
rng = np.random.default_rng(3)
X = rng.normal(size=(20, 3))
Y = X @ np.array([[1.0], [-2.0], [0.5]])
W = rng.normal(size=(3, 1))
b = np.zeros((1, 1))
for step in range(30):
    P = X @ W + b
    cost = np.mean((P - Y) ** 2)
    dP = 2 * (P - Y) / len(X)
    dW = X.T @ dP          # by the chain rule
    db = dP.sum(axis=0, keepdims=True)
    W -= 0.1 * dW
    b -= 0.1 * db
    print(f"step {step} cost {cost:.6f}")
"""
WRONG = NET.replace("db = dP.sum(axis=0, keepdims=True)", "db = dP.mean(axis=0, keepdims=True)")


def fix(folder: Path, *options: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "backproof", "fix", *options], cwd=folder, input=given,
        env=environment, capture_output=True, timeout=60, check=False,
    )  # fmt: skip


def test_the_diff_and_its_effect_are_shown_and_nothing_is_written(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(WRONG)
    done = fix(tmp_path, "--json", "out.json", "train.py")
    assert done.returncode == 1, done.stderr
    assert b"-    db = dP.mean(axis=0, keepdims=True)\n" in done.stdout
    assert b"+    db = dP.sum(axis=0, keepdims=True)\n" in done.stdout
    assert b"verified: all 2 gradients right on" in done.stderr
    assert b"cost at step" in done.stderr
    assert script.read_text() == WRONG
    report = json.loads((tmp_path / "out.json").read_text())
    assert report["findings"][0]["fix"]["verified"] is True
    assert report["findings"][0]["fix"]["edits"][0]["file"] == str(script)


def test_written_fixes_keep_the_old_file_and_leave_nothing_to_fix(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_bytes(WRONG.replace("\n", "\r\n").encode())
    done = fix(tmp_path, "--write", "train.py")
    assert done.returncode == 0, done.stderr
    assert script.read_bytes() == NET.replace("\n", "\r\n").encode()
    assert (tmp_path / "train.py.orig").read_bytes() == WRONG.replace("\n", "\r\n").encode()
    again = fix(tmp_path, "--check", "train.py")
    assert (again.returncode, again.stdout) == (0, b"")
    assert b"nothing to fix" in again.stderr


def test_the_program_cannot_touch_the_users_files(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "data.txt").write_text("7")
    lines = (
        'answer = sys.stdin.readline()\nassert answer == "yes\\n"\n'
        'open("data.txt", "a").write("!")\nopen("log.txt", "w").write(answer)\n'
    )
    (folder / "train.py").write_text(WRONG.replace("# dW of the mean squared error\n", lines))
    done = fix(folder, "train.py", given=b"yes\n")
    assert b"verified" in done.stderr, done.stderr
    assert (folder / "data.txt").read_text() == "7"
    assert sorted(p.name for p in folder.iterdir()) == ["data.txt", "train.py"]


@pytest.mark.parametrize("script", ["missing.py", ""])
def test_wrong_usage_is_one_line(tmp_path: Path, script: str) -> None:
    done = fix(tmp_path, *([script] if script else []))
    assert done.returncode == 2
    assert done.stderr.startswith(b"backproof: error: ")
    assert done.stderr.count(b"\n") == 1
