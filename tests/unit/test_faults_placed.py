"""Faults that blame once put in the wrong place."""

import pytest

from tests.unit.test_costs_meant import judged, report

pytestmark = pytest.mark.quality


def line_of(text, mark):
    return 1 + next(i for i, line in enumerate(text.splitlines()) if mark in line)


def blamed(tmp_path, text, old, new):
    """Return the lines of the findings in a program with `new` for `old`, and that of the fault."""
    wrong = text.replace(old, new)
    assert wrong != text
    return [line for _, line in judged(tmp_path, wrong)[1]], line_of(wrong, new)


GATES = """
import numpy as np
rng = np.random.default_rng(0)
N, H, T = 3, 5, 6
wz, wc = rng.normal(size=(H, N)) * 0.5, rng.normal(size=(H, N)) * 0.5
uz, uc = rng.normal(size=(H, H)) * 0.5, rng.normal(size=(H, H)) * 0.5
out = rng.normal(size=(1, H)) * 0.5
xs = rng.normal(size=(40, T, N, 1))
for step in range(40):
    x, y = xs[step], np.sin(xs[step].sum())
    hs, zs, cs = {-1: np.zeros((H, 1))}, {}, {}
    for t in range(T):
        zs[t] = 1 / (1 + np.exp(-(wz @ x[t] + uz @ hs[t - 1])))
        cs[t] = np.tanh(wc @ x[t] + uc @ hs[t - 1])
        hs[t] = zs[t] * hs[t - 1] + (1 - zs[t]) * cs[t]
    e = out @ hs[T - 1] - y
    loss = 0.5 * float((e ** 2).sum())
    dout = e @ hs[T - 1].T
    dwz, dwc, duz, duc = (np.zeros_like(w) for w in (wz, wc, uz, uc))
    dnext = out.T @ e
    for t in reversed(range(T)):
        dh = dnext
        dz = dh * (hs[t - 1] - cs[t]) * zs[t] * (1 - zs[t])
        dc = dh * (1 - zs[t]) * (1 - cs[t] ** 2)
        dwz += dz @ x[t].T
        dwc += dc @ x[t].T
        duz += dz @ hs[t - 1].T
        duc += dc @ hs[t - 1].T
        dnext = dh * zs[t] + uz.T @ dz + uc.T @ dc
    for w, d in ((wz, dwz), (wc, dwc), (uz, duz), (uc, duc), (out, dout)):
        w -= 0.05 * d
    print(loss)
"""


def test_a_carry_that_is_lost_is_missed_where_the_others_are_summed(tmp_path):
    found, line = blamed(tmp_path, GATES, "dnext = dh * zs[t] + uz.T", "dnext = uz.T")
    assert found == [line]


def test_the_wrong_gate_in_a_carry(tmp_path):
    found, line = blamed(tmp_path, GATES, "dnext = dh * zs[t] +", "dnext = dh * cs[t] +")
    assert found == [line]


SAMPLES = """
import numpy as np
rng = np.random.default_rng(1)
w = [rng.normal(size=(4, 3)), rng.normal(size=(1, 4))]
data = [(rng.normal(size=(3, 1)), rng.normal(size=(1, 1))) for _ in range(24)]

def backward(x, y):
    nabla = [None, None]
    h = np.tanh(w[0] @ x)
    e = w[1] @ h - y
    nabla[1] = e @ h.T
    nabla[0] = ((w[1].T @ e) * (1 - h * h)) @ x.T
    return nabla, 0.5 * float((e ** 2).sum())

for epoch in range(30):
    for start in range(0, 24, 6):
        total, loss = [np.zeros(v.shape) for v in w], 0.0
        for x, y in data[start:start + 6]:
            found, cost = backward(x, y)
            total = [a + b for a, b in zip(total, found)]
            loss += cost
        w = [v - 0.1 / 6 * g for v, g in zip(w, total)]
    print(loss)
"""


def test_a_sum_over_samples_that_is_overwritten_in_a_comprehension(tmp_path):
    found, line = blamed(tmp_path, SAMPLES, "total = [a + b for", "total = [b for")
    assert found == [line]


