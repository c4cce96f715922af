"""Parameters of which entries are set after the update, and numbers moved by another's gradient."""

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import line_of

pytestmark = pytest.mark.quality

PROJECTED = """
import numpy as np
rng = np.random.default_rng(9)
X = rng.random((50, 6))
Y = X @ rng.random((6, 2))
net = {"W": rng.random((6, 4)), "V": rng.random((4, 2))}
for it in range(60):
    W, V = net["W"], net["V"]
    H = X @ W
    loss = np.mean((H @ V - Y) ** 2)
    d = 2 * (H @ V - Y) / Y.size
    gV = H.T @ d
    gW = X.T @ (d @ V.T)
    W -= 0.2 * gW
    V -= 0.2 * gV
    W[W < 0] = 0
    V[V < 0] = 0
print(loss)
"""
NUMBERS = """
import math
import random
random.seed(4)
w1, w2, w3, w4 = (random.uniform(-1, 1) for _ in range(4))
x1, x2, y1, y2 = 0.5, 0.3, 0.23, -0.07
for i in range(30):
    h = math.tanh(w1 * x1 + w2 * x2)
    o1, o2 = math.tanh(w3 * h), math.tanh(w4 * h)
    error = 0.5 * (o1 - y1) ** 2 + 0.5 * (o2 - y2) ** 2
    e1, e2 = (o1 - y1) * (1 - o1 ** 2), (o2 - y2) * (1 - o2 ** 2)
    d_w3 = e1 * h
    d_w4 = e2 * h
    d_h = (e1 * w3 + e2 * w4) * (1 - h ** 2)
    d_w1, d_w2 = d_h * x1, d_h * x2
    w1 = w1 - d_w1
    w2 = w2 - d_w2
    w3 = w3 - d_w3
    w4 = w4 - d_w4
print(error)
"""


def test_entries_set_after_the_update_are_no_end_of_a_parameter(tmp_path):
    assert judged(tmp_path, PROJECTED) == ("verified", [])
    status, found = judged(tmp_path, PROJECTED.replace("gV = H.T @ d", "gV = H.T @ (d * H[:, :2])"))
    assert status == "wrong"
    assert [code for code, _ in found] == ["BP101"]


def test_a_number_that_is_moved_by_the_gradient_of_another_is_told_alone(tmp_path):
    assert judged(tmp_path, NUMBERS) == ("verified", [])
    slip = "w4 = w4 - d_w3"
    text = NUMBERS.replace("w4 = w4 - d_w4", slip)
    assert judged(tmp_path, text) == ("wrong", [("BP101", line_of(text, slip))])


SPARSE = """
import numpy as np
rng = np.random.default_rng(0)
A = rng.normal(size=(60, 20))
b = A[:, :4] @ rng.normal(size=4)
rate = 1 / np.linalg.norm(A, 2) ** 2

def soft(z, t):
    return np.sign(z) * np.maximum(np.abs(z) - t, 0)

x = np.zeros(20)
for k in range(100):
    r = A @ x - b
    cost = 0.5 * r @ r
    g = A.T @ r
    x = {step}
print(cost)
"""


@pytest.mark.parametrize(
    "step",
    [
        "soft(x - rate * g, 0.1 * rate)",
        "np.sign(x - rate * g) * np.maximum(np.abs(x - rate * g) - 0.1 * rate, 0)",
    ],
)
def test_a_step_that_a_threshold_makes_smaller_is_one(tmp_path, step):
    text = SPARSE.format(step=step)
    assert judged(tmp_path, text) == ("verified", [])
    slip = "g = A.T @ (r * r)"
    text = text.replace("g = A.T @ r", slip).replace("range(100)", "range(4)")
    assert judged(tmp_path, text) == ("wrong", [("BP101", line_of(text, slip))])
