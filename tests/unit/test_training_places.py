"""Training that cannot work, told where the cause stands: data, biases, rates, products."""

import pytest

from tests.unit.test_costs_meant import judged, report
from tests.unit.test_faults_placed import line_of

pytestmark = pytest.mark.quality

LIKELIHOOD = """
import numpy as np
from scipy.optimize import minimize
gen = np.random.default_rng(8)
X = np.column_stack([np.ones(2500), gen.normal(size=(2500, 2))])
ill = (gen.random(2500) < 1 / (1 + np.exp(-X @ np.array([-1.0, 2.0, 1.5])))).astype(float)

def chance(beta):
    return 1 / (1 + np.exp(-X @ beta))

def cost(beta):
    p = chance(beta)
    likelihood = np.prod(np.where(ill == 1, p, 1 - p))
    return -np.log(likelihood)

def score(beta):
    return X.T @ (chance(beta) - ill)

{run}
"""
MINIMISED = 'print(minimize(cost, np.zeros(3), jac=score, method="BFGS").x)'
DESCENT = """
beta = np.zeros(3)
for step in range(60):
    value = cost(beta)
    beta = beta - 0.0005 * score(beta)
print(value)
"""
ROWS = """
import numpy as np
rng = np.random.default_rng(77)
answers = np.round(rng.normal(size=(300, 3)), 2)
bill = np.tanh(answers[:, 0] - 0.5 * answers[:, 1]) + 0.3 * answers[:, 2]
answers, kept = {unique}
bill = bill[{rows}]
W, v = rng.normal(size=(3, 8)) / 2, rng.normal(size=8) / 3
for step in range(400):
    h = np.tanh(answers @ W)
    e = h @ v - bill
    loss = np.mean(e * e)
    dh = 2 * np.outer(e, v) * (1 - h * h) / len(e)
    v -= 0.2 * 2 * h.T @ e / len(e)
    W -= 0.2 * answers.T @ dh
print(loss)
"""
ALARM = """
import numpy as np
g = np.random.RandomState(3)
x = g.randn(200, 4)
t = (x[:, 0] + x[:, 1] > 0.6).astype(float)
W, v, c = g.randn(4, 8) * 0.5, g.randn(8) * 0.3, {bias}
for step in range(600):
    h = np.tanh(x.dot(W))
    y = 1 / (1 + np.exp(-(h.dot(v) + c)))
    loss = np.mean((y - t) ** 2)
    dz = 2 * (y - t) / len(t) * y * (1 - y)
    dh = np.outer(dz, v) * (1 - h ** 2)
    v -= 0.5 * h.T.dot(dz)
    c -= 0.5 * dz.sum()
    W -= 0.5 * x.T.dot(dh)
print(loss)
"""
KINDS = """
import numpy as np
r = np.random.RandomState(36)
mean = np.array([[1.0, 0.2, -0.5], [-0.6, 1.0, 0.3], [-0.2, -0.9, 0.8]])
grains = np.concatenate([0.8 * mean[k] + 0.45 * r.randn(150, 3) for k in range(3)])
kind = np.repeat(np.arange(3), 150)
{order}
U, a = r.randn(8, 3) * 0.5, np.zeros(8)
V, b = r.randn(3, 8) * 0.5, np.zeros(3)
for epoch in range(16):
    total = 0.0
    for i in range(450):
        x, k = grains[i], kind[i]
        h = np.tanh(U @ x + a)
        s = V @ h + b
        p = np.exp(s - s.max())
        p = p / p.sum()
        loss = -np.log(p[k])
        total += loss
        ds = p.copy()
        ds[k] -= 1
        dh = V.T @ ds * (1 - h ** 2)
        V -= 0.5 * np.outer(ds, h)
        b -= 0.5 * ds
        U -= 0.5 * np.outer(dh, x)
        a -= 0.5 * dh
    print(epoch, total / 450)
"""
PAIRS = """
import math
import random
random.seed(15)
times = [-1 + 2 * i / 59 for i in range(60)]
heights = [math.sin(7 * t) for t in times]
w = [random.uniform(-6, 6) for _ in range(2)]
b = [random.uniform(-6, 6) for _ in range(2)]
v, c = [random.uniform(-0.5, 0.5) for _ in range(2)], 0.0
for epoch in range(400):
    pairs = list(zip(times, heights))
    random.shuffle(pairs)
    cost = 0.0
    for t, target in pairs:
        h = [math.tanh(w[j] * t + b[j]) for j in range(2)]
        e = sum(v[j] * h[j] for j in range(2)) + c - target
        cost += 0.5 * e * e
        for j in range(2):
            d = e * v[j] * (1 - h[j] ** 2)
            v[j] -= 0.03 * e * h[j]
            w[j] -= 0.03 * d * t
            b[j] -= 0.03 * d
        c -= 0.03 * e
print(cost)
"""


@pytest.mark.parametrize("run", [MINIMISED, DESCENT])
def test_the_logarithm_of_a_product_that_is_zero_is_a_sum(tmp_path, run):
    told = report(tmp_path, LIKELIHOOD.format(run=run))
    (found,) = [f for f in told["findings"] if f["code"] == "BP201"]
    assert "np.sum(np.log(np.where(ill == 1, p, 1 - p)))" in found["message"]
    # What the cost overflows to says nothing of the gradients, which are finite.
    assert run is MINIMISED or told["gradient"]["status"] == "verified"


def test_rows_made_unique_leave_their_labels(tmp_path):
    apart = ROWS.format(unique="np.unique(answers, axis=0), 0", rows=":len(answers)")
    assert judged(tmp_path, apart)[1] == [("BP403", line_of(apart, "answers, kept ="))]
    together = ROWS.format(unique="np.unique(answers, axis=0, return_index=True)", rows="kept")
    assert judged(tmp_path, together) == ("verified", [])


def test_series_that_were_cut_at_different_ends_are_told(tmp_path):
    slipped = ROWS.format(unique="answers[:-1], 0", rows="1:")
    assert judged(tmp_path, slipped)[1][:1] == [("BP403", line_of(slipped, "bill = bill["))]
    assert judged(tmp_path, ROWS.format(unique="answers[:-1], 0", rows=":-1")) == ("verified", [])


def test_a_bias_that_saturates_the_output_is_told(tmp_path):
    assert judged(tmp_path, ALARM.format(bias="0.0")) == ("verified", [])
    text = ALARM.format(bias="-14.0")
    assert judged(tmp_path, text)[1] == [("BP304", line_of(text, "W, v, c ="))]


def test_samples_in_the_order_of_their_classes_are_told(tmp_path):
    told = report(tmp_path, KINDS.format(order=""))
    assert [f["code"] for f in told["findings"]] == ["BP405"]
    mixed = "order = r.permutation(450); grains, kind = grains[order], kind[order]"
    told = report(tmp_path, KINDS.format(order=mixed))
    assert "BP405" not in [f["code"] for f in told["findings"]]


def test_one_list_of_pairs_that_is_shuffled_in_each_epoch_is_not_two(tmp_path):
    assert judged(tmp_path, PAIRS) == ("verified", [])
