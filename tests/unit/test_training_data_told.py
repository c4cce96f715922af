"""Data and starts that keep a program from learning: each fault beside the program without it."""

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_training_causes import is_told_apart
from tests.unit.test_training_told import is_told

pytestmark = pytest.mark.quality


PICTURES = """
import numpy as np
np.random.seed(1)
m = 320
labels = np.random.randint(0, 3, m)
pics = np.random.rand(m, 6, 6) * 0.5
for i, c in enumerate(labels):
    pics[i, 2 * c:2 * c + 2] += 0.5
X = pics.reshape(m, -1).T
X = (X - np.mean(X)) / np.std(X)
Y = np.eye(3)[labels].T
perm = np.random.permutation(m)
Xs, Ys = X[:, perm], Y[:, perm]
W, b = np.zeros((3, 36)), np.zeros((3, 1))
for epoch in range(12):
    for k in range(0, m, 64):
        x, y = Xs[:, k:k + 64], Ys[:, k:k + 64]
        e = np.exp(W @ x + b)
        p = e / e.sum(axis=0)
        cost = -np.sum(y * np.log(p)) / 64
        W -= 0.3 * (p - y) @ x.T / 64
        b -= 0.3 * np.mean(p - y, axis=1, keepdims=True)
"""


def test_a_reshape_that_mixes_pictures_is_named(tmp_path):
    edits = {"pics.reshape(m, -1).T": "pics.reshape(36, m)"}
    is_told_apart(tmp_path, PICTURES, edits, "BP403", "X = pics")


GAPS = """
import numpy as np
rng = np.random.default_rng(8)
raw = rng.normal(size=(300, 4))
price = raw[:, 0] * 2 - raw[:, 1] + np.sin(raw[:, 2])
raw[rng.random(300) < 0.1, 3] = np.nan
keep = ~np.isnan(raw).any(axis=1)
X = raw[keep]
X = (X - X.mean(axis=0)) / X.std(axis=0)
y = price[keep]
w, b = np.zeros(4), 0.0
for epoch in range(30):
    order = rng.permutation(len(X))
    for s in range(0, 240, 30):
        j = order[s:s + 30]
        r = X[j] @ w + b - y[j]
        loss = np.mean(r ** 2) / 2
        w = w - 0.1 * X[j].T @ r / 30
        b = b - 0.1 * np.mean(r)
"""


def test_rows_that_are_left_out_of_the_inputs_alone_are_named(tmp_path):
    edits = {"price[keep]": "price[:len(X)]"}
    is_told_apart(tmp_path, GAPS, edits, "BP403", "y = price")


def test_an_empty_cell_is_where_nan_begins(tmp_path):
    cells = "np.array([[v if v > -9 else float('nan') for v in row] for row in {}])"
    edits = {
        "raw[rng.random(300) < 0.1, 3] = np.nan": "raw[7, 3] = -10; raw = " + cells.format("raw"),
        "keep = ~np.isnan(raw).any(axis=1)": "keep = np.ones(300, bool)",
    }
    is_told(tmp_path, GAPS, edits, "BP201", "raw[7, 3]")


MASKS = """
import numpy as np
rng = np.random.default_rng(5)
N, T = 20, 9
X = rng.normal(size=(N, T, 4))
Y = (X[:, :, 0] > 0).astype(float)[..., None] * 1
Y[3, 5:] = -1
Y[7, 2:] = -1
known = Y >= 0
W1, W2 = rng.normal(size=(4, 8)) / 2, rng.normal(size=(8, 1)) / 2
for i in range(120):
    h = np.tanh(X @ W1)
    p = 1 / (1 + np.exp(-(h @ W2)))
    q = np.clip(p, 1e-7, 1 - 1e-7)
    loss = np.sum(np.where(known, -Y * np.log(q) - (1 - Y) * np.log(1 - q), 0)) / known.sum()
    d = (p - Y) * known / known.sum()
    dh = d @ W2.T * (1 - h ** 2)
    W2 -= np.einsum("nth,nto->ho", h, d)
    W1 -= np.einsum("ntd,nth->dh", X, dh)
"""


def test_masks_of_pixels_are_no_labels_of_a_sigmoid_and_marks_are_left_out(tmp_path):
    is_told_apart(tmp_path, MASKS, {"[..., None] * 1": "[..., None] * 255"}, "BP402", "Y = (X")


def test_labels_that_the_cost_leaves_out_may_have_any_value(tmp_path):
    flat = MASKS.replace("X = rng.normal(size=(N, T, 4))", "X = rng.normal(size=(90, 4))")
    for old, new in {
        "(X[:, :, 0] > 0).astype(float)[..., None] * 1": "(X[:, :3] > 0).astype(float)",
        "Y[3, 5:]": "Y[3:20, 1]", "Y[7, 2:]": "Y[9:30, 2]", "size=(8, 1)": "size=(8, 3)",
        "np.einsum(\"nth,nto->ho\", h, d)": "h.T @ d",
        "np.einsum(\"ntd,nth->dh\", X, dh)": "X.T @ dh",
    }.items():  # fmt: skip
        assert old in flat
        flat = flat.replace(old, new)
    assert judged(tmp_path, flat) == ("verified", [])


ADAM = """
import numpy as np
rng = np.random.default_rng(7)
lr = 3e-3
X = rng.normal(size=(320, 5))
Y = (X[:, :1] - X[:, 1:2] > 0).astype(float)
W = 0.1 * rng.normal(size=(5, 1))
m, v, t = np.zeros_like(W), np.zeros_like(W), 0
for epoch in range(20):
    order = rng.permutation(320)
    for s in range(0, 320, 32):
        x, y = X[order[s:s + 32]], Y[order[s:s + 32]]
        p = 1 / (1 + np.exp(-x @ W))
        loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
        g = x.T @ (p - y) / 32
        t += 1
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        W = W - lr * (m / (1 - 0.9 ** t)) / (np.sqrt(v / (1 - 0.999 ** t)) + 1e-8)
"""


