"""Updates entry by entry, steps of one sample, labels that are lists of numbers."""

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import blamed

pytestmark = pytest.mark.quality

DECAYED = """
import math
import random
import numpy as np
random.seed(1)
rows = [[random.gauss(0, 1) for _ in range(3)] for _ in range(40)]
data = [(x, 1.0 if x[0] * x[1] > 0 else 0.0) for x in rows]
W = np.array([[random.gauss(0, 0.6) for _ in range(3)] for _ in range(5)])
V = np.array([random.gauss(0, 0.6) for _ in range(5)])
b, c, lr, lam = [0.0] * 5, 0.0, 0.1, 0.001
for epoch in range(20):
    total = 0
    for x, t in data:
        h = [math.tanh(sum(W[j][i] * x[i] for i in range(3)) + b[j]) for j in range(5)]
        p = 1 / (1 + math.exp(-sum(V[j] * h[j] for j in range(5)) - c))
        total -= t * math.log(p) + (1 - t) * math.log(1 - p)
        d = p - t
        dh = [d * V[j] * (1 - h[j] ** 2) for j in range(5)]
        for j in range(5):
            for i in range(3):
                W[j][i] -= lr * (dh[j] * x[i] + lam * W[j][i])
        for j in range(5):
            V[j] -= lr * (d * h[j] + lam * V[j])
        for j in range(5):
            b[j] -= lr * dh[j]
        c -= lr * d
    print(epoch, total)
"""


def test_entries_of_an_array_may_decay_one_by_one(tmp_path):
    assert judged(tmp_path, DECAYED) == ("verified", [])


def test_a_wrong_entry_is_blamed_where_it_is_stored(tmp_path):
    found, line = blamed(tmp_path, DECAYED, "dh[j] * x[i] + lam", "dh[j] * h[j] + lam")
    assert found == [line]


ONE_SAMPLE = """
import math
import random
random.seed(3)
data = [([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([1, 1], 0)]

class Net:
    def __init__(self, n):
        self.n = n
        self.wi = [[random.uniform(-1, 1) for _ in range(n)] for _ in range(3)]
        self.wo = [random.uniform(-1, 1) for _ in range(n)]

    def forward(self, x):
        self.x = list(x) + [1.0]
        self.h = [1 / (1 + math.exp(-sum(self.x[i] * self.wi[i][j] for i in range(3))))
                  for j in range(self.n)]
        self.o = 1 / (1 + math.exp(-sum(self.h[j] * self.wo[j] for j in range(self.n))))

    def backward(self, t):
        error = t - self.o
        od = error * self.o * (1 - self.o)
        hd = [od * self.wo[j] * self.h[j] * (1 - self.h[j]) for j in range(self.n)]
        for j in range(self.n):
            self.wo[j] += 0.5 * od * self.h[j]
        for i in range(3):
            for j in range(self.n):
                self.wi[i][j] += 0.5 * hd[j] * self.x[i]
        return 0.5 * error ** 2

net = Net(3)
for it in range(2000):
    total = 0.0
    for x, t in data:
        net.forward(x)
        total += net.backward(t)
    if it % 500 == 0:
        print(total)
"""


@pytest.mark.parametrize("slope", ["error * self.o", "error * (1 - self.o)"])
def test_what_fits_another_cost_on_some_samples_is_wrong(tmp_path, slope):
    assert judged(tmp_path, ONE_SAMPLE) == ("verified", [])
    found, line = blamed(tmp_path, ONE_SAMPLE, "error * self.o * (1 - self.o)", slope)
    assert found == [line]


LISTS = """
import numpy as np
np.random.seed(2)
data = [[0.2, 0.9, 0.1], [0.8, 0.3, 0.5], [0.1, 0.2, 0.7], [0.6, 0.6, 0.4]]
targets = [[0, 1], [1, 0], [0, 1], [1, 1]]
V, W = np.random.randn(4, 3), np.random.randn(2, 4)
for epoch in range(50):
    for x, target in zip(data, targets):
        h = np.tanh(V @ x)
        out = 1 / (1 + np.exp(-W @ h))
        error = target - out
        hidden = W.T @ error * (1 - h * h)
        W += 0.5 * np.outer(error, h)
        V += 0.5 * np.outer(hidden, x)
print(out)
"""


