"""Scales that a gradient has by chance, and those that are meant."""

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import blamed, line_of

pytestmark = pytest.mark.quality

MEANS = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(100, 5))
y = (X[:, 0] * 2 - X[:, 1] ** 2).reshape(-1, 1)
W1, b1 = 0.4 * rng.normal(size=(5, 8)), np.zeros((1, 8))
W2, b2 = 0.4 * rng.normal(size=(8, 1)), np.zeros((1, 1))
m, lr = len(X), 0.02
for epoch in range(60):
    A = np.tanh(X @ W1 + b1)
    out = A @ W2 + b2
    mse = np.mean((out - y) ** 2)
    d2 = out - y
    dW2 = (1 / m) * A.T @ d2
    db2 = (1 / m) * np.sum(d2, axis=0, keepdims=True)
    d1 = d2 @ W2.T * (1 - A ** 2)
    dW1 = (1 / m) * X.T @ d1
    db1 = (1 / m) * np.sum(d1, axis=0, keepdims=True)
    for p, g in ((W1, dW1), (b1, db1), (W2, dW2), (b2, db2)):
        p -= lr * g
    print(mse)
"""


def test_a_step_that_happens_to_be_the_gradient_is_no_gradient(tmp_path):
    # 0.02 * 100 / 2 is one: the step of the bias is exactly the gradient of the cost.
    assert judged(tmp_path, MEANS) == ("verified", [])
    old, new = "db1 = (1 / m) * np.sum(d1", "db1 = np.sum(d1"
    found, line = blamed(tmp_path, MEANS, old, new)
    assert found == [line]


FED = """
import numpy as np
np.random.seed(0)
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([[0], [1], [1], [0]])
w1, w2 = np.random.randn(2, 4), np.random.randn(4, 1)

def slope(a):
    return a * (1 - a)

for i in range(5):
    z1 = X @ w1
    a1 = 1 / (1 + np.exp(-z1))
    z2 = a1 @ w2
    a2 = 1 / (1 + np.exp(-z2))
    d2 = (y - a2) * slope(a2)
    d1 = d2 @ w2.T * slope(a1)
    w1 += X.T @ d1
    w2 += a1.T @ d2
    print(np.mean((y - a2) ** 2) / 2)
"""


def test_a_gradient_that_has_died_out_shows_no_direction(tmp_path):
    assert judged(tmp_path, FED) == ("verified", [])
    found, line = blamed(tmp_path, FED, "slope(a2)", "slope(z2)")
    assert found == [line]


DECAY = """
import numpy as np
rng = np.random.default_rng(0)
X, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 1))
W, b = rng.normal(size=(3, 1)), np.zeros((1, 1))
for i in range(50):
    r = X @ W + b - y
    loss = np.mean(r ** 2)
    W -= 0.1 * (2 * X.T @ r / 40 + 0.01 * W)
    b -= 0.1 * 2 * np.mean(r, keepdims=True)
    print(loss)
"""


def test_a_decay_that_makes_weights_grow_is_wrong(tmp_path):
    assert judged(tmp_path, DECAY) == ("verified", [])
    found, line = blamed(tmp_path, DECAY, "+ 0.01 * W", "- 0.01 * W")
    assert found == [line]


STRENGTH = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(40, 3))
y = (X[:, :1] * X[:, 1:2] > 0) * 1.0
W, b, V, c = rng.normal(size=(3, 5)), np.zeros((1, 5)), rng.normal(size=(5, 1)), np.zeros((1, 1))
lam, m = 0.01, len(X)
for i in range(30):
    Z = X @ W + b
    H = np.maximum(Z, 0)
    A = 1 / (1 + np.exp(-H @ V - c))
    loss = -np.mean(y * np.log(A) + (1 - y) * np.log(1 - A))
    loss = loss + lam * (np.sum(W ** 2) + np.sum(V ** 2))
    d = (A - y) / m
    dV = H.T @ d
    dV = dV + 2 * lam * V
    dz = (d @ V.T) * (Z > 0)
    dW = X.T @ dz + 2 * lam * W
    W -= 0.5 * dW
    b -= 0.5 * dz.sum(axis=0, keepdims=True)
    V -= 0.5 * dV
    c -= 0.5 * d.sum(axis=0, keepdims=True)
    print(loss)
"""


@pytest.mark.parametrize("term", ["2 * V", "lam * V"])
def test_a_penalty_of_another_strength_is_no_decay_beside_the_costs(tmp_path, term):
    assert judged(tmp_path, STRENGTH) == ("verified", [])
    found, line = blamed(tmp_path, STRENGTH, "dV = dV + 2 * lam * V", f"dV = dV + {term}")
    assert found == [line]


def test_a_mask_alone_is_no_gradient(tmp_path):
    found, line = blamed(tmp_path, STRENGTH, "dz = (d @ V.T) * (Z > 0)", "dz = Z > 0")
    assert found == [line]


SHARES = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(80, 6))
y = np.tanh(X @ rng.normal(size=(6, 1)))
W, b, mW, mb = rng.normal(size=(6, 1)) * .5, np.zeros(1), 0., 0.
lr = .1
for it in range(40):
    p = X @ W + b
    loss = np.mean((p - y) ** 2)
    d = 2 * (p - y) / len(X)
    gW = X.T @ d
    gb = d.sum(0)
    mW, mb = .9 * mW + .1 * gW, .9 * mb + .1 * gb
    W = W - lr * gW
    b = b - lr * gb
    print(loss)
"""


@pytest.mark.parametrize("step", ["(.3 * {g} + .7 * {m})", "(.7 * {m} + {g})", "({g} / 4)"])
def test_a_share_of_a_gradient_beside_its_velocity_is_one_step(tmp_path, step):
    text = SHARES
    for name in "Wb":
        text = text.replace(f"lr * g{name}", "lr * " + step.format(g=f"g{name}", m=f"m{name}"))
    assert judged(tmp_path, text) == ("verified", [])
    found, line = blamed(tmp_path, text, "gW = X.T @ d", "gW = X.T @ d * 2")
    assert found == [line]


ONE_MEAN = """
import numpy as np
rng = np.random.RandomState(1)
X, Y = rng.rand(6, 40), (rng.rand(1, 40) > 0.5).astype(float)
w, b = np.zeros((6, 1)), 0.
for i in range(30):
    m = X.shape[1]
    A = 1 / (1 + np.exp(-(np.dot(w.T, X) + b)))
    cost = -1 / m * np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A))
    dZ = A - Y
    dw = np.dot(X, dZ.T)
    db = 1 / m * np.sum(dZ)
    w = w - 0.02 * dw
    b = b - 0.02 * db
    print(cost)
"""


def test_the_mean_that_a_program_computes_says_which_gradient_is_that_of_the_sum(tmp_path):
    """Of two gradients the one of a single number has the cost's own scale."""
    assert judged(tmp_path, ONE_MEAN) == ("wrong", [("BP102", line_of(ONE_MEAN, "np.dot(X, dZ"))])
