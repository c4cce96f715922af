"""Faults that are told on their lines, and the edits that were tried and verified for them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HEAD = """\
import numpy as np
rng = np.random.default_rng(3)
X = rng.normal(size=(4, 30))
Y = (X[:1] * X[1:2] > 0).astype(float)
def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))
"""
NET = (
    HEAD
    + """\
net = {
    "W1": rng.normal(size=(5, 4)) * 0.5, "b1": rng.normal(size=(5, 1)) * 0.1,
    "W2": rng.normal(size=(1, 5)) * 0.5, "b2": rng.normal(size=(1, 1)) * 0.1,
}
for epoch in range(40):
    Z1 = net["W1"] @ X + net["b1"]
    A1 = np.tanh(Z1)
    A2 = sigmoid(net["W2"] @ A1 + net["b2"])
    cost = -np.mean(Y * np.log(A2) + (1 - Y) * np.log(1 - A2))
    d2 = (A2 - Y) / X.shape[1]
    d1 = net["W2"].T @ d2 * (1 - np.power(A1, 2))
    grads = {
        "dW2": d2 @ A1.T, "db2": d2.sum(axis=1, keepdims=True),
        "dW1": d1 @ X.T, "db1": np.sum(d1, axis=1, keepdims=True),
    }
    for k in net:
        net[k] = net[k] - 0.5 * grads["d" + k]
    print(cost)
"""
)
FACTORS = """\
import numpy as np
rng = np.random.default_rng(0)
R = rng.uniform(1, 5, size=(6, 7))
P, Q = rng.normal(size=(6, 3)), rng.normal(size=(7, 3))
for epoch in range(3):
    for i in range(6):
        for j in range(7):
            old = P[i, :].copy()
            e = R[i, j] - old @ Q[j]
            loss = 0.5 * e ** 2
            P[i, :] += 0.01 * e * Q[j]
            Q[j, :] += 0.01 * e * old
    print(loss)
"""
ATTENTION = """\
import numpy as np
rng = np.random.default_rng(1)
E, Wq, Wv = (rng.normal(size=(4, 4)) * 0.5 for _ in range(3))
S = rng.normal(size=(20, 6, 4))
T = rng.normal(size=(20, 6, 4))
for step in range(20):
    x = S[step] @ E
    q = x @ Wq
    v = x @ Wv
    out = np.tanh(q) + v
    loss = 0.5 * np.sum((out - T[step]) ** 2)
    dv = out - T[step]
    dq = dv * (1 - np.tanh(q) ** 2)
    dx = dq @ Wq.T + dv @ Wv.T
    dE, dWq, dWv = S[step].T @ dx, x.T @ dq, x.T @ dv
    E -= 0.01 * dE
    Wq -= 0.01 * dWq
    Wv -= 0.01 * dWv
    print(loss)
"""
PENALISED = (
    HEAD
    + """\
w, b, reg = rng.normal(size=(4, 1)), 0.0, 0.1
def loss_of(w, b):
    a = sigmoid(w.T @ X + b)
    data = -np.mean(Y * np.log(a) + (1 - Y) * np.log(1 - a))
    return data + 0.5 * reg * np.sum(w * w)
for epoch in range(8):
    for s in range(0, 30, 10):
        x, y = X[:, s:s + 10], Y[:, s:s + 10]
        d = (sigmoid(w.T @ x + b) - y) / 10
        dw = x @ d.T + reg * w
        db = np.sum(d)
        w = w - 0.5 * dw
        b = b - 0.5 * db
    print(loss_of(w, b))
