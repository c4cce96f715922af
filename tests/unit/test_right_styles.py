"""Right programs in styles that have once been accused."""

import pytest

from tests.unit.test_costs_meant import judged

pytestmark = pytest.mark.quality


STRAIGHT_THROUGH = """
import numpy as np
rng = np.random.default_rng(4)
x, y = rng.normal(size=(60, 5)), rng.integers(0, 2, 60)
w, b = rng.normal(size=(5, 2)), np.zeros(2)
for step in range(40):
    q = np.clip(np.round(w * 8), -7, 7) / 8
    z = x @ q + b
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    loss = -np.log(p[np.arange(60), y]).mean()
    d = p.copy()
    d[np.arange(60), y] -= 1
    d /= 60
    w -= 0.5 * (x.T @ d) * (np.abs(w) <= 7 / 8)
    b -= 0.5 * d.sum(0)
print(loss)
"""


def test_an_estimator_that_goes_straight_through_a_rounding_is_not_judged(tmp_path):
    assert judged(tmp_path, STRAIGHT_THROUGH) == ("unverified", [])


SIGNS = """
import numpy as np
rng = np.random.default_rng(6)
x = rng.normal(size=(50, 4))
t = np.tanh(x @ rng.normal(size=4))
w, step, before = rng.normal(size=4) * 0.3, np.full(4, 0.02), np.zeros(4)
for i in range(60):
    r = np.tanh(x @ w) - t
    loss = np.mean(r ** 2)
    g = x.T @ (2 * r * (1 - np.tanh(x @ w) ** 2)) / 50
    same = g * before
    step[same > 0] *= 1.2
    step[same < 0] *= 0.5
    g[same < 0] = 0
    w -= np.sign(g) * step
    before = g
print(loss)
"""


def test_an_optimiser_by_signs_may_leave_out_entries(tmp_path):
    assert judged(tmp_path, SIGNS)[1] == []


SCORES = """
import numpy as np
rng = np.random.default_rng(8)
x, y = rng.normal(size=(40, 3)), rng.integers(0, 3, 40)
W = rng.normal(size=(3, 3))
def nll(scores, y):
    logz = np.log(np.exp(scores).sum(1))
    return np.mean(logz - scores[np.arange(40), y]), np.exp(scores - logz[:, None])
for i in range(30):
    cost, p = nll(x @ W, y)
    p[np.arange(40), y] -= 1
    W = W - 0.3 * (x.T @ p / 40)
print(cost)
"""


def test_a_score_in_a_cost_does_not_make_it_one_that_is_to_grow(tmp_path):
    assert judged(tmp_path, SCORES) == ("verified", [])


GATHERED = """
import numpy as np
rng = np.random.default_rng(3)
W = {"a": rng.normal(size=(4, 5)) * 0.5, "b": rng.normal(size=(5, 1)) * 0.5}
pile = {k: np.zeros_like(v) for k, v in W.items()}
for step in range(1, 121):
    x = rng.normal(size=(8, 4))
    y = np.sin(x[:, :1])
    h = np.tanh(x @ W["a"])
    e = h @ W["b"] - y
    loss = np.mean(e ** 2)
    d = 2 * e / 8
    pile["b"] += h.T @ d / 4
    pile["a"] += x.T @ (d @ W["b"].T * SLOPE) / 4
    if step % 4 == 0:
        for k in W:
            W[k] -= 0.2 * pile[k]
            pile[k][...] = 0
print(loss)
"""


def test_gradients_may_be_gathered_over_several_iterations(tmp_path):
    assert judged(tmp_path, GATHERED.replace("SLOPE", "(1 - h ** 2)")) == ("verified", [])
    assert judged(tmp_path, GATHERED.replace("SLOPE", "(1 - h)")) == ("wrong", [("BP101", 14)])


KEPT = """
import numpy as np
rng = np.random.default_rng(3)
x = rng.normal(size=(30, 4))
y = np.sin(x[:, :1])
w, g, m, s = rng.normal(size=(4, 1)), np.zeros((4, 1)), 0.0, 0.0
for t in range(1, 40):
    RESET
    e = np.tanh(x @ w) - y
    loss = np.mean(e ** 2)
    g += x.T @ (2 * e / 30 * (1 - np.tanh(x @ w) ** 2))
    m = 0.9 * m + 0.1 * g
    s = 0.99 * s + 0.01 * g ** 2
    w -= 0.05 * (m / (1 - 0.9 ** t)) / (np.sqrt(s / (1 - 0.99 ** t)) + 1e-8)
print(loss)
"""


def test_an_optimiser_does_not_hide_an_accumulator_that_is_not_emptied(tmp_path):
    assert judged(tmp_path, KEPT.replace("RESET", "g[:] = 0")) == ("verified", [])
    assert judged(tmp_path, KEPT.replace("RESET", "pass")) == ("wrong", [("BP106", 11)])


ADADELTA = """
import numpy as np
rng = np.random.default_rng(7)
x = rng.normal(size=(40, 4))
t = np.tanh(x @ rng.normal(size=4))
q = {"w": rng.normal(size=4) * 0.3, "b": np.zeros(1)}
sg, sx = ({k: np.zeros_like(v) for k, v in q.items()} for _ in range(2))
for i in range(60):
    r = np.tanh(x @ q["w"] + q["b"]) - t
    loss = np.mean(r ** 2)
    d = 2 * r * (1 - (r + t) ** 2) / 40
    for k, g in {"w": x.T @ d, "b": d.sum(keepdims=True)}.items():
        sg[k] = 0.9 * sg[k] + 0.1 * g ** 2
        step = -np.sqrt(sx[k] + 1e-4) / np.sqrt(sg[k] + 1e-4) * g
        sx[k] = 0.9 * sx[k] + 0.1 * step ** 2
        q[k] += step
print(loss)
"""


def test_the_sums_of_adadelta_are_no_parameters(tmp_path):
    assert judged(tmp_path, ADADELTA) == ("verified", [])


LINE_SEARCH = """
import numpy as np
A = np.array([[1.0, 0.1], [0.0, 0.9]])
B = np.array([[0.0], [0.1]])
x0 = np.random.default_rng(6).normal(size=(2, 12))
def rollout(K):
    xs, us, J = [x0], [], 0.0
    for _ in range(15):
        us.append(-K @ xs[-1])
        J += np.sum(xs[-1] ** 2) + 0.1 * np.sum(us[-1] ** 2)
        xs.append(A @ xs[-1] + B @ us[-1])
    return (J + np.sum(xs[-1] ** 2)) / 12, xs, us
def costate(K, xs, us):
    lam, dK = 2 * xs[-1] / 12, np.zeros_like(K)
    for x, u in zip(xs[-2::-1], us[::-1]):
        du = 0.2 * u / 12 + B.T @ lam
        dK -= du @ x.T
        lam = 2 * x / 12 + A.T @ lam - K.T @ du
    return dK
K, step = np.full((1, 2), 0.1), 0.02
J, xs, us = rollout(K)
for i in range(20):
    g = costate(K, xs, us)
    step *= 2
    while True:
        trial = K - step * g
        new, xt, ut = rollout(trial)
        if new <= J - 1e-4 * step * np.sum(g * g):
            break
        step /= 2
    K, J, xs, us = trial, new, xt, ut
print(J)
"""


def test_a_line_search_keeps_the_forward_pass_for_the_next_gradient(tmp_path):
    assert judged(tmp_path, LINE_SEARCH) == ("verified", [])
