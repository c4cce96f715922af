"""Biases that no update reaches, told by how the forward pass uses them and not by their names."""

import pytest

from tests.unit.test_costs_meant import judged

pytestmark = pytest.mark.quality

LAYERS = """
import numpy as np
rng = np.random.default_rng(3)
class Dicht:
    def __init__(self, n, m):
        self.gewichte = rng.normal(size=(m, n)) / n ** 0.5
        self.schwelle = rng.normal(size=(m, 1)) * 0.1
    def vor(self, x):
        self.x = x
        return self.gewichte @ x + self.schwelle
    def zurueck(self, g):
        unten = self.gewichte.T @ g
        self.gewichte -= 0.05 * g @ self.x.T
        self.schwelle -= 0.05 * g
        return unten
a, b = Dicht(3, 5), Dicht(5, 2)
for i in range(300):
    x = rng.normal(size=(3, 1))
    h = np.tanh(a.vor(x))
    fehler = b.vor(h) - np.sin(x[:2])
    print(0.5 * np.sum(fehler ** 2))
    a.zurueck(b.zurueck(fehler) * (1 - h ** 2))
"""

UNITS = """
import math, random
random.seed(4)
class Unit:
    def __init__(self, n):
        self.pesos = [random.uniform(-1, 1) for _ in range(n)]
        self.vies = random.uniform(-1, 1)
    def saida(self, x):
        self.x = x
        s = self.vies
        for w, v in zip(self.pesos, x):
            s += w * v
        self.y = 1 / (1 + math.exp(-s))
        return self.y
    def aprender(self, d):
        for k in range(len(self.pesos)):
            self.pesos[k] -= 0.5 * d * self.x[k]
        self.vies -= 0.5 * d
meio, fim = [Unit(2) for _ in range(3)], Unit(3)
for i in range(400):
    x = [random.random(), random.random()]
    erro = fim.saida([u.saida(x) for u in meio]) - (1.0 if x[0] > x[1] else 0.0)
    print(erro ** 2 / 2)
    d = erro * fim.y * (1 - fim.y)
    ds = [d * w * u.y * (1 - u.y) for w, u in zip(fim.pesos, meio)]
    fim.aprender(d)
    for u, e in zip(meio, ds):
        u.aprender(e)
"""

RATINGS = """
import numpy as np
rng = np.random.default_rng(5)
R = [(u, i, 3 + np.sin(u) + 0.3 * rng.normal()) for u in range(9) for i in range(7)]
mean = np.mean([r for _, _, r in R])
by_user, by_item = np.zeros(9), np.zeros(7)
P, Q = 0.3 * rng.normal(size=(9, 2)), 0.3 * rng.normal(size=(7, 2))
for epoch in range(20):
    for u, i, r in R:
        e = r - (mean + by_user[u] + by_item[i] + P[u] @ Q[i])
        by_user[u] += 0.05 * e
        by_item[i] += 0.05 * e
        p = P[u].copy()
        P[u] += 0.05 * e * Q[i]
        Q[i] += 0.05 * e * p
    print(epoch)
"""

TREND = """
import numpy as np
rng = np.random.default_rng(6)
X, t = rng.normal(size=(60, 3)), np.linspace(0, 2, 60)
trend = 0.3 * t + np.sin(5 * t)
y = trend + X @ np.array([1.0, -2.0, 0.5]) + 0.1 * rng.normal(size=60)
w = rng.normal(size=3)
for i in range(100):
    e = trend + X @ w - y
    print(np.mean(e ** 2))
    w -= 0.1 * 2 * X.T @ e / 60
"""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (LAYERS, "        self.schwelle -= 0.05 * g\n"),
        (UNITS, "        self.vies -= 0.5 * d\n"),
        (RATINGS, "        by_item[i] += 0.05 * e\n"),
    ],
    ids=["layers", "units", "ratings"],
)
def test_a_bias_of_any_name_is_missed_in_the_updates(tmp_path, text, line):
    assert judged(tmp_path, text) == ("verified", [])
    assert [code for code, _ in judged(tmp_path, text.replace(line, ""))[1]] == ["BP107"]


def test_what_is_known_of_the_samples_is_no_bias(tmp_path):
    assert judged(tmp_path, TREND) == ("verified", [])


UNREAD = """
import numpy as np
rng = np.random.default_rng(7)
X = rng.normal(size=(50, 3))
y = (X[:, :1] > 0) * 1.0
V, c, v = rng.normal(size=(3, 5)), np.zeros(5), rng.normal(size=(5, 1))
for i in range(100):
    h = np.tanh(X @ V + c)
    p = 1 / (1 + np.exp(-(h @ v)))
    print(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))
    d = (p - y) / 50
    dh = d @ v.T * (1 - h ** 2)
    v -= 0.1 * h.T @ d
    V -= 0.1 * X.T @ dh
    c -= 0.1 * dh.sum(axis=0)
"""


def test_a_bias_that_is_trained_and_never_added(tmp_path):
    assert judged(tmp_path, UNREAD) == ("verified", [])
    assert judged(tmp_path, UNREAD.replace("X @ V + c", "X @ V")) == ("verified", [("BP109", 8)])


NEURONS = """
import random
random.seed(3)
data = [([random.gauss(0, 1) for _ in range(3)], i % 2) for i in range(20)]
class Neuron:
    def __init__(self, n):
        self.weights = [random.uniform(-1, 1) for _ in range(n)]
        self.bias = random.uniform(-1, 1)
    def forward(self, x):
        self.x = x
        self.out = self.bias
        for w, v in zip(self.weights, x):
            self.out += w * v
        return self.out
    def backward(self, d):
        for i, v in enumerate(self.x):
            self.weights[i] -= 0.1 * d * v
        self.bias -= 0.1 * d
neuron = Neuron(3)
for epoch in range(10):
    total = 0.0
    for x, y in data:
        error = neuron.forward(x) - y
        total += error ** 2 / 2
        neuron.backward(error)
    print(total)
"""


def test_a_bias_that_a_sum_in_a_loop_should_start_with(tmp_path):
    assert judged(tmp_path, NEURONS) == ("verified", [])
    wrong = NEURONS.replace("self.out = self.bias", "self.out = 0.0")
    assert judged(tmp_path, wrong) == ("verified", [("BP109", 11)])


WORDS = UNREAD.replace("c,", "bias_hidden,", 1).replace("+ c)", "+ bias_hidden)").replace(
    "c -=", "bias_hidden -="
).replace("(h @ v)", "(h @ v + bias_output)").replace(
    "for i", "bias_output = rng.normal(size=(1, 1))\nfor i"
)  # fmt: skip


def test_a_bias_is_missed_beside_one_that_another_word_tells_apart(tmp_path):
    whole = WORDS + "    bias_output -= 0.1 * d.sum(axis=0, keepdims=True)\n"
    assert judged(tmp_path, whole) == ("verified", [])
    assert [code for code, _ in judged(tmp_path, WORDS)[1]] == ["BP107"]
