"""Which cost gradients belong to, where the program does not say it in one place."""

import json
import subprocess
import sys
from textwrap import dedent

import pytest

from backproof.hypotheses import CALLED

pytestmark = pytest.mark.quality


def report(tmp_path, text):
    """Run a program without a search for fixes; return the report."""
    (tmp_path / "train.py").write_text(dedent(text), "utf-8")
    command = [sys.executable, "-m", "backproof", "run", "--no-fix", "--json", "o.json", "train.py"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=60)
    return json.loads((tmp_path / "o.json").read_text("utf-8"))


def judged(tmp_path, text):
    """Run a program; return the status of its gradients and its findings as (code, line)."""
    told = report(tmp_path, text)
    found = [(f["code"], f["line"]) for f in told["findings"] if f["severity"] != "note"]
    return told["gradient"]["status"], found


LAYER = """
import numpy as np
rng = np.random.default_rng(0)

def forward(x, w, b):
    return x @ w + b

def backward(dout, x, w):
    return dout @ w.T, x.T @ dout{factor}, dout.sum(axis=0)

x, w, b = rng.normal(size=(6, 4)), rng.normal(size=(4, 3)), rng.normal(size=3)
out = forward(x, w, b)
dout = rng.normal(size=out.shape)
dx, dw, db = backward(dout, x, w)
print(dx.sum(), dw.sum(), db.sum())
"""


def test_a_layer_with_a_driver_is_judged_by_its_names(tmp_path):
    assert judged(tmp_path, LAYER.format(factor="")) == ("verified", [])
    assert judged(tmp_path, LAYER.format(factor=" / 6")) == ("wrong", [("BP102", 9)])


def test_a_step_in_space_is_no_gradient(tmp_path):
    text = """
    import numpy as np
    x, v = np.linspace(0.0, 1.0, 5), np.ones(5)
    dx = 0.1 * v * x
    energy = 0.5 * np.sum(x ** 2)
    print(x + dx, energy)
    """
    assert judged(tmp_path, text)[1] == []


SAMPLES = """
import numpy as np
rng = np.random.default_rng(1)
X, Y = rng.normal(size=(12, 3)), rng.normal(size=(12, 2))
W = rng.normal(size=(2, 3))
V = rng.normal(size=(2, 2))
for epoch in range(20):
    gW, gV = np.zeros(W.shape), np.zeros(V.shape)
    for x, y in zip(X, Y):
        h = np.tanh(W @ x)
        delta = V @ h - y
        gV {sum} np.outer(delta, h)
        gW += np.outer((V.T @ delta) * (1 - h ** 2), x)
    W -= 0.05 * gW / len(X)
    V -= 0.05 * gV / len(X)
print(W, V)
"""


def test_the_samples_of_a_step_belong_to_one_cost(tmp_path):
    assert judged(tmp_path, SAMPLES.format(sum="+=")) == ("verified", [])
    status, found = judged(tmp_path, SAMPLES.format(sum="="))
    assert status == "wrong"
    assert found[0][0] == "BP101"


PENALTY = """
import numpy as np
rng = np.random.default_rng(2)
X = rng.normal(size=(40, 5))
y = (X @ rng.normal(size=5) > 0) * 1.0
w = rng.normal(size=5)
for i in range(30):
    p = 1 / (1 + np.exp(-X @ w))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)) + 0.1 * np.sum(w ** 2)
    grad = X.T @ (p - y) / 40{penalty}
    w = w - 0.2 * grad
print(loss)
"""


@pytest.mark.parametrize("penalty", ["", " + 0.1 * w", " - 0.2 * w"])
def test_a_penalty_of_another_strength_is_wrong(tmp_path, penalty):
    status, found = judged(tmp_path, PENALTY.format(penalty=penalty))
    assert (status, found) == ("wrong", [("BP101", 10)])


