"""Right programs of kinds that were accused when they were first met."""

import pytest

from tests.unit.test_costs_meant import judged, report

pytestmark = pytest.mark.quality


VARIATIONAL = """
import numpy as np
rng = np.random.default_rng(3)
x = rng.normal(size=(50, 4))
y = x @ rng.normal(size=4) + 0.1 * rng.normal(size=50)
m, s, v, c = np.zeros(4), np.zeros(4), 0.3, 0.0
for epoch in range(30):
    eps = rng.normal(size=50)
    mu, sigma = x @ m, np.exp(x @ s)
    z = mu + sigma * eps
    r = v * z + c - y
    dmu = r * v + 0.2 * mu
    dlog = sigma * (r * v * eps + 0.2 * (sigma - 1 / sigma))
    gm, gs = x.T @ dmu / 50, x.T @ dlog / 50
    gv, gc = np.mean(r * z), np.mean(r)
    m -= 0.1 * gm
    s -= 0.1 * gs
    v -= 0.1 * gv
    c -= 0.1 * gc
print(m)
"""


def test_a_divergence_that_no_step_computes_is_left_open(tmp_path):
    assert judged(tmp_path, VARIATIONAL) == ("unverified", [])


def test_beside_an_open_divergence_a_wrong_error_is_told(tmp_path):
    wrong = VARIATIONAL.replace("dmu = r * v +", "dmu = r * mu +")
    assert judged(tmp_path, wrong)[0] == "wrong"


FLAT = """
import numpy as np
from scipy.optimize import fmin_l_bfgs_b
rng = np.random.default_rng(1)
x, t = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
y = np.eye(2)[t]

def both(theta):
    w1, w2 = theta[:12].reshape(4, 3), theta[12:].reshape(2, 4)
    h = np.tanh(x @ w1.T)
    z = h @ w2.T
    p = np.exp(z - z.max(axis=1)[:, None])
    p /= p.sum(axis=1)[:, None]
    cost = -np.sum(y * np.log(p)) + 0.05 * (np.dot(w1.flat, w1.flat) + sum(w2.flat[k] ** 2 for k in range(8)))
    d = p - y
    g2 = d.T @ h + 0.1 * w2
    g1 = (d @ w2 * (1 - h ** 2)).T @ x + 0.1 * w1
    return cost, np.concatenate([g1.flat, list(g2.flat)])

print(fmin_l_bfgs_b(both, rng.normal(size=20) * 0.3, maxiter=20)[1])
"""  # noqa: E501


def test_entries_of_a_matrix_are_followed_through_flat(tmp_path):
    assert judged(tmp_path, FLAT) == ("verified", [])
    wrong = FLAT.replace("g2 = d.T @ h + 0.1 * w2", "g2 = d.T @ h")
    wrong = wrong.replace("list(g2.flat)", "g2.flat")
    assert judged(tmp_path, wrong)[1] == [("BP101", 16)]


EMPTY = """
import numpy as np
from scipy.optimize import minimize
rng = np.random.default_rng(1)
x = rng.normal(size=(30, 5))
y = x @ np.arange(5.0)

def both(v):
    a, b, none = v[:2], v[2:], v[5:]
    r = x @ np.concatenate([a, b]) - y
    g = x.T @ r
    return 0.5 * r @ r + 0.1 * np.sum(none ** 2), np.concatenate([g[:2], g[2:]])

print(minimize(both, np.ones(5), jac=True, method="BFGS").x)
"""


def test_a_part_of_a_vector_may_be_empty(tmp_path, monkeypatch):
    monkeypatch.setenv("BACKPROOF_TESTING", "1")
    assert judged(tmp_path, EMPTY) == ("verified", [])


IN_PLACE = """
import numpy as np
from scipy.optimize import fmin_l_bfgs_b
rng = np.random.default_rng(1)
x, y = rng.normal(size=(30, 3)), rng.normal(size=(30, 2))
a = np.column_stack((np.ones(30), x))

def both(v):
    theta = v.reshape(4, 2)
    r = a @ theta - y
    cost = 0.5 * np.sum(r ** 2) + 0.1 * np.sum(theta[1:] ** 2)
    theta[0] = 0
    return cost, (a.T @ r + 0.2 * theta).ravel()

print(fmin_l_bfgs_b(lambda v: both(v.copy()), rng.normal(size=8), maxiter=15)[1])
print(fmin_l_bfgs_b(both, rng.normal(size=8), maxiter=15)[1])
"""


