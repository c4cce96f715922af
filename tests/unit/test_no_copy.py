"""Weights that are changed under another name."""

import json
import subprocess
import sys

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import line_of

pytestmark = pytest.mark.quality

LOOP = """
import numpy as np
rng = np.random.default_rng(0)
X = np.c_[np.ones(80), rng.normal(size=(80, 3))]
y = (X[:, 1] - X[:, 2] + 0.5 > 0).astype(float)

def loss(theta, lam):
    p = 1 / (1 + np.exp(-X @ theta))
    fit = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    return fit + 0.5 * lam * np.sum(theta[1:] ** 2)

def gradient(theta, lam):
    p = 1 / (1 + np.exp(-X @ theta))
    shrunk = theta.copy()
    shrunk[0] = 0.0
    return X.T @ (p - y) / len(y) + lam * shrunk
"""
DESCENT = """
theta = np.zeros(4)
for step in range(60):
    cost = loss(theta, 0.1)
    theta -= 0.5 * gradient(theta, 0.1)
print(cost)
"""
SCIPY = """
from scipy.optimize import minimize
print(minimize(loss, np.full(4, 0.1), args=(0.1,), jac=gradient, method="TNC").x)
"""


@pytest.mark.parametrize("training", [DESCENT, SCIPY])
def test_what_is_no_copy_is_told_with_a_verified_fix(tmp_path, training):
    right = LOOP + training
    assert judged(tmp_path, right) == ("verified", [])
    text = right.replace("theta.copy()", "theta")
    assert judged(tmp_path, text)[1] == [("BP105", line_of(text, "shrunk = theta"))]
    (tmp_path / "train.py").write_text(text, "utf-8")
    command = [sys.executable, "-m", "backproof", "run", "--json", "o.json", "train.py"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=120)
    (finding,) = json.loads((tmp_path / "o.json").read_text("utf-8"))["findings"]
    assert finding["fix"]["verified"]


def test_an_argument_that_is_changed_is_told(tmp_path):
    text = (LOOP + SCIPY).replace("    shrunk = theta.copy()\n", "")
    text = text.replace("shrunk[0]", "theta[0]").replace("* shrunk", "* theta")
    assert judged(tmp_path, text)[1] == [("BP105", line_of(text, "theta[0] = 0.0"))]


def test_weights_that_are_pruned_by_their_own_name_are_meant(tmp_path):
    text = """
    import numpy as np
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 5))
    y = X @ [1.0, 0.0, -1.0, 0.0, 2.0]
    w = rng.normal(size=5)
    for step in range(60):
        w[np.abs(w) < 0.02] = 0.0
        error = X @ w - y
        loss = 0.5 * np.mean(error ** 2)
        w -= 0.1 * X.T @ error / len(y)
    print(loss)
    """
    assert judged(tmp_path, text) == ("verified", [])