def test_the_penalty_of_the_cost_is_right(tmp_path):
    assert judged(tmp_path, PENALTY.format(penalty=" + 0.2 * w")) == ("verified", [])


def test_an_accumulator_that_is_never_emptied_is_no_momentum(tmp_path):
    text = """
    import numpy as np
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(30, 4)), rng.normal(size=30)
    w, g = rng.normal(size=4), np.zeros(4)
    for i in range(20):
        r = X @ w - y
        loss = np.mean(r ** 2)
        g = {keep}g + 2 * X.T @ r / 30
        w = w - 0.01 * g
    print(loss)
    """
    assert judged(tmp_path, text.format(keep="0.9 * ")) == ("verified", [])
    assert judged(tmp_path, text.format(keep="")) == ("wrong", [("BP106", 9)])


HEADS = """
import numpy as np
rng = np.random.default_rng(2)
X = rng.normal(size=(40, 3))
kind = (X[:, 0] > 0).astype(int)
size = X[:, 1:2] * X[:, 2:]
U = rng.normal(size=(3, 6)) * 0.5
K = rng.normal(size=(6, 2)) * 0.5
S = rng.normal(size=(6, 1)) * 0.5
for step in range(30):
    h = np.tanh(X @ U)
    scores = h @ K
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    d_kind = p - np.eye(2)[kind]
    d_size = 0.3 * (h @ S - size)
    dh = d_kind @ K.T + d_size @ S.T
    dU = X.T @ (dh * {slope})
    U -= 0.01 * dU
    K -= 0.01 * h.T @ d_kind
    S -= 0.01 * h.T @ d_size
print(U.sum())
"""


def test_two_heads_are_judged_under_the_weighted_sum_of_their_costs(tmp_path):
    assert judged(tmp_path, HEADS.format(slope="(1 - h ** 2)")) == ("verified", [])
    status, found = judged(tmp_path, HEADS.format(slope="(1 - h)"))
    assert (status, found) == ("wrong", [("BP101", 18)])


EPSILON = """
import numpy as np
rng = np.random.default_rng(4)
X = rng.normal(size=(30, 4))
Y = (X[:, :1] > 0).astype(float)
V, W = rng.normal(size=(4, 5)), rng.normal(size=(5, 1))
for step in range(40):
    h = np.tanh(X @ V)
    a = 1 / (1 + np.exp(-h @ W))
    cost = -np.mean(Y * np.log(a + 1e-5) + (1 - Y) * np.log(1 - a + 1e-5))
    dz = (a - Y) / len(X)
    dV = X.T @ (dz @ W.T * {slope})
    V -= 0.5 * dV
    W -= 0.5 * h.T @ dz
    if step % 10 == 0:
        print(step, round(cost, 4))
"""


def test_an_epsilon_in_the_logarithm_is_no_error_and_hides_none(tmp_path):
    assert judged(tmp_path, EPSILON.format(slope="(1 - h ** 2)")) == ("verified", [])
    status, found = judged(tmp_path, EPSILON.format(slope="(1 - 1.001 * h ** 2)"))
    assert (status, found[0]) == ("wrong", ("BP101", 12))


ONE_OUTPUT = """
import numpy as np
rng = np.random.default_rng(5)
X = rng.normal(size=(20, 4))
labels = np.where(X[:, 0] * X[:, 1] > 0, 1, -1)
V, w, c = rng.normal(size=(6, 4)), rng.normal(size=6), 0.0
for epoch in range(5):
    for x, label in zip(X, labels):
        h = np.tanh(V @ x)
        score = w @ h + c
        d = -label / (1 + np.exp(label * score))
        V -= 0.1 * np.outer(d * w * {slope}, x)
        w -= 0.1 * d * h
        c -= 0.1 * d
print(V.sum(), w.sum(), c)
"""


def test_below_one_output_the_chain_rule_is_judged_without_a_cost(tmp_path):
    assert judged(tmp_path, ONE_OUTPUT.format(slope="(1 - h * h)")) == ("verified", [])


