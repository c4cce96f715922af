"""Updates that hold no gradient, or not all of it; and right programs that look like them."""

import json
import subprocess
import sys

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import blamed

pytestmark = pytest.mark.quality

PLAIN = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(48, 5))
Y = (X[:, :1] * X[:, 1:2] > 0).astype(float)
Y = np.concatenate([Y, 1 - Y, Y], 1)
W1, b1 = rng.normal(size=(5, 7)) * 0.5, np.zeros((1, 7))
W2, b2 = rng.normal(size=(7, 3)) * 0.5, np.zeros((1, 3))
lr = 0.07
for step in range(60):
    A1 = np.tanh(X @ W1 + b1)
    A2 = 1 / (1 + np.exp(-(A1 @ W2 + b2)))
    loss = -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / 48
    d2 = (A2 - Y) / 48
    dW2 = A1.T @ d2
    db2 = d2.sum(0, keepdims=True)
    d1 = d2 @ W2.T * (1 - A1**2)
    dW1 = X.T @ d1
    db1 = d1.sum(0, keepdims=True)
    W1 -= lr * dW1
    b1 -= lr * db1
    W2 -= lr * dW2
    b2 -= lr * db2
print(loss)
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("b2 -= lr * db2", "b2 -= lr"),
        ("dW1 = X.T @ d1", "dW1 = 1 / len(X)"),
        ("W2 -= lr * dW2", "W2 -= dW2"),
        ("b1 -= lr * db1", "b1 = -lr * db1"),
    ],
)
def test_a_step_that_lost_its_gradient_or_its_rate(tmp_path, old, new):
    found, line = blamed(tmp_path, PLAIN, old, new)
    assert found == [line]


def test_the_fix_of_a_step_without_rate_gives_it_the_rate_of_the_others(tmp_path):
    (tmp_path / "train.py").write_text(PLAIN.replace("W2 -= lr * dW2", "W2 -= dW2"), "utf-8")
    command = [sys.executable, "-m", "backproof", "run", "--json", "o.json", "train.py"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=90)
    (found,) = json.loads((tmp_path / "o.json").read_text("utf-8"))["findings"]
    assert found["code"] == "BP102"
    assert found["fix"]["verified"]
    assert "lr * dW2" in found["fix"]["after"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("d2 @ W2.T", "d2 @ W2.T"),
        ("b2 -= lr * db2", "b2 -= 2 * lr * db2"),
        ("lr = 0.07", "b0 = np.zeros((1, 7))\nlr = 0.1"),
        ("W1 -= lr * dW1\n    b1 -= lr * db1", "W1 -= 0.1 * lr * dW1\n    b1 -= 0.1 * lr * db1"),
        ("W2 -= lr * dW2\n    b2 -= lr * db2", "dW2 *= lr\n    W2 -= dW2\n    b2 -= lr * db2"),
    ],
)
def test_paces_and_schedules_of_ones_own(tmp_path, old, new):
    right = PLAIN.replace(old, new).replace("lr = 0.07", "lr = 0.1")
    if "b0" in new:  # raised by a schedule
        right = right.replace("@ W1 + b1)", "@ W1 + b1 + b0)")
        right = right.replace("b2 -= lr * db2", "b2 -= lr * db2\n    b0 += 0.001")
    assert judged(tmp_path, right) == ("verified", [])


LISTS = """
import numpy as np
rng = np.random.default_rng(1)
data = [(rng.normal(size=(4, 1)), rng.normal(size=(3, 1))) for _ in range(20)]

class Net:
    def __init__(self, sizes):
        self.biases = [rng.normal(size=(y, 1)) for y in sizes[1:]]
        self.weights = [rng.normal(size=(y, x)) * 0.5 for x, y in zip(sizes[:-1], sizes[1:])]

    def update(self, batch, eta):
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        for x, y in batch:
            step_b, step_w = self.backprop(x, y)
            nabla_b = [nb + db for nb, db in zip(nabla_b, step_b)]
            nabla_w = [nw + dw for nw, dw in zip(nabla_w, step_w)]
        self.weights = [0.99 * w - (eta / len(batch)) * nw for w, nw in zip(self.weights, nabla_w)]
        self.biases = [b - (eta / len(batch)) * nb for b, nb in zip(self.biases, nabla_b)]

    def backprop(self, x, y):
        nabla_b = [None for b in self.biases]
        nabla_w = [None for w in self.weights]
        values = [x]
        for b, w in zip(self.biases, self.weights):
            values.append(np.tanh(w @ values[-1] + b))
        delta = (values[-1] - y) * (1 - values[-1] ** 2)
        nabla_b[-1], nabla_w[-1] = delta, delta @ values[-2].T
        delta = (self.weights[-1].T @ delta) * (1 - values[-2] ** 2)
        nabla_b[-2], nabla_w[-2] = delta, delta @ values[-3].T
        return nabla_b, nabla_w

net = Net([4, 6, 3])
for epoch in range(10):
    for k in range(0, 20, 5):
        net.update(data[k:k + 5], 0.3)
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[nb + db for nb, db", "[nb for nb, db"),
        ("[0.99 * w - (eta", "[0.99 - (eta"),
    ],
)
def test_sums_that_stay_empty_and_weights_that_are_not_carried_on(tmp_path, old, new):
    found, line = blamed(tmp_path, LISTS, old, new)
    assert found == [line]


LEAKY = """
import numpy as np
rng = np.random.default_rng(3)
Wx, Wh = rng.normal(size=(6, 3)) * 0.3, rng.normal(size=(6, 6)) * 0.3
Wy, bh = rng.normal(size=(2, 6)) * 0.3, np.zeros((6, 1))
h = np.zeros((6, 1))
xs = rng.normal(size=(60, 3, 1))
for t in range(1, 60):
    before = h
    c = np.tanh(Wx @ xs[t] + Wh @ before + bh)
    h = 0.5 * before + 0.5 * c
    out = Wy @ h
    d = out - xs[t - 1, :2]
    loss = 0.5 * np.sum(d**2)
    dc = 0.5 * (Wy.T @ d) * (1 - c**2)
    Wy -= 0.05 * d @ h.T
    Wx -= 0.05 * dc @ xs[t].T
    Wh -= 0.05 * dc @ before.T
    bh -= 0.05 * dc
    print(loss)
