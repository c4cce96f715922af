"""What a run has come to: too few steps, data that slips, weights that stand still."""

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import line_of

pytestmark = pytest.mark.quality

XOR = """
import numpy as np
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]).T
Y = np.array([[0, 1, 1, 0]])
rng = np.random.default_rng(2)
w1 = rng.normal(size=(5, 2))
b1 = np.zeros((5, 1))
w2 = rng.normal(size=(1, 5))
b2 = np.zeros((1, 1))
rate = 2.0
for i in range(1500):
    h = 1 / (1 + np.exp(-(w1 @ X + b1)))
    p = 1 / (1 + np.exp(-(w2 @ h + b2)))
    cost = -np.mean(Y * np.log(p) + (1 - Y) * np.log(1 - p))
    d = (p - Y) / 4
    dh = w2.T @ d * h * (1 - h)
    w2 = w2 - rate * d @ h.T
    b2 = b2 - rate * d.sum(axis=1, keepdims=True)
    w1 = w1 - rate * dh @ X.T
    b1 = b1 - rate * dh.sum(axis=1, keepdims=True)
"""

LISTS = """
import math
import random
random.seed(8)
rows, marks, row = [], [], [0.0, 0.0]
for n in range(80):
    row[0], row[1] = [random.choice([-1, 1]) + random.gauss(0, 0.3) for _ in range(2)]
    rows.append(list(row))
    marks.append(1 if row[0] + 0.5 * row[1] > 0 else 0)
class Neuron:
    def __init__(self):
        self.w = [random.uniform(-0.5, 0.5) for _ in range(2)]
        self.b = random.uniform(-0.5, 0.5)
    def out(self, x):
        return 1 / (1 + math.exp(-(sum(w * v for w, v in zip(self.w, x)) + self.b)))
net, rate = Neuron(), 1.0
for epoch in range(150):
    gw, gb = [0.0, 0.0], 0.0
    for x, t in zip(rows, marks):
        d = (net.out(x) - t) / 80
        for j in range(2):
            gw[j] += d * x[j]
        gb += d
    net.w = [w - rate * g for w, g in zip(net.w, gw)]
    net.b -= rate * gb
"""

ONE_BY_ONE = """
import math
import random
random.seed(3)
data = [(random.uniform(1, 5), None) for _ in range(60)]
data = [(x, 20 - 3 * x) for x, _ in data]
w = [random.uniform(0.1, 1) for _ in range(4)]
b = [random.uniform(0, 1) for _ in range(4)]
v = [random.uniform(-0.5, 0.5) for _ in range(4)]
c = 0.0
for epoch in range(30):
    for x, t in data:
        h = [max(0.0, w[i] * x + b[i]) for i in range(4)]
        e = sum(v[i] * h[i] for i in range(4)) + c - t
        for i in range(4):
            g = e * v[i] if h[i] > 0 else 0.0
            v[i] -= 0.002 * e * h[i]
            w[i] -= 0.002 * g * x
            b[i] -= 0.002 * g
        c -= 0.002 * e
"""

WINES = """
import numpy as np
rng = np.random.default_rng(13)
k = rng.integers(0, 3, 240)
X = np.array([[14, 2, 3, 1100], [12, 4, 2, 520], [13, 3, 1, 630]])[k] * (
    1 + 0.08 * rng.normal(size=(240, 4)))
known = rng.random(240) > 0.05
X, k = X[known], k[known]
train, test = X[:180], X[180:]
mean, deviation = train.mean(axis=0), train.std(axis=0)
train = (train - mean) / deviation
test = (test - mean) / deviation
Y = np.eye(3)[k[:180]]
W, b = rng.normal(size=(4, 8)) / 2, np.zeros(8)
V, c = rng.normal(size=(8, 3)) / 3, np.zeros(3)
def forward(X):
    H = np.tanh(X @ W + b)
    S = H @ V + c
    E = np.exp(S - S.max(axis=1, keepdims=True))
    return H, E / E.sum(axis=1, keepdims=True)
for epoch in range(300):
    H, P = forward(train)
    if epoch % 20 == 0:
        print(-np.sum(Y * np.log(P)), np.mean(forward(test)[1].argmax(1) == k[180:]))
    D = (P - Y) / len(Y)
    dV, dc = H.T @ D, D.sum(axis=0)
    DH = D @ V.T * (1 - H**2)
    V -= 0.5 * dV
    c -= 0.5 * dc
    W -= 0.5 * train.T @ DH
    b -= 0.5 * DH.sum(axis=0)
"""

BATCHES = """
import numpy as np
rng = np.random.default_rng(16)
X = rng.normal(size=(320, 4))
y = np.tanh(X[:, :1] + X[:, 1:2]) - 0.5 * X[:, 2:3]
W, b = 0.5 * rng.normal(size=(4, 12)), np.zeros(12)
V, c = 0.3 * rng.normal(size=(12, 1)), np.zeros(1)
for epoch in range(40):
    for s in range(0, 288, 32):
        x, t = X[s:s + 32], y[s:s + 32]
        h = np.tanh(x @ W + b)
        r = h @ V + c - t
        loss = np.mean(r**2)
        g = 2 * r / 32
        gh = g @ V.T * (1 - h**2)
        V -= 0.1 * h.T @ g
        c -= 0.1 * g.sum(axis=0)
        W -= 0.1 * x.T @ gh
        b -= 0.1 * gh.sum(axis=0)
"""

