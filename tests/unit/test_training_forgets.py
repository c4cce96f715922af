"""Training that cannot work: states that are forgotten, units without a slope, labels all one."""

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import line_of
from tests.unit.test_training_causes import is_told_apart
from tests.unit.test_training_told import is_told

pytestmark = pytest.mark.quality

GATED = """
import numpy as np
rng = np.random.default_rng(20)
T, H = 14, 8

def squash(x):
    return 1 / (1 + np.exp(-x))

def batch(n):
    bit = rng.integers(0, 2, n)
    xs = np.zeros((T, n, 3))
    xs[0, np.arange(n), bit] = 1
    xs[1:, :, 2] = 1
    return xs, bit

W = rng.normal(size=(3 + H, 4 * H)) / np.sqrt(3 + H)
b = np.zeros(4 * H)
b[H:2 * H] = 2.0
V = rng.normal(size=(H, 2)) / np.sqrt(H)
for step in range(200):
    xs, bit = batch(24)
    h, c, kept = np.zeros((24, H)), np.zeros((24, H)), []
    for t in range(T):
        z = np.concatenate([xs[t], h], axis=1)
        a = z @ W + b
        i, f, o = squash(a[:, :H]), squash(a[:, H:2 * H]), squash(a[:, 2 * H:3 * H])
        g, before = np.tanh(a[:, 3 * H:]), c
        c = f * before + i * g
        h = o * np.tanh(c)
        kept.append((z, i, f, o, g, before, np.tanh(c)))
    e = np.exp(h @ V)
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(24), bit]).mean()
    d = (p - np.eye(2)[bit]) / 24
    dV, dW, db, dh, dc = h.T @ d, 0, 0, d @ V.T, 0
    for z, i, f, o, g, before, tc in reversed(kept):
        dc = dc + dh * o * (1 - tc ** 2)
        da = np.concatenate([dc * g * i * (1 - i), dc * before * f * (1 - f),
                             dh * tc * o * (1 - o), dc * i * (1 - g ** 2)], axis=1)
        dW, db = dW + z.T @ da, db + da.sum(axis=0)
        dh, dc = (da @ W.T)[:, 3:], dc * f
    W -= 1.0 * dW
    b -= 1.0 * db
    V -= 1.0 * dV
print(loss)
"""


def test_a_gated_cell_that_forgets_its_first_input_is_told(tmp_path):
    assert judged(tmp_path, GATED)[0] == "verified"
    text = GATED.replace("b[H:2 * H] = 2.0", "b[H:2 * H] = -5.0")
    status, found = judged(tmp_path, text)
    assert status == "verified"
    assert [code for code, _ in found[:1]] == ["BP306"]


MAPS = """
import numpy as np
rng = np.random.default_rng(3)
K, bias = rng.normal(size=(4, 3, 3)) / 3, np.full(4, 0.1)
W, c = 0.5 * rng.normal(size=(4, 2)), np.zeros(2)
kinds = rng.integers(0, 2, 40)
pictures = 0.1 * rng.random((40, 6, 6))
for picture, kind in zip(pictures, kinds):
    k = rng.integers(1, 5)
    picture[(k, slice(None)) if kind else (slice(None), k)] += 0.9
for sweep in range(12):
    for picture, kind in zip(pictures, kinds):
        z = np.zeros((4, 4, 4))
        for i in range(4):
            for j in range(4):
                z[:, i, j] = np.sum(K * picture[i:i + 3, j:j + 3], axis=(1, 2)) + bias
        a = np.maximum(0, z)
        m = a.mean(axis=(1, 2))
        e = np.exp(m @ W + c)
        p = e / e.sum()
        loss = -np.log(p[kind])
        d = p - np.eye(2)[kind]
        dz = np.ones((4, 4, 4)) * (W @ d)[:, None, None] / 16 * (z > 0)
        dK = np.zeros_like(K)
        for i in range(4):
            for j in range(4):
                dK += dz[:, i, j][:, None, None] * picture[i:i + 3, j:j + 3]
        K -= 0.5 * dK
        bias -= 0.5 * dz.sum(axis=(1, 2))
        W -= 0.5 * np.outer(m, d)
        c -= 0.5 * d
print(loss)
"""


def test_maps_that_are_dead_are_told(tmp_path):
    assert judged(tmp_path, MAPS)[0] == "verified"
    text = MAPS.replace("np.full(4, 0.1)", "np.full(4, -3.0)")
    assert judged(tmp_path, text)[1][:1] == [("BP305", line_of(text, "K, bias ="))]


