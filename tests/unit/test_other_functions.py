"""One training loop that is run with several functions: each is judged, or said not to be."""

import subprocess
import sys

import pytest

from tests.unit.test_costs_meant import judged, report
from tests.unit.test_faults_placed import blamed

pytestmark = pytest.mark.quality

TWO = """
import numpy as np
rng = np.random.RandomState(0)
X = rng.randn(60, 3)
y = (X @ np.array([1.0, -2, 0.5]) > 0).astype(float)

def one_by_one(w):
    c, g = 0, np.zeros_like(w)
    for i in range(len(X)):
        a = 1 / (1 + np.exp(-X[i] @ w))
        c -= y[i] * np.log(a) + (1 - y[i]) * np.log(1 - a)
        g += (a - y[i]) * X[i]
    return c / len(X), g / len(X)

def at_once(w):
    a = 1 / (1 + np.exp(-X @ w))
    c = -np.mean(y * np.log(a) + (1 - y) * np.log(1 - a))
    return c, X.T @ (a - y) / len(X)

for loss in (one_by_one, at_once):
    w = np.full(3, 0.1)
    for it in range(40):
        c, g = loss(w)
        w -= 0.1 * g
    print(loss.__name__, c)
"""
RIGHT = "X.T @ (a - y) / len(X)"


def test_both_are_verified_where_both_are_right(tmp_path):
    assert judged(tmp_path, TWO) == ("verified", [])


def test_the_second_is_blamed_in_its_own_line(tmp_path):
    found, line = blamed(tmp_path, TWO, RIGHT, "X.T @ ((a - y) * a) / len(X)")
    assert found == [line]


def test_what_fits_nothing_is_not_verified_by_the_first(tmp_path):
    told = report(tmp_path, TWO.replace(RIGHT, "X.T @ np.sin(9 * a) * w ** 2"))
    assert told["gradient"]["status"] == "unverified"
    assert "the verified steps do not run" in told["gradient"]["parameters"][0]["reason"]


def test_a_negative_logarithm_that_grows_has_no_need_of_a_name(tmp_path):
    status, found = judged(tmp_path, TWO.replace(RIGHT, "X.T @ (y - a) / len(X)"))
    assert status == "verified"
    assert [code for code, _ in found] == ["BP104"]


FURTHER = TWO.replace(
    "for loss in",
    """
v = np.full(3, 0.1)
for it in range(40):
    a = 1 / (1 + np.exp(-X @ v))
    loss = -np.mean(y * np.log(a) + (1 - y) * np.log(1 - a))
    v -= 0.1 * (X.T @ (a - y)) / len(X)
print(loss)

for loss in""",
)


def test_a_further_loop_is_looked_into_again_with_another_function(tmp_path):
    assert judged(tmp_path, FURTHER) == ("verified", [])
    found, line = blamed(tmp_path, FURTHER, RIGHT, "X.T @ ((a - y) * a) / len(X)")
    assert found == [line]


def test_a_fix_is_tried_where_the_fault_shows_itself(tmp_path):
    text = FURTHER.replace(RIGHT, "X.T @ ((a - y) * a) / len(X)")
    (tmp_path / "train.py").write_text(text, "utf-8")
    command = [sys.executable, "-m", "backproof", "fix", "--write", "train.py"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=120)
    fixed = (tmp_path / "train.py").read_text("utf-8")
    assert judged(tmp_path, fixed)[0] == "verified"


PENALTY = """
import numpy as np
rng = np.random.default_rng(1)
X = rng.normal(size=(30, 4))
y = (X @ rng.normal(size=(4, 3))).argmax(axis=1)
W = 0.01 * rng.normal(size=(4, 3))
for it in range(30):
    J, dW = 0.0, np.zeros(W.shape)
    scores = X @ W
    for i in range(len(X)):
        for j in range(3):
            if j != y[i] and scores[i, j] - scores[i, y[i]] + 1 > 0:
                J += (scores[i, j] - scores[i, y[i]] + 1) / len(X)
                dW[:, j] += X[i] / len(X)
                dW[:, y[i]] -= X[i] / len(X)
    J += 0.05 * np.sum(W * W)
    dW += 0.1 * W
    W -= 0.2 * dW
    print(J)
"""


def test_a_gradient_of_the_penalty_alone_is_no_gradient_of_the_cost(tmp_path):
    assert judged(tmp_path, PENALTY) == ("verified", [])
    found, line = blamed(tmp_path, PENALTY, "dW += 0.1 * W", "dW = 0.1 * W")
    assert found == [line]
