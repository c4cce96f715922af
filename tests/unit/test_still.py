"""Runs of which no step changes anything, though their cost has a gradient."""

from tests.unit.test_costs_meant import report
from tests.unit.test_faults_placed import line_of

WHOLE_NUMBERS = """
import numpy as np
rng = np.random.default_rng(0)
X, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 1))
W, b = rng.normal(size=(3, 1)), np.zeros((1, 1))
eta = 20 // 40
for step in range(60):
    out = X @ W + b
    loss = np.mean((out - y) ** 2)
    d = 2 * (out - y) / 40
    dW = X.T @ d
    db = d.sum(axis=0, keepdims=True)
    W -= eta * dW
    b -= eta * db
    if step % 20 == 0:
        print(loss)
"""


def test_a_step_size_that_is_rounded_down_to_nothing(tmp_path):
    found = report(tmp_path, WHOLE_NUMBERS)["findings"][0]
    assert (found["code"], found["line"]) == ("BP302", line_of(WHOLE_NUMBERS, "eta = 20"))
    assert "is 0: no step changes anything" in found["title"]


def test_a_step_size_that_is_a_float_is_none_of_these(tmp_path):
    assert report(tmp_path, WHOLE_NUMBERS.replace("20 // 40", "4 / 40"))["findings"] == []


ENGINE = """
import random
random.seed(4)

class Value:
    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents = data, 0.0, parents
        self.send = lambda: None

    def __add__(self, other):
        out = Value(self.data + other.data, (self, other))
        def send():
            self.grad += out.grad
            other.grad += out.grad
        out.send = send
        return out

    def __mul__(self, other):
        out = Value(self.data * other.data, (self, other))
        def send():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
        out.send = send
        return out

    def backward(self):
        order, seen = [], set()
        def visit(v):
            if v not in seen:
                seen.add(v)
                for p in v.parents:
                    visit(p)
                order.append(v)
        visit(self)
        self.grad = 1.0
        for v in order[::-1]:
            v.send()

w = [Value(random.uniform(-1, 1)) for _ in range(2)]
b = Value(0.1)
points = [([1.0, 2.0], 0.5), ([-1.0, 0.5], -1.5), ([0.3, -2.0], 1.0)]
for k in range(20):
    loss = Value(0.0)
    for x, t in points:
        out = b + w[0] * Value(x[0]) + w[1] * Value(x[1]) + Value(-t)
        loss = loss + out * out
    for p in (*w, b):
        p.grad = 0.0
    loss.backward()
    for p in (*w, b):
        p.data -= 0.02 * p.grad
    if k % 5 == 0:
        print(loss.data)
"""


def test_an_operation_that_sends_nothing_back_is_named(tmp_path):
    assert report(tmp_path, ENGINE)["gradient"]["status"] == "verified"
    wrong = ENGINE.replace("            other.grad += out.grad\n        out.send = send\n        "
                           "return out\n\n    def __mul__",
                           "            other.grad += 0.0 * out.grad\n        out.send = send\n"
                           "        return out\n\n    def __mul__")  # fmt: skip
    assert wrong != ENGINE
    found = report(tmp_path, wrong)["findings"][0]
    assert found["line"] == line_of(wrong, "0.0 * out.grad")