ENGINE = """
import math, random

class Value:
    def __init__(self, data, parents=(), slopes=()):
        self.data, self.grad, self.parents, self.slopes = data, 0.0, parents, slopes
    def __add__(self, other):
        return Value(self.data + other.data, (self, other), (1.0, 1.0))
    def __mul__(self, other):
        return Value(self.data * other.data, (self, other), (other.data, self.data))
    def tanh(self):
        t = math.tanh(self.data)
        return Value(t, (self,), ({slope},))
    def backward(self):
        order, seen = [], set()
        def visit(v):
            if id(v) not in seen:
                seen.add(id(v))
                for p in v.parents:
                    visit(p)
                order.append(v)
        visit(self)
        self.grad = 1.0
        for v in reversed(order):
            for p, s in zip(v.parents, v.slopes):
                p.grad += s * v.grad

random.seed(1)
hidden = [[Value(random.uniform(-1, 1)) for _ in range(2)] for _ in range(4)]
out = [Value(random.uniform(-1, 1)) for _ in range(4)]
params = [w for row in hidden for w in row] + out
data = [((0.5, -0.3), 0.2), ((-0.8, 0.1), -0.4), ((0.9, 0.7), 0.6)]
for step in range(12):
    loss = Value(0.0)
    for (x, y), t in data:
        h = [(a * Value(x) + b * Value(y)).tanh() for a, b in hidden]
        s = Value(-t)
        for w, u in zip(out, h):
            s = s + w * u
        loss = loss + s * s
    for p in params:
        p.grad = 0.0
    loss.backward()
    for p in params:
        p.data -= 0.05 * p.grad
    if step % 4 == 0:
        print(step, loss.data)
"""


def test_entries_that_are_right_show_which_cost_a_scalar_engine_means(tmp_path):
    assert judged(tmp_path, ENGINE.format(slope="1 - t * t")) == ("verified", [])
    assert judged(tmp_path, ENGINE.format(slope="t * (1 - t)"))[0] == "wrong"


def test_a_step_through_the_method_of_an_operator_is_an_update(tmp_path):
    text = """
    import numpy as np
    rng = np.random.default_rng(6)
    X, Y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
    layers = [rng.normal(size=(3, 2))]
    for step in range(9):
        error = X @ layers[0] - Y
        cost = 0.5 * np.sum(error ** 2)
        layers[0].__isub__(0.01 * X.T @ error)
    print(cost)
    """
    assert judged(tmp_path, text) == ("verified", [])


def test_a_path_that_is_missing_is_named_where_it_is_missing(tmp_path):
    text = """
    import numpy as np
    rng = np.random.default_rng(7)
    X, Y = rng.normal(size=(30, 3)), rng.normal(size=(30, 2))
    W, V = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
    for step in range(20):
        z = X @ W
        centred = z - z.mean(axis=0)
        h = np.tanh(centred)
        error = (h @ V - Y) / len(X)
        cost = 0.5 * np.sum((h @ V - Y) ** 2) / len(X)
        d_centred = error @ V.T * (1 - h ** 2)
        dz = d_centred * 1.0
        dW = X.T @ dz
        V -= 0.1 * h.T @ error
        W -= 0.1 * dW
    print(cost)
    """
    status, found = judged(tmp_path, text)
    assert status == "wrong"
    assert found[0] in (("BP101", 13), ("BP101", 14))


COUNTED_DOWN = """
import numpy as np
rng = np.random.default_rng(4)
X = rng.normal(size=(40, 3))
y = (X[:, 0] > 0) * 1.0
w, scale = rng.normal(size=3), np.ones(1)
for epoch in range(20):
    total = 0.0
    for rows in np.split(rng.permutation(40), 4):
        raw = X[rows] @ w
        p = 1 / (1 + np.exp(-scale * raw))
        total -= np.sum(y[rows] * np.log(p) + (1 - y[rows]) * np.log(1 - p))
        miss = p - y[rows]
        g_w, g_scale = X[rows].T @ (miss * scale), np.sum(miss * raw, keepdims=True)
        w = w - 0.01 * g_w
        scale = scale {sign} 0.01 * g_scale
print(total)
"""


