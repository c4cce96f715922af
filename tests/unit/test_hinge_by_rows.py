"""Hinge losses whose margins are arrays of one number, asked about row by row."""

import pytest

from tests.unit.test_costs_meant import report

pytestmark = pytest.mark.quality

SVM = """
import numpy as np
rng = np.random.RandomState(42)
y = rng.randint(0, 2, 80)
X = rng.uniform(-10, 10, (2, 2))[y] + rng.randn(80, 2)
y = np.where(y == 0, -1, 1).reshape(-1, 1)
w, b = rng.randn(2, 1), rng.randn(1, 1)

def hinge(s):
    h = 1 - s
    h[h < 0] = 0
    return h, 0.5 * sum(w ** 2) + sum(h) / len(y)

def gradients(X, y):
    h, _ = hinge(y * (X @ w + b))
    dw, db = np.zeros(w.shape), np.zeros(b.shape)
    for i, one in enumerate(h):
        if one == 0:
            dw += w
        else:
            dw += w - (X[i] * y[i]).reshape(-1, 1)
            db {sign}= y[i]
    return dw / len(X), db / len(X)

for i in range(28):
    dw, db = gradients(X, y)
    w = w - 0.04 * dw
    b = b - 0.03 * db
    _, J = hinge(y * (X @ w + b))
print(J[0])
"""


def statuses(told):
    return {p["name"]: p["status"] for p in told["gradient"]["parameters"]}


def test_both_parameters_are_verified(tmp_path):
    told = report(tmp_path, SVM.format(sign="-"))
    assert statuses(told) == {"w": "verified", "b": "verified"}
    assert not told["findings"]


def test_a_sign_in_one_branch_is_told(tmp_path):
    told = report(tmp_path, SVM.format(sign="+"))
    assert statuses(told) == {"w": "verified", "b": "wrong"}
    assert told["findings"][0]["line"] in (22, 23)
