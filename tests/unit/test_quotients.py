"""Activations whose derivative is taken by differences: ``(f(x + h) - f(x)) / h``."""

import numpy as np
import pytest

from backproof.checks.penalties import penalty_in
from tests.unit.test_costs_meant import judged

pytestmark = pytest.mark.quality

NET = """
import numpy as np
rng = np.random.default_rng(2)
X = np.c_[rng.normal(size=(20, 2)), np.ones(20)]
T = (X[:, :1] * X[:, 1:2] > 0).astype(float)
sig = lambda z: 1 / (1 + np.exp(-z))

def slope(f, x, h={h}):
    return {quotient}

V, W = rng.normal(size=(3, 5)), rng.normal(size=(5, 1))
for epoch in range(40):
    z = X @ V
    a = np.tanh(z)
    u = a @ W
    e = sig(u) - T
    cost = 0.5 * np.sum(e ** 2)
    d = e * slope(sig, u)
    g = d @ W.T * slope(np.tanh, {at})
    W -= 0.1 * a.T @ d
    V -= 0.1 * X.T @ g
print(cost)
"""


@pytest.mark.parametrize(
    ("h", "quotient"),
    [("1e-4", "(f(x + h) - f(x)) / h"), ("1e-3", "(f(x) - f(x - h)) / h"),
     ("1e-4", "(f(h + x) - f(x)) / h"), ("1e-2", "(f(x + h) - f(x - h)) / (2 * h)")],
)  # fmt: skip
def test_a_difference_quotient_stands_for_the_derivative(tmp_path, h, quotient):
    text = NET.format(h=h, quotient=quotient, at="z")
    assert judged(tmp_path, text) == ("verified", [])


def test_a_quotient_at_the_wrong_place_is_told(tmp_path):
    text = NET.format(h="1e-5", quotient="(f(x + h) - f(x)) / h", at="a")
    status, found = judged(tmp_path, text)
    assert status == "wrong"
    assert found[0][1] == 19


def test_two_entries_prove_no_penalty():
    class Run:
        env = (np.array([0.3, -0.7, 0.4]),)

    class Parameter:
        old = (0,)

    truth, other = np.array([0.0, 0.02, 0.02]), np.array([0.0, 0.0105, 0.0043])
    assert penalty_in(Run, Parameter, other, truth) is None
    assert penalty_in(Run, Parameter, 2 * (truth + 0.1 * Run.env[0]), truth) is not None
