"""Troubles that a trial shows, or a second look at the data: each beside the program without it."""

import pytest

from tests.unit.test_costs_meant import judged, report
from tests.unit.test_training_causes import is_told_apart
from tests.unit.test_training_told import is_told

pytestmark = pytest.mark.quality

CURVE = """
import numpy as np
np.random.seed(42)
x = np.linspace(-1, 1, 80)[:, None]
y = np.sin(3 * x)
W1, b1 = np.random.randn(1, 16), np.zeros((1, 16))
W2, b2 = np.random.randn(16, 1) * 0.3, np.zeros((1, 1))
params = [W1, b1, W2, b2]
speed = [np.zeros_like(p) for p in params]
rate, mu = 0.1, 0.9
for step in range(500):
    h = np.tanh(x @ W1 + b1)
    out = h @ W2 + b2
    loss = np.mean((out - y) ** 2)
    d = 2 * (out - y) / 80
    dh = d @ W2.T * (1 - h ** 2)
    for i, g in enumerate([x.T @ dh, dh.sum(axis=0), h.T @ d, d.sum(axis=0)]):
        speed[i] = mu * speed[i] - rate * g
        params[i] += speed[i]
"""


def test_too_much_momentum_is_told_by_one_with_less(tmp_path):
    edits = {"rate, mu = 0.1, 0.9": "rate, mu = 0.1, 0.999"}
    is_told_apart(tmp_path, CURVE, edits, "BP301", "rate, mu = 0.1")


XOR = """
import math, random
random.seed(5)
table = [([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([1, 1], 0)]
rate = 5.0
w = [[random.uniform(-1, 1) for _ in range(3)] for _ in range(3)]
v = [random.uniform(-1, 1) for _ in range(4)]
for epoch in range(300):
    for x, t in table:
        xs = x + [1.0]
        h = [1 / (1 + math.exp(-sum(a * b for a, b in zip(row, xs)))) for row in w] + [1.0]
        o = 1 / (1 + math.exp(-sum(a * b for a, b in zip(v, h))))
        cost = 0.5 * (o - t) ** 2
        d = (o - t) * o * (1 - o)
        back = [d * v[j] * h[j] * (1 - h[j]) for j in range(3)]
        for j in range(4):
            v[j] -= rate * d * h[j]
        for j in range(3):
            for i in range(3):
                w[j][i] -= rate * back[j] * xs[i]
"""


def test_a_handful_of_samples_that_is_left_too_early_is_told_by_longer_steps(tmp_path):
    is_told_apart(tmp_path, XOR, {"rate = 5.0": "rate = 0.05"}, "BP302", "rate = 0.05")


def test_a_few_samples_of_many_are_no_handful(tmp_path):
    table = "[([random.gauss(0, 1), random.gauss(0, 1)], n % 2) for n in range(40)]"
    text = XOR.replace("[([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([1, 1], 0)]", table)
    text = text.replace("rate = 5.0", "rate = 0.05").replace("range(300)", "range(20)")
    assert "BP302" not in [code for code, _ in judged(tmp_path, text)[1]]


KICKED = """
import numpy as np
rng = np.random.RandomState(8)
X = rng.randn(200, 3)
T = 9 + np.abs(X[:, :1]) + 0.5 * X[:, 1:2] + 0.1 * rng.randn(200, 1)
W1, b1 = rng.randn(3, 24) * np.sqrt(2 / 3), np.zeros(24)
W2, b2 = rng.randn(24, 1) * np.sqrt(2 / 24), np.zeros(1)
step = 0.02
for t in range(500):
    z = X @ W1 + b1
    h = np.where(z > 0, z, 0)
    out = h @ W2 + b2
    J = np.mean((out - T) ** 2)
    d = 2 * (out - T) / len(X)
    dz = (d @ W2.T) * (z > 0)
    W2 -= step * h.T @ d
    b2 -= step * d.sum(axis=0)
    W1 -= step * X.T @ dz
    b1 -= step * dz.sum(axis=0)
"""


