"""Costs that are kept in arrays, memories that are none, and parameters filled entry by entry."""

from tests.unit.test_costs_meant import judged, report
from tests.unit.test_faults_placed import line_of

RIDGE = """
import numpy as np
rng = np.random.RandomState(12)

def cost(X, y, theta, lam):
    m = len(y)
    J = np.sum((X.dot(theta) - y) ** 2) / (2 * m)
    J = J + lam / (2 * m) * np.sum(theta[1:] ** 2)
    return J

m = 30
X = np.hstack([np.ones((m, 1)), rng.randn(m, 4)])
y = X.dot(np.array([[1.0], [2], [-1], [0.5], [3]])) + 0.1 * rng.randn(m, 1)
theta, history = np.zeros((5, 1)), np.zeros(60)
for it in range(60):
    err = X.dot(theta) - y
    temp = np.zeros((5, 1))
    for j in range(5):
        g = np.sum(err[:, 0] * X[:, j]) / m
        if j > 0:
            g = g + 2.0 / m * theta[j, 0]
        temp[j, 0] = theta[j, 0] - 0.1 * g
    theta = temp
    history[it] = cost(X, y, theta, 2.0)
    if it % 20 == 0:
        print(history[it])
"""


def test_parameters_that_go_to_a_new_array_one_by_one_are_judged(tmp_path):
    assert judged(tmp_path, RIDGE) == ("verified", [])


def test_a_cost_that_is_kept_in_an_array_is_the_programs_own(tmp_path):
    wrong = RIDGE.replace("2.0 / m * theta[j, 0]", "2.0 / (2 * m) * theta[j, 0]")
    assert judged(tmp_path, wrong) == ("wrong", [("BP101", line_of(wrong, "2.0 / (2 * m)"))])


GLOVE = """
import numpy as np, math
rng = np.random.RandomState(3)
W, biases = (rng.rand(12, 4) - 0.5) / 5, (rng.rand(12) - 0.5) / 5
squares, bias_squares = np.ones((12, 4)), np.ones(12)
pairs = [(i, j, float(1 + (i * j) % 4)) for i in range(6) for j in range(6) if i != j]
data = [(W[i], W[j + 6], biases[i:i + 1], biases[j + 6:j + 7], squares[i], squares[j + 6],
         bias_squares[i:i + 1], bias_squares[j + 6:j + 7], x) for i, j, x in pairs]
for epoch in range(12):
    total = 0
    for v, u, bv, bu, sv, su, sbv, sbu, x in data:
        weight = (x / 3) ** 0.75 if x < 3 else 1
        inner = v.dot(u) + bv[0] + bu[0] - math.log(x)
        total += 0.5 * weight * inner ** 2
        gv, gu, gb = weight * inner * u, weight * inner * v, weight * inner
        v -= 0.05 * gv / np.sqrt(sv)
        u -= 0.05 * gu / np.sqrt(su)
        bv -= 0.05 * gb / np.sqrt(sbv)
        bu -= 0.05 * gb / np.sqrt(sbu)
        sv += gv ** 2
        su += gu ** 2
        sbv += gb ** 2
        sbu += gb ** 2
    print(total)
"""


def test_the_memory_of_an_optimiser_is_no_cost(tmp_path):
    told = report(tmp_path, GLOVE)
    assert told["gradient"]["status"] == "verified"
    assert told["gradient"]["cost"]["expression"] == "total"


VELOCITY = """
import numpy as np
rng = np.random.RandomState(7)
x = rng.randn(40, 3)
t = np.tile([0.0, 1.0], 20)
alpha, beta = 0.0, np.zeros(3)
va, vb = 0.0, np.zeros(3)
for i in range(40):
    p = 1 / (1 + np.exp(-(alpha + x @ beta)))
    ga, gb = (p - t).mean(), x.T @ (p - t) / 40
    va = 0.6 * va - 0.8 * ga
    vb = 0.6 * vb - 0.8 * gb
    alpha += va
    beta = beta + vb
    z = alpha + x @ beta
    print((np.logaddexp(0, z) - t * z).mean())
"""


def test_a_bias_and_its_velocity_that_begin_as_one_number_are_two(tmp_path):
    told = report(tmp_path, VELOCITY)
    assert {p["name"] for p in told["gradient"]["parameters"]} == {"alpha", "beta"}
    assert told["gradient"]["status"] == "verified"
