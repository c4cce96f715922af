"""Costs that are computed between the steps, or after them."""

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import line_of

pytestmark = pytest.mark.quality

AFTERWARDS = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3))
Y = (X[:, :1] * X[:, 1:2] > 0).astype(float)

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def mse_loss(p, y):
    return np.mean((p - y) ** 2)

def train(X, Y, lr=0.5):
    W1, b1 = rng.normal(size=(3, 6)), np.zeros(6)
    W2, b2 = rng.normal(size=(6, 1)), np.zeros(1)
    for e in range(40):
        h = np.tanh(X @ W1 + b1)
        p = sigmoid(h @ W2 + b2)
        d2 = (p - Y) / len(X) * p * (1 - p)
        d1 = d2 @ W2.T * (1 - h ** 2)
        W2, b2 = W2 - lr * h.T @ d2, b2 - lr * d2.sum(0)
        W1, b1 = W1 - lr * X.T @ d1, b1 - lr * d1.sum(0)
    return W1, b1, W2, b2

W1, b1, W2, b2 = train(X, Y)
p = sigmoid(np.tanh(X @ W1 + b1) @ W2 + b2)
print("loss", mse_loss(p, Y))
"""

BETWEEN = """
import numpy as np
rng = np.random.RandomState(3)
X = rng.rand(20, 2)
T = ((X[:, 0] + X[:, 1]) > 1).astype(float).reshape(-1, 1)
sig = lambda z: 1.0 / (1.0 + np.exp(-z))

class Red:
    def __init__(self):
        self.w = [rng.randn(2, 4), rng.randn(4, 1)]
    def coste(self, datos):
        total = 0.0
        for x, t in datos:
            o = sig(sig(x[None] @ self.w[0]) @ self.w[1])
            total += -float((t * np.log(o) + (1 - t) * np.log(1 - o)).sum())
        return total / len(datos)
    def derivada(self, o, t):
        return o - t
    def paso(self, x, t):
        h = sig(x @ self.w[0])
        o = sig(h @ self.w[1])
        delta = self.derivada(o, t)
        dh = (delta @ self.w[1].T) * h * (1 - h)
        self.w = [self.w[0] - 0.3 * x.T @ dh, self.w[1] - 0.3 * h.T @ delta]

red, datos = Red(), list(zip(X, T))
for epoca in range(13):
    for k in range(0, 20, 5):
        red.paso(X[k:k + 5], T[k:k + 5])
    if epoca % 4 == 0:
        print(epoca, red.coste(datos))
"""


@pytest.mark.parametrize("text", [AFTERWARDS, BETWEEN])
def test_a_cost_evaluated_elsewhere_that_is_minimised_is_silent(tmp_path, text):
    assert judged(tmp_path, text) == ("verified", [])


def test_a_squared_error_evaluated_after_the_training_is_held_against_the_gradients(tmp_path):
    wrong = AFTERWARDS.replace("/ len(X) * p * (1 - p)", "/ len(X)")
    assert judged(tmp_path, wrong) == ("verified", [("BP103", line_of(wrong, "d2 = "))])


def test_an_entropy_evaluated_between_epochs_is_held_against_the_gradients(tmp_path):
    wrong = BETWEEN.replace(
        "derivada(o, t)\n        dh", "derivada(o, t) * o * (1 - o)\n        dh"
    )
    assert judged(tmp_path, wrong) == ("verified", [("BP103", line_of(wrong, "delta = "))])


def test_a_measure_beside_the_cost_that_is_minimised_is_silent(tmp_path):
    both = AFTERWARDS.replace("/ len(X) * p * (1 - p)", "/ len(X)")
    both += 'print("cost", -np.mean(Y * np.log(p) + (1 - Y) * np.log(1 - p)))\n'
    assert judged(tmp_path, both) == ("verified", [])


REPORTED = """
import numpy as np
rng = np.random.RandomState(0)
X = rng.randn(60, 4)
y = (X[:, 0] + X[:, 1] > 0).astype(float).reshape(-1, 1)
W1, b1, W2, b2 = rng.randn(4, 5) / 2, np.zeros(5), rng.randn(5, 1) / 2, np.zeros(1)
lam, lr = 0.01, 0.5

def loss():
    p = 1 / (1 + np.exp(-(np.tanh(X @ W1 + b1) @ W2 + b2)))
    data = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    return data + lam / 2 * (np.sum(W1 ** 2) + np.sum(W2 ** 2))

for epoch in range(10):
    for s in range(0, 60, 20):
        xb, yb = X[s:s + 20], y[s:s + 20]
        h = np.tanh(xb @ W1 + b1)
        d = (1 / (1 + np.exp(-(h @ W2 + b2))) - yb) / 20
        dW2 = h.T @ d
        dh = d @ W2.T * (1 - h ** 2)
        dW1 = xb.T @ dh
        DECAY
        W1 -= lr * dW1
        b1 -= lr * dh.sum(0)
        W2 -= lr * dW2
        b2 -= lr * d.sum(0)
    print(loss())
"""


@pytest.mark.parametrize(
    "decay",
    [
        "dW1 += lam * W1; dW2 += lam * W2",
        "W1 *= 1 - lr * lam; W2 *= 1 - lr * lam",
        "W1 -= lr * lam * W1; W2 -= lr * lam * W2",
    ],
)
def test_a_penalty_that_is_reported_and_trained_is_silent(tmp_path, decay):
    assert judged(tmp_path, REPORTED.replace("DECAY", decay)) == ("verified", [])


def test_a_penalty_that_is_only_reported_is_told_where_the_gradient_is_formed(tmp_path):
    text = REPORTED.replace("DECAY", "dW1 += lam * W1")
    assert judged(tmp_path, text) == ("verified", [("BP103", line_of(text, "dW2 = h.T"))])