def test_a_total_that_is_counted_down_is_a_cost(tmp_path):
    assert judged(tmp_path, COUNTED_DOWN.format(sign="-")) == ("verified", [])
    assert judged(tmp_path, COUNTED_DOWN.format(sign="+"))[1] == [("BP104", 16)]


def test_an_error_that_feeds_the_update_is_no_cost():
    costs = ("loss", "self.cost", "J", "E", "rmse", "loss_t")
    others = ("e", "err", "error", "j", "ex", "delta")
    assert all(CALLED.fullmatch(name) for name in costs)
    assert not any(CALLED.fullmatch(name) for name in others)


UNSCALED = """
import numpy as np
rng = np.random.default_rng(0)
X = np.c_[np.ones(60), rng.normal(40, 9, 60), rng.gamma(2.0, 35000.0, 60)]
y = (X[:, 1] + rng.normal(size=60) > 40).astype(int)
theta = np.zeros(3)
for i in range({steps}):
    h = 1 / (1 + np.exp(-X @ theta))
    theta -= 0.01 * X.T @ (h - y) / len(y)
    if i % 10 == {printed}:
        h = 1 / (1 + np.exp(-X @ theta))
        print((-y * np.log(h) - (1 - y) * np.log(1 - h)).mean())
"""


@pytest.mark.parametrize("printed", [0, 1])
def test_outputs_that_are_saturated_accuse_nothing(tmp_path, printed):
    told = report(tmp_path, UNSCALED.format(steps=40, printed=printed))
    assert told["gradient"]["status"] != "wrong"
    assert all(not f["code"].startswith("BP1") for f in told["findings"])


def test_zero_weights_of_large_inputs_are_moved_so_far_that_nothing_saturates(tmp_path):
    told = report(tmp_path, UNSCALED.format(steps=40, printed=1))
    assert told["gradient"]["status"] == "verified"


#: A spread that is trained as well, as its logarithm: the cost adds the very parameter.
SPREAD = """
import numpy as np
rng = np.random.default_rng(4)
x = rng.normal(size=(80, 2))
y = x @ np.array([1.5, -0.5]) + 0.3 * rng.normal(size=80)
w, b, log_s = rng.normal(size=2), 0.3, -0.2
for step in range(60):
    r = y - x @ w - b
    loss = 0.5 * np.mean(r ** 2) * np.exp(-2 * log_s) + log_s
    w += 0.1 * x.T @ r / 80 * np.exp(-2 * log_s)
    b += 0.1 * r.mean() * np.exp(-2 * log_s)
    log_s -= 0.1 * (1 - np.mean(r ** 2) * np.exp(-2 * log_s))
    print(step, loss)
"""
SPREAD_OF_NUMBERS = """
import math, random
random.seed(3)
rows = [(random.uniform(-1, 1), random.gauss(0, 0.3)) for _ in range(30)]
w, b, v, c = 0.4, 0.1, 0.2, -0.3
for sweep in range(12):
    nll = 0.0
    for x, noise in rows:
        ls = v * x + c
        e = (2 * x + noise - w * x - b) * math.exp(-ls)
        nll += 0.5 * e * e + ls
        d, s = -e * math.exp(-ls), 1 - e * e
        w -= 0.05 * d * x
        b -= 0.05 * d
        v -= 0.05 * s * x
        c -= 0.05 * s
    print(sweep, nll)
"""


@pytest.mark.parametrize("text", [SPREAD, SPREAD_OF_NUMBERS])
def test_a_cost_may_add_a_parameter(tmp_path, text):
    assert judged(tmp_path, text) == ("verified", [])
