"""What a program makes of its outputs, of a split and of a layer: each fault beside its cure."""

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_training_causes import is_told_apart
from tests.unit.test_training_told import is_told

pytestmark = pytest.mark.quality


ANSWERS = """
import numpy as np
rng = np.random.default_rng(4)
x = rng.normal(size=(80, 6))
t = (x[:, 0] - x[:, 2] > 0).astype(float)
w, v = rng.normal(size=(6, 5)) * 0.4, rng.normal(size=(5, 1)) * 0.4

def forward(x):
    h = np.tanh(x @ w)
    return h, 1 / (1 + np.exp(-h @ v))

def predict(x):
    return (forward(x)[1] > 0.5).astype(int)

for epoch in range(200):
    h, p = forward(x)
    loss = -np.mean(t[:, None] * np.log(p) + (1 - t[:, None]) * np.log(1 - p))
    d = (p - t[:, None]) / 80
    gv = h.T @ d
    gw = x.T @ (d @ v.T * (1 - h ** 2))
    v -= 2.0 * gv
    w -= 2.0 * gw
    if epoch % 20 == 0:
        print(loss, np.mean(predict(x).reshape(-1) == t))
"""


def test_the_largest_of_one_output_is_always_the_first(tmp_path):
    edits = {"(forward(x)[1] > 0.5).astype(int)": "np.argmax(forward(x)[1], axis=1)"}
    is_told_apart(tmp_path, ANSWERS, edits, "BP405", "return np.argmax")


SPLIT = """
import numpy as np
np.random.seed(7)

def split(x, y, k):
    a = np.random.permutation(len(x))
    x = x[a]
    y = y[a]
    return x[k:], y[k:]

kinds = np.repeat(np.arange(3), 60)
data = np.array([[0.0, 1.0, 2.0], [1.5, -1.0, 0.5], [-1.5, 0.3, -1.0]])[kinds]
data = data + 0.4 * np.random.randn(180, 3)
x, k = split(data, kinds, 40)
y = np.eye(3)[k]
w, b = np.zeros((3, 3)), np.zeros(3)
for epoch in range(300):
    z = x @ w + b
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    loss = -np.sum(y * np.log(p)) / len(x)
    d = (p - y) / len(x)
    w -= 0.5 * x.T @ d
    b -= 0.5 * d.sum(0)
print(loss)
"""


def test_the_rows_behind_a_cut_are_known_to_be_shuffled(tmp_path):
    edits = {"y = y[a]": "y = y[np.random.permutation(len(y))]"}
    is_told_apart(tmp_path, SPLIT, edits, "BP403", "    y = y[")


SERIES = """
import numpy as np
np.random.seed(7)
s = np.array([2.2, 3.2, 1.9, 4.8, 0.6, 4.2, 1.7, 4.7, 0.2, 5.7, 0.5, 5.0, 0.2, 6.0, 0.1, 5.1])
x, y = np.array([s[i:i + 3] for i in range(13)]), s[3:]
w1, w2 = np.random.uniform(0, 1, (4, 3)), np.random.uniform(0, 1, 4)
rate = 0.01
for epoch in range(600):
    a = w1 @ x.T
    h = np.maximum(0, a)
    z = w2 @ h
    o = np.maximum(0, z)
    cost = np.sum((o - y) ** 2) / 26
    d = (o - y) * (z > 0) / 13
    g2 = h @ d
    g1 = (np.outer(w2, d) * (a > 0)) @ x
    w2 = w2 - rate * g2
    w1 = w1 - rate * g1
print(cost)
"""


def test_an_output_that_the_first_step_has_switched_off(tmp_path):
    is_told_apart(tmp_path, SERIES, {"rate = 0.01": "rate = 0.1"}, "BP305", "rate = 0.1")


