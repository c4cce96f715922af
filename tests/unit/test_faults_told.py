"""Faults that were detected vaguely, or not at all, and are named now."""

import json
import subprocess
import sys

import pytest

from backproof.report.terminal import _of_one_place
from backproof.source import Edit, Span
from tests.unit.test_costs_meant import judged, report
from tests.unit.test_faults_placed import blamed, line_of

pytestmark = pytest.mark.quality

HINGE = """
import numpy as np
rng = np.random.default_rng(2)
X = rng.normal(size=(30, 4))
y = (X @ rng.normal(size=(4, 3))).argmax(axis=1)
W = 0.01 * rng.normal(size=(4, 3))

def naive(W, X, y):
    dW, loss = np.zeros(W.shape), 0.0
    for i in range(len(X)):
        scores = X[i] @ W
        for j in range(3):
            if j == y[i]:
                continue
            margin = scores[j] - scores[y[i]] + 1
            if margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    return loss / len(X), dW / len(X)

for it in range(40):
    loss, grad = naive(W, X, y)
    W -= 0.1 * grad
    print(loss)
"""


def test_a_gradient_that_branches_alone_decide_is_judged(tmp_path):
    assert judged(tmp_path, HINGE) == ("verified", [])


def test_a_sign_within_such_a_branch(tmp_path):
    found, line = blamed(tmp_path, HINGE, "dW[:, y[i]] -= X[i]", "dW[:, y[i]] += X[i]")
    assert found == [line]


NEURONS = """
import random
random.seed(4)
rows = [[random.gauss(0, 1), random.gauss(0, 1)] for _ in range(40)]
goal = [1.0 if a * b > 0 else 0.0 for a, b in rows]
net = [[{"w": [random.gauss(0, 1) for _ in range(3)]} for _ in range(3)],
       [{"w": [random.gauss(0, 1) for _ in range(4)]}]]

def squash(z):
    return 1 / (1 + 2.718281828459045 ** -z)

for epoch in range(20):
    total = 0.0
    for row, t in zip(rows, goal):
        values = row
        for layer in net:
            fresh = []
            for n in layer:
                z = n["w"][-1] + sum(w * v for w, v in zip(n["w"], values))
                n["a"] = squash(z)
                fresh.append(n["a"])
            values = fresh
        total += (values[0] - t) ** 2
        last = net[1][0]
        last["d"] = 2 * (last["a"] - t) * last["a"] * (1 - last["a"])
        for j, n in enumerate(net[0]):
            n["d"] = last["d"] * last["w"][j] * n["a"] * (1 - n["a"])
        for number, layer in enumerate(net):
            entering = row if number == 0 else [n["a"] for n in net[0]]
            for n in layer:
                for j, v in enumerate(entering):
                    n["w"][j] -= 0.3 * n["d"] * v
                n["w"][-1] -= 0.3 * n["d"]
    print(total)
"""


def test_a_bias_that_its_step_replaces(tmp_path):
    old, new = 'n["w"][-1] -= 0.3 * n["d"]', 'n["w"][-1] = -0.3 * n["d"]'
    told = report(tmp_path, NEURONS.replace(old, new))
    (found,) = (f for f in told["findings"] if f["severity"] == "error")
    assert (found["code"], found["line"]) == ("BP104", line_of(NEURONS.replace(old, new), new))
    assert "+= " in found["message"]


def test_a_layer_that_no_update_reaches(tmp_path):
    wrong = NEURONS.replace("for number, layer in enumerate(net):", "for number in [1]:", 1)
    wrong = wrong.replace("for n in layer:\n                for j, v", "for n in net[1]:\n"
                          "                for j, v")  # fmt: skip
    _, found = judged(tmp_path, wrong)
    assert {code for code, _ in found} == {"BP107"}


def test_a_layer_that_is_called_frozen_is_left_in_peace(tmp_path):
    wrong = NEURONS.replace("for number, layer in enumerate(net):", "for number in [1]:", 1)
    wrong = wrong.replace("for n in layer:\n                for j, v", "for n in net[1]:\n"
                          "                for j, v")  # fmt: skip
    assert judged(tmp_path, "# the first layer stays frozen" + wrong) == ("verified", [])


