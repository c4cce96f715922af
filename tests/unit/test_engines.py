"""Scalar engines: the rule that is wrong is named, not the product that it arrives in."""

import pytest

from tests.unit.test_faults_placed import blamed

pytestmark = pytest.mark.quality

TANH_OF_NUMBERS = """
import math, random
random.seed(2)

class Value:
    def __init__(self, data, children=()):
        self.data, self.grad, self.children, self.back = data, 0.0, children, lambda: None
    def __add__(self, other):
        out = Value(self.data + other.data, (self, other))
        def back():
            self.grad += out.grad
            other.grad += out.grad
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
        def visit(v):
            if v not in seen:
                seen.add(v)
                for child in v.children:
                    visit(child)
                order.append(v)
        visit(self)
        self.grad = 1.0
        for v in reversed(order):
            v.back()

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


def test_the_derivative_of_a_function_of_several_operations_in_an_engine(tmp_path):
    found, line = blamed(tmp_path, TANH_OF_NUMBERS, "(1 - t ** 2)", "(1 - t)")
    assert found == [line]
