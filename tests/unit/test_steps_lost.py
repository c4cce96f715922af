"""Right gradients that come to nothing: replaced weights, limits that swallow them, unused ones."""

import pytest

from tests.unit.test_costs_meant import report
from tests.unit.test_faults_placed import line_of

pytestmark = pytest.mark.quality

TWO_LAYERS = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(50, 4))
T = np.abs(X @ rng.normal(size=(4, 2))) - 0.3
U = rng.normal(size=(4, 6)) * 0.5
V = rng.normal(size=(6, 2)) * 0.5
c = np.zeros(2)
lr = 0.05
for step in range(60):
    act = np.tanh(X @ U)
    out = act @ V + c
    loss = 0.5 * np.mean(np.sum((out - T) ** 2, axis=1))
    g_out = (out - T) / len(X)
    g_V = act.T @ g_out
    g_c = g_out.sum(axis=0)
    g_U = X.T @ ((g_out @ V.T) * (1 - act ** 2))
    {}
    V -= lr * {}
    {}
print(loss)
"""
RIGHT = ("U -= lr * g_U", "g_V", "c -= lr * g_c")


@pytest.mark.parametrize(
    ("lines", "code", "line"),
    [
        (("pass", *RIGHT[1:]), "BP107", "pass"),
        (("U = U", *RIGHT[1:]), "BP107", "U = U"),
        ((RIGHT[0], "np.clip(g_V, 1, 1)", RIGHT[2]), "BP101", "np.clip"),
        ((RIGHT[0], "np.clip(g_V, 1, -1)", RIGHT[2]), "BP101", "np.clip"),
        ((RIGHT[0], "np.clip(g_V, -1, 1)", RIGHT[2]), None, ""),
        ((*RIGHT[:2], "c = lr * g_c"), "BP104", "c = lr * g_c"),
        (RIGHT, None, ""),
    ],
)
def test_right_gradients_that_come_to_nothing(tmp_path, lines, code, line):
    text = TWO_LAYERS.format(*lines)
    found = report(tmp_path, text)
    if code is None:
        assert (found["gradient"]["status"], found["findings"]) == ("verified", [])
    else:
        first = found["findings"][0]
        assert (first["code"], first["line"]) == (code, line_of(text, line))


SUMMED = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(40, 6))
y = np.argmax(X[:, :4], axis=1)
W = rng.normal(size=(6, 4)) * 0.01
for it in range(30):
    loss, dW = 0.0, np.zeros_like(W)
    for i in range(40):
        scores = X[i] @ W
        total = np.sum(np.exp(scores))
        loss += np.log(total) - scores[y[i]]
        for j in range(4):
            dW[:, j] {} X[i] * np.exp(scores[j]) / total
        dW[:, y[i]] -= X[i]
    loss /= 40
    W -= 0.5 * dW / 40
print(loss)
"""


def test_a_sum_of_which_only_the_last_sample_is_left(tmp_path):
    assert report(tmp_path, SUMMED.format("+="))["gradient"]["status"] == "verified"
    text = SUMMED.format("=")
    first = report(tmp_path, text)["findings"][0]
    assert (first["code"], first["line"]) == ("BP101", line_of(text, "dW[:, j] ="))


CONTRASTED = """
import math
import random
def loss_of(S):
    n = len(S)
    log_sum = lambda xs: math.log(sum(math.exp(x) for x in xs))
    return sum(log_sum(S[i]) - S[i][i] for i in range(n)) / n
def grad_of(S):
    n, grad = len(S), []
    for i in range(n):
        total = sum(math.exp(x) for x in S[i])
        grad.append([(math.exp(S[i][j]) / total - {}) / n for j in range(n)])
    return grad
random.seed(5)
S = [[random.gauss(0, 1) for _ in range(5)] for _ in range(5)]
for step in range(60):
    loss, g = loss_of(S), grad_of(S)
    S = [[s - 2.0 * d for s, d in zip(row, grow)] for row, grow in zip(S, g)]
print(loss)
"""


@pytest.mark.parametrize(("label", "right"), [("(i == j)", True), ("1.0", False)])
def test_what_is_taken_from_a_gradient_belongs_to_it(tmp_path, label, right):
    status = report(tmp_path, CONTRASTED.format(label))["gradient"]["status"]
    assert (status == "verified") is right
