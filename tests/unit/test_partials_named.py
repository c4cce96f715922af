"""Faults in backward passes that write the chain rule out in names, and in forward passes."""

import pytest

from tests.unit.test_faults_placed import blamed

pytestmark = pytest.mark.quality

CHAIN = """
import numpy as np
rng = np.random.default_rng(3)
w1, w2, b1, b2, w3, w4, b3 = (float(v) for v in rng.normal(size=7))
xs = rng.normal(size=30)
ys = np.tanh(1.5 * xs) + 0.2
rate = 0.05
for epoch in range(60):
    total = 0.0
    for x, y in zip(xs, ys):
        z1, z2 = w1 * x + b1, w2 * x + b2
        a1, a2 = np.tanh(z1), np.tanh(z2)
        out = w3 * a1 + w4 * a2 + b3
        total += (out - y) ** 2
        dcost_dout = 2 * (out - y)
        dout_da1 = w3
        da1_dz1 = 1 - a1 ** 2
        dz1_dw1 = x
        dout_da2 = w4
        da2_dz2 = 1 - a2 ** 2
        dcost_dw1 = dcost_dout * dout_da1 * da1_dz1 * dz1_dw1
        dcost_db1 = dcost_dout * dout_da1 * da1_dz1
        dcost_dw2 = dcost_dout * dout_da2 * da2_dz2 * x
        dcost_db2 = dcost_dout * dout_da2 * da2_dz2
        dcost_dw3 = dcost_dout * a1
        dcost_dw4 = dcost_dout * a2
        w1 -= rate * dcost_dw1
        w2 -= rate * dcost_dw2
        b1 -= rate * dcost_db1
        b2 -= rate * dcost_db2
        w3 -= rate * dcost_dw3
        w4 -= rate * dcost_dw4
        b3 -= rate * dcost_dout
    if epoch % 20 == 0:
        print(epoch, total / len(xs))
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("dout_da1 = w3", "dout_da1 = w1"),
        ("dcost_dw2 = dcost_dout * dout_da2", "dcost_dw2 = dcost_dout * dout_da1"),
        (
            "dcost_dw1 = dcost_dout * dout_da1 * da1_dz1 * dz1_dw1",
            "dcost_dw1 = dz1_dw1",
        ),
    ],
)
def test_a_named_local_derivative_is_blamed_where_it_gets_its_name(tmp_path, old, new):
    lines, wanted = blamed(tmp_path, CHAIN, old, new)
    assert lines == [wanted]


LAYERS = """
import numpy as np
rng = np.random.default_rng(1)
X = rng.normal(size=(40, 3))
Y = np.sin(X.sum(axis=1, keepdims=True))
W1, W2 = rng.normal(size=(3, 6)) * 0.6, rng.normal(size=(6, 1)) * 0.6

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def slope_of_sigmoid(a):
    return a * (1 - a)

for step in range(80):
    net = X @ W1
    hidden = sigmoid(net)
    out = hidden @ W2
    loss = np.mean((out - Y) ** 2)
    d_loss_d_out = 2 * (out - Y) / Y.size
    d_loss_d_h = d_loss_d_out * W2.T
    d_h_d_net = slope_of_sigmoid(hidden)
    grad_w2 = hidden.T @ d_loss_d_out
    grad_w1 = X.T @ (d_loss_d_h * d_h_d_net)
    W2 -= 0.3 * grad_w2
    W1 -= 0.3 * grad_w1
    if step % 20 == 0:
        print(loss)
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("slope_of_sigmoid(hidden)", "slope_of_sigmoid(net)"),
        ("X.T @ (d_loss_d_h * d_h_d_net)", "X.T @ d_loss_d_h"),
    ],
)
def test_a_derivative_of_its_own_statement_is_told_from_its_use(tmp_path, old, new):
    lines, wanted = blamed(tmp_path, LAYERS, old, new)
    assert lines[:1] == [wanted]


