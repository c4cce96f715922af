"""Costs that are weighed, of another pass, or of several networks: right programs of each kind."""

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import line_of

pytestmark = pytest.mark.quality

CRITIC = """
import numpy as np
rng = np.random.default_rng(0)
U, V, v = (0.5 * rng.normal(size=s) for s in ((4, 6), (6, 3), (6, 1)))
for update in range(60):
    dU, dV, dv = np.zeros_like(U), np.zeros_like(V), np.zeros_like(v)
    losses = []
    for game in range(8):
        x = rng.normal(size=(1, 4))
        h = np.tanh(x @ U)
        e = np.exp(h @ V)
        p = e / e.sum()
        value = float((h @ v)[0, 0])
        move = rng.choice(3, p=p[0])
        gain = float(move == np.argmax(x[0, :3]))
        advantage = gain - value
        losses.append(-advantage * np.log(p[0, move]) + 0.5 * (value - gain) ** 2)
        d = advantage * (p - np.eye(3)[[move]])
        g = value - gain
        dh = (d @ V.T + g * v.T) * (1 - h ** 2)
        dV += h.T @ d
        dv += g * h.T
        dU += x.T @ dh
    loss = np.mean(losses)
    U -= 0.05 * dU / 8
    V -= 0.05 * dV / 8
    v -= 0.05 * dv / 8
print(loss)
"""


def test_an_advantage_is_a_constant_of_the_policy(tmp_path):
    assert judged(tmp_path, CRITIC)[0] == "verified"
    text = CRITIC.replace("(d @ V.T + g * v.T)", "(d @ V.T - g * v.T)")
    status, found = judged(tmp_path, text)
    assert status == "wrong"
    assert found[:1] == [("BP101", line_of(text, "dh = "))]


DROPPED = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(80, 6))
Y = np.eye(3)[np.argmax(X[:, :3], axis=1)]
A, B = 0.4 * rng.normal(size=(7, 10)), 0.4 * rng.normal(size=(11, 3))
lam = 0.3

def ahead(x):
    return np.hstack([np.ones((len(x), 1)), x])

def forward(keep):
    h = 1 / (1 + np.exp(-ahead(X) @ A))
    mask = (rng.random(h.shape) < keep) / keep
    return h, mask, 1 / (1 + np.exp(-ahead(h * mask) @ B))

def cost():
    out = forward(1.0)[2]
    fit = -np.sum(Y * np.log(out) + (1 - Y) * np.log(1 - out)) / 80
    return fit + lam / 160 * (np.sum(A[1:] ** 2) + np.sum(B[1:] ** 2))

for step in range(40):
    h, mask, out = forward(0.8)
    d = out - Y
    dB = ahead(h * mask).T @ d / 80
    dA = ahead(X).T @ (d @ B[1:].T * h * (1 - h) * mask) / 80
    dB[1:] += lam / 80 * B[1:]
    dA[1:] += lam / 80 * A[1:]
    A -= 0.5 * dA
    B -= 0.5 * dB
    print(cost())
"""


def test_a_cost_without_dropout_is_not_what_a_step_with_it_goes_down(tmp_path):
    assert judged(tmp_path, DROPPED) == ("verified", [])


CODERS = """
import numpy as np
rng = np.random.default_rng(0)

def squash(z):
    return 1 / (1 + np.exp(-z))

class Coder:
    def __init__(self, n):
        self.A, self.B = rng.uniform(-0.5, 0.5, (n, n)), rng.uniform(-0.5, 0.5, (n, n))

    def train(self, x):
        h = squash(self.A @ x)
        out = squash(self.B @ h)
        error = float(np.sqrt(np.mean((x - out) ** 2)))
        d = (out - x) * out * (1 - out)
        g = self.B.T @ d * h * (1 - h)
        self.B -= 0.3 * np.outer(d, h)
        self.A -= 0.3 * np.outer(g, x)
        return error

