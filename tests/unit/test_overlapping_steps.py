"""Loops that update first and run the network after: a step spans two iterations."""

import pytest

from tests.unit.test_costs_meant import judged, report
from tests.unit.test_faults_placed import line_of

pytestmark = pytest.mark.quality

TURNED = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(30, 3))
y = (X[:, :1] > 0).astype(float)
W1, W2 = rng.normal(size=(3, 4)), rng.normal(size=(4, 1))

def forward():
    h = np.tanh(X @ W1)
    return h, 1 / (1 + np.exp(-h @ W2))

h, out = forward()
for it in range(steps):
    d = (out - y) / len(y)
    gW2 = h.T @ d
    gW1 = X.T @ (d @ W2.T * (1 - h ** 2))
    W1 -= 0.5 * gW1
    W2 -= 0.5 * gW2
    h, out = forward()
    if it % 20 == 0:
        print(-np.mean(y * np.log(out) + (1 - y) * np.log(1 - out)))
"""
SILENT = TURNED.replace("if it % 20 == 0:", "if it < 0:")
OBJECTS = """
import math
import random
random.seed(1)

class Neuron:
    def __init__(self, n):
        self.w = [random.uniform(-1, 1) for _ in range(n)]
        self.b = 0.1

    def fire(self, x):
        self.x = x
        self.out = 1 / (1 + math.exp(-sum(w * v for w, v in zip(self.w, x)) - self.b))
        return self.out

    def update(self):
        for i in range(len(self.w)):
            self.w[i] -= 0.5 * self.delta * self.x[i]
        self.b -= 0.5 * self.delta

hidden, outs = [Neuron(2), Neuron(2)], [Neuron(2), Neuron(2)]

def run(x):
    h = [n.fire(x) for n in hidden]
    return [n.fire(h) for n in outs]

def back(t):
    for n, v in zip(outs, t):
        n.delta = (n.out - v) * n.out * (1 - n.out)
    for i, n in enumerate(hidden):
        n.delta = sum(o.delta * o.w[i] for o in outs) * n.out * (1 - n.out)

run([0.05, 0.1])
for rep in range(60):
    back([0.01, 0.99])
    for n in hidden + outs:
        n.update()
    o = run([0.05, 0.1])
    if rep % 10 == 0:
        print(o)
"""


@pytest.mark.parametrize("program", [TURNED, SILENT])
@pytest.mark.parametrize("steps", [60, 3000])
def test_a_loop_that_runs_the_network_last_is_verified(tmp_path, program, steps):
    told = report(tmp_path, program.replace("range(steps)", f"range({steps})"))
    assert told["gradient"]["status"] == "verified"
    assert told["steps"] == steps


@pytest.mark.parametrize("program", [TURNED, SILENT])
def test_a_fault_in_it_is_told(tmp_path, program):
    slip = "gW1 = X.T @ (d @ W2.T * (1 - h))"
    text = program.replace("range(steps)", "range(60)")
    text = text.replace("gW1 = X.T @ (d @ W2.T * (1 - h ** 2))", slip)
    assert judged(tmp_path, text) == ("wrong", [("BP101", line_of(text, slip))])


def test_neurons_that_fire_last_are_all_judged(tmp_path):
    told = report(tmp_path, OBJECTS)
    assert told["gradient"]["status"] == "verified"
    assert len(told["gradient"]["parameters"]) == 6
    slip = "sum(o.delta * o.w[0] for o in outs)"
    text = OBJECTS.replace("sum(o.delta * o.w[i] for o in outs)", slip)
    assert judged(tmp_path, text) == ("wrong", [("BP101", line_of(text, slip))])
