"""Gradients that say nothing, and optimisers of numbers: no program of these is accused."""

import pytest

from tests.unit.test_costs_meant import judged, report

pytestmark = pytest.mark.quality

NUMBERS = """
import numpy as np
rng = np.random.default_rng(2)
X = rng.normal(size=(100, 3))
t = X @ np.array([0.3, -0.2, 0.1]) + 0.2 * rng.normal(size=100)
w, s = np.zeros(3), 0.0
vw, vs, sw, ss = np.zeros(3), 0.0, np.zeros(3), 0.0
for k in range(1, 200):
    e = X @ w - t
    loss = np.mean(e ** 2) / 2 * np.exp(-2 * s) + s
    dw, ds = X.T @ e / 100 * np.exp(-2 * s), 1 - np.mean(e ** 2) * np.exp(-2 * s)
    vw, vs = 0.9 * vw + 0.1 * dw, 0.9 * vs + 0.1 * ds
    sw, ss = 0.999 * sw + 0.001 * dw ** 2, 0.999 * ss + 0.001 * ds ** 2
    w = w - 0.01 * (vw / (1 - 0.9 ** k)) / (np.sqrt(sw / (1 - 0.999 ** k)) + 1e-8)
    s = s - 0.01 * (vs / (1 - 0.9 ** k)) / (np.sqrt(ss / (1 - 0.999 ** k)) + 1e-8)
print(loss)
"""
NO_RATE = """
import numpy as np
rng = np.random.default_rng(7)
X = rng.normal(size=(60, 3))
Y = np.eye(3)[rng.integers(0, 3, 60)]
W, V, b = rng.normal(size=(3, 8)), rng.normal(size=(8, 3)), np.zeros(3)
for epoch in range(1, 60):
    rate = 0.5 * (40 // (40 + epoch))
    h = np.tanh(X @ W)
    z = h @ V + b
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    loss = -np.mean(np.sum(Y * np.log(p), axis=1))
    d = (p - Y) / 60
    back = d @ V.T * (1 - h ** 2)
    V = V - rate * h.T @ d
    b = b - rate * d.sum(axis=0)
    W = W - rate * X.T @ back
print(loss)
"""


def test_averages_of_single_numbers_are_an_optimisers(tmp_path):
    assert judged(tmp_path, NUMBERS) == ("verified", [])


def test_a_rate_of_zero_is_told_and_no_gradient(tmp_path):
    told = report(tmp_path, NO_RATE)
    assert [f["code"] for f in told["findings"]] == ["BP302"]
    assert told["gradient"]["status"] == "unverified"


QUANTILES = """
import numpy as np
rng = np.random.default_rng(14)
X = np.column_stack([np.ones(90), rng.normal(size=(90, 2))])
y = X @ np.array([0.5, 1.0, -1.0]) + rng.standard_t(4, 90)
W = np.zeros((3, 3))
for epoch in range(60):
    out, dW = X @ W, np.zeros_like(W)
    for j, q in enumerate([0.2, 0.5, 0.8]):
        e = y - out[:, j]
        slope = np.where(e >= 0, -q, 1 - q)
        dW[:, j] = X.T @ slope / 90
    W -= 0.05 * dW
print(W)
"""
SPREAD = """
import numpy as np
rng = np.random.default_rng(5)
X = rng.normal(size=(32, 6))
T = np.tanh(X @ rng.normal(size=(6, 2)))
W, V, var_coef = rng.normal(size=(6, 4)), rng.normal(size=(4, 2)), 0.5
for step in range(60):
    z = np.tanh(X @ W)
    diff = z @ V - T
    loss = np.mean(np.sum(diff * diff, axis=1))
    d = 2 * diff / 32
    dz = d @ V.T
    dz = dz - var_coef * 2 * (z - z.mean(axis=0)) / z.size
    dV = z.T @ d
    dW = X.T @ (dz * (1 - z * z))
    W -= 0.05 * dW
    V -= 0.05 * dV
print(loss)
"""
CUT = """
import numpy as np
rng = np.random.default_rng(11)
X = rng.normal(size=(120, 6)) * np.array([1, 1, 3, 1, 12, 1])
y = (X @ np.array([1.0, -0.5, 0.4, 0.0, 0.1, 0.7]) > 1.0).astype(float)
w, b, limit = np.zeros(6), 0.0, 1.0
for step in range(60):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)) + 0.0005 * float(w @ w)
    e = (p - y) / 120
    gw, gb = X.T @ e + 0.001 * w, float(e.sum())
    norm = float(np.sqrt((gw ** 2).sum() + gb ** 2))
    if norm > limit:
        gw, gb = gw * (limit / norm), gb * (limit / norm)
    w -= 0.05 * gw
    b -= 0.05 * gb
print(loss)
"""


def test_slopes_of_quantiles_are_those_of_a_cost(tmp_path):
    assert judged(tmp_path, QUANTILES) == ("verified", [])
    slip = "dW[:, j] = X.T @ (slope * e) / 90"
    text = QUANTILES.replace("dW[:, j] = X.T @ slope / 90", slip)
    status, found = judged(tmp_path, text)
    assert status != "verified" or found


def test_a_term_with_a_strength_of_its_own_is_left_open(tmp_path):
    told = report(tmp_path, SPREAD)
    assert told["findings"] == []
    reasons = {p["name"]: p["reason"] for p in told["gradient"]["parameters"] if p["reason"]}
    assert list(reasons) == ["W"]
    assert "var_coef" in reasons["W"]


def test_numbers_cut_by_a_common_norm_are_right(tmp_path):
    assert judged(tmp_path, CUT)[0] == "verified"
    assert not [f for f in judged(tmp_path, CUT)[1] if f[0].startswith("BP1")]


MOVING = """
import math
import random
random.seed(0)
V = [random.gauss(0, 0.4) for _ in range(4)]
U = [random.gauss(0, 0.4) for _ in range(4)]
c, mV, mU, mc, recent = 0.0, [0.0] * 4, [0.0] * 4, 0.0, []
for step in range(120):
    x = random.uniform(-1, 1)
    h = [math.tanh(u * x) for u in U]
    e = sum(v * a for v, a in zip(V, h)) + c - math.sin(2 * x)
    recent = [*recent, 0.5 * e * e][-20:]
    for j in range(4):
        d = e * V[j] * (1 - h[j] ** 2)
        mV[j] = 0.9 * mV[j] + e * h[j]
        mU[j] = 0.9 * mU[j] + d * x
        V[j] -= 0.01 * mV[j]
        U[j] -= 0.01 * mU[j]
    mc = 0.9 * mc + e
    c -= 0.01 * mc
    if step % 20 == 0:
        print(sum(recent) / len(recent))
"""


def test_the_momentum_of_a_bias_that_is_a_number_is_one(tmp_path):
    assert judged(tmp_path, MOVING) == ("verified", [])
    text = MOVING.replace("mc = 0.9 * mc + e", "mc = 0.9 * mc + e * e")
    assert judged(tmp_path, text)[0] == "wrong"
