"""Trainings that see one batch or one class for ever, and factors that stay zero."""

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import line_of

pytestmark = pytest.mark.quality

BATCHES = """
import numpy as np
rng = np.random.default_rng(1)
X = rng.normal(size=(200, 3))
y = (X[:, 0] * X[:, 1] > 0) * 1.0
def next_batch(step):
    rng = np.random.default_rng({seed})
    rows = rng.choice(200, {rows})
    return X[rows], y[rows]
W, v = rng.normal(size=(3, 8)), 0.3 * rng.normal(size=8)
chosen = rng.permutation(200)[:50]
for step in range(400):
    {taken}
    h = np.tanh(x @ W)
    p = 1 / (1 + np.exp(-h @ v))
    loss = -np.mean(t * np.log(p + 1e-9) + (1 - t) * np.log(1 - p + 1e-9))
    d = (p - t) / len(t)
    W -= 0.5 * x.T @ (np.outer(d, v) * (1 - h ** 2))
    v -= 0.5 * h.T @ d
print(loss)
"""


@pytest.mark.parametrize(
    ("seed", "rows", "taken", "told"),
    [
        ("0", 16, "x, t = next_batch(step)", True),
        ("step", 16, "x, t = next_batch(step)", False),
        ("0", 16, "x, t = X[chosen], y[chosen]", False),
        ("0", 16, "at = (step * 16) % 16; x, t = X[at:at + 16], y[at:at + 16]", True),
        ("0", 16, "x, t = X[:50], y[:50]", False),
    ],
)
def test_the_same_rows_in_every_step(tmp_path, seed, rows, taken, told):
    text = BATCHES.format(seed=seed, rows=rows, taken=taken)
    status, found = judged(tmp_path, text)
    line = line_of(text, "return X[rows]" if "next_batch(step)" in taken else taken)
    assert status == "verified"
    assert (("BP405", line) in found) is told


SORTED = """
import numpy as np
rng = np.random.default_rng(1)
rows = np.c_[rng.normal(size=(120, 2)), np.repeat([0.0, 1.0], 60)]
{shuffle}
X, y = rows[:60, :2], rows[:60, 2]
W, v = rng.normal(size=(2, 6)), 0.3 * rng.normal(size=6)
for step in range(200):
    h = np.tanh(X @ W)
    p = 1 / (1 + np.exp(-h @ v))
    loss = -np.mean(y * np.log(p + 1e-9) + (1 - y) * np.log(1 - p + 1e-9))
    d = (p - y) / 60
    W -= 0.3 * X.T @ (np.outer(d, v) * (1 - h ** 2))
    v -= 0.3 * h.T @ d
print(loss)
"""


@pytest.mark.parametrize(("shuffle", "told"), [("", True), ("rng.shuffle(rows)", False)])
def test_one_class_that_is_cut_from_several(tmp_path, shuffle, told):
    codes = {code for code, _ in judged(tmp_path, SORTED.format(shuffle=shuffle))[1]}
    assert ("BP405" in codes) is told


FACTORS = """
import numpy as np
rng = np.random.default_rng(2)
w, V = np.zeros(9), {start}
pairs = [(i, 4 + j, 1 if (i < 2) == (j < 3) else -1) for i in range(4) for j in range(5)]
for epoch in range(40):
    total = 0.0
    for i, j, c in pairs:
        s = w[i] + w[j] + V[i] @ V[j]
        total += np.logaddexp(0, -c * s)
        g = -c / (1 + np.exp(c * s))
        gi, gj = g * V[j], g * V[i]
        w[i] -= 0.1 * g
        w[j] -= 0.1 * g
        V[i] -= 0.1 * gi
        V[j] -= 0.1 * gj
print(total)
"""


@pytest.mark.parametrize(
    ("start", "told"), [("np.zeros((9, 3))", True), ("0.1 * rng.normal(size=(9, 3))", False)]
)
def test_factors_that_stay_zero(tmp_path, start, told):
    codes = {code for code, _ in judged(tmp_path, FACTORS.format(start=start))[1]}
    assert ("BP303" in codes) is told


GATED = """
import numpy as np
rng = np.random.default_rng(4)
X = rng.normal(size=(60, 3))
y = (X[:, 0] > 0) * 1.0
net = {{k: {start} for k, s in (("W", (3, 5)), ("V", (5, 1)))}}
net["c"] = np.zeros(1)
for step in range(60):
    h = np.tanh(X @ net["W"])
    p = 1 / (1 + np.exp(-(h @ net["V"])[:, 0] - net["c"]))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    d = (p - y)[:, None] / 60
    grads = {{"V": h.T @ d, "W": X.T @ (d @ net["V"].T * (1 - h ** 2)), "c": d.sum(axis=0)}}
    for k in net:
        net[k] = net[k] - 0.5 * grads[k]
print(loss)
"""


@pytest.mark.parametrize(
    ("start", "told"), [("np.zeros(s)", True), ("0.3 * rng.normal(size=s)", False)]
)
def test_layers_that_keep_one_another_at_zero(tmp_path, start, told):
    codes = {code for code, _ in judged(tmp_path, GATED.format(start=start))[1]}
    assert ("BP303" in codes) is told


COLUMNS = """
import numpy as np
rng = np.random.default_rng(5)
parts = [rng.normal(size=80) for _ in range(3)]
y = parts[0] - parts[1] * parts[2]
X = np.empty((80, 3))
for j in range(3):
    X[:, j] = parts[{which}]
W, v = 0.5 * rng.normal(size=(3, 6)), 0.5 * rng.normal(size=6)
for step in range(100):
    h = np.tanh(X @ W)
    d = 2 * (h @ v - y) / 80
    loss = np.mean((h @ v - y) ** 2)
    dh = np.outer(d, v) * (1 - h * h)
    v -= 0.2 * h.T @ d
    W -= 0.2 * X.T @ dh
print(loss)
"""


@pytest.mark.parametrize(("which", "told"), [("0", True), ("j", False)])
def test_features_that_are_copies_of_one(tmp_path, which, told):
    text = COLUMNS.format(which=which)
    assert (("BP405", line_of(text, "X[:, j] =")) in judged(tmp_path, text)[1]) is told


RATES = """
import numpy as np
rng = np.random.default_rng(6)
X = rng.normal(size=(80, 3))
views = rng.integers(50, 90, 80)
clicks = rng.binomial(views, 1 / (1 + np.exp(-X[:, 0])))
rate = clicks {by} views
w = np.zeros(3)
for step in range(80):
    p = 1 / (1 + np.exp(-X @ w))
    loss = np.mean((p - rate) ** 2)
    w -= X.T @ (2 * (p - rate) * p * (1 - p)) / 80
print(loss)
"""


@pytest.mark.parametrize(("by", "told"), [("//", True), ("/", False)])
def test_counts_that_are_divided_as_integers(tmp_path, by, told):
    codes = {code for code, _ in judged(tmp_path, RATES.format(by=by))[1]}
    assert ("BP404" in codes) is told
