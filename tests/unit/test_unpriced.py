"""Faults where names only change hands, and in programs of which no step computes the cost."""

import pytest

from tests.unit.test_costs_meant import report
from tests.unit.test_faults_placed import blamed, line_of

pytestmark = pytest.mark.quality


NORMALISED = """
import numpy as np
rng = np.random.default_rng(2)

def forward(x, gamma, beta):
    n = x.shape[0]
    xmu = x - x.sum(axis=0) / n
    var = (xmu ** 2).sum(axis=0) / n
    ivar = 1.0 / np.sqrt(var + 1e-5)
    xhat = xmu * ivar
    return gamma * xhat + beta, (xhat, gamma, xmu, ivar, var)

def backward(dout, cache):
    xhat, gamma, xmu, ivar, var = cache
    n = dout.shape[0]
    dgammax = dout
    dgamma = (dgammax * xhat).sum(axis=0)
    dxhat = dgammax * gamma
    divar = (dxhat * xmu).sum(axis=0)
    dxmu1 = dxhat * ivar
    dvar = -0.5 * ivar ** 3 * divar
    dxmu2 = 2 * xmu * dvar / n
    dx1 = dxmu1 + dxmu2
    dmu = -1 * dx1.sum(axis=0)
    dx2 = np.ones_like(dout) * dmu / n
    dx = dx1 + dx2
    return dx, dgamma, dout.sum(axis=0)

W1, b1 = rng.normal(size=(3, 5)), np.zeros(5)
g, be, W2 = np.ones(5), np.zeros(5), rng.normal(size=(5, 1))
X = rng.normal(size=(20, 3))
Y = X[:, :1] * X[:, 1:2]
for step in range(30):
    u, cache = forward(X @ W1 + b1, g, be)
    a = np.tanh(u)
    r = a @ W2 - Y
    loss = (r ** 2).sum() / 40
    dr = r / 20
    dW2 = a.T @ dr
    dz, dg, dbe = backward(dr @ W2.T * (1 - a ** 2), cache)
    dW1 = X.T @ dz
    db1 = dz.sum(axis=0)
    for p, d in ((W1, dW1), (b1, db1), (g, dg), (be, dbe), (W2, dW2)):
        p -= 0.2 * d
    print(loss)
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("dx1 = dxmu1 + dxmu2", "dx1 = dxmu1"),
        ("dxhat = dgammax * gamma", "dxhat = dgammax"),
    ],
)
def test_what_a_new_name_lacks_is_missed_there(tmp_path, old, new):
    found, line = blamed(tmp_path, NORMALISED, old, new)
    assert found == [line]


def test_one_edit_mends_a_gradient_that_should_be_zero_as_well(tmp_path):
    wrong = NORMALISED.replace("dmu = -1 * dx1", "dmu = dx1")
    (found,) = [f for f in report(tmp_path, wrong)["findings"] if f["severity"] == "error"]
    assert found["evidence"]["parameters"] == ["W1", "b1"]
    assert found["cause"] == "wrong-sign"


RIVALS = """
import numpy as np
rng = np.random.default_rng(1)
G, c = rng.normal(size=(3, 2)) * 0.5, np.zeros(2)
D, d, v = rng.normal(size=(2, 6)) * 0.5, np.zeros(6), rng.normal(size=(6, 1)) * 0.5
sigmoid = lambda z: 1 / (1 + np.exp(-z))

def judge(x):
    h = np.tanh(x @ D + d)
    return sigmoid(h @ v), (x, h)

def grads(ds, cache):
    x, h = cache
    dh = (ds @ v.T) * (1 - h ** 2)
    return (x.T @ dh, dh.sum(axis=0), h.T @ ds), dh @ D.T

for step in range(40):
    real = rng.normal(size=(16, 2)) * 0.3 + 1.0
    z = rng.normal(size=(16, 3))
    fake = z @ G + c
    p_real, c_real = judge(real)
    p_fake, c_fake = judge(fake)
    loss_d = -np.mean(np.log(p_real) + np.log(1 - p_fake))
    g_real, _ = grads((p_real - 1) / 16, c_real)
    g_fake, _ = grads(p_fake / 16, c_fake)
    for p, one, two in zip((D, d, v), g_real, g_fake):
        p -= 0.05 * (one + two)
    p_fake, c_fake = judge(fake)
    loss_g = -np.mean(np.log(p_fake))
    _, dx = grads((p_fake - 1) / 16, c_fake)
    G -= 0.05 * (z.T @ dx)
    c -= 0.05 * dx.sum(axis=0)
    print(loss_d, loss_g)
