"""A backward pass whose `return` is indented into its loop: the layers below get no gradient."""

import pytest

from tests.unit.test_costs_meant import judged

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


def test_a_return_in_the_loop_is_named(tmp_path):
    text = NET.format(rounds=2, indent="    ")
    assert judged(tmp_path, text) == ("verified", [("BP107", 21)])


def test_a_return_behind_the_loop_is_right(tmp_path):
    assert judged(tmp_path, NET.format(rounds=2, indent="")) == ("verified", [])


def test_layers_that_a_loop_leaves_out_may_be_meant_to_stay(tmp_path):
    assert judged(tmp_path, NET.format(rounds=1, indent="")) == ("verified", [])
