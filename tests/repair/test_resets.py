"""Gradients that objects keep are set to zero at the top of the loop that trains them."""

from pathlib import Path

import pytest

from tests.repair.test_run import run

pytestmark = pytest.mark.quality

ENGINE = """
import numpy as np
rng = np.random.default_rng(3)

class Parameter:
    def __init__(self, value):
        self.value, self.grad = value, np.zeros_like(value)

class Dense:
    def __init__(self, n, m):
        self.w, self.b = Parameter(rng.normal(size=(n, m)) * 0.5), Parameter(np.zeros(m))
    def forward(self, x):
        self.x = x
        return x @ self.w.value + self.b.value
    def backward(self, dout):
        self.w.grad += self.x.T @ dout
        self.b.grad += dout.sum(axis=0)
        return dout @ self.w.value.T

class Net:
    def __init__(self):
        self.one, self.two = Dense(3, 5), Dense(5, 2)
    def parameters(self):
        return [self.one.w, self.one.b, self.two.w, self.two.b]
    def forward(self, x):
        self.h = np.tanh(self.one.forward(x))
        return self.two.forward(self.h)
    def backward(self, dout):
        self.one.backward(self.two.backward(dout) * (1 - self.h ** 2))

class Optimizer:
    def __init__(self, params):
        self.params = params
    def zero_grad(self):
        for p in self.params:
            p.grad[...] = 0

class SGD(Optimizer):
    def step(self):
        for p in self.params:
            p.value -= 0.1 * p.grad

x, t = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
net = Net()
optimizer = SGD(net.parameters())
for epoch in range(20):
    optimizer.zero_grad()
    e = net.forward(x) - t
    loss = 0.5 * (e ** 2).sum() / len(x)
    net.backward(e / len(x))
    optimizer.step()
    print(loss)
"""


@pytest.mark.parametrize(
    ("old", "meant"),
    [
        ("    optimizer.zero_grad()\n", "optimizer.zero_grad()"),
        (
            "    def zero_grad(self):\n        for p in self.params:\n"
            "            p.grad[...] = 0\n",
            "for p in net.parameters():",
        ),
    ],
)
def test_gradients_begin_anew(tmp_path: Path, old: str, meant: str) -> None:
    text = ENGINE.replace(old, "").replace("optimizer.zero_grad()\n    e =", "e =")
    (tmp_path / "train.py").write_text(text)
    _, report = run(tmp_path, "--fix-time", "30", "train.py")
    found = report["findings"][0]
    assert found["code"] == "BP106"
    assert found["fix"] is not None, found["notes"]
    assert found["fix"]["verified"]
    assert meant in found["fix"]["after"]