"""
)


def report(folder: Path, text: str, *options: str) -> Any:
    """Return what a run says."""
    (folder / "train.py").write_text(text)
    subprocess.run(
        [sys.executable, "-m", "backproof", "run", "--json", "r.json", *options, "train.py"],
        cwd=folder, capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    return json.loads((folder / "r.json").read_text())


@pytest.mark.quality
@pytest.mark.parametrize(
    ("program", "right", "wrong", "code"),
    [
        (NET, "for k in net:", 'for k in ("W1", "W2"):', "BP107"),
        (NET, "np.sum(d1, axis=1, keepdims=True)", "np.sum(d1, axis=0, keepdims=True)", "BP108"),
        (NET, "A1 = np.tanh(Z1)", "A1 = sigmoid(Z1)", "BP101"),
        (NET, "(A2 - Y) / X", "(A2 - Y) * A2 * (1 - A2) / X", "BP103"),
        (FACTORS, "P[i, :].copy()", "P[i, :]", "BP105"),
        (ATTENTION, "dq @ Wq.T + dv @ Wv.T", "dq @ Wq.T", "BP101"),
        (PENALISED, "x @ d.T + reg * w", "x @ d.T", "BP103"),
    ],
)
def test_a_verified_fix_is_found(
    tmp_path: Path, program: str, right: str, wrong: str, code: str
) -> None:
    text = program.replace(right, wrong)
    assert text != program
    said = report(tmp_path, text, "--fix-time", "20")
    finding = said["findings"][0]
    assert finding["code"] == code
    assert finding["fix"] is not None
    assert finding["fix"]["verified"], finding
    fixed = text.replace(finding["fix"]["before"].strip(), finding["fix"]["after"].strip())
    again = report(tmp_path, fixed, "--no-fix")
    assert again["gradient"]["status"] == "verified"
    assert not [f for f in again["findings"] if f["code"] < "BP2"]


#: The loss is computed between the epochs, by a function that is given a flag in the steps.
BETWEEN = """
import numpy as np
rng = np.random.default_rng(3)
x = rng.normal(size=(48, 3))
y = np.sin(x[:, :1]) + 0.5 * x[:, 1:2]
W = [rng.normal(size=(3, 6)), rng.normal(size=(6, 1))]
B = [np.zeros((1, 6)), np.zeros((1, 1))]

def mse(y, out, diff=False):
    return 2 * (y - out) if diff else np.sum((y - out) ** 2 / len(y))

def forward(x):
    h = 1 / (1 + np.exp(-(x @ W[0] + B[0])))
    return h, h @ W[1] + B[1]

for epoch in range(15):
    for i in range(0, 48, 16):
        h, out = forward(x[i:i + 16])
        up = mse(out, y[i:i + 16], diff=True)
        down = up @ W[1].T * h * (1 - h)
        gW = [x[i:i + 16].T @ down, h.T @ up]
        gB = [down.sum(axis=0, keepdims=True), up.sum(axis=0, keepdims=True)]
        W = [w - 0.01 / 16 * g for w, g in zip(W, gW)]
        B = [b - 0.01 / 16 * g for b, g in zip(B, gB)]
    print(mse(y, forward(x)[1]))
"""


def test_what_is_evaluated_between_the_epochs_keeps_no_fix_from_being_tried(tmp_path: Path) -> None:
    found = report(tmp_path, BETWEEN.replace("[down.sum(axis", "[down.mean(axis"))["findings"][0]
    assert found["fix"]["verified"]
    assert "down.sum(axis" in found["fix"]["after"]


#: The gradient of a layer normalisation in one line: a bracket that is divided.
NORMALISED = """
import numpy as np
rng = np.random.default_rng(5)
x, y = rng.normal(size=(30, 5)), rng.normal(size=(30, 1))
W, V = rng.normal(size=(5, 6)), rng.normal(size=(6, 1))
for step in range(30):
    a = np.tanh(x @ W)
    sd = np.sqrt(a.var(axis=1, keepdims=True) + 1e-5)
    n = (a - a.mean(axis=1, keepdims=True)) / sd
    out = n @ V
    loss = np.mean((out - y) ** 2)
    d = 2 * (out - y) / 30
    dV = n.T @ d
    dn = d @ V.T
    da = (dn - dn.mean(axis=1, keepdims=True) - n * (dn * n).mean(axis=1, keepdims=True)) / sd
    dW = x.T @ (da * (1 - a ** 2))
    V -= 0.05 * dV
    W -= 0.05 * dW
    if step % 10 == 0:
        print(loss)
"""


def test_a_mean_that_is_missing_within_a_quotient_is_put_back(tmp_path: Path) -> None:
    wrong = NORMALISED.replace(" - dn.mean(axis=1, keepdims=True)", "")
    found = report(tmp_path, wrong)["findings"][0]
    assert found["fix"]["verified"]
    assert "dn.mean(axis=" in found["fix"]["after"]