"""


def test_a_rival_is_judged_where_all_of_the_first_network_is_wrong(tmp_path):
    old, new = "grads(p_fake / 16, c_fake)", "grads((p_fake - 1) / 16, c_fake)"
    wrong = RIVALS.replace(old, new)
    result = report(tmp_path, wrong)
    found = [f["line"] for f in result["findings"] if f["severity"] == "error"]
    assert found == [line_of(wrong, f"g_fake, _ = {new}")]
    right = {p["name"] for p in result["gradient"]["parameters"] if p["status"] == "verified"}
    assert right == {"G", "c"}


DECAYED = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
Y = (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 0)
p = {"W1": rng.normal(size=(4, 7)) / 2, "W2": rng.normal(size=(7, 5)) / 3}
p["W3"], lam = rng.normal(size=(5, 3)) / 2, 0.02

def forward(X):
    h1 = np.maximum(0, X @ p["W1"])
    h2 = np.tanh(h1 @ p["W2"])
    e = np.exp(h2 @ p["W3"])
    return h1, h2, e / e.sum(axis=1, keepdims=True)

def objective():
    reg = 0.5 * lam * (np.sum(p["W1"] ** 2) + np.sum(p["W2"] ** 2) + np.sum(p["W3"] ** 2))
    return -np.log(forward(X)[2][np.arange(60), Y]).mean() + reg

for epoch in range(6):
    for i in range(0, 60, 15):
        h1, h2, probs = forward(X[i:i + 15])
        d3 = probs.copy()
        d3[np.arange(15), Y[i:i + 15]] -= 1
        d3 /= 15
        d2 = (d3 @ p["W3"].T) * (1 - h2 ** 2)
        d1 = (d2 @ p["W2"].T) * (h1 > 0)
        g3 = h2.T @ d3 + lam * p["W3"]
        g2 = h1.T @ d2 + lam * p["W2"]
        g1 = X[i:i + 15].T @ d1 + lam * p["W1"]
        p["W1"] -= 0.2 * g1
        p["W2"] -= 0.2 * g2
        p["W3"] -= 0.2 * g3
    print(objective())
"""


def test_a_decay_that_one_matrix_lacks_is_told_from_the_others(tmp_path):
    old, new = ' + lam * p["W2"]', ""
    result = report(tmp_path, DECAYED.replace(old, new))
    found = [(f["severity"], f["line"]) for f in result["findings"] if f["code"] == "BP101"]
    assert found == [("warning", line_of(DECAYED, "g2 = h1.T"))]


def test_a_matrix_that_no_penalty_names_may_have_no_decay(tmp_path):
    wrong = DECAYED.replace(' + lam * p["W2"]', "").replace(' + np.sum(p["W2"] ** 2)', "")
    result = report(tmp_path, wrong)
    assert not [f for f in result["findings"] if f["code"] == "BP101"]


STACKED = """
import numpy as np
rng = np.random.default_rng(3)

class Dense:
    def __init__(self, m, n):
        self.W = rng.normal(size=(m, n)) * 0.5
    def run(self, x):
        self.x = x
        return x @ self.W
    def back(self, g):
        self.g = self.x.T @ g
        return g @ self.W.T

class Norm:
    def __init__(self, n):
        self.W = np.ones(n)
    def run(self, x):
        m = x.mean(-1, keepdims=True)
        self.r = 1 / np.sqrt(((x - m) ** 2).mean(-1, keepdims=True) + 1e-5)
        self.n = (x - m) * self.r
        return self.n * self.W
    def back(self, g):
        self.g = (g * self.n).sum(0)
        h = g * self.W
        d = h - h.mean(-1, keepdims=True) - self.n * (h * self.n).mean(-1, keepdims=True)
        return d * self.r

class Block:
    def __init__(self, n):
        self.parts = [Norm(n), Dense(n, n), Norm(n), Dense(n, n)]
    def run(self, x):
        n1, f1, n2, f2 = self.parts
        x = x + f1.run(n1.run(x))
        return x + f2.run(n2.run(x))
    def back(self, g):
        n1, f1, n2, f2 = self.parts
        g = g + n2.back(f2.back(g))
        return g + n1.back(f1.back(g))

first, block, last = Dense(3, 6), Block(6), Dense(6, 1)
X = rng.normal(size=(20, 3))
Y = np.sin(X[:, :1] + X[:, 1:2])
for step in range(12):
    r = last.run(block.run(first.run(X))) - Y
    loss = (r ** 2).mean()
    first.back(block.back(last.back(2 * r / 20)))
    for layer in [first, *block.parts, last]:
        layer.W = layer.W - 0.05 * layer.g
    print(loss)
"""


def test_a_helper_that_is_wrong_in_all_calls_is_blamed_itself(tmp_path):
    found, line = blamed(tmp_path, STACKED, "d = h - h.mean(-1, keepdims=True) - ", "d = h - ")
    assert found == [line]


def test_calls_of_namesakes_are_told_apart(tmp_path):
    old, new = "g = g + n2.back(f2.back(g))", "g = n2.back(f2.back(g))"
    found, line = blamed(tmp_path, STACKED, old, new)
    assert found == [line]