ONE_SAMPLE = """
import numpy as np
rng = np.random.default_rng(2)
W1, b1 = rng.normal(size=(4, 5)) * 0.6, np.zeros((1, 5))
W2, b2 = rng.normal(size=(5, 5)) * 0.6, np.zeros((1, 5))
X = rng.normal(size=(30, 4))
Y = 1 / (1 + np.exp(-X @ rng.normal(size=(4, 5))))

def f(v):
    return 1 / (1 + np.exp(-v))

def df(v):
    return np.exp(-v) / (1 + np.exp(-v)) ** 2

for epoch in range(20):
    for i in range(30):
        x, y = X[i : i + 1], Y[i : i + 1]
        n1 = x @ W1 + b1
        l1 = f(n1)
        n2 = l1 @ W2 + b2
        l2 = f(n2)
        loss = np.sum((l2 - y) ** 2)
        dl2 = 2 * (l2 - y)
        dW2 = l1.T @ (df(n2) * dl2)
        db2 = df(n2) * dl2
        dl1 = (dl2 * df(n2)) @ W2.T
        dW1 = x.T @ (df(n1) * dl1)
        db1 = df(n1) * dl1
        W1 -= 0.1 * dW1
        W2 -= 0.1 * dW2
        b1 -= 0.1 * db1
        b2 -= 0.1 * db2
"""


def test_a_factor_is_missing_where_the_gradient_is_formed(tmp_path):
    old, new = "dW1 = x.T @ (df(n1) * dl1)", "dW1 = x.T @ dl1"
    lines, wanted = blamed(tmp_path, ONE_SAMPLE, old, new)
    assert lines == [wanted]


def test_a_name_that_a_value_gets_after_it_was_read_is_not_blamed(tmp_path):
    text = LAYERS.replace(
        "    grad_w1 = X.T @ (d_loss_d_h * d_h_d_net)\n",
        "    dnet = (d_loss_d_out @ W2.T) * slope_of_sigmoid(hidden)\n"
        "    grad_w1 = X.T @ dnet\n"
        "    kept = dnet\n",
    ).replace(
        "    d_loss_d_h = d_loss_d_out * W2.T\n    d_h_d_net = slope_of_sigmoid(hidden)\n", ""
    )
    old = "dnet = (d_loss_d_out @ W2.T) * slope_of_sigmoid(hidden)"
    lines, wanted = blamed(tmp_path, text, old, "dnet = d_loss_d_out @ W2.T")
    assert lines == [wanted]


MIXTURE = """
import numpy as np
rng = np.random.default_rng(4)
X = rng.normal(size=(30, 3))
T = np.eye(3)[rng.integers(0, 3, 30)]
W1, W2 = rng.normal(size=(3, 6)) * 0.5, rng.normal(size=(6, 3)) * 0.5
for step in range(60):
    A = np.tanh(X @ W1)
    E = np.exp(A @ W2)
    P = E / E.sum(axis=1, keepdims=True)
    loss = -np.mean(np.sum(T * np.log(P), axis=1))
    G = (P - T) / len(X)
    H = (G @ W2.T) * (1 - A ** 2)
    W2 -= 0.5 * (A.T @ G)
    W1 -= 0.5 * (X.T @ H)
    if step % 20 == 0:
        print(loss)
"""


SHARES = (
    MIXTURE.replace("np.eye(3)[rng.integers(0, 3, 30)]", "rng.integers(0, 2, (30, 3))")
    .replace("E = np.exp(A @ W2)", "E = A @ W2")
    .replace("P = E / E.sum(axis=1, keepdims=True)", "P = 1 / (1 + np.exp(-E))")
    .replace("T * np.log(P)", "T * np.log(P) + (1 - T) * np.log(1 - P)")
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("+ (1 - T) * np.log(1 - P)", "+ (T - 1) * np.log(1 - P)"),
        ("(P - T)", "(P + T)"),
    ],
)
def test_a_cost_that_the_gradients_are_not_of_and_an_error_that_adds_labels(tmp_path, old, new):
    lines, wanted = blamed(tmp_path, SHARES, old, new)
    assert lines == [wanted]


