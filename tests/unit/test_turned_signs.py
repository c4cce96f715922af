"""A sign that is turned before the update: what it computes, or what stands beside it, shows it."""

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import blamed

pytestmark = pytest.mark.quality

NET = """
import numpy as np
rng = np.random.default_rng(4)
X = rng.normal(size=(20, 3))
y = (X[:, :1] > 0) * 1.0
W1, b1 = rng.normal(size=(3, 5)), np.zeros(5)
W2, b2 = rng.normal(size=(5, 1)), np.zeros(1)

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def slope(a):
    return a * (1 - a)

for step in range(30):
    h = np.tanh(X @ W1 + b1)
    out = sigmoid(h @ W2 + b2)
    loss = np.mean((out - y) ** 2)
    d2 = 2 * (out - y) / len(X) * slope(out)
    d1 = (d2 @ W2.T) * (1 - h ** 2)
    W2 -= 0.5 * h.T @ d2
    b2 -= 0.5 * d2.sum(axis=0)
    W1 -= 0.5 * X.T @ d1
    b1 -= 0.5 * d1.sum(axis=0)
    print(loss)
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return a * (1 - a)", "return a * (a - 1)"),
        ("(1 - h ** 2)", "(h ** 2 - 1)"),
        ("X @ W1 + b1", "X @ W1 - b1"),
        ("h @ W2 + b2", "h @ W2 - b2"),
    ],
)
def test_a_turned_slope_or_bias_is_blamed_where_it_stands(tmp_path, old, new):
    found, line = blamed(tmp_path, NET, old, new)
    assert found == [line]


def test_slopes_and_thresholds_may_be_turned_twice(tmp_path):
    turned = NET.replace("return a * (1 - a)", "return a * (a - 1)").replace(
        "(out - y) /", "(y - out) /"
    )
    assert not judged(tmp_path, turned)[1]
    threshold = NET.replace("X @ W1 + b1", "X @ W1 - b1").replace("b1 -=", "b1 +=")
    assert not judged(tmp_path, threshold)[1]


RECURRENT = """
import numpy as np
rng = np.random.default_rng(5)
Wx, Wh = rng.normal(size=(6, 3)) * 0.4, rng.normal(size=(6, 6)) * 0.4
Wy, bh, by = rng.normal(size=(2, 6)) * 0.4, np.zeros((6, 1)), np.zeros((2, 1))
data = rng.normal(size=(30, 5, 3, 1))
for step in range(30):
    xs, hs = data[step], {-1: np.zeros((6, 1))}
    target = np.array([[xs.sum()], [xs[0].sum()]]) * 0.1
    for t in range(5):
        hs[t] = np.tanh(Wx @ xs[t] + Wh @ hs[t - 1] + bh)
    out = Wy @ hs[4] + by
    loss = 0.5 * float(((out - target) ** 2).sum())
    dWx, dWh, dbh = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(bh)
    dy = out - target
    dh = Wy.T @ dy
    for t in reversed(range(5)):
        draw = (1 - hs[t] ** 2) * dh
        dWx += draw @ xs[t].T
        dWh = dWh + draw @ hs[t - 1].T
        dbh += draw
        dh = Wh.T @ draw
    Wx -= 0.1 * dWx
    Wh -= 0.1 * dWh
    bh -= 0.1 * dbh
    Wy -= 0.1 * dy @ hs[4].T
    by -= 0.1 * dy
    print(loss)
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("dWx += draw", "dWx -= draw"),
        ("dWh = dWh + draw", "dWh = dWh - draw"),
        ("dbh += draw", "dbh -= draw"),
        ("hs[t - 1] + bh", "hs[t - 1] - bh"),
    ],
)
def test_a_sum_is_blamed_that_takes_away_what_the_others_add(tmp_path, old, new):
    found, line = blamed(tmp_path, RECURRENT, old, new)
    assert found == [line]


def test_sums_may_take_away_and_their_updates_add(tmp_path):
    both = RECURRENT.replace("dbh += draw", "dbh -= draw").replace("bh -= 0.1", "bh += 0.1")
    assert not judged(tmp_path, both)[1]
