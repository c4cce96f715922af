"""What a step is, and a parameter: several updates in one, some that come later, joined vectors."""

import pytest

from tests.unit.test_costs_meant import judged, report

pytestmark = pytest.mark.quality


def names(found):
    return {p["name"].partition(" (")[0] for p in found["gradient"]["parameters"]}


RIVALS = """
import numpy as np
rng = np.random.default_rng(2)
sig = lambda v: 1 / (1 + np.exp(-v))
gw, gb = rng.normal(size=(3, 4)), np.zeros(4)
gv, gc = rng.normal(size=(4, 2)), np.zeros(2)
dw, db, dv, dc = rng.normal(size=(2, 6)), np.zeros(6), rng.normal(size=(6, 1)), np.zeros(1)

def forger(z):
    hidden = np.tanh(z @ gw + gb)
    return hidden, hidden @ gv + gc

def judge(x):
    hidden = np.tanh(x @ dw + db)
    return hidden, sig(hidden @ dv + dc)

def teach_judge(x, hidden, p, label):
    global dw, db, dv, dc
    e = (p - label) / len(x)
    eh = (e @ dv.T) * (1 - hidden ** 2)
    dv = dv - 0.05 * hidden.T @ e
    dc = dc - 0.05 * e.sum(0)
    dw = dw - 0.05 * x.T @ eh
    db = db - 0.05 * eh.sum(0)

for turn in range(60):
    real = rng.normal(size=(20, 2)) + [2, -1]
    z = rng.normal(size=(20, 3))
    gh, fake = forger(z)
    hr, pr = judge(real)
    teach_judge(real, hr, pr, 1.0)
    hf, pf = judge(fake)
    teach_judge(fake, hf, pf, 0.0)
    judge_loss = -np.mean(np.log(pr)) - np.mean(np.log(1 - pf))
    if turn % 2 == 0:
        h, p = judge(fake)
        forger_loss = -np.mean(np.log(p))
        e = (p - 1) / 20
        ex = ((e @ dv.T) * (1 - h ** 2)) @ dw.T
        eg = (ex @ gv.T) * (1 - gh ** 2)
        gv = gv - 0.02 * gh.T @ ex
        gc = gc - 0.02 * ex.sum(0)
        gw = gw - 0.02 * z.T @ eg
        gb = gb - 0.02 * eg.sum(0)
        print(judge_loss, forger_loss)
"""


def test_two_updates_of_one_network_and_a_rival_every_second_turn(tmp_path):
    found = report(tmp_path, RIVALS)
    assert found["gradient"]["status"] == "verified"
    assert found["findings"] == []
    assert {"dw", "db", "dv", "dc", "gw", "gb", "gv", "gc"} <= names(found)


def test_a_fault_of_the_rival_that_plays_every_second_turn(tmp_path):
    wrong = RIVALS.replace("((e @ dv.T) * (1 - h ** 2)) @ dw.T", "((e @ dv.T) * h) @ dw.T")
    found = report(tmp_path, wrong)
    line = 1 + next(i for i, t in enumerate(wrong.splitlines()) if "* h) @" in t)
    assert [f["line"] for f in found["findings"]] == [line]


UNROLLED = """
import numpy as np
rng = np.random.default_rng(5)
x = rng.normal(size=(30, 3))
y = np.sin(x[:, :1])

class Model:
    def __init__(self):
        self.a, self.b = rng.normal(size=(3, 5)), rng.normal(size=(5, 1))
    def gradients(self):
        h = np.tanh(x @ self.a)
        d = (h @ self.b - y) / len(x)
        return np.concatenate(((x.T @ ((d @ self.b.T) * (1 - h * h))).ravel(), (h.T @ d).ravel()))
    def get(self):
        return np.concatenate((self.a.ravel(), self.b.ravel()))
    def put(self, v):
        self.a, self.b = v[:15].reshape(3, 5), v[15:].reshape(5, 1)

model = Model()
m = 0
for i in range(50):
    m = 0.9 * m + model.gradients()
    model.put(model.get() - 0.05 * m)
"""


def test_parameters_may_be_joined_and_taken_apart_in_each_step(tmp_path):
    assert judged(tmp_path, UNROLLED) == ("verified", [])


def test_a_fault_in_joined_parameters(tmp_path):
    wrong = UNROLLED.replace("(1 - h * h)", "h * (1 - h)")
    assert judged(tmp_path, wrong)[0] == "wrong"