"""


def test_a_hidden_state_that_leaks_is_no_parameter(tmp_path):
    assert judged(tmp_path, LEAKY) == ("verified", [])


SWITCHED = """
import numpy as np
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(40, 5)), rng.normal(size=(40, 2))

class Dense:
    def __init__(self, n, m, biased=True):
        self.W, self.b, self.biased = rng.normal(size=(n, m)) * 0.4, np.zeros((1, m)), biased

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, d):
        self.dW = self.x.T @ d
        self.db = d.sum(0, keepdims=True) if self.biased else np.zeros_like(self.b)
        return d @ self.W.T

    def step(self, lr):
        for name in ("W", "b"):
            setattr(self, name, getattr(self, name) - lr * getattr(self, "d" + name))

one, two = Dense(5, 8, False), Dense(8, 2)
for i in range(60):
    A = np.tanh(one.forward(X))
    out = two.forward(A)
    loss = 0.5 * np.sum((out - Y) ** 2) / 40
    one.backward(two.backward((out - Y) / 40) * (1 - A**2))
    one.step(0.1)
    two.step(0.1)
    print(loss)
"""


def test_a_bias_that_a_switch_keeps_at_zero_is_left_in_peace(tmp_path):
    assert judged(tmp_path, SWITCHED) == ("verified", [])


STEP = PLAIN[PLAIN.index("    W1 -= lr") : PLAIN.index("print(loss)")]

MOMENTUM = PLAIN.replace(
    STEP,
    """    vW1 = 0.9 * vW1 - lr * dW1
    vb1 = 0.9 * vb1 - lr * db1
    vW2 = 0.9 * vW2 - lr * dW2
    vb2 = 0.9 * vb2 - lr * db2
    vb3 = 0.9 * vb3 - lr * d2.sum()
    W1 += vW1
    b1 += vb1
    W2 += vW2
    b2 += vb2
    b3 += vb3
""",
)
MOMENTUM = MOMENTUM.replace("@ W2 + b2)", "@ W2 + b2 + b3)").replace(
    "lr = 0.07",
    "lr = 0.07\nb3 = np.zeros((1, 1))\n"
    "vW1, vb1, vW2, vb2, vb3 = (0 * p for p in (W1, b1, W2, b2, b3))",
)

CACHED = PLAIN.replace(
    STEP,
    """    for p, g, c in zip((W1, b1, W2, b2), (dW1, db1, dW2, db2), cache):
        c[:] = 0.9 * c + 0.1 * g**2
        p -= 0.01 * g / (np.sqrt(c) + 1e-6)
""",
).replace("lr = 0.07", "cache = [np.zeros_like(p) for p in (W1, b1, W2, b2)]")

ADAM = PLAIN.replace(
    STEP,
    """    for k, g in (("W1", dW1), ("W2", dW2)):
        m[k] = 0.9 * m[k] + (1 - 0.9) * g
        v[k] = 0.99 * v[k] + (1 - 0.99) * g**2
    t = step + 1
    W1 -= lr * (m["W1"] / (1 - 0.9**t)) / (np.sqrt(v["W1"] / (1 - 0.99**t)) + 1e-8)
    W2 -= lr * (m["W2"] / (1 - 0.9**t)) / (np.sqrt(v["W2"] / (1 - 0.99**t)) + 1e-8)
    b1 -= 0.1 * db1
    b2 -= 0.1 * db2
""",
).replace("lr = 0.07", "lr = 0.01\nm, v = {'W1': 0.0, 'W2': 0.0}, {'W1': 0.0, 'W2': 0.0}")


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (MOMENTUM, "vW1 = 0.9 * vW1 - lr * dW1", "vW1 = -(lr * dW1) - 0.9 * vW1"),
        (MOMENTUM, "vb2 = 0.9 * vb2 - lr * db2", "vb2 = 0.9 * vb3 - lr * db2"),
        (CACHED, "(np.sqrt(c) + 1e-6)", "(np.sqrt(c) - 1e-6)"),
        (ADAM, "m[k] = 0.9 * m[k] + (1", "m[k] = 0.9 + (1"),
        (ADAM, "0.9 * m[k] + (1 - 0.9) * g", "0.9 * m[k] + g"),
    ],
)
def test_averages_that_are_not_what_an_optimiser_keeps(tmp_path, text, old, new):
    found, line = blamed(tmp_path, text, old, new)
    assert found == [line]


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (MOMENTUM, "0.9 * ", "-0.3 * "),
        (MOMENTUM, "+= v", "-= -v"),
        (CACHED, "0.1 * g**2", "g**2"),
        (ADAM, "step", "step"),
        (ADAM, "1e-8 ", "1e-6 "),
    ],
)
def test_optimisers_in_order(tmp_path, text, old, new):
    assert judged(tmp_path, text.replace(old, new)) == ("verified", [])
