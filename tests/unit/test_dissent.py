"""Output errors that are wrong for some labels only, or that no cost of the step anchors."""

from tests.unit.test_costs_meant import judged

SAMPLES = """
import numpy as np
rng = np.random.default_rng(4)
X = rng.normal(size=(40, 3, 1))
Y = (X[:, :1] - X[:, 1:2] > 0) * 1.0
W1, b1 = rng.normal(size=(4, 3)), np.zeros((4, 1))
W2, b2 = rng.normal(size=(1, 4)), np.zeros((1, 1))
def slope(y, p):
    return (1 - y) / (1 - p) - y / p
for epoch in range(8):
    error = 0
    for x, y in zip(X, Y):
        h = np.tanh(W1 @ x + b1)
        p = 1 / (1 + np.exp(-(W2 @ h + b2)))
        error += np.mean(-y * np.log(p) - (1 - y) * np.log(1 - p))
        d = slope(y, p) * p * (1 - p)
        dh = W2.T @ d * (1 - h ** 2)
        W2 -= 0.1 * d @ h.T
        b2 -= 0.1 * d
        W1 -= 0.1 * dh @ x.T
        b1 -= 0.1 * dh
    print(error / 40)
"""
TOTAL = """
import numpy as np
rng = np.random.RandomState(3)
X = rng.normal(size=(60, 2))
t = (X[:, 0] + X[:, 1] < 0.2).astype(float)
w, b = np.zeros(2), np.zeros(1)
for epoch in range(30):
    loss = 0
    for i in rng.permutation(60):
        p = 1 / (1 + np.exp(-(X[i].dot(w) + b)))
        loss -= float(t[i] * np.log(p[0]) + (1 - t[i]) * np.log(1 - p[0]))
        w -= 0.05 * (p - t[i]) * X[i]
        b -= 0.05 * (p - t[i])
    print(loss / 60)
"""
MEASURED = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
y = (X[:, :1] > X[:, 1:2]) * 1.0
W, b = rng.normal(size=(4, 1)), np.zeros((1, 1))
for i in range(200):
    p = 1 / (1 + np.exp(-(X @ W + b)))
    loss = np.mean((p - y) ** 2)
    print(loss)
    d = (p - y) / 60
    W -= 0.5 * X.T @ d
    b -= 0.5 * d.sum(axis=0, keepdims=True)
"""


def test_an_output_error_that_is_wrong_for_one_label(tmp_path):
    assert judged(tmp_path, SAMPLES) == ("verified", [])
    wrong = SAMPLES.replace("(1 - y) / (1 - p)", "(1 - y) / (1 + p)")
    assert judged(tmp_path, wrong) == ("wrong", [("BP101", 9)])


def test_a_running_total_is_no_label(tmp_path):
    assert judged(tmp_path, TOTAL) == ("verified", [])


def test_an_output_error_with_the_wrong_sign_beside_a_measure(tmp_path):
    assert judged(tmp_path, MEASURED) == ("verified", [("BP103", 11)])
    assert judged(tmp_path, MEASURED.replace("(p - y) / 60", "(p + y) / 60")) == (
        "wrong", [("BP101", 11)],
    )  # fmt: skip