BOTH = """
import numpy as np
rng = np.random.default_rng(3)

class Linear:
    def __init__(self, n, m):
        self.w = rng.normal(size=(n, m)) * 0.5
    def __call__(self, x):
        self.x = x
        return x @ self.w
    def back(self, d):
        self.g = self.x.T @ d
        return d @ self.w.T

body, mean, scale = Linear(3, 6), Linear(6, 1), Linear(6, 1)
x = rng.normal(size=(50, 3))
y = x[:, :1] + 0.3 * rng.normal(size=(50, 1))
for i in range(50):
    h = np.tanh(body(x))
    m, s = mean(h), scale(h)
    r = (y - m) * np.exp(-s)
    nll = np.mean(s + 0.5 * r ** 2)
    dh = mean.back(-r * np.exp(-s) / 50)
    dh += scale.back((1 - r ** 2) / 50)
    body.back(dh * (1 - h ** 2))
    for layer in (body, mean, scale):
        layer.w -= 0.1 * layer.g
    print(nll)
"""


def test_the_second_head_overwrites_the_first(tmp_path):
    found, line = blamed(tmp_path, BOTH, "dh += scale", "dh = scale")
    assert found == [line]


VECTOR = """
import numpy as np
rng = np.random.default_rng(4)
theta = rng.normal(size=3 * 5 + 5 + 5 + 1) * 0.5
x = rng.normal(size=(30, 3))
y = np.tanh(x[:, :1] * x[:, 1:2])
m = np.zeros_like(theta)
for i in range(40):
    w, b = theta[:15].reshape(3, 5), theta[15:20]
    v, c = theta[20:25].reshape(5, 1), theta[25:]
    h = np.tanh(x @ w + b)
    e = h @ v + c - y
    loss = np.mean(e ** 2)
    e = 2 * e / len(x)
    back = (e @ v.T) * (1 - h * h)
    grad = np.concatenate(((x.T @ back).ravel(), back.sum(0), (h.T @ e).ravel(), e.sum(0)))
    m = 0.9 * m + 0.1 * grad
    theta = theta - 0.3 * m
    print(loss)
"""


def test_a_part_of_a_vector(tmp_path):
    found, line = blamed(tmp_path, VECTOR, "(e @ v.T) * (1 - h * h)", "(e @ v.T) * (1 - h)")
    assert found == [line]


def test_a_rate_that_is_forgotten_beneath_a_clip(tmp_path):
    pairs = "(wz, dwz), (wc, dwc), (uz, duz), (uc, duc), (out, dout)"
    program = GATES.replace(
        f"for w, d in ({pairs}):\n        w -= 0.05 * d",
        "for d in (dwz, dwc, duz, duc, dout):\n        np.clip(d, -5, 5, out=d)\n"
        + "".join(f"    {w} -= rate * d{w}\n" for w in ("wz", "wc", "uz", "uc", "out")),
    ).replace("N, H, T", "rate = 0.05\nN, H, T", 1)
    found, line = blamed(tmp_path, program, "uc -= rate * duc", "uc -= duc")
    assert found == [line]


NORMED = """
import numpy as np
rng = np.random.default_rng(6)
A = rng.normal(size=(7, 7))
A = A + A.T
w, b = rng.normal(size=(7, 4)), rng.normal(size=4)
grid = np.eye(7)
for i in range(60):
    h = np.tanh(grid @ w)
    psi = h @ b
    energy = psi @ (A @ psi) / (psi @ psi)
    d = 2 * (A @ psi - energy * psi) / (psi @ psi)
    db, dw = h.T @ d, grid.T @ (np.outer(d, b) * (1 - h ** 2))
    b, w = b - 0.02 * db, w - 0.02 * dw
    print(energy)
"""


def test_what_comes_back_through_the_denominator(tmp_path):
    assert judged(tmp_path, NORMED) == ("verified", [])
    found, line = blamed(tmp_path, NORMED, "2 * (A @ psi - energy * psi)", "2 * (A @ psi)")
    assert found == [line]