PRESSURE = """
import numpy as np
rng = np.random.default_rng(0)
d = rng.normal(size=(120, 4)) * 5
t = (d[:, 0] - d[:, 1] > 0).astype(np.float32)[:, None]
x = (np.array([101325.0, 101010.0, 100890.0, 99870.0]) + d).astype(np.float32)
w, b = (rng.normal(size=(4, 1)) * 0.5).astype(np.float32), np.zeros(1, np.float32)
for epoch in range(80):
    m = x.mean(axis=0)
    v = ((x - m) ** 2).mean(axis=0)
    n = (x - m) / np.sqrt(v + np.float32(1e-5))
    z = n @ w + b
    loss = np.mean(np.logaddexp(0, z) - t * z)
    e = (1 / (1 + np.exp(-np.clip(z, -60, 60))) - t) / np.float32(120)
    w -= np.float32(0.5) * (n.T @ e)
    b -= np.float32(0.5) * e.sum(0)
print(loss)
"""


def test_a_layer_whose_variance_cancels(tmp_path):
    edits = {"((x - m) ** 2).mean(axis=0)": "np.maximum((x * x).mean(axis=0) - m * m, 0)"}
    is_told_apart(tmp_path, PRESSURE, edits, "BP203", "v = np.maximum")


MARGINS = """
import numpy as np
rng = np.random.default_rng(3)
k = rng.integers(0, 2, 120)
x = rng.normal(size=(120, 3)) + np.where(k[:, None] == 1, [1.0, -0.7, 0.4], [-1.0, 0.7, -0.4])
y = np.where(k == 1, 1.0, -1.0)
w, b = np.zeros(3), 0.0
for epoch in range(20):
    for i, x_i in enumerate(x):
        if y[i] * (np.dot(x_i, w) - b) >= 1:
            w -= 0.005 * (2 * 0.01 * w)
        else:
            w -= 0.005 * (2 * 0.01 * w - x_i * y[i])
            b -= 0.005 * y[i]
print(w)
"""


def test_samples_labelled_0_teach_a_hinge_nothing(tmp_path):
    is_told(tmp_path, MARGINS, {"1.0, -1.0)": "1.0, 0.0)"}, "BP402", "y = np.where")
    assert judged(tmp_path, MARGINS)[1] == []


NEURONS = """
import numpy as np
rng = np.random.default_rng(0)
class Neuron:
    def __init__(self, n):
        self.w = rng.normal(size=n)
neurons = [Neuron(4) for _ in range(3)]
x, y = rng.normal(size=(20, 4)), rng.normal(size=(20, 3))
for epoch in range(6):
    for a, t in zip(x, y):
        o = np.zeros(3)
        for i, n in enumerate(neurons):
            o[i] = np.dot(n.w, a)
        new = np.array([n.w for n in neurons]) - 0.05 * np.outer(o - t, a)
        for n, row in zip(neurons, new):
            n.w = row
    print(0.5 * np.sum((o - t) ** 2))
"""


def test_weights_of_neurons_may_be_put_together_for_their_update(tmp_path):
    assert judged(tmp_path, NEURONS) == ("verified", [])
    assert judged(tmp_path, NEURONS.replace("(o - t, a)", "(o + t, a)"))[0] == "wrong"


EPOCHS = """
import numpy as np
rng = np.random.RandomState(0)
np.random.seed(0)
shapes = rng.rand(20, 3) > 0.5
y = rng.randint(0, 3, 300)
x = shapes[:, y] * 0.8 + 0.2 * rng.rand(20, 300)
w, b = np.random.rand(3, 20) - 0.5, np.zeros((3, 1))

def hot(k):
    found = np.zeros((k.size, 3))
    found[np.arange(k.size), k] = 1
    return found.T

for epoch in range(12):
    order = np.random.permutation(300)
    x = x[:, order]
    y = y[order]
    for k in range(0, 300, 50):
        a, t = x[:, k:k + 50], y[k:k + 50]
        z = w.dot(a) + b
        p = np.exp(z) / np.sum(np.exp(z), axis=0)
        d = p - hot(t)
        w = w - 0.1 * d.dot(a.T) / 50
        b = b - 0.1 * np.sum(d, axis=1, keepdims=True) / 50
    print(epoch, np.mean(np.argmax(w.dot(x) + b, 0) == y))
"""


def test_inputs_and_labels_that_each_epoch_shuffles_apart(tmp_path):
    edits = {"    y = y[order]": "    y = y[np.random.permutation(300)]"}
    is_told_apart(tmp_path, EPOCHS, edits, "BP403", "    y = y[np")
