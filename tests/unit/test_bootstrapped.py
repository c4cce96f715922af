"""Temporal differences: the target is made by the same network, and is taken for a constant."""

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import line_of

pytestmark = pytest.mark.quality

SARSA = """
import numpy as np
rng = np.random.default_rng(3)
W1, b1 = 0.5 * rng.normal(size=(8, 6)), np.zeros(8)
W2, b2 = 0.5 * rng.normal(size=(3, 8)), np.zeros(3)

def values(x):
    pre = W1 @ x + b1
    h = np.maximum(0.0, pre)
    return W2 @ h + b2, h, pre

x = rng.normal(size=6)
for step in range(80):
    q, h, pre = values(x)
    action = int(rng.integers(3))
    reward, new = float(x[action]), rng.normal(size=6)
    after, _, _ = values(new)
    target = reward + 0.9 * float(np.max(after))
    error = q[action] - target
    dW2, db2 = np.zeros_like(W2), np.zeros_like(b2)
    dW2[action], db2[action] = error * h, error
    back = error * W2[action] * (pre > 0)
    dW1, db1 = np.outer(back, x), back
    W1 -= 0.05 * dW1
    b1 -= 0.05 * db1
    W2 -= 0.05 * dW2
    b2 -= 0.05 * db2
    x = new
print(q)
"""


def test_a_semi_gradient_is_right(tmp_path):
    assert judged(tmp_path, SARSA) == ("verified", [])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("back = error * W2[action] * (pre > 0)", "back = error * W2[action] * (pre < 0)"),
        ("back = error * W2[action] * (pre > 0)", "back = error * W2[0] * (pre > 0)"),
        ("dW1, db1 = np.outer(back, x), back", "dW1, db1 = np.outer(back, new), back"),
    ],
)
def test_a_wrong_semi_gradient_is_told(tmp_path, old, new):
    text = SARSA.replace(old, new)
    assert judged(tmp_path, text) == ("wrong", [("BP101", line_of(text, new))])


def test_a_step_up_the_error_is_told_at_the_error(tmp_path):
    slip = "error = target - q[action]"
    text = SARSA.replace("error = q[action] - target", slip)
    assert judged(tmp_path, text)[1][:1] == [("BP104", line_of(text, slip))]
