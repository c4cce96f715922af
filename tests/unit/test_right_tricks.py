"""Right programs whose steps do more than go down a gradient; each was once accused, or crashed."""

import pytest

from tests.unit.test_costs_meant import judged, report

pytestmark = pytest.mark.quality

SHARPNESS_AWARE = """
import numpy as np
rng = np.random.default_rng(2)
x = rng.normal(size=(40, 3))
t = (x @ np.array([1.0, -2.0, 0.5]) > 0).astype(float)
w = rng.normal(size=3)
def cost_and_gradient(w):
    p = 1 / (1 + np.exp(-(x @ w)))
    return -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p)), x.T @ (p - t) / len(x)
for step in range(30):
    cost, g = cost_and_gradient(w)
    e = 0.1 * g / (np.linalg.norm(g) + 1e-12)
    w += e
    worst, g = cost_and_gradient(w)
    w -= e
    w -= 0.5 * g
print(cost, worst)
"""

AVERAGED_GRADIENTS = """
import numpy as np
rng = np.random.default_rng(5)
x, y = rng.normal(size=(12, 3)), rng.normal(size=12)
w, table, total = np.zeros(3), np.zeros((12, 3)), np.zeros(3)
for step in range(200):
    i = rng.integers(12)
    loss = 0.5 * (x[i] @ w - y[i]) ** 2
    g = (x[i] @ w - y[i]) * x[i]
    total += g - table[i]
    table[i] = g
    w -= 0.1 / 12 * total
print(loss)
"""

SPIKES = """
import numpy as np
rng = np.random.default_rng(3)
x = rng.normal(size=(30, 4))
y = rng.integers(0, 2, 30)
V, W, b = rng.normal(size=(4, 6)), rng.normal(size=(6, 2)) * 0.5, np.zeros(2)
for step in range(40):
    u = x @ V
    s = (u > 0.5).astype(float)
    z = s @ W + b
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    loss = -np.log(p[np.arange(30), y]).mean()
    d = p.copy()
    d[np.arange(30), y] -= 1
    d /= 30
    du = d @ W.T / (1 + 5 * np.abs(u - 0.5)) ** 2
    W -= 0.3 * s.T @ d
    b -= 0.3 * d.sum(0)
    V -= 0.3 * x.T @ du
print(loss)
"""

REWARDS = """
import numpy as np
rng = np.random.default_rng(7)
theta, baseline = np.array([0.5, -0.5]), 0.0
features = np.array([[0.0, 1.0], [1.0, 0.0]])
for episode in range(60):
    h = theta @ features
    p = np.exp(h - h.max())
    p /= p.sum()
    action = int(rng.random() > p[0])
    returns = np.array([-3.0 - action, -1.0])
    for G in returns:
        h = theta @ features
        p = np.exp(h - h.max())
        p /= p.sum()
        theta += 0.01 * (G - baseline) * (features[:, action] - features @ p)
    baseline += 0.05 * (returns[0] - baseline)
print(theta)
"""

TWO_RATES = """
import numpy as np
class Step:
    def __init__(self, rate):
        self.rate = rate
    def __call__(self, p, g):
        p -= self.rate * g
slow, fast = Step(0.01), Step(0.05)
rng = np.random.default_rng(8)
x = rng.normal(size=(40, 3))
y = np.sin(x[:, :1])
V, W = rng.normal(size=(3, 8)) * 0.5, rng.normal(size=(8, 1)) * 0.5
def train():
    a = x @ V
    h = np.maximum(a, 0.01 * a)
    e = h @ W - y
    loss = (e ** 2).mean()
    d = 2 * e / len(e)
    da = d @ W.T * np.where(a > 0, 1, 0.01)
    fast(W, h.T @ d)
    slow(V, x.T @ da)
    return loss
for step in range(50):
    loss = train()
print(loss)
"""

RECORDS = """
import numpy as np
rng = np.random.default_rng(9)
kind = [("weight", "f8", (3,)), ("bias", "f8")]
rows = np.zeros(2, dtype=kind)
x = rng.normal(size=(30, 3))
y = rng.integers(0, 2, 30)
for step in range(20):
    before = rows.copy()
    z = x @ before["weight"].T + before["bias"]
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    loss = -np.log(p[np.arange(30), y]).mean()
    d = p.copy()
    d[np.arange(30), y] -= 1
    rows = np.array([(w - 0.1 * g, b - 0.1 * s) for w, b, g, s in zip(
        before["weight"], before["bias"], d.T @ x / 30, d.mean(0))], dtype=kind)
print(loss)
"""

HALVES = """
import numpy as np
rng = np.random.default_rng(4)
x = rng.normal(size=(60, 30))
t = (x[:, 0] > 0).astype(float)
w = np.zeros(30, np.float32)
for step in range(50):
    half = w.astype(np.float16)
    p = 1 / (1 + np.exp(-(x @ half.astype(float))))
    loss = -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))
    w -= (0.5 * x.T @ (p - t) / 60).astype(np.float32)
print(loss)
"""

