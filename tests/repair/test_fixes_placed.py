"""Edits that were once not found in time, or not at their place, in small programs of each kind."""

from pathlib import Path

import pytest

from tests.repair.test_fixes_found import report
from tests.unit.test_faults_placed import line_of

pytestmark = pytest.mark.quality

HEAD = """\
import numpy as np
rng = np.random.default_rng(3)
X, T = rng.normal(size=(30, 4)), rng.normal(size=(30, 2))
"""
PRIVATE = (
    HEAD
    + """\
class Net:
    def __init__(self):
        self.__v, self.__w = rng.normal(size=(4, 5)) * 0.5, rng.normal(size=(5, 2)) * 0.5
    def __slope(self, h):
        return 1 - h ** 2
    def step(self):
        h = np.tanh(X @ self.__v)
        e = h @ self.__w - T
        cost = 0.5 * np.sum(e ** 2)
        d = e @ self.__w.T * self.__slope(h)
        self.__w -= 0.01 * h.T @ e
        self.__v -= 0.01 * X.T @ d
        return cost
net = Net()
for i in range(20):
    print(net.step())
"""
)
LISTS = """\
import math, random
random.seed(4)
sizes = [3, 6, 2]
def draw(n, m):
    return [[random.uniform(-1, 1) for _ in range(m)] for _ in range(n)]
weights = [draw(sizes[k + 1], sizes[k]) for k in range(2)]
rows = [([random.uniform(-1, 1) for _ in range(3)], k % 2) for k in range(6)]
for epoch in range(4):
    for row, kind in rows:
        outs, sums = [row], [row]
        for k in range(2):
            z = [sum(w * o for w, o in zip(ws, outs[-1])) for ws in weights[k]]
            sums.append(z)
            outs.append([math.tanh(v) for v in z])
        target = [1 - 2 * (kind == j) for j in range(2)]
        delta = [(o - t) / math.cosh(z) ** 2 for o, t, z in zip(outs[2], target, sums[2])]
        below = [sum(weights[1][j][i] * delta[j] for j in range(2)) / math.cosh(sums[1][i]) ** 2
                 for i in range(6)]
        for k, d in ((0, below), (1, delta)):
            for i in range(sizes[k + 1]):
                for j in range(sizes[k]):
                    weights[k][i][j] = weights[k][i][j] - 0.1 * d[i] * outs[k][j]
"""
RECURRENT = (
    HEAD
    + """\
U, W, V, b = (rng.normal(size=s) * 0.3 for s in ((5, 4), (5, 5), (2, 5), (5, 1)))
memories = [np.zeros_like(p) for p in (U, W, V, b)]
for step in range(20):
    hs, loss = {-1: np.zeros((5, 1))}, 0.0
    dU, dW, dV, db = (np.zeros_like(p) for p in (U, W, V, b))
    es = {}
    for t in range(6):
        hs[t] = np.tanh(U @ X[t][:, None] + W @ hs[t - 1] + b)
        es[t] = V @ hs[t] - T[t][:, None]
        loss += 0.5 * np.sum(es[t] ** 2)
    later = np.zeros((5, 1))
    for t in reversed(range(6)):
        dV += es[t] @ hs[t].T
        d = (V.T @ es[t] + later) * (1 - hs[t] ** 2)
        dU += d @ X[t][None]
        dW += d @ hs[t - 1].T
        db += d
        later = W.T @ d
    for p, g, mem in zip((U, W, V, b), (dU, dW, dV, db), memories):
        mem += g * g
        p += -0.1 * g / np.sqrt(mem + 1e-8)
    print(loss)
"""
)
LAYERS = (
    HEAD
    + """\
ws = [rng.normal(size=s) * 0.6 for s in ((4, 5), (5, 5), (5, 2))]
def act(z):
    return 1 / (1 + np.exp(-z))
def slope(z):
    return act(z) * (1 - act(z))
for step in range(20):
    a, zs, outs = X, [], [X]
    for w in ws:
        zs.append(a @ w)
        a = act(zs[-1])
        outs.append(a)
    cost = 0.5 * np.sum((a - T) ** 2)
    delta = (a - T) * slope(zs[-1])
    grads = [None] * 3
    grads[-1] = outs[-2].T @ delta
    for l in range(2, 4):
        z = zs[-l]
        sp = slope(z)
        delta = delta @ ws[-l + 1].T * sp
        grads[-l] = outs[-l - 1].T @ delta
    ws = [w - 0.05 * g for w, g in zip(ws, grads)]
    print(cost)
"""
)
LIKELIHOOD = """\
import numpy as np
from scipy.optimize import fmin_l_bfgs_b
rng = np.random.default_rng(5)
X = rng.normal(size=(40, 3))
y = (X[:, 0] > 0).astype(float)
variance = 4.0
def loglik(w):
    p = 1 / (1 + np.exp(-X @ w))
    ll = -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) + 0.5 * w @ w / variance
    grad = -(X.T @ (y - p) - w / variance)
    return ll, grad
print(fmin_l_bfgs_b(loglik, np.zeros(3))[1])
"""


