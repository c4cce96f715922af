"""What NumPy and SciPy offer beside plain functions: windows, methods, sparse data, laws."""

import pytest

from tests.unit.test_costs_meant import judged

pytestmark = pytest.mark.quality

WINDOWS = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(20, 9)).astype(np.float32)
y = (X[:, 3] * X[:, 4] > 0).astype(np.float32)
K, v = rng.normal(size=(3, 4)).astype(np.float32), rng.normal(size=4).astype(np.float32)
def windows(x):
    n, d = x.shape
    s = x.strides
    return np.lib.stride_tricks.as_strided(x, shape=(n, d - 2, 3), strides=(s[0], s[1], s[1]))
for epoch in range(30):
    batch = rng.permutation(20)[:10]
    cols = windows(X[batch])
    h = np.tanh(cols @ K)
    p = 1 / (1 + np.exp(-h.mean(axis=1) @ v))
    loss = -np.mean(y[batch] * np.log(p) + (1 - y[batch]) * np.log(1 - p))
    d = (p - y[batch]) / 10
    dh = d[:, None, None] * v / 7 * {slope}
    dK = np.einsum("nwk,nwh->kh", cols, dh)
    dv = h.mean(axis=1).T @ d
    K -= np.float32(0.1) * dK
    v -= np.float32(0.1) * dv
print(loss)
"""

SPARSE = """
import numpy as np
import scipy.sparse as sp
rng = np.random.default_rng(0)
A = rng.random((12, 12)) < 0.3
A = sp.csr_matrix((A | A.T | np.eye(12, dtype=bool)) * 0.25)
X, Y = rng.normal(size=(12, 4)), np.eye(3)[rng.integers(0, 3, 12)]
W1, W2 = 0.5 * rng.normal(size=(4, 5)), 0.5 * rng.normal(size=(5, 3))
for step in range(30):
    H = np.tanh(A.dot(X @ W1))
    Z = A @ (H @ W2)
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    loss = -np.mean(np.sum(Y * np.log(P), axis=1))
    dZ = A.T @ ((P - Y) / 12)
    dH = dZ @ W2.T * {slope}
    W2 -= 0.5 * H.T @ dZ
    W1 -= 0.5 * X.T @ (A.T @ dH)
print(loss)
"""

PROBIT = """
import numpy as np
from scipy.optimize import minimize
from scipy.stats import norm
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3))
y = np.where(X @ [1.0, -2.0, 0.5] + rng.normal(size=60) > 0, 1.0, -1.0)
def cost(w):
    return -np.sum(norm.logcdf(y * (X @ w)))
def gradient(w):
    z = y * (X @ w)
    ratio = y * norm.pdf(z) / {below}
    return -np.ndarray.flatten(X.T @ ratio)
print(minimize(cost, np.zeros(3), jac=gradient, method="BFGS").fun)
"""


@pytest.mark.parametrize(
    ("text", "right", "wrong"),
    [
        (WINDOWS, "(1 - h * h)", "(1 - h)"),
        (SPARSE, "(1 - H * H)", "(1 - H)"),
        (PROBIT, "norm.cdf(z)", "norm.cdf(-z)"),
    ],
)
def test_what_libraries_compute_is_followed(tmp_path, text, right, wrong):
    name = "below" if "{below}" in text else "slope"
    assert judged(tmp_path, text.format(**{name: right})) == ("verified", [])
    assert judged(tmp_path, text.format(**{name: wrong}))[0] != "verified"
