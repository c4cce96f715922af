"""Why a program with right gradients does not learn: each fault beside the program without it."""

import pytest

from tests.unit.test_costs_meant import judged, report
from tests.unit.test_faults_placed import line_of

pytestmark = pytest.mark.quality


def is_told(tmp_path, text, edits, code, at):
    """Put a fault in; its finding has to come first, and the gradients are right."""
    for old, new in edits.items():
        assert old in text
        text = text.replace(old, new)
    status, found = judged(tmp_path, text)
    assert status != "wrong"
    assert found[:1] == [(code, line_of(text, at))]


COLUMNS = """
import numpy as np
rng = np.random.default_rng(1)
k = rng.integers(0, 3, 300)
X = (np.array([[2, 0], [-1, 2], [-1, -2]])[k] + 0.4 * rng.normal(size=(300, 2))).T
Y = np.eye(3)[k].T
W, b = 0.1 * rng.normal(size=(3, 2)), np.zeros((3, 1))
for epoch in range(20):
    order = rng.permutation(300)
    X, Y = X[:, order], Y[:, order]
    for s in range(0, 300, 30):
        x, y = X[:, s:s + 30], Y[:, s:s + 30]
        z = W @ x + b
        e = np.exp(z - z.max(axis=0))
        p = e / e.sum(axis=0)
        loss = -np.sum(y * np.log(p)) / 30
        W -= 0.3 * (p - y) @ x.T / 30
        b -= 0.3 * (p - y).sum(axis=1, keepdims=True) / 30
"""

LAID_OUT = """
import numpy as np
rng = np.random.default_rng(3)
centres = 1.5 * rng.normal(size=(4, 5))
X = np.concatenate([c + 0.6 * rng.normal(size=(40, 5)) for c in centres])
kind = np.repeat(np.arange(4), 40)
T = np.eye(4)[kind]
W, b = 0.3 * rng.normal(size=(5, 4)), np.zeros(4)
for i in range(150):
    out = 1 / (1 + np.exp(-(X @ W + b)))
    loss = 0.5 * np.mean(np.sum((out - T) ** 2, axis=1))
    d = (out - T) * out * (1 - out) / len(X)
    W -= 2.0 * X.T @ d
    b -= 2.0 * d.sum(axis=0)
"""

PIXELS = """
import numpy as np
rng = np.random.default_rng(5)
patterns = rng.integers(40, 220, (3, 36))
data = []
for n in range(150):
    k = rng.integers(3)
    image = np.clip(patterns[k] + 30 * rng.normal(size=36), 0, 255)
    data.append((image.reshape(-1, 1) / 255 - 0.5, np.eye(3)[:, [k]]))
w1, b1 = rng.normal(size=(12, 36)) / 6, np.zeros((12, 1))
w2, b2 = rng.normal(size=(3, 12)) / 3.5, np.zeros((3, 1))
for epoch in range(8):
    for x, y in data:
        h = 1 / (1 + np.exp(-(w1 @ x + b1)))
        o = 1 / (1 + np.exp(-(w2 @ h + b2)))
        loss = 0.5 * np.sum((o - y) ** 2)
        d2 = (o - y) * o * (1 - o)
        d1 = (w2.T @ d2) * h * (1 - h)
        w2 -= 0.5 * d2 @ h.T
        b2 -= 0.5 * d2
        w1 -= 0.5 * d1 @ x.T
        b1 -= 0.5 * d1
"""

DECAY = """
import numpy as np
rng = np.random.default_rng(7)
X = rng.normal(size=(240, 6))
Y = np.tanh(X @ rng.normal(size=(6, 1))) + X[:, :1] * X[:, 1:2]
W1, b1 = rng.normal(size=(6, 16)) / 2.5, np.zeros(16)
W2, b2 = rng.normal(size=(16, 1)) / 4, np.zeros(1)
rate = 0.1
for epoch in range(40):
    order = rng.permutation(240)
    for s in range(0, 240, 12):
        x, y = X[order[s:s + 12]], Y[order[s:s + 12]]
        h = np.tanh(x @ W1 + b1)
        d = (h @ W2 + b2 - y) / 12
        loss = 6 * np.sum(d ** 2)
        dh = d @ W2.T * (1 - h ** 2)
        W2 -= rate * h.T @ d
        b2 -= rate * d.sum(axis=0)
        W1 -= rate * x.T @ dh
        b1 -= rate * dh.sum(axis=0)
    rate *= 0.9
"""

