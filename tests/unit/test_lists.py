"""Networks of lists and engines of numbers: units that are off, rules, and what is kept of them."""

import pytest

from tests.corpus import harness
from tests.unit.test_costs_meant import judged

pytestmark = pytest.mark.quality


RECTIFIED = """
import random
rng = random.Random(9)
W1, b1 = [[rng.gauss(0, 0.8) for _ in range(3)] for _ in range(5)], [0.1] * 5
W2, b2 = [rng.gauss(0, 0.6) for _ in range(5)], 0.0
data = [[rng.uniform(-1, 1) for _ in range(3)] for _ in range(6)]
for epoch in range(3):
    total = 0.0
    for x in data:
        y = abs(x[0]) - x[1] * x[2]
        z = [sum(w * v for w, v in zip(row, x)) + b for row, b in zip(W1, b1)]
        h = [max(0.0, v) for v in z]
        e = sum(w * v for w, v in zip(W2, h)) + b2 - y
        total += 0.5 * e * e
        dh = [e * w for w in W2]
        dz = [d if v > 0 else 0 for d, v in zip(dh, z)]
        for k in range(5):
            W2[k] -= 0.05 * e * h[k]
            for i in range(3):
                W1[k][i] -= 0.05 * dz[k] * x[i]
            b1[k] -= 0.05 * dz[k]
        b2 -= 0.05 * e
    print(epoch, total)
"""
TWICE = RECTIFIED.replace("max(0.0, v)", "max(0, v)")
CHOSEN = RECTIFIED.replace("max(0.0, v)", "v if v > 0 else 0.0")
RETURNED = RECTIFIED.replace("max(0.0, v) for", "relu(v) for").replace(
    "for epoch", "def relu(v):\n    if v > 0:\n        return v\n    return 0\nfor epoch", 1
)


@pytest.mark.parametrize("text", [RECTIFIED, TWICE, CHOSEN, RETURNED])
def test_units_that_are_off_belong_to_the_cost(tmp_path, text):
    assert judged(tmp_path, text) == ("verified", [])


def test_a_slope_of_units_that_is_taken_elsewhere_is_wrong(tmp_path):
    few = RETURNED.replace("range(5)", "range(2)").replace("[0.1] * 5", "[0.1] * 2")
    wrong = few.replace("zip(dh, z)]", "zip(dh, dh)]")
    assert judged(tmp_path, wrong)[0] == "wrong"


ENGINE = """
import random
random.seed(5)

class Value:
    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents = data, 0.0, parents
        self.back = lambda: None

    def __add__(self, other):
        out = Value(self.data + other.data, (self, other))
        def back():
            self.grad += out.grad
            other.grad += out.grad
        out.back = back
        return out

    def __sub__(self, other):
        out = Value(self.data - other.data, (self, other))
        def back():
            self.grad += out.grad
            other.grad -= out.grad
        out.back = back
        return out

    def __mul__(self, other):
        out = Value(self.data * other.data, (self, other))
        def back():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
        out.back = back
        return out

def backward(root):
    order, seen = [], set()
    def visit(v):
        if v not in seen:
            seen.add(v)
            for p in v.parents:
                visit(p)
            order.append(v)
    visit(root)
    root.grad = 1.0
    for v in reversed(order):
        v.back()

w = [[Value(random.gauss(0, 1)) for _ in range(2)] for _ in range(3)]
b = [Value(random.gauss(0, 1)) for _ in range(3)]
v = [Value(random.gauss(0, 1)) for _ in range(3)]
params = [p for row in w for p in row] + b + v
for step in range(4):
    loss = Value(0.0)
    for x in ([0.3, -0.8], [-1.1, 0.4], [0.9, 0.7]):
        x = [Value(t) for t in x]
        out = Value(0.0)
        for row, bias, top in zip(w, b, v):
            z = row[0] * x[0] + row[1] * x[1] + bias
            out = out + z * z * top
        r = Value(0.5 - x[0].data) - out
        loss = loss + r * r * Value(0.25)
    for p in params:
        p.grad = 0.0
    backward(loss)
    for p in params:
        p.data -= 0.01 * p.grad
    print(loss.data)
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.grad += other.data * out.grad", "self.grad += self.data * out.grad"),
        ("+= out.grad\n            other.grad +=", "+= out.grad\n            other.grad ="),
    ],
)
def test_the_rule_of_an_engine_that_is_wrong(tmp_path, old, new):
    wrong = ENGINE.replace(old, new)
    line = ENGINE[: ENGINE.index(old) + len(old)].count("\n") + 1
    assert [at for _, at in judged(tmp_path, wrong)[1]][:1] == [line]


SEEN = """
import copy, json, math, pickle, random
random.seed(2)
def relu(z):
    return max(0, z)
off = relu(-1.0)
print(off, repr(off), type(off), type(off).__name__, type(off) == int, json.dumps([off]))
print({off: 1}[0], pickle.dumps(copy.deepcopy(off)) == pickle.dumps(0))
print(relu(2.5), max(0, -0.0), max(math.nan, 0))
w, best, wait = 0.5, 1e9, 0
for epoch in range(30):
    cost = 0.0
    for x in (0.3, -0.8, 1.2):
        h = relu(w * x)
        e = h - abs(x)
        cost += 0.5 * e * e
        w -= 0.1 * (e if w * x > 0 else 0) * x
    wait = 0 if cost < best else wait + 1
    best = min(best, cost)
    print(epoch, cost, wait, type(wait), [0.0] * wait)
"""


def test_a_zero_that_is_watched_looks_like_any_other(tmp_path):
    path = tmp_path / "seen.py"
    path.write_text(SEEN)
    assert harness.run_correct(path).stdout == harness.run_plain(path).stdout


BATCHES = """
import math, random
rng = random.Random(4)
points = [[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(12)]
data = [(x, float(x[0] > x[1])) for x in points]
layers = [[[rng.gauss(0, 1) for _ in range(3)] for _ in range(n)] for n in (3, 1)]
layers[1] = [[rng.gauss(0, 1) for _ in range(4)]]

def run(layer, inputs):
    out = []
    for w in layer:
        total = w[-1]
        for i in range(len(w) - 1):
            total += w[i] * inputs[i]
        out.append(1 / (1 + math.exp(-total)))
    return out

for epoch in range(40):
    cost = 0.0
    for start in (0, 4, 8):
        sums = [[[0.0] * len(w) for w in layer] for layer in layers]
        for x, y in data[start:start + 4]:
            h = run(layers[0], x)
            (p,) = run(layers[1], h)
            cost += 0.5 * (p - y) ** 2
            top = [(p - y) * p * (1 - p)]
            low = [top[0] * w * a * (1 - a) for w, a in zip(layers[1][0], h)]
            for at, inputs, deltas in ((0, x, low), (1, h, top)):
                for k, delta in enumerate(deltas):
                    for i in range(len(inputs)):
                        sums[at][k][i] += delta * inputs[i]
                    sums[at][k][-1] += delta
        for at, layer in enumerate(layers):
            for k, w in enumerate(layer):
                for i in range(len(w)):
                    w[i] -= 2 * sums[at][k][i] / 4
    print(epoch, cost)
"""


def test_biases_in_lists_whose_gradients_are_not_summed(tmp_path):
    assert judged(tmp_path, BATCHES) == ("verified", [])
    lost = BATCHES.replace("                    sums[at][k][-1] += delta\n", "")
    line = 1 + lost[: lost.index("sums[at][k][i] += delta")].count("\n")
    assert judged(tmp_path, lost) == ("verified", [("BP107", line)])