def test_labels_may_be_a_list_of_numbers(tmp_path):
    assert judged(tmp_path, LISTS) == ("verified", [])
    found, line = blamed(tmp_path, LISTS, "* (1 - h * h)", "* (1 - h)")
    assert found == [line]


PICKED = """
import numpy as np
np.random.seed(0)
words = [np.eye(5)[np.random.permutation(5)[:4]] for _ in range(12)]
labels = [np.random.permutation(5)[:4] for _ in range(12)]
U, V = 0.3 * np.random.randn(6, 5), 0.3 * np.random.randn(5, 6)
for epoch in range(10):
    for x, y in zip(words, labels):
        h, p = np.zeros((4, 6)), np.zeros((4, 5))
        for t in range(4):
            h[t] = np.tanh(U @ x[t])
            e = np.exp(V @ h[t])
            p[t] = e / e.sum()
        delta = p
        delta[np.arange(4), y] -= 1.0
        dU, dV = np.zeros_like(U), np.zeros_like(V)
        for t in range(4):
            dV += np.outer(delta[t], h[t])
            dU += np.outer(V.T @ delta[t] * (1 - h[t] ** 2), x[t])
        U -= 0.1 * dU
        V -= 0.1 * dV
"""


def test_classes_that_pick_an_entry_are_no_labels_of_it(tmp_path):
    assert judged(tmp_path, PICKED) == ("verified", [])


SIGN = """
import numpy as np
rng = np.random.default_rng(0)
x = rng.normal(size=(60, 4))
ziel = (x @ rng.normal(size=4) > 0) * 1.0
g = {"w": np.zeros(4), "s": np.zeros(1)}

def kosten(a):
    return np.mean(np.maximum(a, 0) - a * ziel + np.log1p(np.exp(-np.abs(a))))

for runde in range(30):
    a = x @ g["w"] + g["s"]
    print(kosten(a))
    da = (1 / (1 + np.exp(-a)) - ziel) / len(x)
    d = {"w": x.T @ da, "s": da.sum(keepdims=True)}
    for k in g:
        g[k] -= 0.3 * d[k]
"""


@pytest.mark.parametrize("name", ["kosten", "f"])
def test_the_error_term_is_turned_round(tmp_path, name):
    text = SIGN.replace("kosten", name)
    assert judged(tmp_path, text) == ("verified", [])
    old, new = "(1 / (1 + np.exp(-a)) - ziel)", "(ziel - 1 / (1 + np.exp(-a)))"
    found, line = blamed(tmp_path, text, old, new)
    assert found == [line]


HIDDEN = """
import numpy as np
rng = np.random.RandomState(0)
X = rng.randn(50, 3)
y = (X[:, 0] * X[:, 1] > 0).astype(float).reshape(-1, 1)
W, b, V, c = 0.5 * rng.randn(3, 4), np.zeros(4), 0.5 * rng.randn(4, 1), np.zeros(1)
for it in range(100):
    h = np.tanh(X @ W + b)
    p = 1 / (1 + np.exp(-(h @ V + c)))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    d = (p - y) / len(X)
    dV = h.T @ d
    dc = d.sum(0)
    dz = d @ V.T * (1 - h**2)
    dW = X.T @ dz
    db = dz.sum(0)
    W -= {rate}dW
    b -= {rate}db
    V -= {rate}dV
    c -= {rate}dc
print(loss)
"""


@pytest.mark.parametrize("rate", ["", "0.5 * "])
def test_a_sign_before_several_gradients_is_no_update_that_ascends(tmp_path, rate):
    text = HIDDEN.replace("{rate}", rate)
    assert judged(tmp_path, text) == ("verified", [])
    found, line = blamed(tmp_path, text, "(1 - h**2)", "(h**2 - 1)")
    assert found == [line]
    found, line = blamed(tmp_path, text, f"b -= {rate}db", f"b += {rate}db")
    assert found == [line]