PENALTY = """
import numpy as np
rng = np.random.default_rng(0)
X = np.column_stack([np.ones(60), rng.normal(size=(60, 4))])
y = (X[:, 1] > 0).astype(float)
theta = rng.normal(size=5)
for it in range(50):
    p = 1 / (1 + np.exp(-X @ theta))
    cost = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)) + 0.05 * np.sum(theta[1:] ** 2)
    grad = X.T @ (p - y) / 60
    grad[1:] = grad[1:] + 0.1 * theta[1:]
    theta -= 0.5 * grad
    print(cost)
"""


def test_a_penalty_that_reaches_the_bias(tmp_path):
    found, line = blamed(tmp_path, PENALTY, "grad[1:] = grad[1:] + 0.1 * theta[1:]",
                         "grad = grad + 0.1 * theta")  # fmt: skip
    assert found == [line]


def test_a_bias_whose_penalty_the_gradient_leaves_out(tmp_path):
    wrong = PENALTY.replace("theta[1:] ** 2", "theta ** 2")
    status, found = judged(tmp_path, wrong)
    assert (status, found) == ("wrong", [("BP101", line_of(wrong, "grad[1:] = grad[1:]"))])


HELPER = """
import numpy as np
rng = np.random.default_rng(6)

def squash(x):
    return 1 / (1 + np.exp(-x))

def slope(x):
    s = squash(x)
    return s * (1 - s)

X, T = rng.normal(size=(50, 3)), rng.random((50, 2))
A, B = rng.normal(size=(3, 5)), rng.normal(size=(5, 2))
for it in range(60):
    z1 = X @ A
    a1 = squash(z1)
    z2 = a1 @ B
    a2 = squash(z2)
    d2 = (a2 - T) * slope(z2)
    d1 = (d2 @ B.T) * slope(z1)
    A -= 0.1 * (X.T @ d1)
    B -= 0.1 * (a1.T @ d2)
    print(np.abs(a2 - T).mean())
"""


def test_what_a_helper_is_given_is_blamed_at_the_call(tmp_path):
    found, line = blamed(tmp_path, HELPER, "(a2 - T) * slope(z2)", "(a2 - T) * slope(a2)")
    assert found == [line]


def test_a_slope_that_is_wrong_in_all_layers_shows_without_a_cost(tmp_path):
    found, line = blamed(tmp_path, HELPER, "return s * (1 - s)", "return 1 - s * s")
    assert found == [line]


BOTH = """
import numpy as np
from scipy.optimize import fmin_cg
rng = np.random.default_rng(9)
X, y = rng.normal(size=(40, 3)), rng.normal(size=40)

def both(t):
    W, v = t[:12].reshape(3, 4), t[12:]
    h = np.tanh(X @ W)
    e = h @ v - y
    J = 0.5 * np.sum(e ** 2)
    dv = h.T @ e
    dW = X.T @ (np.outer(e, v) * (1 - h ** 2))
    return J, np.concatenate([dW.ravel(), dv])

def cost(t):
    return both(t)[0]

def grad(t):
    return both(t)[1]

fmin_cg(cost, rng.normal(size=16), fprime=grad, maxiter=15, disp=False)
"""


def test_a_function_that_is_called_for_cost_and_gradient_is_looked_into(tmp_path):
    found, line = blamed(tmp_path, BOTH, "(1 - h ** 2)", "(1 - h)")
    assert found == [line]


RATES = """
import numpy as np
rng = np.random.default_rng(3)
X, y = rng.normal(size=(50, 4)), rng.normal(size=(50, 1))
A, B, C = (rng.normal(size=s) * 0.5 for s in ((4, 6), (6, 5), (5, 1)))
for i in range(100):
    h = np.tanh(X @ A)
    k = np.tanh(h @ B)
    e = (k @ C - y) / 50
    cost = 25 * np.sum(e ** 2)
    dk = (e @ C.T) * (1 - k ** 2)
    dh = (dk @ B.T) * (1 - h ** 2)
    rate = 0.5 * (1 / (1 + 0.01 * i))
    A -= rate * (X.T @ dh)
    B -= rate * (h.T @ dk)
    C -= rate * (k.T @ e)
    print(cost)
"""


def test_a_rate_that_all_updates_read_excuses_no_factor(tmp_path):
    # 0.01 / 0.5 is 1 / 50: by chance the ratio of two numbers that every update reads.
    found, line = blamed(tmp_path, RATES, "dk = (e @ C.T) * (1 - k ** 2)",
                         "dk = (e @ C.T) * (1 - k ** 2) / 50")  # fmt: skip
    assert found == [line]


