"""Updates that all go up: in a further training loop, and mended in several statements at once."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.quality

DATA = """
import numpy as np
rng = np.random.default_rng(1)
x = rng.random(40) * 3
y = 2.5 * x + 1 + rng.normal(size=40) * 0.1
"""

BOWL = """
u, v = 0.7, -0.4
for i in range(30):
    u -= 0.05 * 2 * u
    v -= 0.05 * 6 * v
    height = u ** 2 + 3 * v ** 2
print(height)
"""

LINE = """
b = w = 0.0
for i in range(60):
    pred = b + w * x
    mse = ((pred - y) ** 2).mean()
    gb = 2 * np.mean({error})
    gw = 2 * np.mean(({error}) * x)
    b {sign}= 0.01 * gb
    w {sign}= 0.01 * gw
print(mse)
"""


def run(tmp_path, text, *options):
    """Run a program; return its error findings."""
    (tmp_path / "train.py").write_text(text, "utf-8")
    command = [sys.executable, "-m", "backproof", "run", "--json", "o.json", *options, "train.py"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=60)
    told = json.loads((tmp_path / "o.json").read_text("utf-8"))
    return [f for f in told["findings"] if f["severity"] == "error"]


@pytest.mark.parametrize(("error", "sign"), [("y - pred", "-"), ("pred - y", "+")])
def test_a_sign_that_two_statements_write_is_turned_in_both(tmp_path, error, sign):
    (found,) = run(tmp_path, DATA + LINE.format(error=error, sign=sign))
    assert found["code"] == "BP104"
    assert found["fix"]["verified"]
    assert len(found["fix"]["edits"]) == 2


@pytest.mark.parametrize(("error", "sign"), [("pred - y", "-"), ("y - pred", "+")])
def test_a_further_training_loop_that_descends_is_right(tmp_path, error, sign):
    assert run(tmp_path, DATA + BOWL + LINE.format(error=error, sign=sign), "--no-fix") == []


def test_a_further_training_loop_that_subtracts_and_goes_up_is_told(tmp_path):
    (found,) = run(tmp_path, DATA + BOWL + LINE.format(error="y - pred", sign="-"), "--no-fix")
    assert found["code"] == "BP104"


ATTACK = """
for i in range(20):
    out = b + w * x
    loss = np.mean((out - y) ** 2)
    dx = 2 * (out - y) * w / len(x)
    x += 0.1 * dx
print(loss)
"""


def test_inputs_that_are_moved_up_the_cost_are_meant_to_be(tmp_path):
    assert run(tmp_path, DATA + LINE.format(error="pred - y", sign="-") + ATTACK, "--no-fix") == []


def test_gradients_of_updates_that_go_up_are_right_up_to_their_sign(tmp_path):
    (tmp_path / "train.py").write_text(DATA + LINE.format(error="y - pred", sign="-"), "utf-8")
    command = [sys.executable, "-m", "backproof", "run", "--no-fix", "train.py"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, text=True)
    assert "2 of 2 parameters verified up to their sign" in told.stderr


NORMALISED = """
import numpy as np
rng = np.random.default_rng(4)
X = np.c_[np.ones(40), rng.normal(size=(40, 2))]
y = 2e5 + 9e4 * X[:, 1] + rng.normal(size=40)
theta = np.zeros(3)
for i in range(40):
    h = X.dot(theta)
    theta = {update}
    J = np.sum((X.dot(theta) - y) ** 2) / 80
print(J)
"""


def test_labels_that_are_taken_away_within_an_update_are_no_old_value(tmp_path):
    right = NORMALISED.format(update="theta - 0.3 * (X.T.dot(h - y)) / 40")
    assert run(tmp_path, right, "--no-fix") == []


def test_an_update_that_takes_the_old_value_away_is_told(tmp_path):
    wrong = DATA + LINE.format(error="pred - y", sign="-").replace(
        "w -= 0.01 * gw", "w = 0.01 * gw - w")  # fmt: skip
    assert any(f["line"] == 14 and f["code"] == "BP104" for f in run(tmp_path, wrong, "--no-fix"))
