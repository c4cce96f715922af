"""Perceptrons: outputs that a threshold makes of a score, and the criterion that they go down."""

import numpy as np
import pytest

from backproof.trace.event import Chosen
from tests.unit.test_costs_meant import judged

pytestmark = pytest.mark.quality

HEAD = """
import numpy as np
rng = np.random.RandomState(3)
X = rng.randn(24, 3)
T = np.where(X @ [1.0, -0.7, 0.4] > 0.2, 1, 0)
w, b, eta = rng.randn(3), 0.3, 0.1
"""
FUNCTION = (
    HEAD
    + """
def step(z):
    if z >= 0:
        return 1
    return 0
for epoch in range(3):
    for x, t in zip(X, T):
        error = t - step(np.dot(w, x) + b)
        w += eta * error * x
        b += eta * error
"""
)
CHOICE = FUNCTION.replace("step(np.dot(w, x) + b)", "(1 if np.dot(w, x) + b >= 0 else 0)")
WHERE = FUNCTION.replace("step(np.dot(w, x) + b)", "np.where(np.dot(w, x) + b >= 0.0, 1, 0)")
TRUTH = FUNCTION.replace("step(np.dot(w, x) + b)", "int(np.dot(w, x) + b >= 0)")
BATCH = (
    HEAD
    + """
for epoch in range(20):
    error = T - (X @ w + b > 0).astype(int)
    w = w + eta * X.T @ error / len(X)
    b = b + eta * error.mean()
"""
)
LISTS = """
import random
rng = random.Random(4)
data = [[rng.gauss(0, 1) for _ in range(3)] for _ in range(20)]
labels = [1 if x[0] > x[1] else -1 for x in data]
w, b = [0.2, -0.4, 0.1], 0.05
for epoch in range(4):
    for x, t in zip(data, labels):
        z = b
        for i in range(3):
            z += w[i] * x[i]
        if z > 0:
            y = 1
        else:
            y = -1
        for i in range(3):
            w[i] += 0.1 * (t - y) * x[i]
        b += 0.1 * (t - y)
"""
TAKEN = (
    HEAD.replace("0.3, 0.1", "0.0, 0.05")
    + """
T = 2 * T - 1
for epoch in range(6):
    for x, t in zip(X, T):
        error = t - (1 if float(x @ w) - b > 0 else -1)
        w = w + eta * error * x
        b = b - eta * error
"""
)
MARGIN = (
    HEAD
    + """
for epoch in range(3):
    for x, t in zip(X, 2.0 * T - 1):
        if t * (np.dot(w, x) + b) <= 0:
            w += eta * t * x
            b += eta * t
"""
)


@pytest.mark.parametrize("text", [FUNCTION, CHOICE, WHERE, TRUTH, BATCH, LISTS, TAKEN, MARGIN])
def test_perceptrons_are_verified(tmp_path, text):
    assert judged(tmp_path, text) == ("verified", [])


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (BATCH, "X.T @ error / len(X)", "X[::-1].T @ error / len(X)"),
        (LISTS, "(t - y) * x[i]", "(t - y) * x[0]"),
    ],
)
def test_wrong_steps_of_perceptrons_are_found(tmp_path, text, old, new):
    status, found = judged(tmp_path, text.replace(old, new))
    assert status == "wrong"
    line = text.replace(old, new)[: text.index(old)].count("\n") + 1
    assert [place for *_, place in found] == [line]


def test_one_update_up_the_criterion_is_found(tmp_path):
    wrong = LISTS.replace("b += 0.1 * (t - y)", "b -= 0.1 * (t - y)")
    assert [code for code, *_ in judged(tmp_path, wrong)[1]] == ["BP104"]


def test_a_bias_that_is_taken_away_is_no_label(tmp_path):
    """It begins as the constant 0.0, which is no parameter in the first step."""
    assert judged(tmp_path, TAKEN.replace("b = b -", "b = b +"))[0] == "wrong"


def test_samples_that_are_drawn_are_no_thresholds(tmp_path):
    """A policy's action is a label of its own step: its likelihood is the cost."""
    text = FUNCTION.replace("step(np.dot(w, x) + b)", "p").replace(
        "error = t - p",
        "p = 1 / (1 + np.exp(-(np.dot(w, x) + b)))\n"
        "        error = (1 if rng.rand() < p else 0) - p",
    )
    assert judged(tmp_path, text) == ("verified", [])


@pytest.mark.parametrize(
    "text",
    [
        "a * c", "c * a", "np.float32(2) * c", "c - np.float32(2)", "a8 + c", "np.full(2, c)",
        "np.where(a > 0, a, c)", "np.maximum(a, c)", "np.array([c, 2])", "np.clip(a, c, 3)",
    ],
)  # fmt: skip
def test_numbers_that_are_decided_keep_types(text):
    values = {"np": np, "a": np.ones(2, np.float32), "a8": np.ones(2, np.uint8)}
    traced = eval(text, values | {"c": Chosen(1)})
    plain = eval(text, values | {"c": 1})
    assert np.array_equal(traced, plain)
    assert getattr(traced, "dtype", None) == getattr(plain, "dtype", None)
