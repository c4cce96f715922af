"""Weight decay with the wrong sign, where the gradient itself is right."""

from tests.unit.test_costs_meant import judged

DECAYED = """
import numpy as np
rng = np.random.default_rng(1)
X = rng.normal(size=(40, 3))
y = X @ rng.normal(size=(3, 1))
W = rng.normal(size=(3, 1))
before = W.copy()
for i in range(100):
    r = X @ W - y
    print(np.mean(r ** 2) / 2)
    W = (1 - 0.1 * 0.02) * W - 0.1 * X.T @ r / 40
"""
BALL = DECAYED.replace("W = (1 - 0.1 * 0.02) * W", "W, before = W + 0.5 * (W - before)")
BALL = BALL.replace("r / 40", "r / 40, W")


def test_weights_that_a_decay_makes_larger(tmp_path):
    assert judged(tmp_path, DECAYED) == ("verified", [])
    wrong = DECAYED.replace("(1 - 0.1", "(1 + 0.1")
    assert judged(tmp_path, wrong) == ("verified", [("BP104", 11)])


def test_a_heavy_ball_is_no_decay(tmp_path):
    assert judged(tmp_path, BALL)[1] == []
