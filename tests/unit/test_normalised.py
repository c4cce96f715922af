"""Softmaxes whose sum runs over the batch, and those that only look like it."""

import subprocess
import sys

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import blamed

pytestmark = pytest.mark.quality

ROWS = """
import numpy as np
rng = np.random.RandomState(1)
X = rng.randn(60, 4)
labels = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)
Y = np.eye(3)[labels]
W, b = rng.randn(4, 3) * 0.5, np.zeros((1, 3))

def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)

for i in range(60):
    p = softmax(X @ W + b)
    loss = -np.mean(np.sum(Y * np.log(p), axis=1))
    d = (p - Y) / len(X)
    W -= 0.5 * X.T @ d
    b -= 0.5 * d.sum(axis=0, keepdims=True)
"""

COLUMNS = """
import numpy as np
rng = np.random.RandomState(2)
X = rng.randn(5, 40)
Y = np.zeros((4, 40))
Y[np.abs(X[:4]).argmax(axis=0), range(40)] = 1
W = 0.1 * rng.randn(4, 5)
for i in range(60):
    scores = np.exp(W.dot(X))
    W = W - 0.01 * np.dot(scores / scores.sum(axis=0) - Y, X.T)
"""


@pytest.mark.parametrize("text", [ROWS, COLUMNS], ids=["rows", "columns"])
def test_right_ones_are_left_in_peace(tmp_path, text):
    assert judged(tmp_path, text) == ("verified", [])


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (ROWS, "np.sum(e, axis=1, keepdims=True)", "np.sum(e)"),
        (ROWS, "np.sum(e, axis=1, keepdims=True)", "np.sum(e, axis=0)"),
        (ROWS.replace("    loss", "    #"), "np.sum(e, axis=1, keepdims=True)", "e.sum()"),
        (COLUMNS, "scores.sum(axis=0)", "scores.sum()"),
        (COLUMNS, "scores.sum(axis=0)", "scores.sum(axis=1)[:, None]"),
    ],
)
def test_a_sum_over_the_batch_is_named(tmp_path, text, old, new):
    found, line = blamed(tmp_path, text, old, new)
    assert found == [line]


def test_the_sum_over_the_classes_is_a_verified_fix(tmp_path):
    wrong = ROWS.replace("np.sum(e, axis=1, keepdims=True)", "np.sum(e)")
    (tmp_path / "train.py").write_text(wrong, "utf-8")
    command = [sys.executable, "-m", "backproof", "fix", "--write", "train.py"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=120)
    assert (tmp_path / "train.py").read_text("utf-8") == ROWS
