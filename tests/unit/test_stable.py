"""The stable form of sigmoid with cross-entropy, in programs that divide by zero."""

from __future__ import annotations

import json

import pytest

from backproof.cli import main

PROGRAM = """
import numpy as np
np.seterr(all="ignore")
rng = np.random.default_rng(0)
X = np.vstack([rng.normal(size=(6, 2)), [[60.0, 60.0], [50.0, 70.0]]])
y = np.array([0, 1, 0, 1, 0, 1, 0, 1.0]).reshape(-1, 1)
w, b = np.full((2, 1), 0.5), 0.0
for step in range(5):
    z = X @ w + b
    p = {sigmoid}
    dp = {quotients}
    dz = dp * p * (1 - p)
    w = w - 0.1 * X.T @ dz / 8
    b = b - 0.1 * dz.mean()
    print(dz[0, 0])
"""

QUOTIENTS = "-(y / p - (1 - y) / (1 - p))"


def first_finding(tmp_path, capsys, program: str) -> dict:
    script = tmp_path / "train.py"
    script.write_text(program, "utf-8")
    assert main(["run", "--json", str(tmp_path / "report.json"), str(script)]) == 1
    capsys.readouterr()
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    return report["findings"][0]


@pytest.mark.parametrize("sigmoid", ["1 / (1 + np.exp(-z))", "1.0 / (np.exp(-z) + 1.0)"])
def test_quotients_of_a_saturated_sigmoid(tmp_path, capsys, sigmoid):
    program = PROGRAM.format(sigmoid=sigmoid, quotients=QUOTIENTS)
    finding = first_finding(tmp_path, capsys, program)
    assert finding["code"] == "BP201"
    assert finding["evidence"]["stable"] == "dz = p - y"
    assert "dz = p - y" in finding["message"]


def test_another_quotient_has_no_such_form(tmp_path, capsys):
    program = PROGRAM.format(sigmoid="1 / (1 + np.exp(-z))", quotients="(p - y) ** 3 / (1 - p)")
    finding = first_finding(tmp_path, capsys, program)
    assert finding["code"] == "BP201"
    assert "stable" not in finding["evidence"]
