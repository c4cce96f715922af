"""What keeps a program from learning, told by a trial: each fault beside the program without it."""

import pytest

from tests.unit.test_costs_meant import judged, report
from tests.unit.test_training_told import is_told

pytestmark = pytest.mark.quality


def is_told_apart(tmp_path, text, edits, code, at):
    """Without the fault nothing is said; with it the finding comes first."""
    assert judged(tmp_path, text) == ("verified", [])
    is_told(tmp_path, text, edits, code, at)


NET = """
import numpy as np
rng = np.random.default_rng(4)
X = rng.normal(size=(120, 3))
Y = (X[:, :1] + X[:, 1:2] > 0).astype(float)
W1, b1 = rng.normal(size=(3, 8)) / 2, np.zeros(8)
W2, b2 = rng.normal(size=(8, 1)) / 3, np.zeros(1)
for i in range(200):
    h = np.tanh(X @ W1 + b1)
    z = h @ W2 + b2
    a = 1 / (1 + np.exp(-z))
    loss = np.mean((a - Y) ** 2)
    d = 2 * (a - Y) / 120 * a * (1 - a)
    dh = d @ W2.T * (1 - h ** 2)
    W2 -= h.T @ d
    b2 -= d.sum(axis=0)
    W1 -= X.T @ dh
    b1 -= dh.sum(axis=0)
"""


def test_an_output_that_no_gradient_passes_is_named(tmp_path):
    softmax = {"a = 1 / (1 + np.exp(-z))": "e = np.exp(z); a = e / e.sum(axis=1, keepdims=True)"}
    is_told_apart(tmp_path, NET, softmax, "BP405", "a = e /")
    dead = {
        "W2, b2 = rng.normal(size=(8, 1)) / 3": "W2, b2 = -rng.uniform(size=(8, 1))",
        "h = np.tanh(X @ W1 + b1)": "h = np.maximum(0, X @ W1 + b1)",
        "a = 1 / (1 + np.exp(-z))": "a = np.maximum(0, z)",
        "* a * (1 - a)": "* (z > 0)",
        "(1 - h ** 2)": "(h > 0)",
    }
    is_told(tmp_path, NET, dead, "BP305", "W2, b2")


def test_a_softmax_of_one_unit_explains_gradients_that_seem_wrong(tmp_path):
    text = NET
    for old, new in {
        "a = 1 / (1 + np.exp(-z))": "e = np.exp(z); a = e / e.sum(axis=1, keepdims=True)",
        "np.mean((a - Y) ** 2)": "-np.mean(Y * np.log(a + 1e-9))",
        "d = 2 * (a - Y) / 120 * a * (1 - a)": "d = (a - Y) / 120",
    }.items():
        text = text.replace(old, new)
    found = report(tmp_path, text)["findings"]
    assert [(f["code"], f["severity"]) for f in found[:1]] == [("BP405", "error")]


def test_first_steps_that_saturate_the_units_are_too_large(tmp_path):
    edits = {f"{p} -= ": f"{p} -= 400 * " for p in ("W1", "b1", "W2", "b2")}
    text = NET
    for old, new in edits.items():
        text = text.replace(old, new)
    found = report(tmp_path, text)["findings"]
    assert found[0]["code"] == "BP301"


SPLIT = """
import numpy as np
rng = np.random.default_rng(6)
X = rng.normal(size=(200, 4))
y = X @ np.array([1.0, -1.0, 0.5, 2.0]) > 0
idx = rng.permutation(200)
X_train = X[idx[:150]]
y_train = y[idx[:150]].astype(float)
w, b = np.zeros(4), 0.0
for i in range(100):
    p = 1 / (1 + np.exp(-(X_train @ w + b)))
    loss = -np.mean(y_train * np.log(p) + (1 - y_train) * np.log(1 - p))
    w = w - X_train.T @ (p - y_train) / 150
    b = b - np.mean(p - y_train)
"""


def test_a_split_that_moves_one_side_alone_is_named(tmp_path):
    edits = {"y_train = y[idx[:150]]": "y_train = y[:150]"}
    is_told_apart(tmp_path, SPLIT, edits, "BP403", "X_train = X[idx")


LISTED = """
import math, random
random.seed(3)
data = []
for _ in range(60):
    a, b = random.gauss(0, 1), random.gauss(0, 1)
    data.append([a, b, 1 if a > b else 0])
w, bias = [0.0, 0.0], 0.0
for epoch in range(20):
    for row in data:
        x, label = row[:2], row[2]
        z = bias
        for j in range(2):
            z += w[j] * x[j]
        p = 1.0 / (1.0 + math.exp(-z))
        error = label - p
        bias += 0.05 * error
        for j in range(2):
            w[j] += 0.05 * error * x[j]
"""


def test_labels_of_lists_that_a_sigmoid_never_gives_are_named_where_they_are_made(tmp_path):
    edits = {"1 if a > b else 0": "2 if a > b else 1"}
    is_told_apart(tmp_path, LISTED, edits, "BP402", "data.append")