def test_units_that_a_step_kills_are_told_where_labels_lie_far_from_zero(tmp_path):
    status, found = judged(tmp_path, KICKED.replace("step = 0.02", "step = 0.15"))
    assert status == "verified"
    assert found[0][0] in ("BP301", "BP305")
    assert judged(tmp_path, KICKED) == ("verified", [])


SPLIT = """
import numpy as np
rng = np.random.default_rng(3)
X = np.column_stack([rng.normal(40, 12, 300), rng.normal(5000, 1500, 300)])
y = ((X[:, 0] - 40) / 12 + (X[:, 1] - 5000) / 1500 > 0).astype(float)
Xtrain, Xtest = X[:200], X[200:]
mean, deviation = Xtrain.mean(axis=0), Xtrain.std(axis=0)
Xtrain = (Xtrain - mean) / deviation
Xtest = (Xtest - mean) / deviation

class Model:
    def __init__(self):
        self.w, self.b = np.zeros((2, 1)), np.zeros(1)
    def forward(self, X):
        return 1 / (1 + np.exp(-(X @ self.w + self.b)))
    def fit(self, X, y):
        for i in range(120):
            p = self.forward(X)
            loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
            self.w = self.w - X.T @ (p - y) / len(y)
            self.b = self.b - np.mean(p - y)

model = Model()
model.fit(Xtrain, y[:200, None])
print(np.mean((model.forward(Xtest) > 0.5) == y[200:, None]))
"""


def test_test_data_that_is_not_scaled_as_the_training_data_is_told(tmp_path):
    edits = {"Xtest = (Xtest - mean) / deviation": ""}
    is_told_apart(tmp_path, SPLIT, edits, "BP401", "print(np.mean((model")


def test_a_model_that_is_trained_again_on_other_data_is_none_that_is_fed_with_it(tmp_path):
    again = "Model().fit(X, y[:, None])\nmodel = Model()\nmodel.fit(Xtrain"
    text = SPLIT.replace("model = Model()\nmodel.fit(Xtrain", again)
    assert text != SPLIT
    assert "is not scaled as" not in str(report(tmp_path, text)["findings"])


WORDS = """
import numpy as np
rng = np.random.RandomState(6)
pairs = [(i, j) for i in range(6) for j in range(6, 12)]
ids = np.array([[a, b] for a, b in pairs] + [[b, a] for a, b in pairs])
y = np.repeat([0.0, 1.0], len(pairs))[:, None]
place = np.array([1.0, 0.2])[:, None]
E, W, b = rng.randn(12, 6) * 0.5, rng.randn(6, 1) * 0.5, np.zeros(1)
for i in range(300):
    v = (E[ids] * place).mean(axis=1)
    p = 1 / (1 + np.exp(-(v @ W + b)))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    d = (p - y) / len(y)
    dE = np.zeros_like(E)
    dv = d @ W.T
    for k in range(2):
        np.add.at(dE, ids[:, k], dv * place[k] / 2)
    W -= 3 * v.T @ d
    b -= 3 * d.sum(axis=0)
    E -= 3 * dE
"""


def test_a_model_that_is_blind_to_order_is_told_where_it_loses_it(tmp_path):
    edits = {"place = np.array([1.0, 0.2])": "place = np.array([1.0, 1.0])"}
    is_told_apart(tmp_path, WORDS, edits, "BP307", "v = (E[ids]")


LISTED = """
import math, random
random.seed(13)
inputs = [[random.uniform(-1, 1), random.uniform(-1, 1)] for _ in range(60)]
outputs = [a - 0.8 * b for a, b in inputs]
pairs = list(zip(inputs, outputs))
random.shuffle(pairs)
w, c = [0.1, -0.1], 0.0
for epoch in range(10):
    for x, y in pairs:
        e = w[0] * x[0] + w[1] * x[1] + c - y
        cost = 0.5 * e ** 2
        w[0] -= 0.1 * e * x[0]
        w[1] -= 0.1 * e * x[1]
        c -= 0.1 * e
"""


def test_lists_that_are_shuffled_one_by_one_are_told(tmp_path):
    apart = "random.shuffle(inputs)\nrandom.shuffle(outputs)\npairs = list(zip(inputs, outputs))"
    edits = {"pairs = list(zip(inputs, outputs))\nrandom.shuffle(pairs)": apart}
    is_told_apart(tmp_path, LISTED, edits, "BP403", "random.shuffle(outputs)")