HOUSES = """
import numpy as np
rng = np.random.default_rng(9)
size, rooms, year = rng.uniform(40, 200, 80), rng.integers(1, 7, 80), rng.uniform(0, 90, 80)
X = np.column_stack([size, rooms, year])
price = 20 + 0.5 * size + 30.0 * rooms - 0.8 * year + rng.normal(size=80)
X = np.column_stack([np.ones(80), (X - X.mean(axis=0)) / X.std(axis=0)])
alpha = 0.05
theta = np.zeros(4)
for i in range(1500):
    error = X @ theta - price
    cost = np.sum(error ** 2) / 160
    theta = theta - alpha / 80 * X.T @ error
"""

TIMES = """
import numpy as np
rng = np.random.default_rng(11)
stamps = 1_690_000_000 + 5 * np.arange(200)
t = (stamps - stamps[0]).astype(np.float32)
t = ((t - t.mean()) / t.std()).reshape(-1, 1)
y = np.sin(3 * t) + 0.1 * rng.normal(size=(200, 1)).astype(np.float32)
W1, b1 = rng.normal(size=(1, 12)).astype(np.float32) * 3, np.zeros(12, np.float32)
W2 = rng.normal(size=(12, 1)).astype(np.float32) / 4
for i in range(300):
    h = np.tanh(t @ W1 + b1)
    d = (h @ W2 - y) / 200
    loss = 100 * np.sum(d * d)
    dh = d @ W2.T * (1 - h * h)
    W2 -= np.float32(0.2) * h.T @ d
    W1 -= np.float32(0.2) * t.T @ dh
    b1 -= np.float32(0.2) * dh.sum(axis=0)
"""

VARIANCE = """
import numpy as np
rng = np.random.default_rng(13)
X = (101_300 + 2 * rng.normal(size=(150, 2))).astype(np.float32)
y = (X[:, :1] - 101_300) * 0.7
mean = X.mean(axis=0)
variance = np.var(X, axis=0)
X = (X - mean) / np.sqrt(np.abs(variance) + 1e-6)
w, b = np.zeros((2, 1)), np.zeros(1)
for i in range(100):
    e = (X @ w + b - y) / len(X)
    cost = 75 * np.sum(e ** 2)
    w -= 0.1 * X.T @ e
    b -= 0.1 * e.sum(axis=0)
"""

HALF = """
import numpy as np
rng = np.random.default_rng(15)
kind = np.float32
x = rng.uniform(-2, 2, (100, 2)).astype(kind)
t = (np.sin(x[:, :1]) + x[:, 1:] ** 2 / 3).astype(kind)
w1, b1 = rng.normal(size=(2, 14)).astype(kind), np.zeros(14, kind)
w2, b2 = (rng.normal(size=(14, 1)) / 2).astype(kind), np.zeros(1, kind)
for i in range(3000):
    h = np.tanh(x @ w1 + b1)
    e = h @ w2 + b2 - t
    d = e / kind(100)
    cost = 0.5 * np.mean(e * e)
    dh = d @ w2.T * (1 - h * h)
    w2 -= kind(0.001) * (h.T @ d)
    b2 -= kind(0.001) * d.sum(axis=0)
    w1 -= kind(0.001) * (x.T @ dh)
    b1 -= kind(0.001) * dh.sum(axis=0)
"""

SCORES = """
import numpy as np
rng = np.random.default_rng(17)
k = rng.integers(0, 3, 120)
X = (2 * rng.normal(size=(3, 8))[k] + rng.normal(size=(120, 8))).astype(np.float32)
T = np.eye(3, dtype=np.float32)[k]
W = (2.5 * rng.normal(size=(8, 3))).astype(np.float32)

def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

for i in range(120):
    p = softmax(X @ W)
    cost = -np.mean(np.sum(T * np.log(p + np.float32(1e-30)), axis=1))
    W -= np.float32(0.02) * X.T @ (p - T) / np.float32(120)
"""

EQUAL = """
import math, random
random.seed(2)
table = [([0.0, 0.0], 0.0), ([0.0, 1.0], 1.0), ([1.0, 0.0], 1.0), ([1.0, 1.0], 0.0)]
v = [[random.uniform(-1, 1) for i in range(2)] for j in range(3)]
c = [0.2] * 3
u = [random.uniform(-1, 1) for j in range(3)]
s = lambda a: 1 / (1 + math.exp(-a))
for n in range(2000):
    for x, y in table:
        h = [s(v[j][0] * x[0] + v[j][1] * x[1] + c[j]) for j in range(3)]
        o = s(sum(u[j] * h[j] for j in range(3)))
        cost = 0.5 * (o - y) ** 2
        d = (o - y) * o * (1 - o)
        g = [d * u[j] * h[j] * (1 - h[j]) for j in range(3)]
        for j in range(3):
            u[j] -= 0.5 * d * h[j]
            c[j] -= 0.5 * g[j]
            for i in range(2):
                v[j][i] -= 0.5 * g[j] * x[i]
"""