FACTORS = """
import numpy as np
rng = np.random.default_rng(22)
U, V = 0.3 * rng.normal(size=(20, 4)), 0.3 * rng.normal(size=(15, 4))
R = rng.normal(size=(20, 2)) @ rng.normal(size=(2, 15))
for epoch in range(10):
    for i in range(20):
        for j in range(15):
            e = U[i] @ V[j] - R[i, j]
            loss = e * e
            gu, gv = 2 * e * V[j], 2 * e * U[i]
            U[i] -= 0.02 * gu
            V[j] -= 0.02 * gv
"""

SPECTRA = """
import numpy as np
rng = np.random.default_rng(3)
k = rng.integers(0, 3, 150)
X = 3 * np.array([[2, 0], [-1, 2], [-1, -2]])[k] + rng.normal(size=(150, 2))
T = np.eye(3)[k]
W = rng.normal(size=(2, 3))
for i in range(120):
    S = X @ W
    P = np.exp(S) / np.exp(S).sum(axis=1, keepdims=True)
    loss = -np.sum(T * np.log(P + 1e-12)) / 150
    W -= 0.05 * X.T @ (P - T) / 150
"""

RIGHT = {
    "xor": XOR, "lists": LISTS, "one by one": ONE_BY_ONE, "wines": WINES, "batches": BATCHES,
    "factors": FACTORS, "spectra": SPECTRA,
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_a_run_that_has_learnt_is_told_nothing(tmp_path, name):
    status, found = judged(tmp_path, RIGHT[name])
    assert status == "verified"
    assert found == []


def told(tmp_path, text, edits):
    for old, new in edits.items():
        assert old in text
        text = text.replace(old, new)
    status, found = judged(tmp_path, text)
    assert status != "wrong"
    return text, found[0] if found else None


@pytest.mark.parametrize(
    ("text", "edits", "code", "at"),
    [
        (XOR, {"range(1500)": "range(35)"}, "BP302", "range(35)"),
        (
            XOR,
            {"rng.normal(size=(5, 2))": "0.01 * rng.normal(size=(5, 2))",
             "rng.normal(size=(1, 5))": "0.01 * rng.normal(size=(1, 5))", "rate = 2.0":
             "rate = 1.0"},
            "BP306", "w1 = 0.01",
        ),
        (LISTS, {"list(row)": "row"}, "BP405", "rows.append(row)"),
        (LISTS, {"row[0] + 0.5 * row[1] > 0": "row[0] * row[1] > 0"}, "BP307", "self.w = ["),
        (LISTS, {"net, rate =": "rows = sorted(rows)\nnet, rate ="}, "BP403", "sorted"),
        (ONE_BY_ONE, {"random.uniform(1, 5)": "-random.uniform(1, 5)",
                      "random.uniform(0, 1)": "-random.uniform(0, 1)"}, "BP305", None),
        (WINES, {"test = (test - mean) / deviation\n": ""}, "BP401", "forward(test)"),
        (WINES, {"X, k = X[known], k[known]": "X, k = X[known], k[:known.sum()]"}, "BP403",
         "k[:known.sum()]"),
        (WINES, {"(P - Y) / len(Y)": "P - Y", "rng.normal(size=(4, 8)) / 2":
                 "rng.normal(size=(4, 8))"}, "BP301", None),
        (BATCHES, {"y[s:s + 32]": "y[s + 32:s + 64]"}, "BP403", "y[s + 32:s + 64]"),
        (FACTORS, {"0.3 * rng.normal(size=(20, 4)), 0.3 * rng.normal(size=(15, 4))":
                   "np.zeros((20, 4)), np.zeros((15, 4))"}, "BP303", "np.zeros"),
        (SPECTRA, {"X = 3": "X = 60", "    loss = -np.sum(T * np.log(P + 1e-12)) / 150\n": ""},
         "BP202", "P = np.exp(S)"),
    ],
)  # fmt: skip
def test_what_keeps_a_run_from_learning_is_told(tmp_path, text, edits, code, at):
    text, found = told(tmp_path, text, edits)
    assert found is not None
    assert found[0] == code
    if at is not None:
        assert found[1] == line_of(text, at)


def test_a_class_that_is_never_predicted_is_told_late_in_a_large_step(tmp_path):
    status, found = judged(tmp_path, """
import numpy as np
rng = np.random.default_rng(1)
rare = rng.random(2000) < 0.03
X = rng.normal(size=(2000, 6))
X[rare] += np.array([0.7, 0, -0.7, 0, 0, 0.6])
y = rare.astype(float).reshape(-1, 1)
W, b = rng.normal(size=(6, 8)) / 2.4, np.zeros(8)
V, c = rng.normal(size=(8, 1)) / 2.8, np.zeros(1)
for epoch in range(401):
    h = np.tanh(X @ W + b)
    p = 1 / (1 + np.exp(-(h @ V + c)))
    e = (p - y) / len(X)
    eh = e @ V.T * (1 - h * h)
    if epoch % 50 == 0:
        print(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))
    V -= 0.5 * h.T @ e
    c -= 0.5 * e.sum(axis=0)
    W -= 0.5 * X.T @ eh
    b -= 0.5 * eh.sum(axis=0)
""")  # fmt: skip
    assert status == "verified"
    assert [code for code, _ in found] == ["BP405"]
