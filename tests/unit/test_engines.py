"""Scalar engines: the rule that is wrong is named, not the product that it arrives in."""

import pytest

from tests.unit.test_faults_placed import blamed

pytestmark = pytest.mark.quality

ENGINE = """
import math, random
class Value:
    def __init__(self, data, prev=()):
        self.data, self.prev, self.grad, self.back = data, prev, 0.0, lambda: None
    def __add__(self, other):
        out = Value(self.data + other.data, (self, other))
        def back():
            self.grad += out.grad
            other.grad += 1 * out.grad
        out.back = back
        return out
    def __mul__(self, other):
        out = Value(self.data * other.data, (self, other))
        def back():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
        out.back = back
        return out
    def tanh(self):
        x = self.data
        t = (math.exp(2 * x) - 1) / (math.exp(2 * x) + 1)
        out = Value(t, (self,))
        def back():
            self.grad += (1 - t ** 2) * out.grad
        out.back = back
        return out
    def backward(self):
        order, seen = [], set()
        def visit(value):
            if value not in seen:
                seen.add(value)
                for p in value.prev:
                    visit(p)
                order.append(value)
        visit(self)
        self.grad = 1.0
        for value in reversed(order):
            value.back()
"""

SQUARES = (
    ENGINE
    + """
random.seed(2)
V = [[Value(random.uniform(-1, 1)) for _ in range(2)] for _ in range(4)]
U = [Value(random.uniform(-1, 1)) for _ in range(4)]
params = [w for row in V for w in row] + U
data = [(random.uniform(-1, 1), random.uniform(-1, 1)) for _ in range(6)]
for epoch in range(10):
    loss = Value(0.0)
    for a, b in data:
        hidden = [Value(a) * v[0] + Value(b) * v[1] for v in V]
        y = Value(-a * b)
        for h, u in zip(hidden, U):
            y = y + u * h * h
        loss = loss + y * y * Value(0.1)
    for p in params:
        p.grad = 0.0
    loss.backward()
    for p in params:
        p.data -= 0.05 * p.grad
"""
)

TANH = (
    ENGINE
    + """
random.seed(2)
points = [(Value(0.5), Value(-1.0)), (Value(-1.5), Value(0.8)), (Value(1.2), Value(0.3))]
w = [Value(random.uniform(-1, 1)) for _ in range(6)]
for step in range(12):
    loss = Value(0.0)
    for x, y in points:
        hidden = [(w[k] * x + w[k + 2]).tanh() for k in range(2)]
        out = (w[4] * hidden[0] + w[5] * hidden[1]).tanh()
        e = out + y * Value(-1.0)
        loss = loss + e * e
    for p in w:
        p.grad = 0.0
    loss.backward()
    for p in w:
        p.data -= 0.1 * p.grad
    print(loss.data)
"""
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.grad += other.data * out.grad", "self.grad = other.data * out.grad"),
        ("other.grad += self.data * out.grad", "other.grad = self.data * out.grad"),
    ],
)
def test_a_rule_that_keeps_one_share(tmp_path, old, new):
    lines, line = blamed(tmp_path, SQUARES, old, new)
    assert lines == [line]


def test_the_derivative_of_a_function_of_several_operations(tmp_path):
    found, line = blamed(tmp_path, TANH, "(1 - t ** 2)", "(1 - t)")
    assert found == [line]


@pytest.mark.parametrize("program", [SQUARES, TANH])
def test_rules_that_all_keep_one_share(tmp_path, program):
    text = program.replace("grad += ", "grad = ")
    rules = {n for n, line in enumerate(text.splitlines(), 1) if "out.grad" in line}
    found, _ = blamed(tmp_path, text, "self.grad = out.grad", "self.grad = out.grad * 1")
    assert found
    assert set(found) <= rules
