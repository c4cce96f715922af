"""Programs that keep their arrays and write into them: what stood in memory before is known."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof.trace.recorder import Recorder
from tests.unit.test_costs_meant import judged

DATA = """\
import numpy as np
rng = np.random.default_rng(0)
X, y = rng.normal(size=(40, 3)), rng.integers(0, 2, (40, 1)) * 1.0
W1, W2 = 0.5 * rng.normal(size=(3, 5)), 0.5 * rng.normal(size=(5, 1))
"""
GRADIENT = """\
        A = np.tanh(X[batch] @ W1)
        P = 1 / (1 + np.exp(-A @ W2))
        cost = -np.mean(y[batch] * np.log(P) + (1 - y[batch]) * np.log(1 - P))
        dZ = (P - y[batch]) / len(batch)
        dW2 = A.T @ dZ
        dW1 = X[batch].T @ ((dZ @ W2.T) * (1 - A * A))
"""

PROGRAMS = {
    "a view is overwritten": (
        12,
        DATA
        + """\
z, A = np.empty((40, 1)), np.empty((40, 5))
flat = z[:, 0]
for step in range(12):
    np.tanh(np.matmul(X, W1, out=A), out=A)
    np.matmul(A, W2, out=z)
    cost = np.mean(np.logaddexp(0, np.where(y[:, 0] > 0, -flat, flat)))
    np.exp(-flat, out=flat)
    np.add(flat, 1, out=flat)
    np.divide(1, flat, out=flat)
    np.subtract(flat, y[:, 0], out=flat)
    np.multiply(flat, 1 / 40, out=flat)
    dW2 = A.T @ z
    dW1 = X.T @ ((z @ W2.T) * (1 - A * A))
    W2 -= 0.1 * dW2
    W1 -= 0.1 * dW1
""",
    ),
    "an order is shuffled": (
        16,
        DATA
        + """\
order = np.arange(40)
for epoch in range(8):
    rng.shuffle(order)
    for start in (0, 20):
        batch = order[start : start + 20]
"""
        + GRADIENT
        + """\
        W2 -= 0.1 * dW2
        W1 -= 0.1 * dW1
""",
    ),
    "a mask is drawn into its array": (
        12,
        DATA
        + """\
mask = np.empty((40, 5))
for step in range(12):
    A = np.tanh(X @ W1)
    rng.random(out=mask)
    np.greater_equal(mask, 0.3, out=mask)
    np.multiply(mask, 1 / 0.7, out=mask)
    D = A * mask
    P = 1 / (1 + np.exp(-D @ W2))
    cost = -np.mean(y * np.log(P) + (1 - y) * np.log(1 - P))
    dZ = (P - y) / 40
    dW2 = D.T @ dZ
    dW1 = X.T @ ((dZ @ W2.T) * mask * (1 - A * A))
    W2 -= 0.1 * dW2
    W1 -= 0.1 * dW1
""",
    ),
    "weights decay by themselves": (
        10,
        DATA
        + "for step in range(10):\n    for batch in [np.arange(40)]:\n"
        + GRADIENT
        + """\
        for W, dW in ((W1, dW1), (W2, dW2)):
            W -= 0.1 * 0.05 * W
            W -= 0.1 * dW
""",
    ),
    "a velocity looks ahead": (
        10,
        DATA
        + "V1, V2 = np.zeros_like(W1), np.zeros_like(W2)\n"
        + "for step in range(10):\n    for batch in [np.arange(40)]:\n"
        + GRADIENT
        + """\
        V1 = 0.9 * V1 + dW1
        V2 = 0.9 * V2 + dW2
        W1 -= 0.1 * (dW1 + 0.9 * V1)
        W2 -= 0.1 * (dW2 + 0.9 * V2)
""",
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_gradients_are_verified(name: str, tmp_path: Path) -> None:
    steps, program = PROGRAMS[name]
    (tmp_path / "train.py").write_text(program, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "backproof", "run", "--json", "o.json", "train.py"],
        cwd=tmp_path, env=os.environ | {"BACKPROOF_TESTING": "1"}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report: Any = json.loads((tmp_path / "o.json").read_text("utf-8"))
    assert report["gradient"]["status"] == "verified", done.stderr
    assert {p["name"] for p in report["gradient"]["parameters"]} >= {"W1", "W2"}
    assert report["steps"] == steps


def test_shuffling_is_a_store() -> None:
    recorder = Recorder()
    for generator in (np.random.default_rng(0), np.random.RandomState(0), np.random):
        assert recorder.kinds.of(generator.shuffle) == "shuffle"
        assert recorder.kinds.of(generator.permutation) == "draw"


MATRICES = """
import numpy as np
rng = np.random.RandomState(3)
X = [np.matrix(rng.randn(4, 1)) for _ in range(30)]
T = [np.array([[float(x.sum() > 0)]]) for x in X]
W, b = rng.randn(1, 4) * 0.1, np.zeros((1, 1))
mW, mb = np.zeros_like(W), np.zeros_like(b)
for epoch in range(20):
    for x, t in zip(X, T):
        p = 1 / (1 + np.exp(-(np.dot(W, x) + b)))
        loss = -(t * np.log(p) + (1 - t) * np.log(1 - p)).item()
        dW, db = np.zeros_like(W), np.zeros_like(b)
        dW += np.dot(p - t, x.T)
        db += p - t
        for w, d, m in zip((W, b), (dW, db), (mW, mb)):
            m += d * d
            w -= 0.1 * d / np.sqrt(m + 1e-8)
"""


def test_a_matrix_that_is_added_to_an_array_in_place(tmp_path):
    assert judged(tmp_path, MATRICES) == ("verified", [])


COPIED = """
import copy
import numpy as np
rng = np.random.RandomState(3)
X = rng.randn(2, 60)
Y = (X[0:1] * X[1:2] > 0) * 1
P = {{"W1": rng.randn(4, 2) * 0.1, "b1": np.zeros((4, 1)),
     "W2": rng.randn(1, 4) * 0.1, "b2": np.zeros((1, 1))}}

def forward(X, P):
    Q = {forward}
    A1 = np.tanh(Q["W1"] @ X + Q["b1"])
    return A1, 1 / (1 + np.exp(-(Q["W2"] @ A1 + Q["b2"]))), Q["W2"]

def update(P, G):
    Q = {update}
    for k in Q:
        Q[k] = Q[k] - 1.2 * G["d" + k]
    return Q

for i in range(40):
    A1, A2, W2 = forward(X, P)
    cost = -np.mean(Y * np.log(A2) + (1 - Y) * np.log(1 - A2))
    d2 = (A2 - Y) / 60
    d1 = W2.T @ d2 * (1 - A1 ** 2)
    P = update(P, {{"dW1": d1 @ X.T, "db1": d1.sum(1, keepdims=True),
                   "dW2": d2 @ A1.T, "db2": d2.sum(1, keepdims=True)}})
"""


@pytest.mark.parametrize(
    ("forward", "update"),
    [
        ("P", "copy.deepcopy(P)"),
        ("copy.deepcopy(P)", "P"),
        ("P", "{k: copy.deepcopy(P[k]) for k in P}"),
        ("P", "copy.copy(P)"),
    ],
)
def test_what_is_copied_with_its_container(tmp_path, forward, update):
    text = COPIED.format(forward=forward, update=update)
    assert judged(tmp_path, text) == ("verified", [])