LINES = """
import numpy as np
rng = np.random.RandomState(21)
strokes = [rng.choice(36, 10, replace=False) for _ in range(10)]
lines = []
for n in range(120):
    pixels = rng.randint(0, 40, 36)
    pixels[strokes[n % 10]] = rng.randint(140, 256, 10)
    lines.append(",".join([str(n % 10)] + [str(v) for v in pixels]))
wih, who = rng.normal(0, 36 ** -0.5, (20, 36)), rng.normal(0, 20 ** -0.5, (10, 20))
act = lambda x: 1 / (1 + np.exp(-x))
for e in range(6):
    for line in lines:
        values = line.split(",")
        x = np.array(np.asarray(values[1:], dtype=float) / 255 + 0.01, ndmin=2).T
        t = np.zeros((10, 1)) + 0.01
        t[int(values[0]), 0] = 0.99
        h = act(wih @ x)
        o = act(who @ h)
        error = 0.5 * np.sum((t - o) ** 2)
        do = (t - o) * o * (1 - o)
        dh = who.T @ do * h * (1 - h)
        who += 0.3 * do @ h.T
        wih += 0.3 * dh @ x.T
"""


def test_pixels_of_lines_of_text_that_saturate_the_units_are_told(tmp_path):
    edits = {"dtype=float) / 255 + 0.01": "dtype=float)"}
    is_told_apart(tmp_path, LINES, edits, "BP401", "h = act(wih")


SERIES = """
import numpy as np
rng = np.random.default_rng(4)
T, H = 30, 8
Wx, Wh, Wo = rng.normal(size=(1, H)) / 3, rng.normal(size=(H, H)) / 9, rng.normal(size=(H, 1)) / 3
for step in range(120):
    x = rng.integers(0, 2, (32, T)).astype(float)
    y = x[:, :1]
    hs = [np.zeros((32, H))]
    for t in range(T):
        hs.append(np.tanh(x[:, t : t + 1] @ Wx + hs[-1] @ Wh))
    p = 1 / (1 + np.exp(-hs[-1] @ Wo))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    d = (p - y) / 32
    dWo, dh = hs[-1].T @ d, d @ Wo.T
    dWx, dWh = np.zeros_like(Wx), np.zeros_like(Wh)
    for t in reversed(range(T)):
        dz = dh * (1 - hs[t + 1] ** 2)
        dWx += x[:, t : t + 1].T @ dz
        dWh += hs[t].T @ dz
        dh = dz @ Wh.T
    Wx -= 0.5 * dWx
    Wh -= 0.5 * dWh
    Wo -= 0.5 * dWo
"""


def test_a_long_series_is_looked_through_to_its_first_time(tmp_path):
    is_told(tmp_path, SERIES, {}, "BP306", "Wx, Wh, Wo")


ALIKE = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.uniform(-1, 1, (100, 2))
Y = 2 * X[:, :1] * X[:, 1:]
W1, W2 = np.full((2, 16), 0.5), np.full((16, 1), 0.5)
for epoch in range(60):
    h = X @ W1
    out = np.maximum(0, h) @ W2
    loss = np.mean((out - Y) ** 2)
    g = 2 * (out - Y) / len(X)
    dW2 = np.maximum(0, h).T @ g
    W1 -= 2.0 * X.T @ (g @ W2.T * (h > 0))
    W2 -= 2.0 * dW2
"""


def test_a_start_that_is_the_same_for_all_units_comes_before_the_overflow(tmp_path):
    status, found = judged(tmp_path, ALIKE)
    assert (status, found[0][0]) == ("verified", "BP303")


def test_an_epsilon_in_the_logarithm_is_no_range_of_the_output(tmp_path):
    text = SPLIT.replace("np.log(p)", "np.log(p + 0.5)").replace("np.log(1 - p)", "np.log(1.5 - p)")
    text = text.replace("(p - y) /", "(p - y) * 2 /")
    assert "BP402" not in [code for code, _ in judged(tmp_path, text)[1]]
