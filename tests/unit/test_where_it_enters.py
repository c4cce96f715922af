"""Faults are told at the statement by which error enters, not where it shows itself."""

import pytest

from tests.unit.test_faults_placed import blamed

pytestmark = pytest.mark.quality


HELPERS = """
import numpy as np
rng = np.random.default_rng(0)
x, t = rng.normal(size=(30, 5)), np.eye(3)[rng.integers(0, 3, 30)]
net = {'W1': rng.normal(size=(5, 7)) * 0.5, 'b1': np.zeros(7),
       'W2': rng.normal(size=(7, 3)) * 0.5, 'b2': np.zeros(3)}
memory = {k: np.zeros_like(v) for k, v in net.items()}

def sigmoid(x):
    return 1 / (1 + np.exp(-x))

def sigmoid_grad(x):
    return (1.0 - sigmoid(x)) * sigmoid(x)

def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

def gradient(x, t):
    a1 = x @ net['W1'] + net['b1']
    z1 = sigmoid(a1)
    y = softmax(z1 @ net['W2'] + net['b2'])
    print(-np.sum(t * np.log(y)) / len(x))
    dy = (y - t) / len(x)
    g = {}
    g['W2'] = z1.T @ dy
    g['b2'] = dy.sum(axis=0)
    da1 = sigmoid_grad(a1) * (dy @ net['W2'].T)
    g['W1'] = x.T @ da1
    g['b1'] = np.sum(da1, axis=0)
    return g

for step in range(40):
    g = gradient(x, t)
    for k in net:
        memory[k] += g[k] * g[k]
        net[k] -= 0.1 * g[k] / (np.sqrt(memory[k]) + 1e-7)
"""


def test_a_helper_that_calls_another_twice_is_given_the_activation(tmp_path):
    found, line = blamed(tmp_path, HELPERS, "sigmoid_grad(a1)", "sigmoid_grad(z1)")
    assert found == [line]


def test_a_sum_over_all_axes_behind_an_optimisers_root(tmp_path):
    found, line = blamed(tmp_path, HELPERS, "np.sum(da1, axis=0)", "np.sum(da1)")
    assert found == [line]


CACHES = """
import numpy as np
rng = np.random.default_rng(1)
X = rng.normal(size=(4, 40))
Y = (X[:1] * X[1:2] + 0.3 * X[2:3] > 0) * 1.0
P = {'W1': rng.normal(size=(6, 4)) * 0.6, 'b1': np.zeros((6, 1)),
     'W2': rng.normal(size=(1, 6)) * 0.6, 'b2': np.zeros((1, 1))}

def sigmoid(Z):
    return 1 / (1 + np.exp(-Z)), Z

def relu(Z):
    return np.maximum(Z, 0), Z

def relu_backward(dA, cache):
    Z = cache
    dZ = np.array(dA, copy=True)
    dZ[Z <= 0] = 0
    return dZ

def sigmoid_backward(dA, cache):
    Z = cache
    s = 1 / (1 + np.exp(-Z))
    dZ = dA * s * (1 - s)
    return dZ

def forward(A, l, f):
    Z = P['W%d' % l] @ A + P['b%d' % l]
    out, kept = f(Z)
    return out, ((A, P['W%d' % l]), kept)

def backward(dA, cache, kind):
    (A, W), kept = cache
    dZ = relu_backward(dA, kept) if kind == "relu" else sigmoid_backward(dA, kept)
    m = A.shape[1]
    return W.T @ dZ, dZ @ A.T / m, dZ.sum(axis=1, keepdims=True) / m

for step in range(60):
    A1, first = forward(X, 1, relu)
    A2, second = forward(A1, 2, sigmoid)
    cost = -np.mean(Y * np.log(A2) + (1 - Y) * np.log(1 - A2))
    G = {}
    dA = -(Y / A2 - (1 - Y) / (1 - A2))
    dA, G['W2'], G['b2'] = backward(dA, second, "sigmoid")
    dA, G['W1'], G['b1'] = backward(dA, first, "relu")
    for k in P:
        P[k] = P[k] - 0.5 * G[k]
    print(cost)
"""


def test_a_helper_that_is_wrong_is_not_told_at_the_call_with_a_cache(tmp_path):
    found, line = blamed(tmp_path, CACHES, "dA * s * (1 - s)", "dA * Z * (1 - Z)")
    assert found[0] == line


GLOVE = """
import numpy as np, math
rng = np.random.default_rng(2)
n, d = 6, 3
W, C = rng.normal(size=(n, d)) * 0.4, rng.normal(size=(n, d)) * 0.4
b, c = np.zeros(n), np.zeros(n)
counts = rng.integers(1, 9, size=(n, n)).astype(float)
for epoch in range(30):
    total = 0.0
    gW, gC, gb, gc = np.zeros_like(W), np.zeros_like(C), np.zeros(n), np.zeros(n)
    for i in range(n):
        for j in range(n):
            weight = min(1.0, (counts[i, j] / 6) ** 0.75)
            inner = W[i] @ C[j] + b[i] + c[j] - math.log(counts[i, j])
            total += 0.5 * weight * inner ** 2
            grad_main = weight * inner * C[j]
            grad_bias = weight * inner
            grad_other = weight * inner
            gW[i] += grad_main
            gC[j] += weight * inner * W[i]
            gb[i] += grad_bias
            gc[j] += grad_other
    for p, g in ((W, gW), (C, gC), (b, gb), (c, gc)):
        p -= 0.02 * g
    print(total)
"""