def test_a_function_may_change_the_vector_that_it_is_given(tmp_path):
    assert judged(tmp_path, IN_PLACE) == ("verified", [])
    assert judged(tmp_path, IN_PLACE.replace("0.2 * theta", "0.1 * theta"))[0] == "wrong"


STORED = """
import numpy as np
rng = np.random.default_rng(1)
x, y = rng.normal(size=(30, 4)), rng.normal(size=30)
w = rng.normal(size=4)
for step in range(6):
    r = x @ w - y
    g = np.zeros((2, 2))
    for k in range(4):
        g.flat[k] = r @ x[:, k]
        g.flat[k] += 0.5 * w[k]
    print(0.5 * r @ r + 0.25 * w @ w)
    w -= 0.01 * g.ravel()
"""


def test_entries_are_stored_through_flat(tmp_path):
    assert judged(tmp_path, STORED) == ("verified", [])


HIDDEN = """
import numpy as np
from scipy.optimize import minimize
rng = np.random.default_rng(0)
x = rng.normal(size=(30, 4))
y = x @ [1.0, 2.0, 3.0, 4.0]

def size(w):
    return float(sum(v * v for v in np.frombuffer(w.tobytes())))

def cost(w):
    r = x @ w - y
    return 0.5 * r @ r + 0.5 * size(w)

def gradient(w):
    return x.T @ (x @ w - y) + w

print(minimize(cost, np.full(4, 0.3), jac=gradient, method="BFGS").x)
"""


def test_the_cost_function_of_an_optimiser_is_asked_where_the_tape_is_blind(tmp_path):
    told = report(tmp_path, HIDDEN)
    assert told["findings"] == []
    (parameter,) = told["gradient"]["parameters"]
    assert parameter["status"] == "unverified"
    assert "disagree" in parameter["reason"]


PERMUTED = """
import numpy as np
rng = np.random.default_rng(0)
x, y = rng.normal(size=(6, 3, 4)), rng.normal(size=(6, 5))
w = rng.normal(size=(12, 5)) * 0.1
for step in range(8):
    a = np.transpose(x, (2, 0, 1)).copy(order="K")
    a[1] += 0.5
    h = a.transpose(1, 2, 0).reshape(6, -1)
    r = h @ w - y
    print(0.5 * np.sum(r ** 2))
    w -= 0.01 * h.T @ r
"""


def test_memory_may_have_its_axes_in_any_order(tmp_path, monkeypatch):
    monkeypatch.setenv("BACKPROOF_TESTING", "1")
    assert judged(tmp_path, PERMUTED) == ("verified", [])


DECAYED = """
import numpy as np
rng = np.random.default_rng(2)
x, y = rng.normal(size=(64, 5)), rng.normal(size=(64, 2))

class Dense:
    def __init__(self, n, k, weight_decay=0.0):
        self.W, self.b = rng.normal(size=(n, k)) * 0.4, np.zeros((1, k))
        self.weight_decay = weight_decay

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, g, lr):
        dW = self.x.T @ g + self.weight_decay * self.W
        out = g @ self.W.T
        self.W -= lr * dW
        self.b -= lr * g.sum(0, keepdims=True)
        return out

class Drop:
    def forward(self, x, rate=0.0):
        self.rate = rate
        self.mask = rng.random(x.shape) > rate
        return x * self.mask / (1 - rate)

    def backward(self, g):
        return g * self.mask / (1 - self.rate)

one, two, drop = Dense(5, 6), Dense(6, 2), Drop()
for epoch in range(4):
    total = 0
    for k in range(0, 64, 16):
        h = one.forward(x[k:k + 16])
        p = two.forward(drop.forward(np.tanh(h)))
        r = p - y[k:k + 16]
        total += 0.5 * np.sum(r ** 2) / 16
        g = drop.backward(two.backward(r / 16, 0.05)) * (1 - np.tanh(h) ** 2)
        one.backward(g, 0.05)
    print(total)
"""


