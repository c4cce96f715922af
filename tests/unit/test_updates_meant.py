"""What updates make of a gradient, rightly: moved parameters, decay of a part, maxima."""

import pytest

from tests.unit.test_costs_meant import judged

pytestmark = pytest.mark.quality

DATA = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
y = (X[:, 0] * X[:, 1] > 0) * 1.0
"""

MOVED = (
    DATA
    + """
w = {"V": rng.normal(size=(4, 5)), "u": rng.normal(size=5)}
def value_and_grad(w):
    h = np.tanh(X @ w["V"])
    p = 1 / (1 + np.exp(-h @ w["u"]))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    d = (p - y) / 60
    return loss, {"u": h.T @ d, "V": X.T @ (np.outer(d, w["u"]) * (1 - h ** 2))}
for step in range(40):
    loss, g = value_and_grad(w)
    norm = np.sqrt(sum(np.sum(v ** 2) for v in g.values()))
    sharp = {k: w[k] + 0.05 * g[k] / norm for k in w}
    _, g = value_and_grad(sharp)
    w = {k: w[k] - 0.5 * g[k] for k in w}
print(loss)
"""
)


def test_a_gradient_at_moved_parameters_is_not_accused(tmp_path):
    assert judged(tmp_path, MOVED) == ("unverified", [])


FLAT = (
    DATA
    + """
theta, grad = 0.5 * rng.normal(size=26), np.zeros(26)
W, a = theta[:20].reshape(4, 5), theta[20:25]
gW, ga = grad[:20].reshape(4, 5), grad[20:25]
for step in range(40):
    h = np.tanh(X @ W + a)
    p = 1 / (1 + np.exp(-h.sum(axis=1) - theta[25]))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    d = (p - y) / 60
    dh = d[:, None] * (1 - h ** 2)
    gW[...] = X.T @ dh + {decay} * W
    ga[...] = dh.sum(axis=0)
    grad[25] = d.sum()
    theta -= 0.3 * grad
print(loss)
"""
)


def test_a_part_of_a_vector_may_decay(tmp_path):
    assert judged(tmp_path, FLAT.format(decay="0.01")) == ("verified", [])


def test_a_part_of_a_vector_does_not_grow_by_itself(tmp_path):
    assert judged(tmp_path, FLAT.format(decay="-0.01"))[0] == "wrong"


MAXIMA = (
    DATA
    + """
def adamax(lr=0.02, b1=0.9, b2=0.99):
    state = dict(m=0, u=0, t=0)
    def update(w, g):
        state["t"] += 1
        state["m"] = b1 * state["m"] + (1 - b1) * g
        state["u"] = np.maximum(b2 * state["u"], np.abs(g))
        return w - lr / (1 - b1 ** state["t"]) * state["m"] / (state["u"] + 1e-8)
    return update
ws = [rng.normal(size=(4, 6)), rng.normal(size=6)]
rules = [adamax() for _ in ws]
for step in range(60):
    V, u = ws
    h = np.tanh(X @ V)
    e = h @ u - y
    loss = np.mean(e ** 2) / 2
    d = e / 60
    grads = [X.T @ (np.outer(d, u) * {slope}), h.T @ d]
    ws = [rule(w, g) for rule, w, g in zip(rules, ws, grads)]
    if step % 20 == 0:
        print(np.sqrt(2 * loss))
"""
)


def test_a_maximum_of_gradients_is_looked_through(tmp_path):
    assert judged(tmp_path, MAXIMA.format(slope="(1 - h ** 2)")) == ("verified", [])


KEPT = (
    DATA
    + """
W, b = rng.normal(size=4), np.zeros(3)
V = rng.normal(size=(4, 3))
memory, velocity = [np.zeros(4), np.zeros((4, 3))], {}
for step in range(30):
    h = np.tanh(X @ V)
    p = 1 / (1 + np.exp(-X @ W - h.sum(axis=1)))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    d = (p - y) / 60
    gV = X.T @ (d[:, None] * (1 - h ** 2))
    for k, (w, g, mem) in enumerate(zip((W, V), (X.T @ d, gV), memory)):
        v = velocity.get(k, np.zeros_like(w))
        v = 0.9 * v - 0.02 * g
        velocity[k] = v
        mem += g * g
        w += v / np.sqrt(mem + 1e-8)
print(loss)
"""
)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("mem += g * g", "mem = mem + g * g", "mem = mem + g * g"),
        ("velocity[k] = v", "pass", "pass"),
        ("loss = -", "velocity = {}; loss = -", "v = 0.9 * v - 0.02 * g"),
    ],
)
def test_what_an_optimiser_keeps_must_reach_the_next_step(tmp_path, old, new, line):
    assert judged(tmp_path, KEPT) == ("verified", [])
    text = KEPT.replace(old, new)
    told = [n for n, code in enumerate(text.splitlines(), 1) if code.strip() == line]
    assert judged(tmp_path, text) == ("verified", [("BP102", *told)])


RATED = """
import numpy as np
rng = np.random.default_rng(2)
rated = [(u, i, 3 + rng.normal()) for u in range(8) for i in range(6)]
b, P, Q = np.zeros(8), 0.3 * rng.normal(size=(8, 2)), 0.3 * rng.normal(size=(6, 2))
for epoch in range(12):
    for u, i, r in rated:
        guess = 3 + b[u] + P[u] @ Q[i]
        e = r - guess
        p = P[u].copy()
        b[u] += 0.1 * (e - 0.02 * b[u])
        P[u] += 0.1 * (e * Q[i] - 0.02 * P[u])
        Q[i] += 0.1 * (e * p - 0.02 * Q[i])
    print(epoch, np.mean([(r - 3 - b[u] - P[u] @ Q[i]) ** 2 for u, i, r in rated]))
"""


@pytest.mark.parametrize(("name", "line"), [("b[u]", 11), ("Q[i]", 13)])
def test_entries_that_become_their_step(tmp_path, name, line):
    assert judged(tmp_path, RATED) == ("verified", [])
    lost = RATED.replace(f"{name} +=", f"{name} =")
    assert judged(tmp_path, lost) == ("verified", [("BP104", line)])