LINE = """
import numpy as np
rng = np.random.default_rng(5)
x = rng.normal(size=50)
y = 1.5 * np.sin(1.1 * x + 0.3) + 0.2
amplitude, frequency, offset = 1.0, 0.9, 0.1
for step in range(200):
    guess = amplitude * np.sin(frequency * x + 0.3) + offset
    error = guess - y
    cost = np.sum(error ** 2)
    grad_amplitude = 2 * np.sum(error * np.sin(frequency * x + 0.3))
    grad_frequency = 2 * np.sum(error * amplitude * x * np.cos(frequency * x + 0.3))
    grad_offset = 2 * np.sum(error)
    amplitude -= 0.001 * grad_amplitude
    frequency -= 0.001 * grad_frequency
    offset -= 0.001 * grad_offset
"""


def test_a_number_that_no_gradient_steps_is_told_by_the_name_that_it_takes(tmp_path):
    old = "grad_frequency = 2 * np.sum(error * amplitude * x * np.cos(frequency * x + 0.3))"
    lines, wanted = blamed(tmp_path, LINE, old, "grad_frequency = 2")
    assert lines == [wanted]


def test_steps_that_contradict_each_other_do_not_blame_both(tmp_path):
    text = """
import numpy as np
rng = np.random.default_rng(6)
X = rng.normal(size=(20, 2))
Y = np.sin(X.sum(axis=1, keepdims=True))
W1, W2 = rng.normal(size=(2, 5)), rng.normal(size=(5, 1))
b1, b2 = np.zeros(5), np.zeros(1)
for epoch in range(300):
    A = np.tanh(X @ W1 + b1)
    out = A @ W2 + b2
    G = 2 * (out - Y) / len(X)
    H = (G @ W2.T) * (1 - A ** 2)
    W2 -= 0.01 * (A.T @ G)
    b2 -= 0.01 * G.sum(axis=0)
    W1 -= 0.01 * (X.T @ H)
    b1 -= 0.01 * H.sum(axis=0)
    if epoch % 100 == 0:
        print(np.mean((np.tanh(X @ W1 + b1) @ W2 + b2 - Y) ** 2))
"""
    lines, wanted = blamed(tmp_path, text, "H = (G @ W2.T)", "H = ((out - Y) @ W2.T)")
    assert lines == [wanted]


def test_biases_that_are_divided_by_the_size_of_all_data(tmp_path):
    text = """
import numpy as np
rng = np.random.default_rng(7)
data = [(x, np.sin(x.sum())) for x in rng.normal(size=(40, 3))]
w, b, eta = rng.normal(size=3), 0.0, 0.5
for epoch in range(10):
    for start in range(0, len(data), 10):
        batch = data[start : start + 10]
        total_w, total_b = np.zeros(3), 0.0
        for x, y in batch:
            e = x @ w + b - y
            total_w = total_w + e * x
            total_b = total_b + e
        w = w - (eta / len(batch)) * total_w
        b = b - (eta / len(batch)) * total_b
"""
    lines, wanted = blamed(tmp_path, text, "len(batch)) * total_b", "len(data)) * total_b")
    assert lines == [wanted]


STORES = """
import numpy as np
rng = np.random.default_rng(5)
x, y = rng.normal(size=(40, 4)), rng.normal(size=(40, 2))
v, w = rng.normal(size=(4, 6)) * 0.6, rng.normal(size=(6, 2)) * 0.6

def back(d, z):
    s = z.copy()
    s[s > 0] = 1
    s[s < 0] = 0
    return d * s

for epoch in range(20):
    z = x @ v
    h = np.maximum(z, 0)
    r = h @ w - y
    print(0.5 * np.sum(r ** 2))
    gw = h.T @ r
    gv = x.T @ back(r @ w.T, z)
    w -= 0.003 * gw
    v -= 0.003 * gv
"""


@pytest.mark.parametrize("new", ["s[s > 1] = 1", "s[s > 0] = 2"])
def test_of_several_stores_the_one_that_makes_a_slope_wrong(tmp_path, new):
    lines, wanted = blamed(tmp_path, STORES, "s[s > 0] = 1", new)
    assert lines == [wanted]