def test_an_adaptive_step_on_batches_is_too_small(tmp_path):
    is_told_apart(tmp_path, ADAM, {"lr = 3e-3": "lr = 1e-5"}, "BP302", "lr = 1e-5")


POWERS = """
import random
random.seed(3)
t = [k / 4 for k in range(20)]
y = [0.5 + 0.05 * x - 0.01 * x * x + random.gauss(0, 0.01) for x in t]
rows = [[(x / 5) ** p for p in range(4)] for x in t]
c = [0.0] * 4
rate = 0.5
for it in range(300):
    grad = [0.0] * 4
    cost = 0.0
    for row, target in zip(rows, y):
        e = sum(a * b for a, b in zip(c, row)) - target
        cost += e * e / 40
        for p in range(4):
            grad[p] += e * row[p] / 20
    for p in range(4):
        c[p] -= rate * grad[p]
"""


def test_lists_of_powers_are_not_scaled(tmp_path):
    edits = {"(x / 5) ** p": "x ** p", "rate = 0.5": "rate = 1e-6"}
    is_told_apart(tmp_path, POWERS, edits, "BP401", "rows = ")


DEEP = """
import numpy as np
rng = np.random.default_rng(4)
X = rng.normal(size=(2, 150))
Y = (X[:1] * X[1:] > 0).astype(float)
sizes = [2, 16, 12, 8, 5, 1]
Ws = [rng.normal(size=(n, k)) * np.sqrt(2 / k) for k, n in zip(sizes, sizes[1:])]
bs = [np.zeros((n, 1)) for n in sizes[1:]]
for i in range(300):
    A = [X]
    for W, b in zip(Ws, bs):
        Z = W @ A[-1] + b
        A.append(np.maximum(0, Z) if len(A) < 5 else 1 / (1 + np.exp(-Z)))
    cost = -np.mean(Y * np.log(A[-1]) + (1 - Y) * np.log(1 - A[-1]))
    d = (A[-1] - Y) / 150
    for l in range(4, -1, -1):
        back = Ws[l].T @ d * (A[l] > 0)
        Ws[l] -= 0.02 * d @ A[l].T
        bs[l] -= 0.02 * d.sum(axis=1, keepdims=True)
        d = back
"""


def test_weights_that_let_nothing_through_are_named_before_the_units_that_die(tmp_path):
    is_told_apart(tmp_path, DEEP, {"np.sqrt(2 / k)": "0.01"}, "BP306", "Ws = ")


THRESHOLD = """
import numpy as np
rng = np.random.default_rng(6)
X = rng.uniform(-1, 1, (150, 4))
y = np.abs(X[:, :1]) - X[:, 1:2]
W, theta = rng.normal(size=(4, 12)) / 2, np.full(12, 0.0)
V, c = rng.normal(size=(12, 1)) / 3, np.zeros(1)
for i in range(150):
    h = np.maximum(0, X @ W - theta)
    d = 2 * (h @ V + c - y) / 150
    loss = 37.5 * np.sum(d ** 2)
    g = d @ V.T * (h > 0)
    V -= 0.1 * h.T @ d
    c -= 0.1 * d.sum(axis=0)
    W -= 0.1 * X.T @ g
    theta += 0.1 * g.sum(axis=0)
"""


def test_a_threshold_that_no_unit_reaches_is_named(tmp_path):
    is_told_apart(
        tmp_path, THRESHOLD, {"np.full(12, 0.0)": "np.full(12, 9.0)"}, "BP305", "W, theta"
    )


RECURRENT = """
import numpy as np
rng = np.random.default_rng(14)
T, K, H = 9, 3, 8
U, V = rng.normal(size=(K, H)) / 3, rng.normal(size=(H, K)) / 3
W = np.linalg.qr(rng.normal(size=(H, H)))[0]
for it in range(101):
    seq = rng.integers(0, K, (64, T))
    X, y = np.eye(K)[seq], seq[:, 0]
    hs = [np.zeros((64, H))]
    for t in range(T):
        hs.append(np.tanh(X[:, t] @ U + hs[-1] @ W))
    e = np.exp(hs[-1] @ V)
    P = e / e.sum(axis=1, keepdims=True)
    loss = -np.log(P[np.arange(64), y]).mean()
    d = P.copy()
    d[np.arange(64), y] -= 1
    d /= 64
    dV, dU, dW = hs[-1].T @ d, np.zeros_like(U), np.zeros_like(W)
    dh = d @ V.T
    for t in range(T - 1, -1, -1):
        da = dh * (1 - hs[t + 1] ** 2)
        dU += X[:, t].T @ da
        dW += hs[t].T @ da
        dh = da @ W.T
    U -= 0.3 * dU
    V -= 0.3 * dV
    W -= 0.3 * dW
"""


def test_early_inputs_that_recurrent_weights_forget_are_named(tmp_path):
    forgets = {"np.linalg.qr(rng.normal(size=(H, H)))[0]": "0.01 * rng.normal(size=(H, H))"}
    is_told_apart(tmp_path, RECURRENT, forgets, "BP306", "W = 0.01")
    late = RECURRENT.replace("seq[:, 0]", "seq[:, -1]")
    for old, new in forgets.items():
        late = late.replace(old, new)
    assert judged(tmp_path, late) == ("verified", [])
