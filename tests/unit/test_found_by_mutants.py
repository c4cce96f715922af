"""Faults of one line that mutants of right programs have shown, and what is right of them."""

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import line_of

pytestmark = pytest.mark.quality

GATES = """
import numpy as np
rng = np.random.default_rng(0)
X, y = rng.normal(size=(30, 6, 2)), rng.integers(0, 2, 30) * 1.0
net = {k: 0.4 * rng.normal(size=(2, 4)) for k in ("Wi", "Wf", "Wo")}
v = 0.5 * rng.normal(size=4)
for step in range(25):
    grads = {k: np.zeros_like(w) for k, w in net.items()}
    gates = {k: np.tanh(X @ w) for k, w in net.items()}
    h = gates["Wi"] + gates["Wf"] * gates["Wo"]
    p = 1 / (1 + np.exp(-h.mean(axis=1) @ v))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    d = (p - y) / 30
    dh = d[:, None, None] * v / 6
    for t in range(6):
        slope = {k: 1 - g[:, t] ** 2 for k, g in gates.items()}
        grads["Wi"] += X[:, t].T @ (dh[:, 0] * slope["Wi"])
        grads["Wf"] += X[:, t].T @ (dh[:, 0] * gates["Wo"][:, t] * slope["Wf"])
        grads["Wo"] += X[:, t].T @ (dh[:, 0] * gates["Wf"][:, t] * slope["Wo"])
    v -= 0.5 * h.mean(axis=1).T @ d
    for k in net:
        net[k] -= 0.5 * grads[k]
print(loss)
"""
AUTOENCODER = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(40, 6))
class Coder:
    def __init__(self):
        self.W_enc, self.b_enc = 0.4 * rng.normal(size=(6, 3)), np.zeros((1, 3))
        self.W_dec, self.b_dec = 0.4 * rng.normal(size=(3, 6)), np.zeros((1, 6))
    def step(self, rate):
        Z = np.tanh(X @ self.W_enc + self.b_enc)
        out = Z @ self.W_dec + self.b_dec
        loss = np.mean((out - X) ** 2)
        d = 2 * (out - X) / X.size
        dz = (d @ self.W_dec.T) * (1 - Z * Z)
        self.W_enc -= rate * X.T @ dz
        self.b_enc -= rate * dz.sum(axis=0, keepdims=True)
        self.W_dec -= rate * Z.T @ d
        self.b_dec -= rate * d.sum(axis=0, keepdims=True)
        return loss
coder = Coder()
for epoch in range(30):
    loss = coder.step(0.5)
print(loss)
"""
RIDGE = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(40, 4))
y = np.argmax(X[:, :3], axis=1)
W = 0.3 * rng.normal(size=(4, 3))
for step in range(30):
    P = np.exp(X @ W)
    P /= P.sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(P[np.arange(40), y]))
    loss += 0.01 * np.sum(W * W)
    P[np.arange(40), y] -= 1
    dW = X.T @ P / 40
    dW += 2 * 0.01 * W
    W -= 0.5 * dW
print(loss)
"""
HEADS = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(40, 3))
t, y = X[:, 0] * X[:, 1], (X[:, 2] > 0) * 1.0
W, a, b = 0.5 * rng.normal(size=(3, 5)), 0.5 * rng.normal(size=5), 0.5 * rng.normal(size=5)
for step in range(30):
    h = np.tanh(X @ W)
    value, p = np.tanh(X) @ a[:3], 1 / (1 + np.exp(-h @ b))
    value_loss = np.mean((value - t) ** 2)
    class_loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    total_loss = class_loss + value_loss
    d = (p - y) / 40
    d_value = 2 * (value - t) / 40
    a[:3] -= 0.2 * np.tanh(X).T @ d_value
    W -= 0.2 * X.T @ (np.outer(d, b) * (1 - h * h))
    b -= 0.2 * h.T @ d
    print(total_loss)