HEADS = """
import numpy as np
rng = np.random.default_rng(9)
X = rng.normal(size=(40, 4))
real, calls, flag = X[:, 0] ** 2, rng.poisson(2.0, 40), (X[:, 1] > 0) * 1.0
p = {k: rng.normal(size=s) * 0.3 for k, s in
     dict(trunk=(4, 6), real=6, calls=6, flag=6).items()}
weight = dict(real=1.0, calls=0.5, flag=2.0)

def head(name, s):
    if name == "real":
        return ((s - real) ** 2).sum() / 2, s - real
    if name == "calls":
        return (np.exp(s) - calls * s).sum(), np.exp(s) - calls
    q = 1 / (1 + np.exp(-s))
    return -(flag * np.log(q) + (1 - flag) * np.log(1 - q)).sum(), q - flag

for i in range(40):
    a = np.tanh(X @ p["trunk"])
    back, totals, g = 0, {}, {}
    for name, w in weight.items():
        totals[name], slope = head(name, a @ p[name])
        slope = slope * w / 40
        g[name] = a.T @ slope
        back = back + np.outer(slope, p[name])
    g["trunk"] = X.T @ (back * (1 - a * a))
    for k in p:
        p[k] = p[k] - 0.05 * g[k]
    print(totals)
"""


def test_three_heads_whose_costs_are_printed_apart(tmp_path):
    assert judged(tmp_path, HEADS) == ("verified", [])


FLOW = """
import numpy as np
rng = np.random.default_rng(1)
w, v = rng.normal(size=(2, 8)), rng.normal(size=(8, 2)) * 0.1

def samples():
    y = rng.uniform(-1, 1, (12, 2))
    start = y
    for _ in range(8):
        y = y + 0.1 * np.stack((y[:, 1], -np.sin(y[:, 0])), 1)
    return start, y

for i in range(60):
    x, t = samples()
    h = np.tanh(x @ w)
    e = (x + h @ v - t) / len(x)
    loss = np.sum((x + h @ v - t) ** 2) / 2 / len(x)
    dv, dw = h.T @ e, x.T @ ((e @ v.T) * (1 - h ** 2))
    v -= 0.2 * dv
    w -= 0.2 * dw
    v -= 0.2 * 1e-3 * v
    w -= 0.2 * 1e-3 * w
print(loss)
"""


def test_a_flow_is_no_training_and_a_decay_after_the_step_is_no_second_one(tmp_path):
    found = report(tmp_path, FLOW)
    assert (found["gradient"]["status"], names(found)) == ("verified", {"v", "w"})


WORDS = """
import numpy as np
rng = np.random.default_rng(0)
inner, outer = rng.normal(size=(6, 4)) * 0.3, np.zeros((6, 4))
text = rng.integers(0, 6, 90)
for epoch in range(2):
    for i in range(len(text)):
        for j in range(i - 2, i + 3):
            if j == i or j < 0 or j >= len(text):
                continue
            word = inner[text[j]]
            error = np.zeros(4)
            for k in range(3):
                target, label = (text[i], 1) if k == 0 else (rng.integers(6), 0)
                if k and target == text[i]:
                    continue
                g = (label - 1 / (1 + np.exp(-word @ outer[target]))) * 0.1
                error += g * outer[target]
                outer[target] += g * word
            inner[text[j]] += error
"""


def test_pairs_that_are_skipped_do_not_hide_the_outer_update(tmp_path):
    found = report(tmp_path, WORDS)
    assert (found["gradient"]["status"], names(found)) == ("verified", {"inner", "outer"})


def test_iterations_of_a_loop_without_a_plain_cost_are_counted(tmp_path):
    """Where outputs meet labels in a square, the loop is only known for sure when it is over."""
    told = report(tmp_path, """
import numpy as np
rng = np.random.RandomState(3)
data = rng.rand(50, 2)
target = data[:, 0] * 2 - data[:, 1]
theta = np.zeros((2, 1))
def cost(theta):
    return np.sum((data.dot(theta) - target) ** 2) / (2 * len(target))
def grad(theta):
    return data.T.dot(data.dot(theta) - target).sum(axis=1, keepdims=True) / len(target)
for it in range(70):
    theta = theta - 0.01 * grad(theta)
    if it % 20 == 0:
        print(cost(theta))
""")  # fmt: skip
    assert {f["code"] for f in told["findings"]} == {"BP108"}
    assert told["steps"] == 70
