"""The line of a fault, where what it spoils is somewhere else."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from backproof.checks.inherited import without_inherited
from backproof.finding import Finding, Related
from backproof.source import Span
from backproof.trace import chains
from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import blamed

pytestmark = pytest.mark.quality

LEAKY = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(40, 4))
Y = np.sin(X[:, :1]) + 0.3 * X[:, 1:2]
def leaky(x, alpha=0.05):
    return np.where(x > 0, x, x * alpha)
def leaky_prime(x, alpha=0.05):
    dx = np.ones_like(x)
    dx[x <= 0] = alpha
    return dx
V, W = rng.normal(size=(4, 6)), rng.normal(size=(6, 5))
U = rng.normal(size=(5, 1))
for epoch in range(30):
    z1 = X @ V
    a1 = leaky(z1)
    z2 = a1 @ W
    a2 = leaky(z2)
    out = a2 @ U
    loss = np.mean((out - Y) ** 2)
    d3 = 2 * (out - Y) / len(X)
    d2 = (d3 @ U.T) * leaky_prime(z2)
    d1 = (d2 @ W.T) * leaky_prime(z1)
    U -= 0.02 * a2.T @ d3
    W -= 0.02 * a1.T @ d2
    V -= 0.02 * X.T @ d1
"""


def test_a_mask_stored_in_a_slope(tmp_path):
    lines, line = blamed(tmp_path, LEAKY, "dx[x <= 0] = alpha", "dx[x <= 0] = 0")
    assert lines == [line]


SIGMOID = """
import numpy as np
rng = np.random.default_rng(1)
X = rng.normal(size=(30, 3))
Y = (X[:, :1] * X[:, 1:2] > 0) * 1.0
class Net:
    def __init__(self):
        self.V = rng.normal(size=(3, 5))
        self.W = rng.normal(size=(5, 1))
    def squash(self, x):
        return 1 / (1 + np.exp(-x))
    def squash_slope(self, a):
        return a * (1 - a)
    def train(self):
        for epoch in range(30):
            h = self.squash(X @ self.V)
            out = h @ self.W
            error = Y - out
            loss = np.sum(error ** 2) / 2
            back = error @ self.W.T
            delta = back * self.squash_slope(h)
            self.W += 0.01 * h.T @ error
            self.V += 0.01 * X.T @ delta
Net().train()
"""


def test_a_function_that_gives_another_slope(tmp_path):
    lines, line = blamed(tmp_path, SIGMOID, "return a * (1 - a)", "return 1 - a")
    assert lines == [line]


def test_an_activation_computed_again_is_used_for_its_slope(tmp_path):
    text = SIGMOID.replace("return a * (1 - a)", "s = self.squash(a)\n        return s * (1 - s)")
    text = text.replace(
        "h = self.squash(X @ self.V)", "z = X @ self.V\n            h = self.squash(z)"
    )
    text = text.replace("squash_slope(h)", "squash_slope(z)")
    lines, line = blamed(tmp_path, text, "return s * (1 - s)", "return (1 - s)")
    assert lines == [line]


BATCH = """
import numpy as np
rng = np.random.default_rng(2)
data = [(x, np.sin(x[:2])) for x in rng.normal(size=(24, 3, 1))]
sizes = [3, 4, 4, 2]
bs = [rng.normal(size=(n, 1)) for n in sizes[1:]]
ws = [rng.normal(size=(n, m)) * 0.5 for m, n in zip(sizes, sizes[1:])]
def propagate(x, y):
    nb, nw = [np.zeros(b.shape) for b in bs], [np.zeros(w.shape) for w in ws]
    acts = [x]
    for b, w in zip(bs, ws):
        acts.append(np.tanh(w @ acts[-1] + b))
    delta = (acts[-1] - y) * (1 - acts[-1] ** 2)
    for layer in range(1, len(sizes)):
        nb[-layer] = delta
        nw[-layer] = delta @ acts[-layer - 1].T
        delta = (ws[-layer].T @ delta) * (1 - acts[-layer - 1] ** 2)
    return nb, nw
for start in range(0, 24, 6):
    batch = data[start : start + 6]
    sum_b, sum_w = [np.zeros(b.shape) for b in bs], [np.zeros(w.shape) for w in ws]
    for x, y in batch:
        nb, nw = propagate(x, y)
        sum_b = [s + n for s, n in zip(sum_b, nb)]
        sum_w = [s + n for s, n in zip(sum_w, nw)]
    bs = [b - 0.1 / len(batch) * s for b, s in zip(bs, sum_b)]
    ws = [w - 0.1 / len(batch) * s for w, s in zip(ws, sum_w)]
"""


def test_a_list_that_keeps_the_last_sample(tmp_path):
    lines, line = blamed(tmp_path, BATCH, "sum_b = [s + n for", "sum_b = [n for")
    assert lines == [line]


