"""A scalar autograd engine: each value knows how to hand its gradient to its parents.

Shows: BP106. Parents add to .grad, rightly, but nobody sets it back to zero before the next step,
so that each update uses the sum of all gradients so far.
"""
import math
import random


class Value:
    def __init__(self, data, parents=()):
        self.data = data
        self.grad = 0.0
        self._parents = parents
        self._backward = lambda: None

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other))

        def _backward():
            self.grad += out.grad
            other.grad += out.grad
        out._backward = _backward
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other))

        def _backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
        out._backward = _backward
        return out

    def tanh(self):
        out = Value(math.tanh(self.data), (self,))

        def _backward():
            self.grad += (1 - out.data ** 2) * out.grad
        out._backward = _backward
        return out

    def backward(self):
        order, seen = [], set()

        def visit(v):
            if v not in seen:
                seen.add(v)
                for parent in v._parents:
                    visit(parent)
                order.append(v)
        visit(self)
        self.grad = 1.0
        for v in reversed(order):
            v._backward()


class Neuron:
    def __init__(self, n):
        self.w = [Value(random.uniform(-1, 1)) for _ in range(n)]
        self.b = Value(0.1)

    def __call__(self, x):
        act = self.b
        for wi, xi in zip(self.w, x):
            act = act + wi * xi
        return act.tanh()

    def parameters(self):
        return self.w + [self.b]


random.seed(6)
hidden = [Neuron(2) for _ in range(3)]
last = Neuron(3)
parameters = [p for n in hidden + [last] for p in n.parameters()]
xs = [(2.0, 1.0), (-1.0, 0.5), (0.5, -1.5), (1.0, 1.5)]
ys = [1.0, -1.0, -1.0, 1.0]

for k in range(12):
    loss = Value(0.0)
    for x, y in zip(xs, ys):
        error = last([n(x) for n in hidden]) + -y
        loss = loss + error * error
    loss.backward()
    for p in parameters:
        p.data -= 0.02 * p.grad
    if k % 4 == 0:
        print(k, round(loss.data, 5))
