"""Layer objects that are called one by one, with an optimiser that decays its rate."""

import pytest

from tests.repair.test_fixes_found import report as repaired
from tests.unit.test_costs_meant import judged, report
from tests.unit.test_faults_placed import line_of

pytestmark = pytest.mark.quality

STACK = """
import numpy as np
rng = np.random.default_rng(3)
points = rng.normal(size=(40, 3))
kinds = (points[:, 0] * points[:, 1] > 0).astype(int)

class Linear:
    def __init__(self, m, n):
        self.w, self.b = 0.5 * rng.normal(size=(m, n)), np.zeros((1, n))

    def forward(self, x):
        self.x = x
        self.out = x @ self.w + self.b

    def backward(self, up):
        self.gw = self.x.T @ up
        self.gb = up.sum(axis=0, keepdims=True)
        self.back = up @ self.w.T

class Bend:
    def forward(self, x):
        self.x = x
        self.out = np.maximum(0, x)

    def backward(self, up):
        self.back = up.copy()
        self.back[self.x <= 0] = 0

class Momentum:
    def __init__(self, rate, share, decay):
        self.rate, self.share, self.decay, self.count = rate, share, decay, 0

    def update(self, layer):
        rate = self.rate * (1.0 / (1.0 + self.decay * self.count))
        if not hasattr(layer, "vw"):
            layer.vw, layer.vb = np.zeros_like(layer.w), np.zeros_like(layer.b)
        layer.vw = self.share * layer.vw - rate * layer.gw
        layer.vb = self.share * layer.vb - rate * layer.gb
        layer.w += layer.vw
        layer.b += layer.vb
        self.count += 1

first, bend1, second, bend2, last = Linear(3, 9), Bend(), Linear(9, 8), Bend(), Linear(8, 2)
steps = Momentum(0.2, 0.9, 1e-3)
for epoch in range(40):
    first.forward(points); bend1.forward(first.out)
    second.forward(bend1.out); bend2.forward(second.out)
    last.forward(bend2.out)
    powers = np.exp(last.out - last.out.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(shares[np.arange(40), kinds]))
    shares[np.arange(40), kinds] -= 1
    last.backward(shares / 40)
    bend2.backward(last.back)
    second.backward(bend2.back)
    bend1.backward(second.back)
    first.backward(bend1.back)
    steps.update(first)
    steps.update(second)
    steps.update(last)
    if epoch % 10 == 0:
        print(loss)
"""


def test_a_rate_that_decays_from_layer_to_layer_is_no_fault(tmp_path):
    assert judged(tmp_path, STACK) == ("verified", [])


def test_a_layer_that_gets_the_gradient_of_another_one_is_told_at_its_call(tmp_path):
    wrong = STACK.replace("second.backward(bend2.back)", "second.backward(last.back)")
    found = repaired(tmp_path, wrong)["findings"][0]
    assert found["line"] == line_of(wrong, "second.backward(")
    assert found["fix"]["after"] == "second.backward(bend2.back)"


def test_a_mark_of_the_class_that_is_too_large_is_a_wrong_number(tmp_path):
    wrong = STACK.replace("kinds] -= 1", "kinds] -= 2")
    found = report(tmp_path, wrong)["findings"][0]
    assert found["line"] == line_of(wrong, "kinds] -= 2")


def test_velocities_that_go_the_wrong_way_are_told_where_they_are_taken(tmp_path):
    wrong = STACK.replace("layer.b += layer.vb", "layer.b -= layer.vb")
    found = report(tmp_path, wrong)["findings"][0]
    assert (found["code"], found["line"]) == ("BP104", line_of(wrong, "layer.b -= "))


NETWORK = """
import numpy as np
rng = np.random.default_rng(8)
x = rng.normal(size=(30, 4))
y = (x[:, :1] > 0.2 * x[:, 1:2]).astype(float)

class Dense:
    def __init__(self, m, n):
        self.w, self.b = 0.4 * rng.normal(size=(m, n)), np.zeros((1, n))

    def forward(self, x):
        self.x = x
        return x @ self.w + self.b

    def backward(self, up, rate):
        down = up @ self.w.T
        self.w -= rate * self.x.T @ up
        self.b -= rate * up.sum(axis=0)
        return down

class Squash:
    def __init__(self, function, slope):
        self.function, self.slope = function, slope

    def forward(self, z):
        self.z = z
        return self.function(z)

    def backward(self, up, rate):
        return up * self.slope(self.z)

def logistic(z):
    return 1 / (1 + np.exp(-z))

def logistic_slope(z):
    s = logistic(z)
    return s * (1 - s)

layers = [Dense(4, 6), Squash(logistic, logistic_slope), Dense(6, 1)]
for epoch in range(30):
    a = x
    for layer in layers:
        a = layer.forward(a)
    loss = np.mean((a - y) ** 2)
    grad = 2 * (a - y) / len(y)
    for layer in layers[::-1]:
        grad = layer.backward(grad, 0.3)
    if epoch % 10 == 0:
        print(loss)
"""


def test_a_layer_that_ignores_what_comes_in_is_told_at_its_own_statement(tmp_path):
    assert judged(tmp_path, NETWORK) == ("verified", [])
    wrong = NETWORK.replace("return up * self.slope(self.z)", "return self.slope(self.z)")
    found = repaired(tmp_path, wrong)["findings"][0]
    assert found["line"] == line_of(wrong, "return self.slope(self.z)")
    assert found["fix"]["verified"]