BATCH_NORM = """
import numpy as np
rng = np.random.default_rng(4)
X, y = rng.normal(size=(32, 6)), rng.normal(size=(32, 1))
gain, shift, A, W = np.ones(6), np.zeros(6), rng.normal(size=(6, 6)), rng.normal(size=(6, 1))

def back(up, normed, std):
    N, D = up.shape
    d = up * gain
    return (N * d - d.sum(axis=0) - normed * (d * normed).sum(axis=0)) / (N * std)

for step in range(20):
    z = X @ A
    std = np.sqrt(z.var(axis=0) + 1e-5)
    normed = (z - z.mean(axis=0)) / std
    h = np.tanh(gain * normed + shift)
    r = h @ W - y
    loss = 0.5 * np.mean(r ** 2)
    up = r @ W.T / len(X) * (1 - h ** 2)
    dz = back(up, normed, std)
    A -= 0.1 * X.T @ dz
    gain -= 0.1 * (up * normed).sum(axis=0)
    shift -= 0.1 * up.sum(axis=0)
    W -= 0.1 * h.T @ r / len(X)
    print(loss)
"""


@pytest.mark.parametrize("update", ["0.1 * X.T @ dz", "0.1 * (X.T @ dz)"])
def test_a_size_is_missing_where_a_cotangent_loses_its_scale(tmp_path, update):
    text = BATCH_NORM.replace("0.1 * X.T @ dz", update)
    assert judged(tmp_path, text) == ("verified", [])
    found, line = blamed(tmp_path, text, "/ (N * std)", "/ std  # ")
    assert found == [line]


TWICE_FORWARD = """
import math
def forward(w, x):
    h = math.tanh(w["b1"] + w["w11"] * x[0] + w["w12"] * x[1])
    g = math.tanh(w["b2"] + w["w21"] * x[0] + w["w22"] * x[1])
    return {"h": h, "g": g, "out": w["b"] + w["v1"] * h + w["v2"] * g}

def loss(w, x, t):
    return (forward(w, x)["out"] - t) ** 2

def gradients(w, x, t):
    a = forward(w, x)
    d = 2 * (a["out"] - t)
    dh = d * w["v1"] * (1 - a["h"] ** 2)
    dg = d * w["v2"] * (1 - a["g"] ** 2)
    return {"b": d, "v1": d * a["h"], "v2": d * a["g"], "b1": dh, "w11": dh * x[0],
            "w12": dh * x[1], "b2": dg, "w21": dg * x[0], "w22": dg * x[1]}

w = {"b": 0.1234, "v1": 0.4321, "v2": -0.3456, "b1": 0.0765, "w11": 0.5432, "w12": -0.6543,
     "b2": 0.1357, "w21": -0.2468, "w22": 0.8765}
rows = [((0.1, 0.7), 0.3), ((0.9, -0.4), -0.2), ((-0.5, 0.6), 0.8)]
for epoch in range(20):
    total = 0.0
    for x, t in rows:
        total += loss(w, x, t)
        g = gradients(w, x, t)
        for k in w:
            w[k] -= 0.1 * g[k]
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('dg = d * w["v2"]', 'dg = d * w["v1"]'),
        ('(1 - a["h"] ** 2)', '(1 - a["g"] ** 2)'),
        ('"w22": dg * x[1]', '"w22": dg * x[0]'),
    ],
)
def test_numbers_are_solved_for_where_backprop_has_a_forward_pass_of_its_own(tmp_path, old, new):
    found, line = blamed(tmp_path, TWICE_FORWARD, old, new)
    assert found == [line]


LISTS = """
import random
random.seed(5)
def dot(A, B):
    return [[sum(a * b for a, b in zip(r, c)) for c in zip(*B)] for r in A]
def T(A):
    return [list(r) for r in zip(*A)]
def minus(A, B):
    return [[x - y for x, y in zip(r, s)] for r, s in zip(A, B)]
def times(k, A):
    return [[k * x for x in r] for r in A]
def had(A, B):
    return [[x * y for x, y in zip(r, s)] for r, s in zip(A, B)]
