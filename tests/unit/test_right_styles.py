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
    assert judged(tmp_path, KEPT.replace("RESET", "# pass")) == ("wrong", [("BP106", 11)])


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


CAST = """
import numpy as np
rng = np.random.default_rng(8)
x = rng.normal(size=(20, 8)).astype(np.float32)
y = rng.normal(size=(20, 1)).astype(np.float32)
w = (0.5 * rng.normal(size=(8, 6))).astype(np.float32)
v = (0.5 * rng.normal(size=(3, 1))).astype(np.float32)
for step in range(30):
    z = (x @ w).astype(np.float32, copy=False).reshape(20, 3, 2)
    top = z.max(axis=2).astype(np.float32)
    e = top @ v - y
    loss = 0.5 * np.mean(e ** 2)
    d = (e @ v.T).astype(np.float32) / 20
    mask = (z == top[:, :, None]).astype(np.float32)
    share = (d[:, :, None] * mask / mask.sum(axis=2, keepdims=True)).reshape(20, 6)
    v -= 0.1 * (top.T @ e / 20)
    w -= 0.1 * (x.T @ share)
"""


def test_what_is_cast_to_a_smaller_float_is_still_equal(tmp_path):
    assert judged(tmp_path, CAST) == ("verified", [])


RATINGS = """
import numpy as np
rng = np.random.default_rng(9)
rows = [(int(u), int(i), float(r)) for u, i, r in zip(
    rng.integers(0, 8, 60), rng.integers(0, 6, 60), rng.normal(3, 1, 60))]
mean = sum(r for _, _, r in rows) / 60
bu, bi = np.zeros(8), np.zeros(6)
p, q = rng.normal(0, 0.1, (8, 4)), rng.normal(0, 0.1, (6, 4))
for epoch in range(5):
    total = 0.0
    for u, i, r in rows:
        e = r - (mean + bu[u] + bi[i] + p[u] @ q[i])
        old = p[u].copy()
        p[u] += 0.02 * (e * q[i] - 0.03 * p[u])
        q[i] += 0.02 * (e * old - 0.03 * q[i])
        bu[u] += 0.02 * (e - 0.03 * bu[u])
        bi[i] += 0.02 * (e - 0.03 * bi[i])
        total += e ** 2
"""


def test_a_residual_is_no_accumulator_beside_a_decay(tmp_path):
    assert judged(tmp_path, RATINGS) == ("verified", [])


ALIKE = """
import math, random
random.seed(3)
class Neuron:
    def __init__(self, n):
        self.w = [random.uniform(-1, 1)] * n
        self.b = random.uniform(-1, 1)
    def fire(self, x):
        self.x = x
        self.out = 1 / (1 + math.exp(-self.b - sum(w * v for w, v in zip(self.w, x))))
        return self.out
    def learn(self):
        for i, v in enumerate(self.x):
            self.w[i] -= 0.5 * self.d * v
        self.b -= 0.5 * self.d
hidden, out = [Neuron(2) for _ in range(3)], Neuron(3)
for epoch in range(40):
    for x, t in (([0.2, 1.0], 1), ([0.9, -0.4], 0), ([1.0, 0.7], 1)):
        y = out.fire([h.fire(x) for h in hidden])
        loss = 0.5 * (y - t) ** 2
        out.d = (y - t) * y * (1 - y)
        for j, h in enumerate(hidden):
            h.d = out.w[j] * out.d * h.out * (1 - h.out)
        for n in (*hidden, out):
            n.learn()
"""


def test_one_number_in_several_places_is_no_weight_of_its_own_yet(tmp_path):
    assert judged(tmp_path, ALIKE) == ("verified", [])


TARGETS = """
import copy
import numpy as np
rng = np.random.default_rng(5)
class Net:
    def __init__(self):
        self.w, self.b = rng.normal(0, 0.4, (4, 8)), np.zeros(8)
        self.v = rng.normal(0, 0.4, (8, 3))
    def forward(self, s):
        self.s, self.h = s, np.maximum(0, s @ self.w + self.b)
        return self.h @ self.v
net = Net()
S, S2 = rng.normal(size=(90, 4)), rng.normal(size=(90, 4))
A, R = rng.integers(3, size=90), rng.normal(size=90)
for step in range(120):
    if step % 10 == 0:
        FROZEN
    i = rng.integers(0, 90, 16)
    y = R[i] + 0.9 * target.forward(S2[i]).max(axis=1)
    q = net.forward(S[i])
    e = q[np.arange(16), A[i]] - y
    loss = 0.5 * np.mean(e ** 2)
    d = np.zeros_like(q)
    d[np.arange(16), A[i]] = e / 16
    dh = d @ net.v.T * (net.h > 0)
    g = {"w": net.s.T @ dh, "b": dh.sum(0), "v": net.h.T @ d}
    for k in g:
        setattr(net, k, getattr(net, k) - 0.01 * g[k])
"""