def test_a_weight_is_missing_where_the_error_gets_another_name(tmp_path):
    found, line = blamed(tmp_path, GLOVE, "grad_other = weight * inner", "grad_other = inner")
    assert found == [line]


DELTAS = """
import numpy as np
rng = np.random.default_rng(3)
X = np.hstack([np.ones((8, 1)), rng.normal(size=(8, 3))])
y = np.tanh(X[:, 1:2] - X[:, 2:3])
weights = [rng.uniform(-1, 1, (4, 5)), rng.uniform(-1, 1, (5, 4)), rng.uniform(-1, 1, (4, 1))]
slope = lambda a: 1 - a ** 2
for k in range(60):
    i = k % 8
    a = [X[i]]
    for w in weights:
        a.append(np.tanh(a[-1].dot(w)))
    error = y[i] - a[-1]
    cost = 0.5 * np.sum(error ** 2)
    deltas = [error * slope(a[-1])]
    for l in range(len(a) - 2, 0, -1):
        deltas.append(deltas[-1].dot(weights[l].T) * slope(a[l]))
    deltas.reverse()
    for l in range(len(weights)):
        layer = np.atleast_2d(a[l])
        delta = np.atleast_2d(deltas[l])
        weights[l] += 0.2 * layer.T.dot(delta)
    print(cost)
"""


def test_a_slope_is_missing_from_the_deltas_that_are_appended(tmp_path):
    found, line = blamed(
        tmp_path, DELTAS, "deltas[-1].dot(weights[l].T) * slope(a[l])",
        "deltas[-1].dot(weights[l].T)",
    )  # fmt: skip
    assert found == [line]


MARGINS = """
import numpy as np
rng = np.random.default_rng(4)
X, y = rng.normal(size=(30, 5)), rng.integers(0, 3, 30)
W = rng.normal(size=(5, 3)) * 0.01
reg = 0.1
for step in range(40):
    loss, dW = 0.0, np.zeros_like(W)
    for i in range(len(X)):
        scores = X[i].dot(W)
        violated = 0
        for j in range(3):
            if j == y[i]:
                continue
            margin = scores[j] - scores[y[i]] + 1
            if margin > 0:
                loss += margin
                violated += 1
                dW[:, j] += X[i]
        dW[:, y[i]] -= violated * X[i]
    loss, dW = loss / len(X), dW / len(X)
    loss += reg * np.sum(W * W)
    dW += 2 * reg * W
    W -= 0.05 * dW
    print(loss)
"""


def test_a_penalty_is_no_label_that_is_added(tmp_path):
    found, line = blamed(
        tmp_path, MARGINS, "dW[:, y[i]] -= violated * X[i]", "dW[:, y[i]] += violated * X[i]"
    )
    assert found == [line]


ROWS = """
import numpy as np
rng = np.random.default_rng(5)
hidden, out = rng.normal(size=(4, 4)) * 0.7, rng.normal(size=(2, 5)) * 0.7
xs, ys = rng.normal(size=(12, 3)), rng.uniform(0.2, 0.8, size=(12, 2))
s = lambda z: 1 / (1 + np.exp(-z))

def potential(w, given):
    total = w[0]
    for n in range(len(given)):
        total += given[n] * w[n + 1]
    return total

for k in range(48):
    x, y = xs[k % 12], ys[k % 12]
    h = [s(potential(w, x)) for w in hidden]
    o = [s(potential(w, h)) for w in out]
    cost = 0.5 * sum((y[n] - o[n]) ** 2 for n in range(2))
    e2 = [(y[n] - o[n]) * o[n] * (1 - o[n]) for n in range(2)]
    e1 = []
    for j in range(4):
        total = 0
        for n in range(2):
            total += e2[n] * out[n][j + 1]
        e1.append(h[j] * (1 - h[j]) * total)
    for n in range(2):
        out[n][0] += 0.3 * e2[n]
        for j in range(4):
            out[n][j + 1] += 0.3 * e2[n] * h[j]
    for n in range(4):
        hidden[n][0] += 0.3 * e1[n]
        for j in range(3):
            hidden[n][j + 1] += 0.3 * e1[n] * x[j]
    print(cost)
"""


def test_an_index_into_a_row_is_off_by_one(tmp_path):
    found, line = blamed(tmp_path, ROWS, "e2[n] * out[n][j + 1]", "e2[n] * out[n][j]")
    assert found == [line]


