"""Wrong gradients that once passed for right ones, or for another fault."""

import pytest

from tests.unit.test_costs_meant import judged, report
from tests.unit.test_faults_placed import line_of

pytestmark = pytest.mark.quality

QUOTIENTS = """
import numpy as np
rng = np.random.default_rng(1)
X, Y = rng.normal(size=(40, 3)), rng.integers(0, 2, (40, 1)).astype(float)
V, W = rng.normal(size=(3, 5)), rng.normal(size=(5, 1))
for i in range(20):
    H = np.tanh(X @ V)
    A = 1 / (1 + np.exp(-(H @ W)))
    dA = -(np.divide(Y, A) - np.divide(1 - Y, 1 - A))
    dZ = dA * A * (1 - A)
    dW = H.T @ dZ / 40
    dV = X.T @ (dZ @ W.T * (1 - H ** 2)) / 40
    W -= 0.1 * dW
    V -= 0.1 * dV
"""

NEURONS = """
import numpy as np
rng = np.random.default_rng(7)
class Neuron:
    def __init__(self, before, size):
        self.before, self.weights = before, rng.normal(size=size) * 0.5
        self.error = self.out = 0.0
    def run(self):
        self.z = sum(n.out * w for n, w in zip(self.before, self.weights))
        self.out = np.tanh(self.z)
    def learn(self, rate):
        self.error *= 1 - np.tanh(self.z) ** 2
        for i, n in enumerate(self.before):
            n.error += self.error * self.weights[i]
            self.weights[i] -= rate * self.error * n.out
        self.error = 0.0
inputs = [Neuron([], 0) for _ in range(3)]
hidden = [Neuron(inputs, 3) for _ in range(4)]
outputs = [Neuron(hidden, 4) for _ in range(2)]
X, T = rng.uniform(-1, 1, (12, 3)), rng.uniform(-0.8, 0.8, (12, 2))
for epoch in range(3):
    loss = 0.0
    for x, t in zip(X, T):
        for n, v in zip(inputs, x):
            n.out, n.error = v, 0.0
        for n in hidden + outputs:
            n.run()
        y = np.array([n.out for n in outputs])
        loss += 0.5 * np.sum((y - t) ** 2)
        for n, a, b in zip(outputs, y, t):
            n.error += a - b
        for n in outputs + hidden:
            n.learn(0.1)
    print(loss)
"""

PENALISED = """
import numpy as np
rng = np.random.default_rng(3)
x, y = rng.normal(size=(50, 4)), rng.integers(0, 3, 50)
W, b, V, c, reg = rng.normal(size=(4, 6)), np.zeros(6), rng.normal(size=(6, 3)), np.zeros(3), 0.07
for step in range(30):
    h = np.maximum(0, x @ W + b)
    s = h @ V + c
    p = np.exp(s - s.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(50), y]).sum() / 50 + 0.5 * reg * (np.sum(W * W) + np.sum(V * V))
    d = p.copy()
    d[np.arange(50), y] -= 1
    d /= 50
    dV, dc = h.T @ d, d.sum(axis=0)
    dh = d @ V.T
    dh[h <= 0] = 0
    dW, db = x.T @ dh, dh.sum(axis=0)
    dV += reg * V
    dW += reg * W
    W -= 0.1 * dW
    b -= 0.1 * db
    V -= 0.1 * dV
    c -= 0.1 * dc
print(loss)
"""

HALF = """
import numpy as np
rng = np.random.default_rng(1)
x = rng.random((200, 6))
y = (x.sum(axis=1, keepdims=True) > 3).astype(float)
V, W = 0.01 * rng.normal(size=(6, 8)), 0.01 * rng.normal(size=(8, 1))
def cross_entropy(a):
    return -np.mean(y * np.log(a) + (1 - y) * np.log(1 - a))
for step in range(12):
    h = np.maximum(0, x @ V)
    a = 1 / (1 + np.exp(-(h @ W)))
    d = (a - y) / 200
    dW, dV = h.T @ d, x.T @ (d @ W.T * (h > 0))
    W -= 0.1 * dW
    V -= 0.1 * dV
print(cross_entropy(1 / (1 + np.exp(-(np.maximum(0, x @ V) @ W)))))
"""

FACTORS = """
import numpy as np
rng = np.random.default_rng(2)
R, reg, rate = rng.uniform(1, 5, (6, 7)), 0.05, 0.02
P, Q = rng.normal(size=(6, 3)), rng.normal(size=(7, 3))
for epoch in range(4):
    total_loss = 0
    for u in range(6):
        for i in range(7):
            e = R[u, i] - P[u] @ Q[i]
            total_loss += e ** 2
            p, q = P[u].copy(), Q[i].copy()
            P[u] += rate * (e * q - reg * p)
            Q[i] += rate * (e * p - reg * q)
    print(total_loss)
"""


def test_labels_of_a_complement_are_its_complement(tmp_path):
    assert judged(tmp_path, QUOTIENTS) == ("verified", [])
    wrong = QUOTIENTS.replace("1 - Y, 1 - A", "1 + Y, 1 - A")
    assert judged(tmp_path, wrong)[1][0] == ("BP101", line_of(wrong, "dA = -("))


@pytest.mark.parametrize(
    ("right", "wrong"), [("+= a - b", "+= a + b"), ("        self.error = 0.0\nin", "\nin")],
    ids=["an error that adds", "an error that is kept"],
)  # fmt: skip
def test_an_error_times_its_slope_is_no_velocity(tmp_path, right, wrong):
    assert judged(tmp_path, NEURONS) == ("verified", [])
    status, found = judged(tmp_path, NEURONS.replace(right, wrong))
    assert (status, found[0][0]) == ("wrong", "BP101")


def test_a_data_term_that_is_not_divided_is_told_at_its_place(tmp_path):
    assert judged(tmp_path, PENALISED) == ("verified", [])
    wrong = PENALISED.replace("    d /= 50\n", "    d /= 1\n")
    code, line = judged(tmp_path, wrong)[1][0]
    assert (code, line) == ("BP101", line_of(wrong, "d /= 1"))


def test_of_costs_that_fit_nearly_the_exact_one_is_named(tmp_path):
    told = report(tmp_path, HALF)
    assert told["gradient"]["cost"]["expression"] == "cross-entropy"
    assert told["findings"] == []


@pytest.mark.parametrize(
    ("right", "wrong"), [("P[u].copy()", "P[u]"), ("e * q - reg * p", "e * q - reg * q")],
    ids=["a view", "the decay of another"],
)  # fmt: skip
def test_a_strength_within_a_step_excuses_nothing(tmp_path, right, wrong):
    assert judged(tmp_path, FACTORS)[1] == []
    text = FACTORS.replace(right, wrong)
    status, found = judged(tmp_path, text)
    assert status == "wrong"
    assert found[0][0] in ("BP101", "BP105")
