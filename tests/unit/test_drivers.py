"""Layer functions, costs with their gradients, and a driver: nothing is trained."""

import numpy as np

from backproof.earlier import MOST_BYTES, MOST_EVENTS, Earlier
from tests.unit.test_costs_meant import judged, report
from tests.unit.test_faults_placed import line_of

NET = """
import numpy as np
rng = np.random.RandomState(1)

def forward(x, w):
    return x.dot(w), (x, w)

def backward(dout, cache):
    x, w = cache
    dx = dout.dot(w.T)
    dw = x.T.dot(dout)
    return dx, dw

def evaluate(params, x, y):
    out, cache = forward(x, params["W"])
    loss = 0.5 * np.sum((out - y) ** 2)
    for k in params:
        loss += 0.5 * 0.3 * np.sum(params[k] ** 2)
    grads = {}
    _, grads["W"] = backward(out - y, cache)
    for k in params:
        grads[k] += 0.3 * params[k]
    return loss, grads

loss, grads = evaluate({"W": rng.randn(5, 3)}, rng.randn(8, 5), rng.randn(8, 3))
print(loss, {k: np.linalg.norm(g) for k, g in grads.items()})
"""


def test_a_penalty_that_is_added_to_gradients_at_their_place_belongs_to_them(tmp_path):
    status, found = judged(tmp_path, NET)
    assert (status, found) == ("verified", [])


COURSE = """
import numpy as np
np.random.seed(3)

def initialize(dims):
    parameters = {}
    for l in range(1, len(dims)):
        parameters["W" + str(l)] = np.random.randn(dims[l], dims[l - 1]) * 0.5
        parameters["b" + str(l)] = np.random.randn(dims[l], 1) * 0.1
    return parameters

def forward(X, parameters):
    caches, A = [], X
    L = len(parameters) // 2
    for l in range(1, L + 1):
        A_prev, W, b = A, parameters["W" + str(l)], parameters["b" + str(l)]
        Z = np.dot(W, A_prev) + b
        A = np.maximum(0, Z) if l < L else 1 / (1 + np.exp(-Z))
        caches.append((A_prev, W, b, Z))
    return A, caches

def linear_backward(dZ, cache):
    A_prev, W, b, _ = cache
    m = A_prev.shape[1]
    dW = np.dot(dZ, A_prev.T) / m
    db = np.sum(dZ, axis=1, keepdims=True) / m
    return np.dot(W.T, dZ), dW, db

def backward(AL, Y, caches):
    grads, L = {}, len(caches)
    dA = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))
    for l in reversed(range(L)):
        dZ = np.array(dA, copy=True)
        if l == L - 1:
            dZ = dA * AL * (1 - AL)
        else:
            dZ[caches[l][3] <= 0] = 0
        dA, grads["dW" + str(l + 1)], grads["db" + str(l + 1)] = linear_backward(dZ, caches[l])
    return grads

parameters = initialize([5, 4, 3, 1])
X, Y = np.random.randn(5, 7), (np.random.rand(1, 7) > 0.5).astype(float)
AL, caches = forward(X, parameters)
cost = -np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / Y.shape[1]
grads = backward(AL, Y, caches)
print(cost, grads["dW1"], grads["db2"])
"""


def test_layer_functions_with_loops_are_judged_as_a_whole(tmp_path):
    """The gradients of samples are those of the sum; those of parameters, of the mean."""
    told = report(tmp_path, COURSE)
    assert told["gradient"]["status"] == "verified"
    names = {p["name"] for p in told["gradient"]["parameters"]}
    assert names >= {"W1", "b1", "W2", "b2", "W3", "b3"}
    wrong = COURSE.replace("caches[l][3] <= 0] = 0", "caches[l][3] <= 0] = 1")
    assert judged(tmp_path, wrong) == ("wrong", [("BP101", line_of(wrong, "<= 0] = 1"))])
    wrong = COURSE.replace("keepdims=True) / m", "keepdims=True)")
    assert judged(tmp_path, wrong) == ("wrong", [("BP101", line_of(wrong, "keepdims=True)"))])


