"""What is blamed is where a value is made, not where it is turned, scaled or penalised."""

import pytest

from tests.repair.test_fixes_found import report as repaired
from tests.unit.test_costs_meant import judged, report
from tests.unit.test_faults_placed import line_of

pytestmark = pytest.mark.quality

#: A likelihood that is to grow, for a function that makes costs fall.
LIKELIHOOD = """
import numpy as np
from scipy.optimize import minimize
rng = np.random.default_rng(2)
x, k = rng.normal(size=(60, 4)), rng.integers(0, 3, 60)
hits = np.eye(3)[k]
lam = 0.2

def shares(theta):
    e = np.exp(x @ theta - (x @ theta).max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

def likelihood(flat):
    theta = flat.reshape(4, 3)
    return np.sum(hits * np.log(shares(theta))) - lam * np.sum(theta ** 2)

def slope(flat):
    theta = flat.reshape(4, 3)
    found = x.T.dot(hits - shares(theta)) - 2 * lam * theta
    return found.reshape(-1)

best = minimize(lambda t: -likelihood(t), 0.1 * np.ones(12), jac=lambda t: -slope(t), method="BFGS")
print(best.fun)
"""


def test_a_penalty_that_is_missing_is_subtracted_where_the_gradient_is_made(tmp_path):
    assert judged(tmp_path, LIKELIHOOD) == ("verified", [])
    wrong = LIKELIHOOD.replace(" - 2 * lam * theta\n", "\n")
    found = repaired(tmp_path, wrong)["findings"][0]
    assert found["line"] == line_of(wrong, "found = x.T")
    assert found["fix"]["verified"]


def test_what_no_factor_explains_is_wrong_before_it_is_negated(tmp_path):
    wrong = LIKELIHOOD.replace("x.T.dot(hits - shares(theta))", "x.T.dot(shares(theta) ** 3)")
    assert wrong != LIKELIHOOD
    found = report(tmp_path, wrong)["findings"][0]
    assert found["line"] == line_of(wrong, "found = x.T")


#: The second point in time at which nothing is left of the densities of far points is nan.
MIXTURE = """
import numpy as np
x = np.concatenate([np.linspace(-3, -1, 60), np.linspace(1, 3, 60), [70.0]])
mu, ls = np.array([-0.5, 0.5]), np.zeros(2)

def joint(mu, ls):
    return np.exp(-0.5 * ((x[:, None] - mu) / np.exp(ls)) ** 2) / np.exp(ls)

for turn in range(1200):
    r = joint(mu, ls)
    r = r / r.sum(1, keepdims=True)
    z = (x[:, None] - mu) / np.exp(ls)
    mu -= 0.05 * -(r * z / np.exp(ls)).mean(0)
    ls -= 0.05 * -(r * (z ** 2 - 1)).mean(0)
print(mu)
"""


def test_a_run_that_is_nan_from_its_first_step_is_explained_in_time(tmp_path):
    found = report(tmp_path, MIXTURE)["findings"]
    assert [(f["code"], f["line"]) for f in found] == [("BP201", line_of(MIXTURE, "r = r /"))]