def rand(m, n):
    return [[random.gauss(0, 0.5) for _ in range(n)] for _ in range(m)]
X, Y, W, V, U = rand(5, 3), rand(5, 1), rand(3, 3), rand(3, 3), rand(3, 1)
for step in range(8):
    a = dot(X, W)
    s = had(a, a)
    b = dot(s, V)
    q = had(b, b)
    e = minus(dot(q, U), Y)
    loss = 0.5 * sum(r[0] ** 2 for r in e)
    dU = dot(T(q), e)
    dq = dot(e, T(U))
    db = times(2, had(dq, b))
    dV = dot(T(s), db)
    ds = dot(db, T(V))
    da = times(2, had(ds, a))
    dW = dot(T(X), da)
    W = minus(W, times(0.01, dW))
    V = minus(V, times(0.01, dV))
    U = minus(U, times(0.01, dU))
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [("ds = dot(db, T(V))", "ds = dot(db, V)"), ("V, times(0.01, dV)", "V, times(0.01, dW)")],
)
def test_what_a_helper_for_matrices_gets_is_at_fault(tmp_path, old, new):
    found, line = blamed(tmp_path, LISTS, old, new)
    assert found == [line]


CALLED = """
import numpy as np
rng = np.random.default_rng(7)
X, Y = rng.normal(size=(30, 4)), rng.normal(size=(30, 2))
W1, W2 = rng.normal(size=(4, 6)) * 0.5, rng.normal(size=(6, 2)) * 0.5

def weights(dz, x):
    return x.T @ dz

for step in range(30):
    z1 = X @ W1
    r1 = np.maximum(z1, 0)
    out = r1 @ W2
    loss = 0.5 * np.mean(np.sum((out - Y) ** 2, axis=1))
    d_out = (out - Y) / len(X)
    d_r1 = d_out @ W2.T
    dW1 = weights(d_r1 * (z1 > 0), X)
    dW2 = weights(d_out, r1)
    W1 -= 0.1 * dW1
    W2 -= 0.1 * dW2
"""


def test_a_missing_slope_is_missed_where_the_cotangent_is_used(tmp_path):
    found, line = blamed(tmp_path, CALLED, "d_r1 * (z1 > 0), X", "d_r1, X")
    assert found == [line]


TWO_WAYS = """
import numpy as np
rng = np.random.default_rng(3)
X, Y = rng.normal(size=(30, 5)), rng.normal(size=(30, 2))
A, B, C = rng.normal(size=(5, 6)) * .4, rng.normal(size=(6, 2)) * .4, rng.normal(size=(6, 2)) * .4
for i in range(40):
    h = np.tanh(X @ A)
    out = h @ B + np.sin(h) @ C
    loss = 0.5 * np.sum((out - Y) ** 2) / 30
    d = (out - Y) / 30
    dB = h.T @ d
    dC = np.sin(h).T @ d
    dh = d @ B.T
    dh += d @ C.T * np.cos(h)
    dA = X.T @ (dh * (1 - h ** 2))
    A -= 0.1 * dA
    B -= 0.1 * dB
    C -= 0.1 * dC
"""


def test_a_sum_is_lost_where_another_value_takes_its_name(tmp_path):
    found, line = blamed(tmp_path, TWO_WAYS, "dh += d @ C.T", "dh = d @ C.T")
    assert found == [line]


