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