GRU = """
import numpy as np
rng = np.random.default_rng(6)
N, H, T = 3, 5, 6
P = {k: rng.normal(size=(H, N if k[0] == "W" else H)) * 0.5 for k in ("Wz", "Uz", "Wc", "Uc")}
P["v"], P["bz"], P["bc"] = rng.normal(size=H) * 0.5, np.zeros(H), np.zeros(H)
data = [(rng.normal(size=(T, N)), float(rng.normal())) for _ in range(11)]

def run(xs):
    h, kept = np.zeros(H), []
    for x in xs:
        z = 1 / (1 + np.exp(-(P["Wz"] @ x + P["Uz"] @ h + P["bz"])))
        c = np.tanh(P["Wc"] @ x + P["Uc"] @ h + P["bc"])
        new = (1 - z) * h + z * c
        kept.append((x, h, z, c))
        h = new
    return h, kept

def back(dh, kept):
    g = {k: np.zeros_like(v) for k, v in P.items()}
    for x, h, z, c in reversed(kept):
        dc = dh * z
        dz = dh * (c - h)
        before = dh * (1 - z)
        dac = dc * (1 - c ** 2)
        g["Wc"] += dac[:, None] @ x[None, :]
        g["Uc"] += dac[:, None] @ h[None, :]
        g["bc"] += dac
        before += P["Uc"].T @ dac
        daz = dz * z * (1 - z)
        g["Wz"] += daz[:, None] @ x[None, :]
        g["Uz"] += daz[:, None] @ h[None, :]
        g["bz"] += daz
        before += P["Uz"].T @ daz
        dh = before
    return g

for epoch in range(5):
    total, sums = 0.0, {k: np.zeros_like(v) for k, v in P.items()}
    for xs, y in data:
        h, kept = run(xs)
        e = P["v"] @ h - y
        total += 0.5 * e ** 2
        g = back(e * P["v"], kept)
        g["v"] = e * h
        for k in sums:
            sums[k] += g[k]
    for k in sums:
        sums[k] /= len(data)
    for k in P:
        P[k] -= 0.1 * sums[k]
    print(total / len(data))
"""


def test_a_fault_early_in_a_long_chain(tmp_path):
    found, line = blamed(
        tmp_path, GRU, "dac = dc * (1 - c ** 2)", "dac = dc * (1 - np.tanh(c) ** 2)"
    )
    assert found == [line]


COSTS = """
import numpy as np
rng = np.random.default_rng(7)
x = rng.normal(size=(20, 3))
y = (x[:, :1] > x[:, 1:2]) * 0.8 + 0.1
w, b, v, c = rng.normal(size=(3, 4)), np.zeros(4), rng.normal(size=(4, 1)), np.zeros(1)
s = lambda z: 1 / (1 + np.exp(-z))
for step in range(50):
    h = s(x @ w + b)
    out = s(h @ v + c)
    cost = np.mean(np.square(y - out))
    error = y - out
    delta = error * out * (1 - out)
    hidden = (delta @ v.T) * h * (1 - h)
    v += 0.1 * h.T @ delta
    c += 0.1 * delta.sum(axis=0)
    w += 0.1 * x.T @ hidden
    b += 0.1 * hidden.sum(axis=0)
    print(cost)
"""


def test_another_cost_begins_where_the_error_becomes_the_delta(tmp_path):
    wrong = COSTS.replace("v += 0.1", "pass; v += 0.1")
    found, line = blamed(tmp_path, wrong, "delta = error * out * (1 - out)", "delta = error")
    assert found[:1] == [line]


CUTS = """
import numpy as np
rng = np.random.default_rng(8)
x = rng.normal(size=(90, 3))
y = np.digitize(x @ np.array([1.0, -0.7, 0.4]), [-1.0, 0.0, 1.1])
rows, w, raw = np.arange(90), rng.normal(size=3), np.array([-1.0, 0.0, 0.0])
for step in range(60):
    s = x @ w
    c = np.concatenate([raw[:1], raw[0] + np.cumsum(np.exp(raw[1:]))])
    f = 1 / (1 + np.exp(s[:, None] - c))
    wide = np.hstack([np.zeros((90, 1)), f, np.ones((90, 1))])
    p = wide[rows, y + 1] - wide[rows, y]
    print(-np.mean(np.log(p)))
    dwide = np.zeros_like(wide)
    dwide[rows, y + 1] -= 1 / (90 * p)
    dwide[rows, y] += 1 / (90 * p)
    inner = dwide[:, 1:-1] * f * (1 - f)
    dc = inner.sum(axis=0)
    draw = np.empty(3)
    draw[0] = dc.sum()
    draw[1] = np.exp(raw[1]) * dc[1:].sum()
    draw[2] = np.exp(raw[2]) * dc[2]
    w -= 0.2 * x.T @ -inner.sum(axis=1)
    raw -= 0.2 * draw
"""


def test_an_entry_is_told_where_it_is_made_not_where_the_array_begins(tmp_path):
    found, line = blamed(tmp_path, CUTS, "dc[1:].sum()", "dc[1]")
    assert found == [line]
