"""Steps of one output: what they say together, and none of them alone."""

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import line_of

pytestmark = pytest.mark.quality

LINE = """
import numpy as np
rng = np.random.default_rng(3)
xs = np.array([2.0, 3.5, 4.0, 5.5])
ys = np.array([5.0, 7.5, 9.0, 4.0])
slope, shift = rng.normal(), rng.normal()
for sweep in range(40):
    for i in range(len(xs)):
        guess = slope * xs[i] + shift
        miss = guess - ys[i]
        slope = slope - 0.02 * (xs[i] * miss)
        shift = shift - 0.02 * miss
print(slope, shift)
"""
XOR = """
import numpy as np
rng = np.random.default_rng(1)
pairs = [((0, 0), 0), ((0, 1), 1), ((1, 0), 1), ((1, 1), 0)]

def squash(x):
    return {squash}

def slope(x):
    return {slope}

U, V = rng.normal(size=(2, 3)), rng.normal(size=3)
for sweep in range(60):
    for x, t in pairs:
        x = np.array(x, float)
        s = h = squash(x @ U)
        z = h @ V
        o = squash(z)
        d = (t - o) * slope({at})
        g = d * V * {hidden}
        V = V + 0.5 * h * d
        U = U + 0.5 * np.outer(x, g)
print(U, V)
"""
SIGMOID = {
    "squash": "1 / (1 + np.exp(-x))", "slope": "squash(x) * (1 - squash(x))",
    "hidden": "h * (1 - h)",
}  # fmt: skip
TANH = {"squash": "np.tanh(x)", "slope": "1 - np.tanh(x) ** 2", "hidden": "(1 - h ** 2)"}


def test_a_line_fitted_sample_by_sample_is_verified(tmp_path):
    assert judged(tmp_path, LINE) == ("verified", [])


@pytest.mark.parametrize(
    ("old", "new", "at"),
    [
        ("miss = guess - ys[i]", "miss = (guess - ys[i]) ** 2", "miss = "),
        ("0.02 * miss", "0.02 * miss * xs[i]", "shift = shift"),
        ("(xs[i] * miss)", "(xs[i] ** 2 * miss)", "slope = slope -"),
        ("(xs[i] * miss)", "(xs[i - 1] * miss)", "slope = slope -"),
    ],
)
def test_a_slip_in_it_is_told(tmp_path, old, new, at):
    text = LINE.replace(old, new)
    status, found = judged(tmp_path, text)
    assert status == "wrong"
    assert found[:1] == [("BP101", line_of(text, at))]


def test_an_error_without_its_sign_is_told(tmp_path):
    text = LINE.replace("miss = guess - ys[i]", "miss = abs(guess - ys[i])")
    assert judged(tmp_path, text)[1] == [("BP104", line_of(text, "miss = "))]


@pytest.mark.parametrize("kind", [SIGMOID, TANH])
def test_a_slope_that_is_taken_at_the_output_is_told(tmp_path, kind):
    assert judged(tmp_path, XOR.format(at="z", **kind)) == ("verified", [])
    text = XOR.format(at="o", **kind)
    status, found = judged(tmp_path, text)
    assert status == "wrong"
    assert found[:1] == [("BP101", line_of(text, "slope(o)"))]


REWARDED = """
import numpy as np
rng = np.random.default_rng(0)
w = np.zeros(3)
for episode in range(300):
    state = rng.normal(size=3)
    mean = state @ w
    action = mean + 0.5 * rng.normal()
    reward = -(action - state[0]) ** 2
    w = w + 0.01 * reward * (action - mean) * state
print(w)
"""


def test_a_reward_is_no_lost_sign(tmp_path):
    assert judged(tmp_path, REWARDED)[1] == []
