"""What a program drops is gone at once, also where its steps are recorded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DROPPED = """
import numpy as np
rng = np.random.default_rng(0)
x, t = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
w = rng.normal(size=(3, 2))

class Note:
    def __init__(self, i):
        self.i = i
    def say(self, value):
        return value
    def __del__(self):
        print("gone", self.i)

for i in range(6):
    e = x @ w - t
    loss = 0.5 * (e ** 2).sum() / len(x)
    Note(i).say(loss)
    open("log.txt", "a").write("a line\\n")
    print(i, len(open("log.txt").read()))
    w -= 0.1 * x.T @ e / len(x)
p = x @ w
open("log.txt", "a").write("the end")
print(len(open("log.txt").read()))
"""


def test_objects_whose_methods_are_called_do_not_outlive_them(tmp_path: Path) -> None:
    outputs = []
    for way in ([], ["-m", "backproof", "run", "--no-fix"]):
        folder = tmp_path / str(len(way))
        folder.mkdir()
        (folder / "train.py").write_text(DROPPED)
        done = subprocess.run(
            [sys.executable, *way, "train.py"], cwd=folder, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip
        outputs.append((done.stdout, (folder / "log.txt").read_text()))
    assert outputs[0] == outputs[1]
    assert "gone 5" in outputs[0][0]