coders, last = [Coder(3), Coder(4)], Coder(2)
worst = 0.0
for packet in range(300):
    x = rng.random(7)
    errors = np.zeros(2)
    for i, (coder, part) in enumerate(zip(coders, (x[:3], x[3:]))):
        errors[i] = coder.train(part)
    score = last.train(errors)
    worst = max(worst, score)
print(worst)
"""


def test_networks_that_feed_one_another_are_not_accused(tmp_path):
    status, found = judged(tmp_path, CODERS)
    assert status != "wrong"
    assert [f for f in found if f[0].startswith("BP1")] == []


ENCODER = """
import numpy as np
rng = np.random.default_rng(0)
X = (rng.random((60, 8)) < rng.random(8)).astype(float)
M, S, D = (0.3 * rng.normal(size=s) for s in ((8, 2), (8, 2), (2, 8)))
for step in range(120):
    mu, logvar = X @ M, X @ S
    noise = rng.normal(size=mu.shape)
    z = mu + np.exp(0.5 * logvar) * noise
    out = 1 / (1 + np.exp(-z @ D))
    bce = -(X * np.log(out + 1e-7) + (1 - X) * np.log(1 - out + 1e-7)).sum(axis=1).mean()
    kl = (-0.5 * (1 + logvar - mu ** 2 - np.exp(logvar))).sum(axis=1).mean()
    d = (out - X) / 60
    dz = d @ D.T
    dmu = dz + mu / 60
    dlogvar = dz * noise * 0.5 * np.exp(0.5 * logvar) + 0.5 * (np.exp(logvar) - 1) / 60
    D -= 2.0 * z.T @ d
    M -= 2.0 * X.T @ dmu
    S -= 2.0 * X.T @ dlogvar
print(bce, kl)
"""


def test_two_costs_of_which_one_holds_an_epsilon_are_added(tmp_path):
    assert judged(tmp_path, ENCODER)[0] == "verified"


ROWS = """
import numpy as np
rng = np.random.default_rng(0)
X, t = rng.normal(size=(40, 5)), rng.integers(0, 3, 40)
W, b = 0.1 * rng.normal(size=(5, 3)), np.zeros(3)
for step in range(60):
    e = np.exp(X @ W + b)
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(40), t]).mean()
    d = p.copy()
    d[np.arange(40), t] -= 1
    d /= 40
    W -= 0.5 * X.T @ d
    b -= 0.5 * d.sum(axis=0)
print(loss)
"""


def test_all_rows_at_each_label_are_told(tmp_path):
    assert judged(tmp_path, ROWS) == ("verified", [])
    text = ROWS.replace("d[np.arange(40), t] -= 1", "d[:, t] -= 1")
    assert judged(tmp_path, text) == ("wrong", [("BP101", line_of(text, "d[:, t]"))])


TWO_MODELS = """
import numpy as np
rng = np.random.default_rng(0)
X = np.c_[np.ones(60), rng.normal(size=(60, 2))]
t = rng.integers(0, 3, 60)

def first(lam):
    w, y = np.zeros(3), (t == 0) * 1.0
    for step in range(30):
        p = 1 / (1 + np.exp(-X @ w))
        loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)) + lam / 2 * np.sum(w[1:] ** 2)
        shrunk = w.copy()
        shrunk[0] = 0
        w -= 0.5 * (X.T @ (p - y) / 60 + lam * shrunk)
    return loss

def second(lam):
    W, Y = np.zeros((3, 3)), np.eye(3)[t]
    for step in range(30):
        e = np.exp(X @ W)
        p = e / e.sum(axis=1, keepdims=True)
        loss = -np.sum(Y * np.log(p)) / 60 + lam / 2 * np.sum(W[1:] ** 2)
        kept = W.copy()
        kept[0, :] = 0
        W -= 0.5 * (X.T @ (p - Y) / 60 + lam * kept)
    return loss

print(first(0.1), second(0.1))
"""


def test_a_penalty_of_a_further_training_is_judged(tmp_path):
    assert judged(tmp_path, TWO_MODELS) == ("verified", [])
    text = TWO_MODELS.replace("kept[0, :] = 0", "pass")
    assert judged(tmp_path, text)[0] == "wrong"
