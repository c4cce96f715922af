"""Values that a statement passes on as they are, and labels that are added."""

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import line_of

pytestmark = pytest.mark.quality

CELL = """
import numpy as np
rng = np.random.default_rng(8)
D, H, T = 3, 4, 5
sig = lambda z: 1 / (1 + np.exp(-z))
P = {k: rng.normal(size=(H, D + H)) * 0.5 for k in "ifog"}
V = rng.normal(size=(1, H))

class Node:
    def forward(self, x, h, c):
        self.z, self.c_in = np.concatenate([x, h]), c
        self.i, self.f, self.o = (sig(P[k] @ self.z) for k in "ifo")
        self.g = np.tanh(P["g"] @ self.z)
        self.c = self.g * self.i + c * self.f
        self.tc = np.tanh(self.c)
        return self.o * self.tc, self.c
    def backward(self, dh, dc_later, grads):
        dc = dh * self.o * (1 - self.tc ** 2) + dc_later
        di = dc * self.g * self.i * (1 - self.i)
        df = dc * self.c_in * self.f * (1 - self.f)
        do = dh * self.tc * self.o * (1 - self.o)
        dg = dc * self.i * (1 - self.g ** 2)
        for k, d in zip("ifog", (di, df, do, dg)):
            grads[k] += np.outer(d, self.z)
        self.back = sum(P[k].T @ d for k, d in zip("ifog", (di, df, do, dg)))[D:]
        self.to_cell = dc * self.f

for step in range(12):
    xs = rng.normal(size=(T, D))
    y = xs[:, 0].sum()
    nodes, h, c = [], np.zeros(H), np.zeros(H)
    for x in xs:
        nodes.append(Node())
        h, c = nodes[-1].forward(x, h, c)
    e = float((V @ h)[0]) - y
    loss = 0.5 * e ** 2
    grads = {k: np.zeros_like(P[k]) for k in P}
    dV = e * h[None]
    dh, dc = V[0] * e, np.zeros(H)
    for node in reversed(nodes):
        node.backward(dh, dc, grads)
        dh = node.back
        dc = node.to_cell
    for k in P:
        P[k] -= 0.05 * grads[k]
    V -= 0.05 * dV
    print(loss)
"""


def test_a_cell_s_gradient_that_is_passed_on_without_the_gate_is_placed_there(tmp_path):
    assert judged(tmp_path, CELL) == ("verified", [])
    wrong = CELL.replace("self.to_cell = dc * self.f", "self.to_cell = dc")
    status, found = judged(tmp_path, wrong)
    assert (status, found) == ("wrong", [("BP101", line_of(wrong, "self.to_cell = dc"))])


NETZ = """
import numpy as np
np.random.seed(3)
daten = np.random.randn(24, 3)
ziele = (daten[:, :1] > daten[:, 1:2]).astype(float)

def sigmoid(x):
    return 1 / (1 + np.exp(-x))

class Netz:
    def __init__(self):
        self.gewichte_ein = np.random.randn(3, 4)
        self.gewichte_aus = np.random.randn(4, 1)
    def lerne(self, x, ziel, rate=0.3):
        h = sigmoid(x @ self.gewichte_ein)
        aus = sigmoid(h @ self.gewichte_aus)
        fehler = ziel - aus
        delta = fehler * aus * (1 - aus)
        delta_h = delta @ self.gewichte_aus.T * h * (1 - h)
        self.gewichte_aus += rate * h.T @ delta
        self.gewichte_ein += rate * x.T @ delta_h

netz = Netz()
for epoche in range(10):
    for k in range(0, 24, 4):
        netz.lerne(daten[k:k + 4], ziele[k:k + 4])
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [("ziel - aus", "ziel + aus"), ("ein += rate * x.T @ delta_h", "ein += rate")],
)
def test_an_added_label_and_a_step_without_a_gradient_are_told(tmp_path, old, new):
    wrong = NETZ.replace(old, new)
    status, found = judged(tmp_path, wrong)
    assert (status, found) == ("wrong", [("BP101", line_of(wrong, new))])
