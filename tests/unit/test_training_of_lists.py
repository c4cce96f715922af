"""Training in trouble: numbers in lists, tables of words, optimisers with a state, long series."""

import numpy as np
import pytest

from backproof.calculus.effort import Meter, effort_of
from backproof.checks.drawn import drawn_from
from backproof.checks.initialisation import _groups
from backproof.source import SourceFile
from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import line_of
from tests.unit.test_training_told import is_told

pytestmark = pytest.mark.quality

RATINGS = """
import math, random
random.seed(7)
rows = []
for n in range(40):
    a, b = random.random(), random.random()
    rows.append(([a, b], round(0.7 * a + 0.3 * b, 1)))
w, c = [random.uniform(-0.5, 0.5) for i in range(2)], 0.0
for epoch in range(20):
    loss = 0
    for x, t in rows:
        y = 1 / (1 + math.exp(-(w[0] * x[0] + w[1] * x[1] + c)))
        loss += 0.5 * (t - y) ** 2
        d = (y - t) * y * (1 - y)
        for i in range(2):
            w[i] -= 0.5 * d * x[i]
        c -= 0.5 * d
"""

NEURON = """
import math, random
random.seed(3)
weights, bias, rate = [random.uniform(-1, 1) for i in range(2)], 0.0, 0.5
table = [([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([1, 1], 1)]
for epoch in range(400):
    for x, t in table:
        s = bias
        for w, xi in zip(weights, x):
            s += w * xi
        y = 1 / (1 + math.exp(-s))
        cost = 0.5 * (y - t) ** 2
        d = (y - t) * y * (1 - y)
        for i in range(2):
            weights[i] -= rate * d * x[i]
        bias -= rate * d
"""

LAYERS = """
import math, random
random.seed(1)

def layer(n, m):
    return [[random.uniform(-1, 1) for i in range(n)] for j in range(m)]

class Net:
    def __init__(self, sizes):
        self.weights = [layer(a, b) for a, b in zip(sizes, sizes[1:])]
        self.biases = [[0.1] * b for b in sizes[1:]]

    def train(self, x, y):
        acts = [x]
        for W, b in zip(self.weights, self.biases):
            x = [math.tanh(sum(w * v for w, v in zip(row, x)) + c) for row, c in zip(W, b)]
            acts.append(x)
        loss = sum((o - t) ** 2 for o, t in zip(x, y)) / 2
        delta = [(o - t) * (1 - o * o) for o, t in zip(x, y)]
        for k in (1, 0):
            W, a = self.weights[k], acts[k]
            back = [sum(W[j][i] * delta[j] for j in range(len(delta))) for i in range(len(a))]
            for j in range(len(delta)):
                for i in range(len(a)):
                    W[j][i] -= 0.1 * delta[j] * a[i]
                self.biases[k][j] -= 0.1 * delta[j]
            delta = [g * (1 - v * v) for g, v in zip(back, a)]
        return loss

net = Net([2, 3, 1])
data = [([-1.0, -1.0], [-1]), ([-1.0, 1.0], [1]), ([1.0, -1.0], [1]), ([1.0, 1.0], [-1])]
for epoch in range(60):
    total = sum(net.train(x, y) for x, y in data)
"""

WORDS = """
import numpy as np
rng = np.random.default_rng(0)
seq = np.cumsum(rng.integers(-1, 2, 120)) % 8
class Model:
    def __init__(self, words, size, learning_rate=0.1):
        self.E, self.W = 0.3 * rng.normal(size=(words, size)), 0.3 * rng.normal(size=(size, words))
        self.lr = learning_rate
    def step(self, c, o):
        h = self.E[c]
        u = h @ self.W
        p = np.exp(u - u.max())
        p /= p.sum()
        loss = -np.log(p[o] + 1e-12)
        e = p.copy()
        e[o] -= 1
        dh = self.W @ e
        self.W -= self.lr * np.outer(h, e)
        self.E[c] -= self.lr * dh
        return loss
model = Model(8, 5)
for epoch in range(4):
    total = 0
    for c, o in zip(seq[:-1], seq[1:]):
        total += model.step(c, o)
"""

