"""A backward pass whose `return` is indented into its loop: the layers below get no gradient."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.quality

NET = """
import numpy as np
rng = np.random.RandomState(0)
s = lambda z: 1 / (1 + np.exp(-z))

class Net:
    def __init__(self, sizes):
        self.w = [rng.randn(m, n) for n, m in zip(sizes, sizes[1:])]
        self.b = [rng.randn(m, 1) for m in sizes[1:]]

    def backprop(self, x, y):
        nw, nb = [np.zeros(w.shape) for w in self.w], [np.zeros(b.shape) for b in self.b]
        acts = [x]
        for w, b in zip(self.w, self.b):
            acts.append(s(w @ acts[-1] + b))
        delta = (acts[-1] - y) * acts[-1] * (1 - acts[-1])
        nw[-1], nb[-1] = delta @ acts[-2].T, delta.sum(1, keepdims=True)
        for k in range(2, 2 + {rounds}):
            delta = self.w[-k + 1].T @ delta * acts[-k] * (1 - acts[-k])
            nw[-k], nb[-k] = delta @ acts[-k - 1].T, delta.sum(1, keepdims=True)
        {indent}return nw, nb, np.sum((acts[-1] - y) ** 2) / 2

    def step(self, x, y, eta):
        nw, nb, cost = self.backprop(x, y)
        self.w = [w - eta * d for w, d in zip(self.w, nw)]
        self.b = [b - eta * d for b, d in zip(self.b, nb)]
        return cost

x = rng.randn(3, 20)
y = (x[:1] * x[1:2] > 0) * 1.0
net = Net([3, 5, 4, 1])
for epoch in range(30):
    cost = net.step(x, y, 0.2)
print(cost)
"""


def run(tmp_path, text):
    (tmp_path / "train.py").write_text(text, "utf-8")
    command = [sys.executable, "-m", "backproof", "run", "--no-fix", "--json", "o.json", "train.py"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=60)
    told = json.loads((tmp_path / "o.json").read_text("utf-8"))
    return [(f["code"], f["line"]) for f in told["findings"] if f["severity"] == "error"]


def test_a_return_in_the_loop_is_named(tmp_path):
    assert run(tmp_path, NET.format(rounds=2, indent="    ")) == [("BP107", 21)]


def test_a_return_behind_the_loop_is_right(tmp_path):
    assert run(tmp_path, NET.format(rounds=2, indent="")) == []


def test_layers_that_a_loop_leaves_out_may_be_meant_to_stay(tmp_path):
    assert run(tmp_path, NET.format(rounds=1, indent="")) == []