NORMALISED = """
import numpy as np
rng = np.random.default_rng(8)
EPS = 1e-12
X = 1e-4 * rng.normal(size=(150, 4))
Y = np.sign(X[:, :1])
W1, W2 = rng.normal(size=(4, 16)), rng.normal(size=(16, 1)) / 4
for i in range(200):
    mu, var = X.mean(axis=0), X.var(axis=0)
    x = (X - mu) / np.sqrt(var + EPS)
    h = np.tanh(x @ W1)
    d = (h @ W2 - Y) / 150
    loss = 150 * np.sum(d ** 2)
    dh = 2 * d @ W2.T * (1 - h ** 2)
    W2 -= 0.2 * 2 * h.T @ d
    W1 -= 0.2 * x.T @ dh
"""


def test_an_epsilon_above_the_variance_is_named(tmp_path):
    is_told_apart(tmp_path, NORMALISED, {"EPS = 1e-12": "EPS = 1e-3"}, "BP203", "EPS = ")


DISTANCES = """
import numpy as np
rng = np.random.default_rng(9)
X = (rng.uniform(0, 1000, (100, 2)) + [0.0, 0.0]).astype(np.float32)
t = np.sin(X[:, 0] % 1000 / 200).astype(np.float32)
C = X[:20]
sq = (X ** 2).sum(axis=1)[:, None] + (C ** 2).sum(axis=1) - 2 * X @ C.T
P = np.exp(-np.maximum(sq, 0) / 2e5)
w = np.zeros(20, np.float32)
for i in range(300):
    r = P @ w - t
    loss = np.mean(r ** 2)
    w -= np.float32(0.05) * (P.T @ r) / np.float32(50)
"""


def test_squares_that_cancel_before_the_training_are_named(tmp_path):
    far = {"[0.0, 0.0]": "[500000.0, 5000000.0]"}
    is_told_apart(tmp_path, DISTANCES, far, "BP203", "sq = ")


MOMENTUM = """
import numpy as np
rng = np.random.default_rng(1)
X = rng.normal(size=(200, 3))
y = X @ np.array([1.0, -2.0, 3.0]) + X[:, 0] * X[:, 1]
w, v = np.zeros(3), np.zeros(3)
lr = 0.1
for i in range(120):
    r = X @ w - y
    cost = np.mean(r ** 2)
    v = 0.9 * v - lr * X.T @ r / 100
    w = w + v
"""


def test_a_step_with_momentum_is_too_large(tmp_path):
    is_told_apart(tmp_path, MOMENTUM, {"lr = 0.1": "lr = 5.0"}, "BP301", "lr = 5.0")


MODEL = """
import numpy as np
rng = np.random.default_rng(2)
X = rng.uniform(-1, 1, (200, 2))
Y = np.sin(3 * X[:, :1]) * np.cos(3 * X[:, 1:])
W1, b1 = rng.normal(size=(2, 20)), np.zeros(20)
W2, b2 = rng.normal(size=(20, 1)) / 5, np.zeros(1)
v = [np.zeros_like(p) for p in (W1, b1, W2, b2)]
for i in range(400):
    h = np.tanh(X @ W1 + b1)
    d = (h @ W2 + b2 - Y) / 200
    loss = 200 * np.sum(d ** 2)
    dh = 2 * d @ W2.T * (1 - h ** 2)
    grads = [X.T @ dh, dh.sum(axis=0), 2 * h.T @ d, 2 * d.sum(axis=0)]
    for p, m, g in zip((W1, b1, W2, b2), v, grads):
        m *= 0.9
        m -= 0.05 * g
        p += m
"""


def test_layers_without_an_activation_are_too_small_a_model(tmp_path):
    linear = {"np.tanh(X @ W1 + b1)": "X @ W1 + b1", " * (1 - h ** 2)": ""}
    is_told_apart(tmp_path, MODEL, linear, "BP307", "h = X @ W1")


def test_a_cost_that_creeps_needs_longer_steps(tmp_path):
    slow = {f"{p} -= ": f"{p} -= 0.01 * " for p in ("W1", "b1", "W2", "b2")}
    text = NET.replace("range(200)", "range(110)")
    for old, new in slow.items():
        text = text.replace(old, new)
    assert report(tmp_path, text)["findings"][0]["code"] == "BP302"


RARE = """
import numpy as np
rng = np.random.default_rng(3)
y = (rng.random(1500) < 0.5).astype(float)
X = rng.normal(size=(1500, 3)) + y[:, None] * [1.0, -0.7, 0.0]
w, b = np.zeros(3), 0.0
for epoch in range(40):
    order = rng.permutation(1500)
    for s in range(0, 1500, 50):
        x, t = X[order[s:s + 50]], y[order[s:s + 50]]
        p = 1 / (1 + np.exp(-(x @ w + b)))
        loss = -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))
        w = w - 0.1 * x.T @ (p - t) / 50
        b = b - 0.1 * np.mean(p - t)
"""


def test_a_rare_class_is_told_where_steps_see_batches(tmp_path):
    is_told_apart(tmp_path, RARE, {"< 0.5)": "< 0.02)"}, "BP405", "y = (rng")