def test_the_penalty_gets_a_fix_that_was_tried(tmp_path):
    path = tmp_path / "penalty.py"
    path.write_text(PENALTY.replace("theta[1:] ** 2", "theta ** 2"))
    told = tmp_path / "r.json"
    subprocess.run(
        [sys.executable, "-m", "backproof", "run", "--json", str(told), str(path)],
        capture_output=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    fix = json.loads(told.read_text())["findings"][0]["fix"]
    assert fix["verified"]
    assert fix["after"] == "grad = grad + 0.1 * theta"


def test_edits_of_one_line_are_shown_together():
    one, two, three = (
        Edit(Span(line, column, line, column + 1), "x") for line, column in ((3, 9), (5, 1), (3, 1))
    )
    assert list(_of_one_place([one, two, three])) == [[three, one], [two]]


ADAM = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
y = (X[:, :1] * X[:, 1:2] > 0).astype(float)
P = {"W": rng.normal(size=(4, 6)) * 0.5, "b": np.zeros(6) + 0.1, "V": rng.normal(size=(6, 1)) * 0.5}
M = {k: np.zeros_like(v) for k, v in P.items()}
S = {k: np.zeros_like(v) for k, v in P.items()}
one, two = 0.9, 0.999
for t in range(1, 401):
    h = np.tanh(X @ P["W"] + P["b"])
    a = 1 / (1 + np.exp(-(h @ P["V"])))
    loss = -np.mean(y * np.log(a) + (1 - y) * np.log(1 - a))
    d = (a - y) / 60
    dh = (d @ P["V"].T) * (1 - h * h)
    g = {"W": X.T @ dh, "b": dh.sum(0), "V": h.T @ d}
    for k in P:
        M[k] = one * M[k] + (1 - one) * g[k]
        S[k] = two * S[k] + (1 - two) * g[k] ** 2
        first = M[k] / (1 - one ** t)
        second = S[k] / (1 - two ** t)
        P[k] -= 0.01 * first / (np.sqrt(second) + 1e-8)
    print(loss)
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(1 - one) * g[k]", "(1 - two) * g[k]"),
        ("(1 - two) * g[k] ** 2", "(1 - one) * g[k] ** 2"),
        ("(1 - one) * g[k]", "one * g[k]"),
        ("second = S[k] / (1 - two ** t)", "second = S[k] / (1 - one ** t)"),
        ("first = M[k] / (1 - one ** t)", "first = M[k] / (1 - two ** t)"),
        ("second = S[k] / (1 - two ** t)", "second = S[k] / (1 + two ** t)"),
        ("(np.sqrt(second) + 1e-8)", "(second + 1e-8)"),
    ],
)
def test_averages_that_contradict_each_other(tmp_path, old, new):
    found, line = blamed(tmp_path, ADAM, old, new)
    assert found == [line]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("loss = ", "loss = "),
        ("first = M[k] / (1 - one ** t)\n        second = S[k] / (1 - two ** t)",
         "first, second = M[k], S[k]"),
        ("0.01 * first", "0.01 / t ** 0.5 * first"),
        ("for k in P:", "for k in P:\n        g[k] = g[k] + 0.01 * P[k]"),
        ("one, two = 0.9, 0.999", "one, two = 0.5, 0.5"),
    ],
)  # fmt: skip
def test_averages_that_are_in_order(tmp_path, old, new):
    assert judged(tmp_path, ADAM.replace(old, new)) == ("verified", [])


LINE = """
points = [(x / 10, 2.0 * x / 10 - 1 + 0.1 * (x % 3)) for x in range(40)]
m, c = 0.0, 0.0
for it in range(200):
    gm = gc = loss = 0.0
    for x, y in points:
        e = m * x + c - y
        if abs(e) <= 1.0:
            loss += 0.5 * e * e
            gm += e * x
            gc += e
        else:
            sign = 1.0 if e > 0 else -1.0
            loss += abs(e) - 0.5
            gm += sign * x
            gc += sign
    m -= 0.005 * gm
    c -= 0.005 * gc
    print(loss)
"""


def test_parameters_that_begin_as_one_number_are_told_apart(tmp_path):
    told = report(tmp_path, LINE)
    assert told["gradient"]["status"] == "verified"
    assert {p["name"] for p in told["gradient"]["parameters"]} == {"m", "c"}


