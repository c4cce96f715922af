"""Arrays that a loop fills entry by entry, and what an update does to the shape of a parameter."""

import pytest

from tests.unit.test_costs_meant import judged

pytestmark = pytest.mark.quality


FACTORS = """
import numpy as np
rng = np.random.default_rng(0)
R = rng.integers(0, 6, size=(5, 4))
P, Q = rng.random((5, 3)), rng.random((3, 4))
for epoch in range(30):
    for i in range(5):
        for j in range(4):
            if R[i, j]:
                e = R[i, j] - P[i] @ Q[:, j]
                for k in range(3):
                    p = P[i, k]
                    P[i, k] += 0.01 * (2 * e * Q[k, j] - 0.02 * p)
                    Q[k, j] += 0.01 * (2 * e * {old} - 0.02 * Q[k, j])
print(P @ Q)
"""


def test_factors_that_are_updated_one_by_one_belong_to_one_rating(tmp_path):
    assert judged(tmp_path, FACTORS.format(old="p")) == ("verified", [])


def test_the_other_factor_reads_what_was_just_changed(tmp_path):
    assert judged(tmp_path, FACTORS.format(old="P[i, k]")) == ("wrong", [("BP105", 14)])


BIAS = """
import numpy as np
rng = np.random.default_rng(1)
X = rng.normal(size=(2, 50))
Y = (X[:1] * X[1:] > 0) * 1.0
W, b = rng.normal(size=(1, 2)), np.zeros((1, 1))
for i in range(40):
    A = 1 / (1 + np.exp(-(W @ X + b)))
    cost = -np.mean(Y * np.log(A) + (1 - Y) * np.log(1 - A))
    dZ = (A - Y) / 50
    db = np.sum(dZ, axis={axis}, keepdims=True)
    W = W - 0.5 * dZ @ X.T
    b = b - 0.5 * db
print(cost)
"""


def test_a_bias_for_each_sample_is_no_bias(tmp_path):
    assert judged(tmp_path, BIAS.format(axis=1)) == ("verified", [])
    assert judged(tmp_path, BIAS.format(axis=0))[1] == [("BP108", 11)]


def test_as_many_samples_as_units_are_samples_nevertheless(tmp_path):
    few = BIAS.replace("(2, 50)", "(2, 2)").replace("/ 50", "/ 2")
    few = few.replace("(X[:1] * X[1:] > 0) * 1.0", "np.array([[1.0, 0.0]])")
    assert judged(tmp_path, few.format(axis=1)) == ("verified", [])
    assert judged(tmp_path, few.format(axis=0))[1] == [("BP108", 11)]


ONE_OUTPUT = """
import numpy as np
rng = np.random.default_rng(2)
X, y = rng.normal(size=(30, 4)), rng.normal(size=30)
V, w = rng.normal(size=(4, 5)), rng.normal(size=5)
def predict(x):
    return np.tanh(np.tanh(x @ V) @ w)
for i in range(300):
    k = i % 30
    h = np.tanh(X[k] @ V)
    out = np.tanh(h @ w)
    error = y[k] - out
    delta = error{slope}
    back = delta * w * (1 - h ** 2)
    w {sign} 0.05 * delta * h
    V {sign} 0.05 * np.outer(X[k], back)
    if i % 50 == 0:
        print(np.mean([(predict(x) - t) ** 2 for x, t in zip(X, y)]))
"""


def test_a_single_output_verifies_no_cost_by_chance(tmp_path):
    right = ONE_OUTPUT.format(slope=" * (1 - out ** 2)", sign="+=")
    assert judged(tmp_path, right) == ("verified", [])
    assert judged(tmp_path, ONE_OUTPUT.format(slope="", sign="+="))[0] != "verified"


def test_a_squared_error_is_not_to_grow(tmp_path):
    text = ONE_OUTPUT.format(slope=" * (1 - out ** 2)", sign="-=")
    assert judged(tmp_path, text)[1] == [("BP104", 12)]


DECAY = """
import numpy as np
rng = np.random.default_rng(3)
X, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 1))
params = {{"W": rng.normal(size=(3, 4)), "v": rng.normal(size=(4, 1))}}
m = {{k: np.zeros_like(p) for k, p in params.items()}}
s = {{k: np.zeros_like(p) for k, p in params.items()}}
for t in range(1, 60):
    h = np.tanh(X @ params["W"])
    r = h @ params["v"] - y
    loss = 0.5 * np.mean(r ** 2)
    d = r / 40
    grads = {{"v": h.T @ d, "W": X.T @ (d @ params["v"].T * {slope})}}
    for k, g in grads.items():
        params[k] *= 1.0 - 0.01 * 0.05
        m[k] += (1 - 0.9) * (g - m[k])
        s[k] += (1 - 0.99) * (g ** 2 - s[k])
        params[k] -= 0.01 * m[k] / (1 - 0.9 ** t) / (np.sqrt(s[k] / (1 - 0.99 ** t)) + 1e-8)
print(loss)
"""


def test_moments_beside_a_decoupled_decay_are_no_parameters(tmp_path):
    assert judged(tmp_path, DECAY.format(slope="(1 - h ** 2)")) == ("verified", [])
    assert judged(tmp_path, DECAY.format(slope="(1 - h)")) == ("wrong", [("BP101", 13)])