@pytest.mark.parametrize(
    "frozen",
    [
        "target = copy.deepcopy(net)",
        "target = Net(); target.w, target.b, target.v = net.w.copy(), net.b.copy(), net.v.copy()",
    ],
)
def test_the_weights_of_a_target_network_are_constants(tmp_path, frozen):
    assert judged(tmp_path, TARGETS.replace("FROZEN", frozen)) == ("verified", [])


SHARE = """
import copy
import numpy as np
rng = np.random.default_rng(6)
wx, wh, wo = rng.normal(size=(2, 6)), rng.normal(size=(6, 6)) * 0.5, rng.normal(size=(6, 1))
dx, dh, do = np.zeros_like(wx), np.zeros_like(wh), np.zeros_like(wo)
sigmoid = lambda z: 1 / (1 + np.exp(-z))
for j in range(120):
    xs = rng.integers(0, 2, (4, 1, 2)) * 1.0
    hs, deltas = [np.zeros((1, 6))], []
    for x in xs:
        h = sigmoid(x @ wx + hs[-1] @ wh)
        out = sigmoid(h @ wo)
        deltas.append((x.sum() % 2 - out) * out * (1 - out))
        hs.append(copy.deepcopy(h))
    later = np.zeros((1, 6))
    for t in reversed(range(4)):
        back = (later @ wh.T + deltas[t] @ wo.T) * hs[t + 1] * (1 - hs[t + 1])
        do += hs[t + 1].T @ deltas[t]
        dh += hs[t].T @ back
        dx += xs[t].T @ back
        later = back
    wx += 0.1 * dx
    wh += 0.1 * dh
    wo += 0.1 * do
    dx *= 0.6
    dh *= 0.6
    do *= 0.6
"""


def test_a_share_of_the_update_that_lives_on_is_a_velocity(tmp_path):
    assert judged(tmp_path, SHARE) == ("verified", [])
    lost = "".join(line for line in SHARE.splitlines(True) if "*= 0.6" not in line)
    assert [code for code, _ in judged(tmp_path, lost)[1]] == ["BP106"]


WEIGHED = """
import numpy as np
rng = np.random.default_rng(2)
X = rng.normal(size=(120, 3))
y = (X[:, :1] + X[:, 1:2] ** 2 > 1) * 1.0
w = np.where(y == 1, 3.0, 1.0)
V, v = rng.normal(size=(3, 8)) * 0.5, rng.normal(size=(8, 1)) * 0.5
for i in range(200):
    h = np.tanh(X @ V)
    p = 1 / (1 + np.exp(-h @ v))
    cost = np.mean(COST)
    d = (SLOPE) * p * (1 - p) / 120
    back = d @ v.T * (1 - h * h)
    v -= 0.5 * h.T @ d
    V -= 0.5 * X.T @ back
    if i % 50 == 0:
        print(cost)
"""


@pytest.mark.parametrize(
    ("cost", "slope"),
    [
        ("-y * np.log(p) - (1 - y) * np.log(1 - p)", "(1 - y) / (1 - p) - y / p"),
        ("-3 * y * np.log(p) - (1 - y) * np.log(1 - p)", "(1 - y) / (1 - p) - 3 * y / p"),
        ("-w * y * np.log(p) - w * (1 - y) * np.log(1 - p)", "w * ((1 - y) / (1 - p) - y / p)"),
        (
            "-(1 - p) ** 2 * y * np.log(p) - p ** 2 * (1 - y) * np.log(1 - p)",
            "y * (2 * (1 - p) * np.log(p) - (1 - p) ** 2 / p)"
            " + (1 - y) * (p ** 2 / (1 - p) - 2 * p * np.log(1 - p))",
        ),
    ],
    ids=["negated", "by a number", "by sample", "focal"],
)
def test_what_a_cost_multiplies_is_no_label_out_of_reach(tmp_path, cost, slope):
    text = WEIGHED.replace("COST", cost).replace("SLOPE", slope)
    assert judged(tmp_path, text) == ("verified", [])


COMPLEMENT = """
import numpy as np
rng = np.random.default_rng(1)
X, y = rng.normal(size=(30, 3)), rng.integers(0, 2, (30, 1))
V, v = rng.normal(size=(3, 5)), rng.normal(size=(5, 1))
for i in range(300):
    h = 1 / (1 + np.exp(-X @ V))
    o = 1 / (1 + np.exp(-h @ v))
    error = np.mean((y - o) ** 2)
    d = 2 * (y - o) * o * (1 - o) / 30
    dh = d @ v.T * h * (1 - h)
    v += 0.5 * h.T @ d
    V += 0.5 * X.T @ dh
    accuracy = (1 - error) * 100
print(accuracy)
"""


def test_an_accuracy_that_is_one_less_the_error_grows_rightly(tmp_path):
    assert judged(tmp_path, COMPLEMENT) == ("verified", [])
    climbing = COMPLEMENT.replace("+= 0.5", "-= 0.5")
    assert [code for code, _ in judged(tmp_path, climbing)[1]] == ["BP104"]