def test_a_decay_of_zero_is_no_memory_and_no_weight(tmp_path):
    assert judged(tmp_path, DECAYED) == ("verified", [])


ACTING = """
import numpy as np
rng = np.random.default_rng(5)

class Policy:
    def __init__(self, theta):
        self.theta = theta

    def sigmoid(self, y):
        return 1 / (1 + np.exp(-y))

    def act(self, x):
        p = self.sigmoid(x @ self.theta)
        p = np.array([p, 1 - p])
        a = rng.choice([0, 1], p=p)
        return a, p[a]

    def slopes(self, x):
        y = x @ self.theta
        return x - x * self.sigmoid(y), -x * self.sigmoid(y)

    def update(self, rewards, seen, actions):
        slopes = np.array([self.slopes(o)[a] for o, a in zip(seen, actions)])
        total, returns = 0.0, np.zeros(len(rewards))
        for i in reversed(range(len(rewards))):
            total = 0.9 * total + rewards[i]
            returns[i] = total
        self.theta += 0.01 * slopes.T @ returns

policy = Policy(rng.random(4))
for episode in range(20):
    seen, actions, rewards, kept = [], [], [], []
    for t in range(rng.integers(5, 12)):
        x = rng.normal(size=4)
        a, p = policy.act(x)
        seen.append(x); actions.append(a); kept.append(p)
        rewards.append(float((x[0] > 0) == (a == 0)))
    policy.update(np.array(rewards), np.array(seen), np.array(actions))
print(policy.theta)
"""


def test_a_part_of_a_probability_is_no_cost(tmp_path):
    assert judged(tmp_path, ACTING)[1] == []


MIXED = """
import numpy as np
rng = np.random.default_rng(12)
x = np.concatenate([rng.normal(-2, 0.5, 40), rng.normal(1, 0.6, 50)])
a, mu, s = np.zeros(2), np.array([-0.5, 0.5]), np.zeros(2)
for it in range(60):
    w = np.exp(a - a.max())
    w /= w.sum()
    z = (x[:, None] - mu) / np.exp(s)
    terms = np.log(w) - s - 0.5 * z ** 2
    top = terms.max(1, keepdims=True)
    value = top[:, 0] + np.log(np.exp(terms - top).sum(1))
    mean = value.mean()
    r = np.exp(terms - value[:, None])
    ga, gm = (r - w).mean(0), (r * z / np.exp(s)).mean(0)
    gs = (r * (z ** 2 - 1)).mean(0)
    a += 0.2 * ga
    mu += 0.2 * gm
    s += 0.2 * gs
    print(mean)
"""


def test_the_likelihood_of_a_mixture_is_to_grow(tmp_path):
    assert judged(tmp_path, MIXED) == ("verified", [])
    assert judged(tmp_path, MIXED.replace("z ** 2 - 1", "z ** 2 + 1"))[1] == [("BP101", 16)]


ELASTIC = """
import numpy as np
rng = np.random.default_rng(0)
x = rng.normal(size=(80, 5))
y = x @ np.array([2.0, -1.0, 0.0, 0.5, 0.0]) + 0.7 + 0.1 * rng.normal(size=80)
w, b = np.zeros(5), np.zeros(1)
for turn in range(200):
    error = x @ w + b - y
    step = np.dot(error, x) / 80 + 0.1 * np.sign(w) + 2 * 0.1 * w
    b = b - 0.05 * error.sum() / 80
    w = w - 0.05 * step
print(w, b)
"""


def test_the_penalties_of_an_elastic_net_need_no_cost(tmp_path):
    assert judged(tmp_path, ELASTIC) == ("verified", [])


BISECTED = """
import numpy as np
rng = np.random.default_rng(2)
x = rng.normal(size=(20, 3))

def width(target, low=1e-20, high=1000.0):
    for turn in range(200):
        guess = (low + high) / 2.
        two = 2. * np.square(np.array([guess]).reshape((-1, 1)))
        reached = float(np.exp(-1 / two)[0, 0])
        if reached > target:
            high = guess
        else:
            low = guess
        if abs(reached - target) < 1e-12:
            break
    return guess

y = np.tanh(x @ rng.normal(size=3)) * width(0.4)
w = np.zeros(3)
for turn in range(60):
    out = np.tanh(x @ w)
    loss = 0.5 * np.mean((out - y) ** 2)
    w -= 0.2 * x.T @ ((out - y) * (1 - out ** 2)) / 20
print(loss)
"""