def test_a_factor_of_such_a_parameter(tmp_path):
    status, found = judged(tmp_path, LINE.replace("gm += sign * x", "gm += sign"))
    assert (status, [code for code, _ in found]) == ("wrong", ["BP101"])


LEVERS = """
import math
import random
random.seed(7)
worth = [random.gauss(2, 1) for _ in range(6)]
taste = [0.0] * 6
usual = 0.0
for pull in range(1, 801):
    raised = [math.exp(t - max(taste)) for t in taste]
    odds = [r / sum(raised) for r in raised]
    arm = random.choices(range(6), weights=odds)[0]
    luck = random.gauss(worth[arm], 1.0)
    gain = luck - usual
    usual += gain / pull
    for k in range(6):
        if k == arm:
            taste[k] += 0.1 * gain * (1 - odds[k])
        else:
            taste[k] -= 0.1 * gain * odds[k]
print(odds)
"""


def test_a_reward_that_turns_a_step_round_is_no_fault(tmp_path):
    assert judged(tmp_path, LEVERS)[1] == []


WORDS = """
import numpy as np
rng = np.random.default_rng(12)
E, V = rng.normal(size=(7, 4)) * 0.3, rng.normal(size=(4, 3)) * 0.3
m = {"E": np.zeros_like(E), "V": np.zeros_like(V)}
for step in range(30):
    ids = np.array([1, 4, 1, 6, 4])
    y = np.eye(3)[ids % 3]
    x = E[ids]
    z = np.tanh(x) @ V
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    loss = -np.sum(y * np.log(p)) / 5
    d = (p - y) / 5
    g = {"V": np.tanh(x).T @ d, "E": np.zeros_like(E)}
    np.add.at(g["E"], ids, (d @ V.T) * (1 - np.tanh(x) ** 2))
    for k, w in (("E", E), ("V", V)):
        m[k] = 0.9 * m[k] + 0.1 * g[k]
        w -= 0.5 * m[k]
"""


def test_rows_of_a_gradient_that_are_put_in_place(tmp_path):
    old = 'np.add.at(g["E"], ids, (d @ V.T) * (1 - np.tanh(x) ** 2))'
    new = 'g["E"][ids] += (d @ V.T) * (1 - np.tanh(x) ** 2)'
    assert judged(tmp_path, WORDS) == ("verified", [])
    found, line = blamed(tmp_path, WORDS, old, new)
    assert found == [line]


COUNTED = """
import numpy as np
rng = np.random.default_rng(8)
X, y = rng.normal(size=(60, 4)), rng.normal(size=(60, 1))
P = {"V": rng.normal(size=(4, 6)), "b": np.zeros(6), "v": rng.normal(size=(6, 1))}
m, v, t = {k: 0 * p for k, p in P.items()}, {k: 0 * p for k, p in P.items()}, 0
for i in range(150):
    h = np.tanh(X @ P["V"] + P["b"])
    e = (h @ P["v"] - y) / 60
    print(30 * np.sum(e ** 2))
    dh = e @ P["v"].T * (1 - h ** 2)
    g = {"V": X.T @ dh, "b": dh.sum(axis=0), "v": h.T @ e}
    t += 1
    for k in P:
        m[k] = 0.9 * m[k] + 0.1 * g[k]
        v[k] = 0.99 * v[k] + 0.01 * g[k] ** 2
        P[k] -= 0.01 * (m[k] / (1 - 0.9 ** t)) / (np.sqrt(v[k] / (1 - 0.99 ** t)) + 1e-8)
"""


def test_a_step_is_not_counted_for_each_parameter(tmp_path):
    assert judged(tmp_path, COUNTED) == ("verified", [])
    inside = COUNTED.replace("    t += 1\n    for k in P:\n", "    for k in P:\n        t += 1\n")
    assert judged(tmp_path, inside)[1] == [("BP102", 14)]


LISTED = """
import numpy as np
X, Y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 1]
class Neuron:
    def __init__(self):
        self.w, self.b = np.array([0.3, -0.2]), 0.1
    def learn(self, X, Y):
        X, Y = np.array(X), np.array(Y)
        h = X @ self.w + self.b
        out = np.tanh(h)
        step = 0.1 * (Y - out) * (1 - out ** 2)
        self.w += X.T @ step
        self.b += np.sum(step)
n = Neuron()
for epoch in range(200):
    n.learn(X, Y)
print(n.w)
"""