"""
ENGINE = """
import math
import random
class Value:
    def __init__(self, data, children=()):
        self.data, self.grad, self.back, self.children = data, 0.0, lambda: None, children
    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other))
        def back():
            self.grad += out.grad
            other.grad += out.grad
        out.back = back
        return out
    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other))
        def back():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
        out.back = back
        return out
    def __pow__(self, n):
        out = Value(self.data ** n, (self,))
        def back():
            self.grad += n * self.data ** (n - 1) * out.grad
        out.back = back
        return out
    def __sub__(self, other):
        return self + Value(other) * -1.0
    def __radd__(self, other):
        return self + other
    def tanh(self):
        out = Value(math.tanh(self.data), (self,))
        def back():
            self.grad += (1 - out.data ** 2) * out.grad
        out.back = back
        return out
    def backward(self):
        order, seen = [], set()
        def visit(node):
            if node not in seen:
                seen.add(node)
                for child in node.children:
                    visit(child)
                order.append(node)
        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            node.back()
def unit(weights, inputs):
    return sum((w * x for w, x in zip(weights, inputs)), Value(0.0)).tanh()
def train(steps):
    random.seed(1)
    hidden = [[Value(random.uniform(-1, 1)) for _ in range(2)] for _ in range(3)]
    last = [Value(random.uniform(-1, 1)) for _ in range(3)]
    xs, ys = [[-1.2, 0.3], [0.8, -0.5], [0.4, 1.1], [-0.7, -0.9]], [-1.0, 1.0, 1.0, -1.0]
    history = []
    for step in range(steps):
        outs = [unit(last, [unit(w, x) for w in hidden]) for x in xs]
        loss = sum(((out - y) ** 2 for out, y in zip(outs, ys)), Value(0.0))
        for p in [*last, *(w for row in hidden for w in row)]:
            p.grad = 0.0
        loss.backward()
        for p in [*last, *(w for row in hidden for w in row)]:
            p.data -= 0.05 * p.grad
        history.append(loss.data)
    return history
print(train(40)[-1])
"""
ASCENT = """
import numpy as np
rng = np.random.default_rng(3)
X = np.hstack([np.ones((80, 1)), rng.normal(size=(80, 3))])
y = (X @ [0.3, 1.0, -2.0, 0.5] + rng.normal(size=80) > 0) * 1.0
def log_likelihood(w):
    z = X @ w
    return np.sum(y * z - np.log(1 + np.exp(z)))
w = np.zeros(4)
for step in range(60):
    p = 1 / (1 + np.exp(-X @ w))
    error = y - p
    grad = X.T @ error
    w += 0.005 * grad
    if step % 10 == 0:
        print(step, log_likelihood(w))
"""


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (GATES, 'grads["Wo"] += X[:, t].T @ (dh[:, 0] * gates["Wf"][:, t] * slope["Wo"])', "pass"),
        (AUTOENCODER, "self.b_dec -= rate * d.sum(axis=0, keepdims=True)", "self.b_dec -= rate"),
        (RIDGE, "dW += 2 * 0.01 * W", "dW += 2 * 0.01 / W"),
        (HEADS, "a[:3] -= 0.2", "a[:3] += 0.2"),
        (ASCENT, "grad = X.T @ error", "grad = X.T @ (error * p)"),
        (ENGINE, "self.grad += (1 - out.data ** 2)", "self.grad += (1 - out.data)"),
        (ENGINE, "n * self.data ** (n - 1)", "n * self.data ** n"),
    ],
)
def test_a_fault_of_one_line(tmp_path, text, old, new):
    assert judged(tmp_path, text) == ("verified", [])
    wrong = text.replace(old, new)
    assert [line for _, line in judged(tmp_path, wrong)[1]][:1] == [line_of(wrong, new)]


PAIRS = """
import numpy as np
np.random.seed(0)
class Pairs:
    def __init__(self):
        self.A = np.random.uniform(-0.5, 0.5, (7, 5))
        self.B = np.random.uniform(-0.5, 0.5, (7, 5))
    def step(self, i, j, label):
        a, b = self.A[i], self.B[j]
        p = 1 / (1 + np.exp(-a @ b))
        error = p - label
        da, db = error * b, error * a
        self.A[i] -= 0.1 * da
        self.B[j] -= 0.1 * db
        return -(label * np.log(p) + (1 - label) * np.log(1 - p))