ADAM = """
import numpy as np
rng = np.random.default_rng(5)
X = rng.normal(size=(100, 3))
y = np.sin(X[:, :1]) * 2 + X[:, 1:2]
P = [0.5 * rng.normal(size=(3, 10)), np.zeros(10), 0.3 * rng.normal(size=(10, 1)), np.zeros(1)]
m, v = [np.zeros_like(p) for p in P], [np.zeros_like(p) for p in P]
config = {"lr": 0.01, "beta": 0.9}
for t in range(1, 161):
    h = np.tanh(X @ P[0] + P[1])
    e = h @ P[2] + P[3] - y
    cost = np.mean(e ** 2)
    d = 2 * e / 100
    dh = d @ P[2].T * (1 - h ** 2)
    for i, g in enumerate([X.T @ dh, dh.sum(0), h.T @ d, d.sum(0)]):
        m[i] = config["beta"] * m[i] + (1 - config["beta"]) * g
        v[i] = 0.999 * v[i] + (1 - 0.999) * g ** 2
        step = m[i] / (1 - config["beta"] ** t) / (np.sqrt(v[i] / (1 - 0.999 ** t)) + 1e-8)
        P[i] -= config["lr"] * step
"""

ONE_BY_ONE = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3))
Y = X[:, 0] * X[:, 1] + X[:, 2]
W1, W2 = 0.5 * rng.normal(size=(12, 3)), 0.4 * rng.normal(size=12)
b1, b2 = np.full(12, 0.1), 0.0
for epoch in range(5):
    for x, y in zip(X, Y):
        z = W1 @ x + b1
        h = np.maximum(z, 0.0)
        e = W2 @ h + b2 - y
        cost = 0.5 * e * e
        dz = e * W2 * (z > 0)
        W2 -= 0.02 * e * h
        b2 -= 0.02 * e
        W1 -= 0.02 * np.outer(dz, x)
        b1 -= 0.02 * dz
"""

STACK = """
import numpy as np
rng = np.random.default_rng(17)
sizes = [6, 24, 24, 24, 1]
params = [(rng.normal(size=(a, b)) * np.sqrt(2 / a), np.zeros(b)) for a, b in zip(sizes, sizes[1:])]
X = rng.normal(size=(128, 6))
y = X[:, :1] ** 2 - X[:, 1:2] + 1
for step in range(120):
    acts = [X]
    for k, (w, b) in enumerate(params):
        z = acts[-1] @ w + b
        acts.append(np.maximum(z, 0) if k < 3 else z)
    loss = np.mean((acts[-1] - y) ** 2)
    g = 2 * (acts[-1] - y) / 128
    new = []
    for k in (3, 2, 1, 0):
        w, b = params[k]
        g = g * (acts[k + 1] > 0) if k < 3 else g
        new.append((w - 0.02 * acts[k].T @ g, b - 0.02 * g.sum(0)))
        g = g @ w.T
    params = new[::-1]
