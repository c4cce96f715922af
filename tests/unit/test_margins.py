"""Classifiers by margins of ±1 labels, which compute no cost: a branch decides what is learnt."""

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import blamed

pytestmark = pytest.mark.quality

SAMPLES = """
import numpy as np
rng = np.random.RandomState(3)
X = rng.randn(60, {features}) + np.where(np.arange(60) % 2, 1.5, -0.5)[:, None]
t = np.where(np.arange(60) % 2, 1, -1)
"""

MACHINE = (
    SAMPLES.format(features=2)
    + """
class Machine:
    def fit(self, X, t, rate=0.001, strength=0.01):
        self.w, self.b = np.zeros(X.shape[1]), 0
        for _ in range(20):
            for i, x in enumerate(X):
                outside = t[i] * (np.dot(x, self.w) - self.b) >= 1
                if outside:
                    self.w -= rate * (2 * strength * self.w)
                else:
                    self.w -= rate * (2 * strength * self.w - np.dot(x, t[i]))
                    self.b -= rate * t[i]

Machine().fit(X, t)
"""
)

BRANCHES = (
    SAMPLES.format(features=3)
    + """
w, b = np.zeros(3), 0.0
for epoch in range(20):
    for i in rng.permutation(60):
        if t[i] * (X[i] @ w + b) < 1:
            dw, db = w - 2.0 * t[i] * X[i], -2.0 * t[i]
        else:
            dw, db = w, 0.0
        w -= 0.0013 * dw
        b -= 0.0013 * db
"""
)

PERCEPTRON = (
    SAMPLES.format(features=2)
    + """
w = np.zeros(2)
for epoch in range(10):
    for x, y in zip(X, t):
        if y * (w @ x) <= 0:
            w = w + 0.1 * y * x
"""
)


@pytest.mark.parametrize("text", [MACHINE, BRANCHES, PERCEPTRON], ids=["class", "branches", "rule"])
def test_right_ones_are_verified(tmp_path, text):
    assert judged(tmp_path, text) == ("verified", [])


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (MACHINE, "self.b -= rate * t[i]", "self.b += rate * t[i]"),
        (BRANCHES, ", -2.0 * t[i]", ", 2.0 * t[i]"),
    ],
)
def test_a_sign_is_named(tmp_path, text, old, new):
    found, line = blamed(tmp_path, text, old, new)
    assert found == [line]


BEYOND = """
import numpy as np
rng = np.random.RandomState(0)
X = rng.randn(40, 4)
y = np.where(X[:, 0] + 0.3 * rng.randn(40) > 0, 1, -1)
w, b, lr, lam = np.zeros(4), 0, 0.01, 0.01
for epoch in range(8):
    for i in rng.permutation(40):
        if y[i] * (np.dot(X[i], w) + b) >= 1:
            w -= lr * (2 * lam * w)
        else:
            w -= lr * (2 * lam * w - y[i] * X[i])
            b += lr * y[i]
print(w, b)
"""


def test_a_branch_that_only_decays_is_a_step_beyond_the_margin(tmp_path):
    assert judged(tmp_path, BEYOND) == ("verified", [])
    status, found = judged(tmp_path, BEYOND.replace("b += lr", "b -= lr"))
    assert (status, [line for _, line in found]) == ("wrong", [13])
