"""The rules of autograd engines, each judged by what comes in and what goes out."""

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import line_of

pytestmark = pytest.mark.quality

ENGINE = """
import math
import random
random.seed(2)

class Num:
    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents = data, 0.0, parents
        self.pull = lambda: None

    def __add__(self, other):
        out = Num(self.data + other.data, (self, other))
        def pull():
            self.grad += out.grad
            other.grad += out.grad
        out.pull = pull
        return out

    def __mul__(self, other):
        out = Num(self.data * other.data, (self, other))
        def pull():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
        out.pull = pull
        return out

    def tanh(self):
        t = math.tanh(self.data)
        out = Num(t, (self,))
        def pull():
            self.grad += (1 - t * t) * out.grad
        out.pull = pull
        return out

    def relu(self):
        out = Num(max(0.0, self.data), (self,))
        def pull():
            self.grad += (out.data > 0) * out.grad
        out.pull = pull
        return out

    def backward(self):
        order, seen = [], set()
        def visit(node):
            if node not in seen:
                seen.add(node)
                for parent in node.parents:
                    visit(parent)
                order.append(node)
        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            node.pull()

    def mean(self, count):
        out = Num(self.data / count, (self,))
        def pull():
            self.grad += out.grad / count
        out.pull = pull
        return out

weights = [Num(random.uniform(-1, 1)) for _ in range(9)]
points = [(random.uniform(-1, 1), random.uniform(-1, 1)) for _ in range(5)]
for step in range(12):
    loss = Num(0.0)
    for a, b in points:
        x, y = Num(a), Num(b)
        h = (weights[0] * x + weights[1] * y + weights[2]).tanh()
        k = (weights[3] * x + weights[4] * y + weights[5]).relu()
        miss = weights[6] * h + weights[7] * k + weights[8] + Num(-a * b)
        loss = loss + miss * miss
    for w in weights:
        w.grad = 0.0
    loss = loss.mean(5)
    loss.backward()
    for w in weights:
        w.data -= 0.02 * w.grad
print(loss.data)
"""


def test_a_right_engine_is_verified(tmp_path):
    assert judged(tmp_path, ENGINE) == ("verified", [])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(1 - t * t) * out.grad", "(1 - t * t)"),
        ("(1 - t * t) * out.grad", "(1 - t) * out.grad"),
        ("(out.data > 0) * out.grad", "(out.data > 0) * 1.0"),
        ("self.grad += other.data * out.grad", "self.grad += 1.0 * out.grad"),
        ("other.grad += self.data * out.grad", "other.grad += 1.0 * out.grad"),
        # All gradients are five times the right ones: nothing but the loss's own slope tells.
        ("self.grad += out.grad / count", "self.grad += out.grad * 1.0"),
    ],
)
def test_a_wrong_rule_is_told_at_its_statement(tmp_path, old, new):
    text = ENGINE.replace(old, new)
    status, found = judged(tmp_path, text)
    assert status == "wrong"
    assert found[:1] == [("BP101", line_of(text, new))]