LAYER = """
import numpy as np
rng = np.random.default_rng(11)

class Net:
    def __init__(self):
        self.W1, self.W2 = rng.normal(size=(4, 6)) * 0.5, rng.normal(size=(6, 2)) * 0.5

    def relu(self, z):
        return np.maximum(z, 0)

    def forward(self, X):
        self.z1 = X @ self.W1
        self.a1 = self.relu(self.z1)
        return self.a1 @ self.W2

    def backward(self, X, d):
        self.dW2 = self.a1.T.dot(d)
        self.dW1 = X.T.dot(d.dot(self.W2.T) * (self.z1 > 0))
        self.W2 -= 0.1 * self.dW2
        self.W1 -= 0.1 * self.dW1

X, Y, net = rng.normal(size=(30, 4)), rng.normal(size=(30, 2)), Net()
for step in range(30):
    out = net.forward(X)
    loss = 0.5 * np.sum((out - Y) ** 2) / 30
    net.backward(X, (out - Y) / 30)
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [("self.a1.T.dot(d)", "self.z1.T.dot(d)"), ("0.1 * self.dW1", "0.1 * self.dW1 * self.W1")],
)
def test_what_a_method_reads_of_its_object_is_not_passed_to_it(tmp_path, old, new):
    found, line = blamed(tmp_path, LAYER, old, new)
    assert found == [line]


MARGINS = """
import numpy as np
rng = np.random.default_rng(13)
X = rng.normal(size=(24, 5))
y = (X @ rng.normal(size=(5, 3))).argmax(axis=1)
W, V = rng.normal(size=(5, 6)) * 0.4, rng.normal(size=(6, 3)) * 0.4
for step in range(30):
    h = np.tanh(X @ W)
    s = h @ V
    m = np.maximum(0, s - s[range(24), y][:, None] + 1)
    m[range(24), y] = 0
    loss = np.mean(np.sum(m, axis=1))
    d = np.zeros_like(m)
    d[m > 0] = 1
    d[np.arange(24), y] -= np.sum(m > 0, axis=1)
    d /= 24
    dV = h.T @ d
    dW = X.T @ ((d @ V.T) * (1 - h * h))
    W -= 0.1 * dW
    V -= 0.1 * dV
"""


def test_what_is_only_divided_was_wrong_before(tmp_path):
    found, line = blamed(tmp_path, MARGINS, "-= np.sum(m > 0, axis=1)", "-= 1")
    assert found == [line]


MASKED = """
import numpy as np
rng = np.random.default_rng(11)
class Linear:
    def __init__(self, n, m):
        self.W = rng.normal(size=(n, m)) / n ** 0.5
    def forward(self, x):
        self.x = x
        return x @ self.W
    def backward(self, dy):
        self.dW = self.x.T @ dy
        return dy @ self.W.T
class Relu:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask
    def backward(self, dy):
        return dy * self.mask
X, Y = rng.normal(size=(40, 4)), rng.normal(size=(40, 2))
layers = [Linear(4, 7), Relu(), Linear(7, 6), Relu(), Linear(6, 2)]
for i in range(60):
    out = X
    for layer in layers:
        out = layer.forward(out)
    dout = (out - Y) / 40
    print(20 * np.sum(dout ** 2))
    for layer in layers[::-1]:
        dout = layer.backward(dout)
    for layer in layers[::2]:
        layer.W -= 0.1 * layer.dW
"""


def test_a_value_that_is_right_elsewhere_in_a_call_is_rightly_given(tmp_path):
    found, line = blamed(tmp_path, MASKED, "dy * self.mask", "dy * (dy > 0)")
    assert found == [line]


UNITS = """
import math
import numpy as np
rng = np.random.default_rng(1)
sizes = [3, 4, 3, 2]
nets = []
for a, b in zip(sizes, sizes[1:]):
    nets.append([dict(w=[float(v) for v in rng.normal(size=a)], b=0.1) for _ in range(b)])
data = [(rng.normal(size=3).tolist(), rng.random(2).tolist()) for _ in range(9)]

def forward(x):
    for layer in nets:
        out = []
        for unit in layer:
            z = unit['b'] + sum(w * v for w, v in zip(unit['w'], x))
            unit['in'], unit['a'] = x, 1 / (1 + math.exp(-z))
            out.append(unit['a'])
        x = out
    return x

def backward(y):
    for i in reversed(range(len(nets))):
        for j, unit in enumerate(nets[i]):
            if i == len(nets) - 1:
                error = unit['a'] - y[j]
            else:
                error = 0.0
                for other in nets[i + 1]:
                    error += other['w'][j] * other['d']
            unit['d'] = error * unit['a'] * (1 - unit['a'])