CHECKED = """
import numpy as np
np.random.seed(0)

class TwoLayerNet:
    def __init__(self, inputs, hidden, outputs):
        self.params = {"W1": 0.3 * np.random.randn(inputs, hidden), "b1": np.zeros(hidden),
                       "W2": 0.3 * np.random.randn(hidden, outputs), "b2": np.zeros(outputs)}
    def loss(self, X, y, reg):
        W1, b1, W2, b2 = (self.params[k] for k in ("W1", "b1", "W2", "b2"))
        N = len(X)
        hidden = np.maximum(0, X.dot(W1) + b1)
        scores = hidden.dot(W2) + b2
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        loss = -np.log(p[range(N), y]).sum() / N + reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
        grads, dscores = {}, p
        dscores[range(N), y] -= 1
        dscores /= N
        grads["W2"] = hidden.T.dot(dscores) + 2 * reg * W2
        grads["b2"] = dscores.sum(axis=0)
        dhidden = dscores.dot(W2.T)
        dhidden[hidden <= 0] = 0
        grads["W1"] = X.T.dot(dhidden) + 2 * reg * W1
        grads["b1"] = dhidden.sum(axis=0)
        return loss, grads

net = TwoLayerNet(4, 6, 3)
X, y = 3 * np.random.randn(5, 4), np.array([0, 1, 2, 2, 1])
loss, grads = net.loss(X, y, 0.05)
for name in grads:
    W, numeric = net.params[name], np.zeros_like(net.params[name])
    for i in np.ndindex(W.shape):
        old = W[i]
        W[i] = old + 1e-5
        above = net.loss(X, y, 0.05)[0]
        W[i] = old - 1e-5
        numeric[i] = (above - net.loss(X, y, 0.05)[0]) / 2e-5
        W[i] = old
    print(name, np.abs(numeric - grads[name]).max())
"""


def test_a_numeric_check_and_a_gradient_behind_its_mask_accuse_nothing(tmp_path):
    told = report(tmp_path, CHECKED)
    assert told["gradient"]["status"] == "verified"
    assert {p["name"] for p in told["gradient"]["parameters"]} >= {"W1", "b1", "W2", "b2"}
    wrong = CHECKED.replace("X.T.dot(dhidden) + 2 * reg * W1", "X.T.dot(dhidden) + reg * W1")
    assert judged(tmp_path, wrong) == ("wrong", [("BP101", line_of(wrong, "+ reg * W1"))])


CELL = """
import numpy as np

def sigmoid(x):
    return 1 / (1 + np.exp(-x))

def forward(x, h_prev, c_prev, W, b):
    z = np.dot(W, np.concatenate((h_prev, x))) + b
    i, f, o, g = sigmoid(z[:4]), sigmoid(z[4:8]), sigmoid(z[8:12]), np.tanh(z[12:])
    c = f * c_prev + i * g
    h = o * np.tanh(c)
    return h, c, (x, h_prev, c_prev, W, i, f, o, g, c)

def backward(dh, dc, cache):
    x, h_prev, c_prev, W, i, f, o, g, c = cache
    dc = dc + dh * o * (1 - np.tanh(c) ** 2)
    dz = np.concatenate((dc * g * i * (1 - i), dc * c_prev * f * (1 - f),
                         dh * np.tanh(c) * o * (1 - o), dc * i * (1 - g ** 2)))
    dW = np.dot(dz, np.concatenate((h_prev, x)).T)
    db = dz.sum(axis=1, keepdims=True)
    dx = np.dot(W.T, dz)[4:]
    dc_prev = dc * f
    return dx, dc_prev, dW, db

rng = np.random.RandomState(1)
x, h_prev, c_prev = rng.randn(3, 5), rng.randn(4, 5), rng.randn(4, 5)
W, b = rng.randn(16, 7), rng.randn(16, 1)
h, c, cache = forward(x, h_prev, c_prev, W, b)
dh, dc = rng.randn(4, 5), rng.randn(4, 5)
dx, dc_prev, dW, db = backward(dh, dc, cache)
print(dx.sum(), dc_prev.sum(), dW.sum(), db.sum())
"""


def test_gradients_of_two_outputs_that_a_driver_makes_up_are_those_of_both(tmp_path):
    told = report(tmp_path, CELL)
    assert told["gradient"]["status"] == "verified"
    assert {p["name"] for p in told["gradient"]["parameters"]} >= {"W", "b", "x", "c_prev"}
    wrong = CELL.replace("dc * i * (1 - g ** 2)", "dc * i * g * (1 - g)")
    assert judged(tmp_path, wrong) == ("wrong", [("BP101", line_of(wrong, "dc * i * g"))])


def test_what_is_kept_of_a_program_without_training_is_bounded():
    earlier = Earlier()
    small, large = (0, 0, (), {}, 1.0), (0, 0, (), {}, np.zeros(MOST_BYTES // 8))
    for _ in range(10):
        earlier.add([small] * (MOST_EVENTS // 4))
        assert len(earlier.events) <= MOST_EVENTS
    earlier.clear()
    earlier.add([small, large])
    earlier.add([large])
    assert earlier.events == []