@pytest.mark.parametrize(
    ("program", "right", "wrong", "at"),
    [
        (PRIVATE, "* self.__slope(h)", "+ self.__slope(h)", "d = e @"),
        (LISTS, "* outs[k][j]", "* sums[k][j]", "weights[k][i][j] = "),
        (RECURRENT, "        db += d\n", "        db + d\n", "db + d"),
        (RECURRENT, "        dW += d @ hs", "        dW = d @ hs", "dW = d"),
        (LAYERS, "z = zs[-l]", "z = zs[-2]", "z = zs[-2]"),
        (LAYERS, "sp = slope(z)", "sp = slope(outs[-l])", "sp = slope(outs"),
        (LIKELIHOOD, "w / variance)", "w * variance)", "grad = -("),
    ],
    ids=["private names", "the last layer alone", "a sum that is not kept", "one of several sums",
         "the same element in each round", "an output for a sum", "which way an optimiser goes"],
)  # fmt: skip
def test_an_edit_is_found_at_its_place(tmp_path, program, right, wrong, at):
    text = program.replace(right, wrong)
    finding = report(tmp_path, text)["findings"][0]
    assert finding["line"] == line_of(text, at), finding["title"]
    assert finding["fix"] is not None, finding["notes"]
    assert finding["fix"]["verified"]


def test_a_verified_edit_is_right_in_later_steps_as_well(tmp_path):
    """Where a parameter starts as 1 and another as 0, edits that are wrong look right at first."""
    program = (
        HEAD
        + """\
a, c, w = np.ones(1), np.zeros(1), rng.normal(size=4) * 0.3
for step in range(40):
    s = X @ w
    e = s * (a + c) - T[:, 0]
    loss = 0.5 * np.sum(e ** 2)
    dw = X.T @ (e * (a * c))
    da, dc = np.array([e @ s]), np.array([e @ s])
    w -= 0.005 * dw
    a -= 0.005 * da
    c -= 0.005 * dc
    print(loss)
"""
    )
    finding = report(tmp_path, program)["findings"][0]
    assert finding["line"] == line_of(program, "dw = X.T")
    assert finding["fix"] is None or "a + c" in finding["fix"]["after"]


def test_labels_that_met_outputs_in_a_square_get_their_shape_and_nothing_else(tmp_path):
    """``pred + y`` broadcasts as well, and has the same cost where `pred` starts as 0."""
    text = Path("examples/silent_broadcast.py").read_text()
    fix = report(tmp_path, text)["findings"][0]["fix"]
    assert fix["verified"]
    assert "pred - y.reshape(-1, 1)" in fix["after"]


@pytest.mark.parametrize("wrong", ["dp * p * (1 - p)", "p * dp", "dp"])
def test_softmax_inside_a_network_gets_its_whole_jacobian(tmp_path, wrong):
    text = Path("examples/attention.py").read_text().replace("dp * p * (1 - p)", wrong)
    finding = report(tmp_path, text)["findings"][0]
    assert finding["fix"] is not None, finding["notes"]
    assert finding["fix"]["verified"]
    assert (
        "p * (dp - np.sum(dp * p, axis=-1, keepdims=True)) / np.sqrt(D)" in finding["fix"]["after"]
    )


@pytest.mark.parametrize("wrong", ["dout * gamma / np.sqrt(var + eps)", "gamma * dout"])
def test_a_normalisation_gets_what_comes_back_through_mean_and_variance(tmp_path, wrong):
    scale = "" if "sqrt" in wrong else " / np.sqrt(var + eps)"
    right = "dx = dout * gamma / np.sqrt(var + eps)"
    text = Path("examples/batch_norm.py").read_text().replace(right, f"dx = {wrong}{scale}")
    finding = report(tmp_path, text)["findings"][0]
    assert finding["fix"] is not None, finding["notes"]
    assert finding["fix"]["verified"]
    whole = "(dout - dout.mean(axis=0) - xhat * (dout * xhat).mean(axis=0))"
    assert whole in finding["fix"]["after"]


def test_weights_that_grew_a_column_for_each_sample_are_not_divided_once_more(tmp_path):
    """``w = w - lr * X.T @ (p - y)`` with a column `p` and a row `y`."""
    text = """\
import numpy as np
np.random.seed(0)
X = np.random.randn(30, 4)
y = (X.sum(axis=1) > 0).astype(float)
w, b = np.zeros((4, 1)), 0.0
for epoch in range(40):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    dz = p - y
    w = w - 0.5 * X.T @ dz / len(X)
    b = b - 0.5 * dz.mean()
print(loss)
"""
    (finding,) = report(tmp_path, text)["findings"]
    assert (finding["code"], finding["line"]) == ("BP108", line_of(text, "dz = p - y"))
    assert finding["fix"]["verified"]
    assert ".reshape(-1, 1)" in finding["fix"]["after"]