ANSWERS = """
import numpy as np
rng = np.random.default_rng(31)
lines = []
for k in range(150):
    hours, sleep = rng.uniform(0, 10), rng.normal(7, 1)
    passed = hours + 0.8 * (sleep - 7) + rng.normal() > 5
    lines.append(f"{hours:.2f},{sleep:.2f},{'yes' if passed else 'no'}")
rows, marks = [], []
for line in lines:
    parts = line.split(",")
    rows.append([float(part) for part in parts[:2]])
    marks.append(1 if parts[2] == "yes" else 0)
X = np.array(rows)
X = (X - X.mean(axis=0)) / X.std(axis=0)
y = np.array(marks, dtype=float)
w, b = np.zeros(2), 0.0
for step in range(200):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    w -= 0.3 * X.T @ (p - y) / 150
    b -= 0.3 * np.mean(p - y)
print(loss)
"""


def test_labels_that_are_all_one_are_told(tmp_path):
    blank = {'parts[2] == "yes"': 'parts[2] == " yes"'}
    is_told_apart(tmp_path, ANSWERS, blank, "BP405", "y = np.array")


STACKED = """
import numpy as np
rng = np.random.default_rng(0)
X = np.concatenate([rng.normal(-1, 1, (60, 5)), rng.normal(1, 1, (60, 5))])
y = np.repeat([0.0, 1.0], 60)
order = rng.permutation(120)
X, y = X[order], y[order]
w, b = np.zeros(5), 0.0
for step in range(150):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    w -= 0.5 * X.T @ (p - y) / 120
    b -= 0.5 * np.mean(p - y)
print(loss)
"""


def test_labels_in_turns_are_told_after_both_were_shuffled(tmp_path):
    turns = {"np.repeat([0.0, 1.0], 60)": "np.tile([0.0, 1.0], 60)"}
    is_told_apart(tmp_path, STACKED, turns, "BP403", "y = np.tile")


RATES = """
import numpy as np
rng = np.random.default_rng(13)
X = rng.uniform(-1, 1, (200, 3))
y = (np.cos(2 * X[:, 0]) * X[:, 1] + 0.3 * X[:, 2])[:, None]
U, c = rng.normal(size=(3, 16)) / np.sqrt(3), np.zeros(16)
V = rng.normal(size=(16, 1)) / 4
params, EPS, rate = [U, c, V], 1e-8, 0.003
squares = [np.zeros_like(p) for p in params]
for step in range(500):
    h = np.tanh(X @ U + c)
    out = h @ V
    loss = np.mean((out - y) ** 2)
    d = 2 * (out - y) / 200
    dh = d @ V.T * (1 - h ** 2)
    for p, g, s in zip(params, (X.T @ dh, dh.sum(axis=0), h.T @ d), squares):
        s *= 0.9
        s += 0.1 * g ** 2
        p -= rate * g / (np.sqrt(s) + EPS)
print(loss)
"""


def test_an_epsilon_that_swamps_the_gradients_is_told(tmp_path):
    assert judged(tmp_path, RATES) == ("verified", [])
    is_told(tmp_path, RATES, {"EPS, rate = [U, c, V], 1e-8": "EPS, rate = [U, c, V], 10.0"},
            "BP203", "EPS, rate =")  # fmt: skip
    is_told(tmp_path, RATES, {"0.003": "3e-7"}, "BP302", "EPS, rate =")


MIXED = """
import numpy as np
rng = np.random.default_rng(33)
x = np.concatenate([rng.normal(-2.5, 0.5, 80), rng.normal(0.3, 0.6, 100)])
mu, width = {start}, np.full(2, x.std())
for step in range(300):
    u = (x[:, None] - mu) / width
    joint = np.exp(-0.5 * u ** 2) / width / np.sqrt(2 * np.pi) / 2
    share = joint / joint.sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(joint.sum(axis=1)))
    mu = mu + 0.2 * (share * u / width).sum(axis=0) / 180
    width = width + 0.2 * (share * (u ** 2 - 1) / width).sum(axis=0) / 180
print(loss)
"""


def test_components_that_begin_alike_are_told(tmp_path):
    assert judged(tmp_path, MIXED.format(start="np.array([-1.0, 0.5])")) == ("verified", [])
    text = MIXED.format(start="np.full(2, x.mean())")
    assert judged(tmp_path, text)[1] == [("BP303", line_of(text, "mu, width ="))]
