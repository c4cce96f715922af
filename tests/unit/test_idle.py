"""Runs in which no parameter moves, and others that only look so."""

import json
import subprocess
import sys
from textwrap import dedent

import pytest

HEAD = """
import numpy as np
rng = np.random.default_rng(3)
x = rng.normal(size=(30, 4))
y = x @ np.array([[1.0], [2.0], [-1.0], [0.5]])
params = [rng.normal(size=(4, 1)), np.zeros((1, 1))]
"""
STEP = """
    r = x @ params[0] + params[1] - y
    loss = np.mean(r ** 2)
    grads = [2 * x.T @ r / 30, 2 * np.mean(r, keepdims=True)]
"""


def findings(tmp_path, text):
    """Run a program and return its findings as (code, line)."""
    (tmp_path / "train.py").write_text(dedent(text), "utf-8")
    command = [sys.executable, "-m", "backproof", "run", "--json", "out.json", "train.py"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=60)
    report = json.loads((tmp_path / "out.json").read_text("utf-8"))
    return [(f["code"], f["line"]) for f in report["findings"] if f["severity"] != "note"]


@pytest.mark.quality
def test_a_loop_that_binds_its_own_name_trains_nothing(tmp_path):
    text = HEAD + "for epoch in range(20):" + STEP + "    for p, g in zip(params, grads):\n"
    text += "        p = p - 0.1 * g\n"
    assert findings(tmp_path, text) == [("BP107", text.splitlines().index(
        "        p = p - 0.1 * g") + 1)]  # fmt: skip


@pytest.mark.quality
def test_in_place_it_trains(tmp_path):
    text = HEAD + "for epoch in range(20):" + STEP + "    for p, g in zip(params, grads):\n"
    text += "        p -= 0.1 * g\n"
    assert findings(tmp_path, text) == []


@pytest.mark.quality
def test_steps_that_are_only_looked_at_are_none(tmp_path):
    text = HEAD + "for rate in (0.01, 0.1, 1.0):" + STEP
    text += "    trial = params[0] - rate * grads[0]\n"
    text += "    print(rate, np.mean((x @ trial + params[1] - y) ** 2))\n"
    assert findings(tmp_path, text) == []


@pytest.mark.quality
def test_a_value_that_is_set_to_its_step_is_no_parameter_yet(tmp_path):
    text = HEAD + "w = params[0]\nfor epoch in range(20):\n    r = x @ w - y\n"
    text += "    w = -0.1 * x.T @ r / 30\n    print(np.mean(r ** 2))\n"
    line = text.splitlines().index("    w = -0.1 * x.T @ r / 30") + 1
    assert findings(tmp_path, text) == [("BP104", line)]


@pytest.mark.quality
def test_an_iteration_without_labels_is_no_training(tmp_path):
    text = HEAD + "a = x.T @ x\nv = params[0]\nfor i in range(40):\n    v = a @ v\n"
    text += "    v = v / np.linalg.norm(v)\n    print((v.T @ a @ v).item())\n"
    assert findings(tmp_path, text) == []


@pytest.mark.quality
def test_weights_that_a_table_keeps_between_steps_are_trained(tmp_path):
    text = """
import math
table = {(a, k): 0.2 * a - 0.3 * k for a in range(3) for k in range(2)}
for epoch in range(15):
    for a, k in ((0, 1), (1, 0), (2, 1)):
        w = [[float("%.17g" % table[i, j]) for j in range(2)] for i in range(3)]
        for j in range(2):
            o = math.tanh(w[a][j])
            w[a][j] += 0.5 * ((j == k) - o) * (1 - o * o)
        table = {(i, j): float("%.17g" % w[i][j]) for i in range(3) for j in range(2)}
    print(table[0, 1])
"""
    assert findings(tmp_path, text) == []