def test_labels_may_come_from_a_list_in_each_step(tmp_path):
    assert judged(tmp_path, LISTED) == ("verified", [])
    assert judged(tmp_path, LISTED.replace("1 - out **", "1 - h **")) == ("wrong", [("BP101", 11)])


GATES = """
import numpy as np
rng = np.random.default_rng(5)
x = rng.normal(size=(20, 3))
y = np.tanh(x[:, :2])
Wa, Wb, V = (rng.normal(size=s) * 0.5 for s in ((3, 4), (3, 4), (4, 2)))
ba, bb, c = np.zeros(4), np.zeros(4), np.zeros(2)
for step in range(12):
    a, b = np.tanh(x @ Wa + ba), 1 / (1 + np.exp(-(x @ Wb + bb)))
    out = (a * b) @ V + c
    loss = np.mean((out - y) ** 2)
    d = 2 * (out - y) / y.size
    dV, dc = (a * b).T @ d, d.sum(0)
    da, db = d @ V.T * b * (1 - a ** 2), d @ V.T * a * b * (1 - b)
    grads = [x.T @ da, x.T @ db, dV, da.sum(0), db.sum(0), dc]
    for value, grad in zip([Wa, Wb, V, ba, bb, c], grads):
        value -= 0.2 * grad
    print(loss)
"""


def test_a_step_by_another_parameter_is_none_by_a_gradient(tmp_path):
    assert judged(tmp_path, GATES) == ("verified", [])
    slip = GATES.replace("da.sum(0), db.sum(0)", "bb, db.sum(0)")
    assert judged(tmp_path, slip) == ("wrong", [("BP101", 17)])


SMOOTH = """
import numpy as np
rng = np.random.default_rng(2)
x, y = rng.normal(size=(40, 4)), rng.integers(0, 3, 40)
W, b = rng.normal(size=(4, 3)) * 0.3, np.zeros(3)

def smoothed_xent(logits, y, eps=0.1):
    n, k = logits.shape
    logp = logits - logits.max(1, keepdims=True)
    logp = logp - np.log(np.exp(logp).sum(1, keepdims=True))
    target = np.full((n, k), eps / k)
    target[np.arange(n), y] += 1 - eps
    hot = np.eye(k)[y]
    return -(target * logp).sum() / n, (np.exp(logp) - target) / n

for step in range(12):
    loss, d = smoothed_xent(x @ W + b, y)
    W -= 0.3 * x.T @ d
    b -= 0.3 * d.sum(0)
    print(loss)
"""


def test_smoothed_labels_belong_to_the_gradient_as_well(tmp_path):
    assert judged(tmp_path, SMOOTH) == ("verified", [])
    slip = SMOOTH.replace("(np.exp(logp) - target)", "(np.exp(logp) - hot)")
    assert judged(tmp_path, slip) == ("verified", [("BP103", 17)])


PAIRS = """
import math, random
random.seed(7)
rows = [([random.sample(range(8), 3)], random.random() < 0.5) for _ in range(40)]
w = [0.0 for _ in range(8)]
v = [[random.gauss(0, 0.3) for _ in range(2)] for _ in range(8)]
for epoch in range(6):
    total = 0.0
    for (x,), label in rows:
        y = 1.0 if label else 0.0
        z = sum(w[i] for i in x)
        s, q = [0.0, 0.0], 0.0
        for i in x:
            for f in range(2):
                s[f] += v[i][f]
                q += v[i][f] ** 2
        z += 0.5 * (s[0] ** 2 + s[1] ** 2)
        z -= 0.5 * q
        p = 1 / (1 + math.exp(-z))
        total += -math.log(p) if label else -math.log(1 - p)
        g = p - y
        for i in x:
            w[i] -= 0.1 * g
            for f in range(2):
                v[i][f] -= 0.1 * g * (s[f] - v[i][f])
    print(total)
"""


def test_a_term_of_the_forward_pass_is_missing_in_the_gradient(tmp_path):
    assert judged(tmp_path, PAIRS) == ("verified", [])
    found, line = blamed(tmp_path, PAIRS, "g * (s[f] - v[i][f])", "g * s[f]")
    assert found[:1] == [line]