NEURON = """
import numpy as np
rng = np.random.default_rng(19)
X = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([0.0, 1, 1, 1])
w, b = rng.normal(size=2), 0.0
for n in range(600):
    for i in range(4):
        out = 1 / (1 + np.exp(-(np.dot(w, X[i]) + b)))
        cost = 0.5 * (out - y[i]) ** 2
        d = (out - y[i]) * out * (1 - out)
        w -= 0.5 * d * X[i]
        b -= 0.5 * d
"""

RARE = """
import numpy as np
rng = np.random.default_rng(21)
y = (rng.random((800, 1)) < 0.5).astype(float)
X = rng.normal(size=(800, 3)) + 0.45 * y
w, b = np.zeros((3, 1)), np.zeros(1)
for i in range(250):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    cost = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    w -= 0.5 * X.T @ (p - y) / 800
    b -= 0.5 * np.mean(p - y)
"""

ORDER = """
import numpy as np
rng = np.random.default_rng(23)
rows = [(rng.normal(size=4) + 1.2 * k - 1.2, k) for k in range(3) for n in range(150)]
rng.shuffle(rows)
rows = [(np.asarray(x, dtype=float), int(k)) for x, k in rows]
V, c = 0.1 * rng.normal(size=(3, 4)), np.zeros(3)

def learn(x, k):
    z = V @ x + c
    e = np.exp(z - z.max())
    p = e / e.sum()
    cost = -np.log(p[k])
    d = p.copy()
    d[k] -= 1
    V[:] -= 0.3 * np.outer(d, x)
    c[:] -= 0.3 * d
    return cost

for epoch in range(5):
    total = 0.0
    for x, k in rows:
        total += learn(x, k)
"""

UNROLLED = """
import numpy as np
rng = np.random.default_rng(1)
T, H, B = 40, 30, 16
Wx, Wh = rng.normal(size=(H, 1)) / 2, 0.15 * rng.normal(size=(H, H))
Wy = 0.1 * rng.normal(size=(1, H))
for i in range(250):
    level = rng.uniform(-1, 1, (1, B))
    xs = np.concatenate([[level], 0.4 * rng.normal(size=(T - 1, 1, B))])
    hs = [np.zeros((H, B))]
    for t in range(T):
        hs.append(np.tanh(Wx @ xs[t] + Wh @ hs[-1]))
    out = Wy @ hs[-1]
    loss = np.mean((out - level) ** 2)
    d = 2 * (out - level) / B
    gx, gh, gy = np.zeros_like(Wx), np.zeros_like(Wh), d @ hs[-1].T
    dh = Wy.T @ d
    for t in reversed(range(T)):
        da = dh * (1 - hs[t + 1] ** 2)
        gx += da @ xs[t].T
        gh += da @ hs[t].T
        dh = Wh.T @ da
    Wx -= 0.02 * gx
    Wh -= 0.02 * gh
    Wy -= 0.02 * gy
"""

STACKED = """
import numpy as np
rng = np.random.default_rng(27)
y = rng.integers(0, 2, (200, 1)).astype(float)
angle = rng.uniform(0, 2 * np.pi, (200, 1))
X = (0.7 + 1.3 * y + 0.1 * rng.normal(size=(200, 1))) * np.hstack([np.cos(angle), np.sin(angle)])
W1, b1 = rng.normal(size=(2, 16)), np.zeros(16)
W2, b2 = rng.normal(size=(16, 1)) / 4, np.zeros(1)
for i in range(400):
    z = X @ W1 + b1
    h = np.maximum(z, 0)
    p = 1 / (1 + np.exp(-(h @ W2 + b2)))
    cost = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    d = (p - y) / 200
    dh = d @ W2.T * (z > 0)
    W2 -= 0.3 * h.T @ d
    b2 -= 0.3 * d.sum(axis=0)
    W1 -= 0.3 * X.T @ dh
    b1 -= 0.3 * dh.sum(axis=0)
"""