LABELLED = """
import numpy as np
rng = np.random.default_rng(2)
def label(k):
    return 1 if k % 3 else 0
class Net:
    def __init__(self):
        self.V, self.v = np.zeros((12, 4)), rng.normal(0, 0.5, (4, 1))
    def train(self, data):
        right = 0
        for k, words in data:
            h = self.V[words].sum(axis=0, keepdims=True)
            p = 1 / (1 + np.exp(-h @ self.v))
            error = p - label(k)
            d = error * p * (1 - p)
            back = d @ self.v.T
            self.v -= 0.1 * h.T @ d
            self.V[words] -= 0.1 * back[0]
            if np.abs(error) < 0.5:
                right += 1
        print(right)
Net().train([(k, np.unique(rng.integers(0, 12, 5))) for k in range(200)])
"""


def test_a_label_may_be_a_number_that_a_function_returns(tmp_path):
    assert judged(tmp_path, LABELLED) == ("verified", [])


SEMI_GRADIENT = """
import numpy as np
rng = np.random.default_rng(19)
w = np.zeros((2, 4))
for episode in range(40):
    s = 0.5 * rng.normal(size=4)
    for t in range(10):
        a = int(rng.random() < 0.5)
        after = 0.8 * s + 0.3 * rng.normal(size=4)
        target = (s[0] if a else -s[0]) + 0.9 * np.max(w @ after)
        td = w[a] @ s - target
        w[a] -= 0.05 * td * s
        s = after
print(w)
"""

SLOW = """
import numpy as np
rng = np.random.default_rng(6)
X = rng.normal(size=(80, 5))
y = (X @ rng.normal(size=5) > 0) * 1.0
w, b, vw, vb = np.zeros(5), 0.0, np.zeros(5), 0.0
for k in range(500):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    nll = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    gw, gb = X.T @ (p - y) / 80, np.mean(p - y)
    vw, vb = 0.9 * vw - 1e-7 * gw, 0.9 * vb - 1e-7 * gb
    w += vw
    b += vb
print(nll)
"""


def test_a_target_that_holds_the_weights_accuses_nobody(tmp_path):
    assert judged(tmp_path, SEMI_GRADIENT) == ("unverified", [])


def test_a_velocity_that_is_nearly_a_penalty_is_none(tmp_path):
    assert judged(tmp_path, SLOW)[0] == "verified"


PRUNED = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 6))
y = np.tanh(X @ rng.normal(size=(6, 1)))
W, b, V = rng.normal(size=(6, 8)), np.zeros(8), rng.normal(size=(8, 1))
mask = (np.abs(W) > 0.3) * 1.0
W *= mask
for i in range(80):
    h = np.tanh(X @ W + b)
    loss = np.mean((h @ V - y) ** 2)
    d = 2 * (h @ V - y) / 60
    dh = d @ V.T * (1 - h ** 2)
    V -= 0.05 * h.T @ d
    W -= 0.05 * mask * (X.T @ dh)
    b -= 0.05 * dh.sum(axis=0)
print(loss)
"""


def test_a_mask_may_hold_entries_of_a_matrix(tmp_path):
    assert judged(tmp_path, PRUNED) == ("verified", [])
    assert judged(tmp_path, PRUNED.replace("mask * (X.T @ dh)", "mask * (X.T @ h)"))[0] == "wrong"


DECAYING = """
import numpy as np
rng = np.random.default_rng(2)
X = rng.normal(size=(200, 4))
y = (X[:, :1] * 2 - X[:, 1:2] + 0.2 * rng.normal(size=(200, 1)) > 0) * 1.0
w, b, lr = rng.normal(size=(4, 1)), 0.0, 0.1
for epoch in range(120):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    L = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    w -= lr * X.T @ (p - y) / 200
    b -= lr * np.mean(p - y)
    lr *= 0.99
"""

DRAWN = """
import numpy as np
rng = np.random.default_rng(2)
X = rng.normal(size=(60, 3))
y = X @ [1.0, 2.0, -1.0] + 0.1 * rng.normal(size=60)
theta = np.zeros(3)
for t in range(120):
    i = rng.integers(60)
    xi, yi = X[i:i + 1], y[i:i + 1]
    cost = ((xi @ theta - yi) ** 2).sum()
    eta = 5 / (t + 50.3)
    theta = theta - eta * 2 * xi.T @ (xi @ theta - yi)
"""


@pytest.mark.parametrize("text", [DECAYING, DRAWN, DRAWN.replace(" eta ", " q ")])
def test_the_step_size_of_few_weights_may_decay(tmp_path, text):
    assert judged(tmp_path, text) == ("verified", [])


def test_a_decaying_step_size_hides_no_fault(tmp_path):
    assert judged(tmp_path, DECAYING.replace("np.mean(p - y)", "np.sum(p - y)"))[0] == "wrong"
    assert judged(tmp_path, DECAYING.replace("X.T @ (p - y)", "X.T @ (p + y)"))[0] != "verified"