"""

CLASSES = """
import numpy as np
rng = np.random.default_rng(14)
labels = rng.integers(0, 3, 90)
X = 2 * rng.normal(size=(4, 2))[labels] + 0.5 * rng.normal(size=(90, 2))
W = np.zeros((2, 3))
for i in range(20):
    s = X @ W
    p = np.exp(s - s.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    loss = -np.log(p[np.arange(90), labels]).mean()
    g = p.copy()
    g[np.arange(90), labels] -= 1
    W -= 0.5 * X.T @ g / 90
"""

ENTRIES = """
import numpy as np
rng = np.random.default_rng(18)
X = rng.normal(size=(60, 3))
y = X @ np.array([1.5, -2.0, 0.7])
w = np.zeros(3, dtype=float)
for step in range(60):
    g = 2 * X.T @ (X @ w - y) / 60
    cost = np.mean((X @ w - y) ** 2)
    for i in range(3):
        w[i] = w[i] - 0.3 * g[i]
"""

STATES = """
import numpy as np
rng = np.random.default_rng(2)
H, T = 20, 20
Wx, Wh = rng.normal(0, 0.3, (H, 1)), 0.18 * rng.normal(0, 1, (H, H))
Wy = rng.normal(0, 0.3, (1, H))
for i in range(60):
    x = 0.2 * rng.normal(size=(T, 1, 16))
    y = x.sum(axis=0)
    h = [np.zeros((H, 16))]
    for t in range(T):
        h.append(np.tanh(Wx @ x[t] + Wh @ h[-1]))
    out = Wy @ h[-1]
    loss = np.mean((out - y) ** 2)
    d = 2 * (out - y) / 16
    gx, gh, gy, dh = np.zeros_like(Wx), np.zeros_like(Wh), d @ h[-1].T, Wy.T @ d
    for t in reversed(range(T)):
        dz = dh * (1 - h[t + 1] ** 2)
        gx += dz @ x[t].T
        gh += dz @ h[t].T
        dh = Wh.T @ dz
    Wx -= 0.01 * gx
    Wh -= 0.01 * gh
    Wy -= 0.01 * gy
"""

PROGRAMS = {
    "ratings": RATINGS, "neuron": NEURON, "layers": LAYERS, "words": WORDS, "adam": ADAM,
    "one by one": ONE_BY_ONE, "stack": STACK, "classes": CLASSES, "entries": ENTRIES,
    "states": STATES,
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_healthy_program_is_told_nothing(tmp_path, name):
    assert judged(tmp_path, PROGRAMS[name]) == ("verified", [])


DRAWN = "random.uniform(-1, 1) for i in range(n)"


@pytest.mark.parametrize(
    ("text", "edits", "code", "at"),
    [
        (RATINGS, {"round(": "10 * round("}, "BP402", "rows.append"),
        (NEURON, {"([1, 1], 1)": "([1, 1], 0)"}, "BP307", "weights, bias"),
        (LAYERS, {DRAWN: "0.5 for i in range(n)"}, "BP303", "return [["),
        (WORDS, {"learning_rate=0.1": "learning_rate=40.0"}, "BP301", "def __init__"),
        (WORDS, {"learning_rate=0.1": "learning_rate=1e-7"}, "BP302", "def __init__"),
        (ADAM, {'"lr": 0.01': '"lr": 1e-8'}, "BP302", "config ="),
        (ADAM, {'"lr": 0.01': '"lr": 60.0'}, "BP301", "config ="),
        (ONE_BY_ONE, {"np.full(12, 0.1)": "np.full(12, -9.0)"}, "BP305", "b1, b2 ="),
        (STACK, {"np.sqrt(2 / a)": "0.01"}, "BP306", "params = [("),
        (CLASSES, {"integers(0, 3": "integers(1, 4"}, "BP402", "labels ="),
        (ENTRIES, {"dtype=float": "dtype=int"}, "BP404", "w = np.zeros"),
        (STATES, {"0.18 *": "0.75 *"}, "BP306", "Wx, Wh ="),
    ],
)
def test_the_fault_is_named_where_it_stands(tmp_path, text, edits, code, at):
    is_told(tmp_path, text, edits, code, at)


def test_data_is_followed_to_the_statement_that_makes_it():
    text = """
xs, ys = [], []
for n in range(9):
    xs.append([n, 1.0])
    ys.append(n % 2)
table = [(1.0, 2.0)]

def train(inputs, target):
    return inputs[0] - target

for x, y in zip(xs, ys):
    train(x, y)
for k, (a, b) in enumerate(table):
    print(a)
"""
    file = SourceFile("train.py", text)

    def line(name):
        place = drawn_from(name, file)
        return None if place is None else place.span.line

    assert line("inputs[0]") == line_of(text, "xs.append")
    assert line("target") == line_of(text, "ys.append")
    assert line("b") == line_of(text, "table =")
    assert line("unknown") is None


def test_groups_of_equal_numbers():
    assert _groups(np.array([1.0, 2.0, 1.0, 2.0, 3.0])) == [1, 2, 2]
    assert _groups(np.array([0.5])) == [1]


def test_work_is_counted_not_timed():
    meter = Meter(allowed=1.0)
    meter.spent += 0.25
    assert meter.left == 0.75
    assert effort_of([], []) == 0.0


CENTRED = """
import random
random.seed(5)
rows = [[random.gauss(0, 1), random.gauss(0, 1)] for _ in range(60)]
means = [sum(c) / 60 for c in zip(*rows)]
rows = [[a - m for a, m in zip(row, means)] for row in rows]
goals = [2 * a - b + random.gauss(0, 0.3) for a, b in rows]
mean = sum(goals) / 60
goals = [g - mean for g in goals]
w, b = [0.0, 0.0], 0.0

def predict(row):
    return sum(v * a for v, a in zip(w, row)) + b

for it in range(200):
    gw, gb = [0.0, 0.0], 0.0
    for row, goal in zip(rows, goals):
        e = 2 * (predict(row) - goal) / 60
        gb += e
        for i, a in enumerate(row):
            gw[i] += e * a
    for i in range(2):
        w[i] = w[i] - 0.1 * gw[i]
    b = b - 0.1 * gb
    if it % 20 == 0:
        print(sum((predict(r) - g) ** 2 for r, g in zip(rows, goals)) / 60)
"""


def test_the_gradient_of_a_bias_of_centred_data_is_all_rounding(tmp_path):
    assert judged(tmp_path, CENTRED) == ("verified", [])