model, total = Pairs(), 0.0
for k in range(60):
    total += model.step(k % 7, (k + 1) % 7, 1)
    total += model.step(k % 7, (k + 3) % 7, 0)
print(total)
"""
LASSO = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 6))
y = X @ [2.0, -1.0, 0.0, 0.5, 0.0, 1.0] + 0.7
w, b = np.zeros(6), 0.0
for step in range(60):
    error = X @ w + b - y
    w -= 0.05 * (X.T @ error / 60 + 0.1 * np.sign(w) + 0.2 * w)
    b -= 0.05 * error.mean()
print(w, b)
"""
LIMITED = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
y = X @ [1.0, -2.0, 0.5, 0.0] + rng.standard_t(2, 60)
w = np.zeros(4)
for step in range(60):
    r = X @ w - y
    w -= 0.02 * X.T @ np.where(np.abs(r) < 0.3, r / 0.3, np.sign(r)) / 60
print(w)
"""


PACED = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
y = (X[:, 0] - X[:, 1] > 0) * 1.0
w, b = 0.1 * rng.normal(size=4), np.zeros(3)
m, v = np.zeros(4), np.zeros(4)
for step in range(60):
    p = 1 / (1 + np.exp(-X @ w))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    d = X.T @ (p - y) / 60
    rate = 0.1 if loss > 0.5 else 0.05 if loss > 0.3 else 0.01
    m = 0.9 * m + 0.1 * d
    v = 0.99 * v + 0.01 * d ** 2
    w += - rate * (m / (1 - 0.9 ** (step + 1))) / (np.sqrt(v / (1 - 0.99 ** (step + 1))) + 1e-8)
print(loss)
"""


@pytest.mark.parametrize("text", [PAIRS, LASSO, LIMITED, PACED])
def test_right_programs_that_were_open(tmp_path, text):
    assert judged(tmp_path, text) == ("verified", [])


SPREAD = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(50, 3))
y = X[:, 0] + (0.1 + 0.3 * np.abs(X[:, 1])) * rng.normal(size=50)
w, u = np.zeros(3), 0.1 * rng.normal(size=3)
for step in range(40):
    mean, log_scale = X @ w, X @ u
    scale = np.exp(log_scale) + 1e-4
    z = (y - mean) / scale
    loss = np.mean(0.5 * z ** 2 + np.log(scale))
    w -= 0.05 * X.T @ (-z / scale) / 50
    u -= 0.05 * X.T @ (1 - z ** 2) / 50
print(loss)
"""


def test_a_small_constant_that_a_gradient_leaves_out_is_no_fault(tmp_path):
    status, found = judged(tmp_path, SPREAD)
    assert status != "wrong"
    assert found == []


BY_LABEL = """
import math
import random
random.seed(9)
W = [[random.uniform(-1, 1) for _ in range(3)] for _ in range(2)]
data = [((a, b, 1.0), (float(a != b), float(a and b))) for a in (0, 1) for b in (0, 1)]
for epoch in range(60):
    error = 0.0
    for x, t in data:
        o = [1 / (1 + math.exp(-sum(w * v for w, v in zip(row, x)))) for row in W]
        error += sum(0.5 * (a - y) ** 2 for a, y in zip(o, t))
        d = [(a - y) * {slope} for a, y in zip(o, t)]
        for k in range(2):
            for i in range(3):
                W[k][i] -= 0.4 * d[k] * x[i]
    print(error)
"""


@pytest.mark.parametrize(("slope", "right"), [("a * (1 - a)", True), ("(1 - a)", False)])
def test_what_fits_a_usual_cost_by_its_labels_is_not_verified(tmp_path, slope, right):
    status = judged(tmp_path, BY_LABEL.format(slope=slope))[0]
    assert (status == "verified") is right
