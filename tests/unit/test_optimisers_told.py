"""Slips in what an optimiser does with right gradients."""

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import line_of

pytestmark = pytest.mark.quality

ADAM = """
import numpy as np
rng = np.random.default_rng(2)
X = rng.normal(size=(30, 4))
y = np.sin(X @ rng.normal(size=(4, 1)))

class Adam:
    def __init__(self, params, lr=0.01):
        self.lr, self.t = lr, 0
        self.m = {k: np.zeros_like(p) for k, p in params.items()}
        self.v = {k: np.zeros_like(p) for k, p in params.items()}
    def step(self, params, grads, b1=0.9, b2=0.99):
        self.t += 1
        for k in params:
            self.m[k] = b1 * self.m[k] + (1 - b1) * grads[k]
            self.v[k] = b2 * self.v[k] + (1 - b2) * grads[k] ** 2
            mean = self.m[k] / (1 - b1 ** self.t)
            square = self.v[k] / (1 - b2 ** self.t)
            params[k] -= self.lr * mean / (np.sqrt(square) + 1e-8)

net = {"W1": rng.normal(size=(4, 6)) * 0.5, "b1": np.zeros(6),
       "W2": rng.normal(size=(6, 1)) * 0.5, "b2": np.zeros(1)}
adam = Adam(net)
for i in range(25):
    h = np.tanh(X @ net["W1"] + net["b1"])
    r = h @ net["W2"] + net["b2"] - y
    loss = (r ** 2).mean()
    dr = 2 * r / len(X)
    dh = dr @ net["W2"].T * (1 - h ** 2)
    adam.step(net, {"W1": X.T @ dh, "b1": dh.sum(0), "W2": h.T @ dr, "b2": dr.sum(0)})
print(loss)
"""
SLIPS = [
    ("self.v[k] = b2 * self.v[k] + (1", "self.v[k] = self.v[k] + (1"),
    ("mean = self.m[k] / (1 - b1 ** self.t)", "mean = self.m[k] / (1 - b1)"),
    ("mean = self.m[k] / (1 - b1 ** self.t)", "mean = self.m[k]"),
    ("self.lr * mean / (np.sqrt(square) + 1e-8)", "self.lr * mean * (np.sqrt(square) + 1e-8)"),
    ("self.t += 1", "self.t = 1"),
]


@pytest.mark.parametrize(("old", "new"), SLIPS)
def test_a_slip_of_adam_is_told_at_its_line(tmp_path, old, new):
    wrong = ADAM.replace(old, new)
    assert judged(tmp_path, wrong) == ("verified", [("BP102", line_of(wrong, new))])


def test_adam_is_silent_where_its_count_is_that_of_epochs(tmp_path):
    epochs = ADAM.replace("adam.step(net", "adam.t = i // 30\n    adam.step(net")
    assert judged(tmp_path, epochs) == ("verified", [])


MOMENTUM = """
import numpy as np
rng = np.random.RandomState(5)
x, t = rng.randn(40, 3), rng.randn(40, 2)

class Layer:
    def __init__(self, n, m):
        self.weights, self.biases = rng.randn(n, m) * 0.4, np.zeros(m)
        self.speed_w, self.speed_b = np.zeros((n, m)), np.zeros(m)
    def learn(self, inputs, delta, rate=0.1, mu=0.8):
        step = mu * self.speed_w - rate * inputs.T @ delta
        self.speed_w = step
        self.speed_b = mu * self.speed_b - rate * delta.sum(0)
        self.weights += step
        self.biases = self.biases + self.speed_b

one, two = Layer(3, 5), Layer(5, 2)
for epoch in range(20):
    h = np.maximum(0, x @ one.weights + one.biases)
    e = h @ two.weights + two.biases - t
    delta = e / len(x)
    back = delta @ two.weights.T * (h > 0)
    two.learn(h, delta)
    one.learn(x, back)
    print(0.5 * (e ** 2).sum() / len(x))
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.weights += step", "self.weights = step"),
        ("self.biases + self.speed_b", "self.speed_b - self.biases"),
    ],
)
def test_an_update_that_loses_or_turns_the_old_value_is_told(tmp_path, old, new):
    assert judged(tmp_path, MOMENTUM) == ("verified", [])
    wrong = MOMENTUM.replace(old, new)
    _, found = judged(tmp_path, wrong)
    assert found == [("BP104", line_of(wrong, new))]
