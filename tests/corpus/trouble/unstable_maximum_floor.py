import numpy as np


class Unit:
    def __init__(self, dim, seed):
        g = np.random.default_rng(seed)
        self.w = g.normal(0, 10, dim)
        self.c = 0.0

    def forward(self, x):
        self.x = x
        self.s = x @ self.w + self.c
        self.p = 1 / (1 + np.exp(-self.s))
        return self.p

    def backward(self, t, rate):
        delta = (self.p - t) / len(t)
        self.w = self.w - rate * self.x.T @ delta
        self.c = self.c - rate * delta.sum()


def bce(p, t):
    return -np.mean(t * np.log(np.maximum(p, 1e-7)) + (1 - t) * np.log(np.maximum(1 - p, 1e-7)))


g = np.random.default_rng(6)
x = g.normal(size=(130, 4)) * 2
t = (x @ g.normal(size=4) > 0).astype(float)
unit = Unit(4, 3)
for k in range(80):
    loss = bce(unit.forward(x), t)
    unit.backward(t, 0.02)
    if k % 20 == 0:
        print(k, loss)