TIME = """
import numpy as np
rng = np.random.default_rng(3)
U, W = rng.normal(size=(4, 2)), rng.normal(size=(4, 4)) * 0.5
V, c = rng.normal(size=(1, 4)), np.zeros((1, 1))
def back(dh_next, dy, h):
    dh = V.T @ dy + dh_next
    return dh * (1 - h ** 2)
def train(xs):
    for x in xs:
        hs = {-1: np.zeros((4, 1))}
        loss, dys = 0.0, []
        for t in range(5):
            hs[t] = np.tanh(U @ x[t] + W @ hs[t - 1])
            dys.append(V @ hs[t] + c - x[t].sum())
            loss += 0.5 * float(dys[t][0, 0] ** 2)
        dU, dW, dV, dc = (np.zeros_like(p) for p in (U, W, V, c))
        dh_next = np.zeros((4, 1))
        for t in reversed(range(5)):
            dy = dys[t]
            dV += dy @ hs[t].T
            dc += dy
            dz = back(dh_next, dy, hs[t])
            dU += dz @ x[t].T
            dW += dz @ hs[t - 1].T
            dh_next = W.T @ dz
        for p, d in zip((U, W, V, c), (dU, dW, dV, dc)):
            p -= 0.01 * d
train(rng.normal(size=(30, 5, 2, 1)))
"""


def test_one_number_kept_of_a_sum_over_time(tmp_path):
    lines, line = blamed(tmp_path, TIME, "dc += dy", "dc = dy")
    assert lines == [line]


BLOCK = """
import numpy as np
rng = np.random.default_rng(4)
X = rng.normal(size=(8, 3, 4))
Y = np.tanh(X[..., :2])
A, Q = rng.normal(size=(4, 4)) * 0.5, rng.normal(size=(4, 4)) * 0.5
B, C = rng.normal(size=(4, 6)) * 0.5, rng.normal(size=(6, 4)) * 0.5
H = rng.normal(size=(4, 2)) * 0.5
flat = lambda t: t.reshape(-1, t.shape[-1])
for step in range(30):
    x = X @ A
    x2 = x + x @ Q
    pre = x2 @ B
    act = np.maximum(pre, 0.0)
    x3 = x2 + act @ C
    out = x3 @ H
    loss = np.mean((out - Y) ** 2)
    dout = 2 * (out - Y) / out.size
    dx3 = dout @ H.T
    dpre = (dx3 @ C.T) * (pre > 0)
    dx2 = dx3 + dpre @ B.T
    dx = dx2 + dx2 @ Q.T
    grads = [flat(X).T @ flat(dx), flat(x).T @ flat(dx2), flat(x2).T @ flat(dpre)]
    grads += [flat(act).T @ flat(dx3), flat(x3).T @ flat(dout)]
    for p, g in zip((A, Q, B, C, H), grads):
        p -= 0.05 * g
"""


def test_a_skip_that_is_left_out_of_the_way_back(tmp_path):
    lines, line = blamed(tmp_path, BLOCK, "dx2 = dx3 + dpre @ B.T", "dx2 = dpre @ B.T")
    assert lines == [line]


def test_what_follows_from_a_known_cause_is_no_finding():
    here, there = Span(3, 1, 3, 9), Span(7, 1, 7, 9)
    vague = Finding(
        code="BP101", cause="wrong-operand", severity="error", title="gradient is wrong: so it is",
        message="so it is", file="a.py", span=there, expression="rate * d", evidence={},
    )  # fmt: skip
    after = Related(there, "consequence", "rate * d", "a.py")
    known = replace(vague, message="multiply by `a`", span=here, related=(after,))
    assert without_inherited([vague, known]) == [known]
    assert without_inherited([vague, replace(known, related=())])[0] == vague
    told = replace(vague, message="multiply by `b`")
    assert without_inherited([told, known]) == [told, known]


def test_what_a_function_calls_one_after_the_other_is_not_nested(monkeypatch):
    train, back = SimpleNamespace(function="train"), SimpleNamespace(function="back")
    monkeypatch.setattr(chains, "SITES", [train])
    calls = [(event, 0, "back") for event in (1, 3, 5)]
    steps = [SimpleNamespace(event=event, where=back) for event in (2, 4, 6)]
    assert chains.call_chains(steps, calls) == [(0,), (1,), (2,)]


def test_a_share_of_the_last_samples_cost_is_no_cost_of_another_network(tmp_path):
    text = BATCH
    for old, new in {
        "return nb, nw": "return nb, nw, 0.5 * float(np.sum((acts[-1] - y) ** 2))",
        "nb, nw = propagate(x, y)": "nb, nw, c = propagate(x, y)\n        cost += c / len(batch)",
        "    for x, y in batch": "    cost = 0.0\n    for x, y in batch",
        "range(0, 24, 6)": "[0, 6, 12, 18] * 3",
    }.items():
        text = text.replace(old, new)
    assert judged(tmp_path, text) == ("verified", [])
    found, line = blamed(tmp_path, text, "sum_b = [s + n for s, n", "sum_b = [n for s, n")
    assert found == [line]