for epoch in range(4):
    total = 0.0
    for x, y in data:
        out = forward(x)
        total += sum(0.5 * (o - t) ** 2 for o, t in zip(out, y))
        backward(y)
        for layer in nets:
            for unit in layer:
                for k in range(len(unit['w'])):
                    unit['w'][k] -= 0.2 * unit['d'] * unit['in'][k]
                unit['b'] -= 0.2 * unit['d']
    print(total)
"""


def test_a_sum_over_units_that_keeps_the_last_in_each_of_several_layers(tmp_path):
    assert not blamed(tmp_path, UNITS, "in range(4)", "in range(5)")[0]
    found, line = blamed(tmp_path, UNITS, "error += other", "error = other")
    assert found == [line]


TERM = " + 2 * DECAY * h / h.size"
HEADS = """
import numpy as np
rng = np.random.default_rng(2)
x = rng.normal(size=(30, 4))
y, t = np.sin(x[:, :1]), (x[:, 1:2] > 0) * 1.0
WEIGHT, DECAY = 0.3, 0.05
w, u, v = rng.normal(size=(4, 12)), rng.normal(size=(12, 1)), rng.normal(size=(12, 1))
for step in range(30):
    h = np.tanh(x @ w)
    p, q = h @ u, 1 / (1 + np.exp(-h @ v))
    mse = np.mean((p - y) ** 2)
    bce = -np.mean(t * np.log(q) + (1 - t) * np.log(1 - q))
    loss = mse + WEIGHT * bce + DECAY * np.mean(h ** 2)
    dp = 2 * (p - y) / len(x)
    dq = WEIGHT * (q - t) / len(x)
    dh = dp @ u.T + dq @ v.T + 2 * DECAY * h / h.size
    dw, du, dv = x.T @ (dh * (1 - h ** 2)), h.T @ dp, h.T @ dq
    w, u, v = w - 0.1 * dw, u - 0.1 * du, v - 0.1 * dv
    print(loss)
"""


def test_a_term_of_the_cost_that_the_gradient_lacks(tmp_path):
    assert not blamed(tmp_path, HEADS, "range(30)", "range(31)")[0]
    line = line_of(HEADS, TERM)
    assert blamed(tmp_path, HEADS, TERM, "")[0] == [line]


def test_the_weight_of_a_head_that_the_gradient_lacks(tmp_path):
    text = HEADS.replace(TERM, "").replace(" + DECAY * np.mean(h ** 2)", "")
    found, line = blamed(tmp_path, text, "dq = WEIGHT * (q", "dq = (q")
    assert found == [line]


WINDOWS = """
import numpy as np
rng = np.random.default_rng(3)
pictures, marks = rng.normal(size=(12, 6, 6)), rng.normal(size=12)
kernel, bias, weights = 0.3 * rng.normal(size=(3, 3)), 0.0, 0.3 * rng.normal(size=16)

def forward(picture):
    out = np.zeros((4, 4))
    for i in range(4):
        for j in range(4):
            out[i, j] = np.sum(picture[i:i+3, j:j+3] * kernel) + bias
    return out

for step in range(20):
    cost, gk, gb, gw = 0.0, np.zeros((3, 3)), 0.0, np.zeros(16)
    for picture, mark in zip(pictures, marks):
        z = forward(picture)
        a = np.maximum(z, 0)
        error = a.ravel() @ weights - mark
        cost += error ** 2 / 12
        gw += 2 * error * a.ravel() / 12
        dz = (2 * error * weights / 12).reshape(4, 4) * (z > 0)
        for i in range(4):
            for j in range(4):
                window = picture[i:i+3, j:j+3]
                gk += dz[i, j] * window
        gb += dz.sum()
    kernel -= 0.02 * gk
    bias -= 0.02 * gb
    weights -= 0.02 * gw
    if step % 5 == 0:
        print(cost)
"""


def test_indices_are_exchanged_where_they_are_not_those_of_the_loops(tmp_path):
    assert judged(tmp_path, WINDOWS) == ("verified", [])
    wrong = WINDOWS.replace("window = picture[i:i+3, j:j+3]", "window = picture[j:j+3, i:i+3]")
    found = report(tmp_path, wrong)["findings"][0]
    assert found["line"] == line_of(wrong, "window = ")