PROGRAMS = {
    "columns": COLUMNS, "laid out": LAID_OUT, "pixels": PIXELS, "decay": DECAY, "houses": HOUSES,
    "times": TIMES, "variance": VARIANCE, "half": HALF, "scores": SCORES, "equal": EQUAL,
    "neuron": NEURON, "rare": RARE, "order": ORDER, "unrolled": UNROLLED, "stacked": STACKED,
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_healthy_program_is_told_nothing(tmp_path, name):
    assert judged(tmp_path, PROGRAMS[name]) == ("verified", [])


RANDOM = "[random.uniform(-1, 1) for i in range(2)]"


@pytest.mark.parametrize(
    ("text", "edits", "code", "at"),
    [
        (COLUMNS, {"Y[:, order]": "Y[:, rng.permutation(300)]"}, "BP403", "Y[:, rng"),
        (LAID_OUT, {"np.repeat(np.arange(4), 40)": "np.tile(np.arange(4), 40)"}, "BP403", "T = "),
        (PIXELS, {" / 255 - 0.5": ""}, "BP401", "image = "),
        (DECAY, {"    rate *= 0.9": "", "W2 -= ": "rate *= 0.93; W2 -= "}, "BP302", "rate *= 0.93"),
        (
            HOUSES,
            {"(X - X.mean(axis=0)) / X.std(axis=0)": "X", "0.05": "5e-5"},
            "BP401",
            "X = np.column_stack([np.ones",
        ),
        (TIMES, {"(stamps - stamps[0])": "stamps"}, "BP203", "t = stamps"),
        (
            VARIANCE,
            {"np.var(X, axis=0)": "(X ** 2).mean(axis=0) - mean ** 2"},
            "BP203",
            "variance =",
        ),
        (HALF, {"kind = np.float32": "kind = np.float16"}, "BP203", "w2, b2 ="),
        (SCORES, {" - z.max(axis=1, keepdims=True)": ""}, "BP202", "e = np.exp(z)"),
        (EQUAL, {RANDOM: "[0.5, 0.5]", "random.uniform(-1, 1)": "0.5"}, "BP303", "u = "),
        (NEURON, {"[0.0, 1, 1, 1]": "[0.0, 1, 1, 0]"}, "BP307", "w, b ="),
        (RARE, {"< 0.5)": "< 0.03)"}, "BP405", "y = "),
        (UNROLLED, {"0.15 *": "0.6 *"}, "BP306", "Wx, Wh ="),
        (STACKED, {"np.maximum(z, 0)": "z", " * (z > 0)": ""}, "BP307", "z = X @"),
    ],
    ids=[name for name in PROGRAMS if name != "order"],
)
def test_the_fault_is_named_where_it_stands(tmp_path, text, edits, code, at):
    is_told(tmp_path, text, edits, code, at)


def test_a_rate_that_leads_a_product_is_found(tmp_path):
    text = """
import math
import random
random.seed(4)
w, b, lr = 0.3, 0.1, 1e-6
for n in range(400):
    for x, y in [(-1.0, 0.0), (-0.5, 0.0), (0.5, 1.0), (1.0, 1.0)]:
        out = 1 / (1 + math.exp(-(w * x + b)))
        cost = (out - y) ** 2
        w -= lr * 2 * (out - y) * out * (1 - out) * x
        b -= lr * 2 * (out - y) * out * (1 - out)
"""
    assert judged(tmp_path, text) == ("verified", [("BP302", line_of(text, "w, b, lr = "))])
    healthy = text.replace("1e-6", "0.5")
    assert judged(tmp_path, healthy) == ("verified", [])


def test_samples_that_are_forgotten_are_noted(tmp_path):
    text = ORDER.replace("rng.shuffle(rows)", "")
    found = [f for f in report(tmp_path, text)["findings"] if f["code"] == "BP405"]
    assert [(f["severity"], f["line"]) for f in found] == [
        ("note", line_of(text, "for x, k in rows:"))
    ]


LAST_BATCH = """
import numpy as np
rng = np.random.default_rng(29)
X = rng.normal(size=(65, 4))
y = X[:, :1] - X[:, 1:2]
w, b = rng.normal(size=(4, 1)), np.zeros(1)
for epoch in range(6):
    for s in range(0, 65, 16):
        x = X[s:s + 16]
        x = (x - x.mean(axis=0)) / x.std(axis=0)
        e = (x @ w + b - y[s:s + 16]) / len(x)
        cost = np.sum(e ** 2) * len(x) / 2
        w -= 0.1 * x.T @ e
        b -= 0.1 * e.sum(axis=0)
"""


def test_what_fails_while_the_loop_is_still_searched_is_traced_to_its_maker(tmp_path):
    told = report(tmp_path, LAST_BATCH)
    found = next(f for f in told["findings"] if f["severity"] == "error")
    assert found["code"] == "BP201"
    assert found["line"] == line_of(LAST_BATCH, "x.std(axis=0)")
    assert found["evidence"]["step"] == 4