def test_a_bisection_beside_the_training_is_no_update(tmp_path):
    assert judged(tmp_path, BISECTED) == ("verified", [])


#: The gradient of the inputs is computed as well, by a layer that always does.
INPUTS = """
import numpy as np
rng = np.random.default_rng(5)
x, t = rng.normal(size=(14, 2)), rng.normal(size=(14, 1))

def back(dy, x, h, w, v):
    dh = dy.dot(v.T) * (1 - h ** 2)
    return dh.dot(w.T), x.T.dot(dh), h.T.dot(dy), dh.sum(axis=0)

w, v, b = rng.normal(size=(2, 6)) * 0.3, rng.normal(size=(6, 1)) * 0.3, np.zeros(6)
for turn in range(60):
    h = np.tanh(x.dot(w) + b)
    y = h.dot(v)
    loss = np.sum((y - t) ** 2)
    dx, dw, dv, db = back(2 * (y - t), x, h, w, v)
    w = w - 0.01 * dw
    v = v - 0.01 * dv
    b = b - 0.01 * db
print(loss)
"""


def test_the_gradient_of_samples_may_be_dropped(tmp_path):
    assert judged(tmp_path, INPUTS) == ("verified", [])


#: The input layer has neither weights nor gradients: they are written as nan.
PLACEHOLDERS = """
import numpy as np
rng = np.random.default_rng(1)
x = rng.normal(size=(30, 4))
t = np.abs(x[:, :1]) - x[:, 1:2]
layers = [(np.array(np.nan), np.array(np.nan))] + [
    (0.5 * rng.normal(size=s), np.zeros(s[1])) for s in ((4, 7), (7, 1))
]

def forward(x):
    kept = [(np.array(np.nan), x)]
    a = x
    for w, b in layers[1:-1]:
        z = a @ w + b
        a = np.maximum(z, 0.0)
        kept.append((z, a))
    return a @ layers[-1][0] + layers[-1][1], kept

def backward(out, kept):
    chain, grads = (out - t) / len(t), []
    for i in (2, 1):
        z, a = kept[i - 1]
        grads.append((a.T @ chain, chain.sum(axis=0)))
        chain = chain @ layers[i][0].T * (z > 0) if i > 1 else chain
    grads.append((np.array(np.nan), np.array(np.nan)))
    return grads[::-1]

for step in range(40):
    out, kept = forward(x)
    loss = 0.5 * np.sum((out - t) ** 2) / len(t)
    grads = backward(out, kept)
    for i in range(1, 3):
        w, b = layers[i]
        gw, gb = grads[i]
        w -= 0.1 * gw
        b -= 0.1 * gb
    if step % 10 == 0:
        print(loss)
"""


def test_what_is_written_as_not_a_number_and_never_read_is_no_fault(tmp_path):
    assert judged(tmp_path, PLACEHOLDERS) == ("verified", [])


#: The same line trains one model after the other, each from zeros.
MODELS = """
import numpy as np
rng = np.random.default_rng(9)
x = rng.normal(size=(50, 4))
y = x @ np.array([2.0, -1.0, 0.5, 0.8]) + 0.2 * rng.normal(size=50)

class Least:
    def gradient(self):
        return -2.0 / len(x) * (x.T @ (y - x @ self.w))

    def fit(self):
        self.w = np.zeros(4)
        for step in range(60):
            grad = self.gradient()
            self.w -= 0.05 * grad

class Ridge(Least):
    def gradient(self):
        return -2.0 / len(x) * (x.T @ (y - x @ self.w)) + 0.2 * self.w

for model in (Least(), Ridge(), Ridge()):
    model.fit()
    print(np.mean((y - x @ model.w) ** 2))
"""


def test_a_second_training_from_zeros_is_not_the_end_of_the_first(tmp_path):
    assert judged(tmp_path, MODELS)[1] == []