ATTACKED = """
import numpy as np
rng = np.random.default_rng(3)
def cost_and_slopes(w, x, y):
    margin = y * (x @ w)
    d = -y / (1 + np.exp(margin)) / len(y)
    return np.logaddexp(0, -margin).mean(), x.T @ d, np.outer(d, w)
x = rng.normal(size=(60, 3))
y = np.where(x[:, 0] > 0, 1.0, -1.0)
w = rng.normal(size=3)
for epoch in range(30):
    moved = x + rng.uniform(-0.1, 0.1, x.shape)
    for _ in range(3):
        _, _, up = cost_and_slopes(w, moved, y)
        moved += 0.05 * np.sign(up)
    loss, down, _ = cost_and_slopes(w, moved, y)
    w = w - 0.3 * down
    print(loss)
"""

CODES = """
import numpy as np
rng = np.random.default_rng(5)
curves = np.sin(rng.uniform(0, 3, (40, 1)) + np.linspace(0, 2, 9))
codes, V, d = rng.normal(size=(40, 2)), rng.normal(size=(2, 9)), np.zeros(9)
for epoch in range(20):
    for rows in np.array_split(rng.permutation(40), 4):
        z = codes[rows]
        e = z @ V + d - curves[rows]
        dz = e @ V.T
        V -= 0.05 * z.T @ e / len(rows)
        d -= 0.05 * e.sum(0) / len(rows)
        codes[rows] -= 0.1 * dz
"""

KEPT_IN_A_DATACLASS = """
import numpy as np
from dataclasses import dataclass, astuple
rng = np.random.default_rng(6)
@dataclass
class Cache:
    x: np.ndarray
    centred: np.ndarray
    scale: np.ndarray
    def unpack(self):
        return astuple(self)
x, t = rng.normal(size=(30, 4)), rng.normal(size=(30, 2))
W, V, g = rng.normal(size=(4, 5)), rng.normal(size=(5, 2)), np.ones(5)
for step in range(25):
    a = x @ W
    centred = a - a.mean(0)
    scale = 1 / np.sqrt((centred ** 2).mean(0) + 1e-5)
    cache = Cache(a, centred, scale)
    h = g * centred * scale
    e = h @ V - t
    loss = 0.5 * np.sum(e ** 2) / 30
    _, c, s = cache.unpack()
    dh = e @ V.T / 30
    dV, dg = h.T @ e / 30, (dh * c * s).sum(0)
    dn = dh * g
    da = s * (dn - dn.mean(0) - c * s * (dn * c * s).mean(0))
    W -= 0.1 * x.T @ da
    V -= 0.1 * dV
    g -= 0.1 * dg
    print(loss)
"""


def test_a_move_that_is_taken_back_is_no_update(tmp_path):
    assert judged(tmp_path, SHARPNESS_AWARE) == ("verified", [])


@pytest.mark.parametrize(
    "program", [AVERAGED_GRADIENTS, SPIKES, REWARDS, RECORDS],
    ids=["a table of gradients", "spikes", "negative rewards", "records"],
)  # fmt: skip
def test_what_is_no_gradient_of_a_cost_is_not_accused(tmp_path, program):
    assert judged(tmp_path, program)[1] == []


@pytest.mark.parametrize(
    "program", [ATTACKED, CODES, KEPT_IN_A_DATACLASS],
    ids=["an attack asks for the cost as well", "a code for each sample", "astuple"],
)  # fmt: skip
def test_these_are_verified(tmp_path, program):
    assert judged(tmp_path, program) == ("verified", [])


def test_a_rate_may_be_the_slope_of_a_leaky_unit_as_well(tmp_path):
    assert judged(tmp_path, TWO_RATES) == ("verified", [])


def test_a_cast_is_not_held_against_what_its_source_becomes(tmp_path):
    assert all(code != "BP203" for code, _ in judged(tmp_path, HALVES)[1])


FRAMEWORK = """
import numpy as np
rng = np.random.default_rng(0)
class Linear:
    def __init__(self, n, m):
        self.W, self.b = rng.normal(size=(n, m)), np.zeros(m)
    def __call__(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, g):
        self.dW, self.db = self.x.T @ g, g.sum(0)
        return g @ self.W.T
class Tanh:
    def __call__(self, x):
        self.a = np.tanh(x)
        return self.a
    def backward(self, g):
        return g * (1 - self.a ** 2)
class Step:
    def __init__(self, net):
        self.net = net
    def __call__(self):
        for layer in self.net:
            for name in ("W", "b") if isinstance(layer, Linear) else ():
                setattr(layer, name, getattr(layer, name) - 0.1 * getattr(layer, "d" + name))
x, y = rng.normal(size=(60, 2)), rng.normal(size=(60, 1))
for kind in ("one", "two"):
    net = [Linear(2, 6), Tanh(), Linear(6, 1)]
    step = Step(net)
    for epoch in range(600):
        out = x
        for layer in net:
            out = layer(out)
        loss = np.mean((out - y) ** 2)
        g = 2 * (out - y) / len(y)
        for layer in net[::-1]:
            g = layer.backward(g)
        step()
    print(kind, loss)
"""


def test_parameters_of_first_steps_are_called_as_later(tmp_path):
    assert judged(tmp_path, FRAMEWORK) == ("verified", [])
    told = report(tmp_path, FRAMEWORK.replace("g.sum(0)", "g.mean(0)"))
    assert told["findings"][0]["code"] in ("BP101", "BP102")
    assert "`net[0].b`, `net[2].b`" in told["findings"][0]["title"]
