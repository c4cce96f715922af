"""Costs kept in arrays, parameters filled entry by entry, and gradients added to at their place."""

from tests.unit.test_costs_meant import judged, report
from tests.unit.test_faults_placed import line_of

RIDGE = """
import numpy as np
rng = np.random.RandomState(12)

def cost(X, y, theta, lam):
    m = len(y)
    J = np.sum((X.dot(theta) - y) ** 2) / (2 * m)
    J = J + lam / (2 * m) * np.sum(theta[1:] ** 2)
    return J

m = 30
X = np.hstack([np.ones((m, 1)), rng.randn(m, 4)])
y = X.dot(np.array([[1.0], [2], [-1], [0.5], [3]])) + 0.1 * rng.randn(m, 1)
theta, history = np.zeros((5, 1)), np.zeros(60)
for it in range(60):
    err = X.dot(theta) - y
    temp = np.zeros((5, 1))
    for j in range(5):
        g = np.sum(err[:, 0] * X[:, j]) / m
        if j > 0:
            g = g + 2.0 / m * theta[j, 0]
        temp[j, 0] = theta[j, 0] - 0.1 * g
    theta = temp
    history[it] = cost(X, y, theta, 2.0)
    if it % 20 == 0:
        print(history[it])
"""


def test_parameters_that_go_to_a_new_array_one_by_one_are_judged(tmp_path):
    assert judged(tmp_path, RIDGE) == ("verified", [])


def test_a_cost_that_is_kept_in_an_array_is_the_programs_own(tmp_path):
    wrong = RIDGE.replace("2.0 / m * theta[j, 0]", "2.0 / (2 * m) * theta[j, 0]")
    assert judged(tmp_path, wrong) == ("wrong", [("BP101", line_of(wrong, "2.0 / (2 * m)"))])


GLOVE = """
import numpy as np, math
rng = np.random.RandomState(3)
W, biases = (rng.rand(12, 4) - 0.5) / 5, (rng.rand(12) - 0.5) / 5
squares, bias_squares = np.ones((12, 4)), np.ones(12)
pairs = [(i, j, float(1 + (i * j) % 4)) for i in range(6) for j in range(6) if i != j]
data = [(W[i], W[j + 6], biases[i:i + 1], biases[j + 6:j + 7], squares[i], squares[j + 6],
         bias_squares[i:i + 1], bias_squares[j + 6:j + 7], x) for i, j, x in pairs]
for epoch in range(12):
    total = 0
    for v, u, bv, bu, sv, su, sbv, sbu, x in data:
        weight = (x / 3) ** 0.75 if x < 3 else 1
        inner = v.dot(u) + bv[0] + bu[0] - math.log(x)
        total += 0.5 * weight * inner ** 2
        gv, gu, gb = weight * inner * u, weight * inner * v, weight * inner
        v -= 0.05 * gv / np.sqrt(sv)
        u -= 0.05 * gu / np.sqrt(su)
        bv -= 0.05 * gb / np.sqrt(sbv)
        bu -= 0.05 * gb / np.sqrt(sbu)
        sv += gv ** 2
        su += gu ** 2
        sbv += gb ** 2
        sbu += gb ** 2
    print(total)
"""


def test_the_memory_of_an_optimiser_is_no_cost(tmp_path):
    told = report(tmp_path, GLOVE)
    assert told["gradient"]["status"] == "verified"
    assert told["gradient"]["cost"]["expression"] == "total"


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


VELOCITY = """
import numpy as np
rng = np.random.RandomState(7)
x = rng.randn(40, 3)
t = np.tile([0.0, 1.0], 20)
alpha, beta = 0.0, np.zeros(3)
va, vb = 0.0, np.zeros(3)
for i in range(40):
    p = 1 / (1 + np.exp(-(alpha + x @ beta)))
    ga, gb = (p - t).mean(), x.T @ (p - t) / 40
    va = 0.6 * va - 0.8 * ga
    vb = 0.6 * vb - 0.8 * gb
    alpha += va
    beta = beta + vb
    z = alpha + x @ beta
    print((np.logaddexp(0, z) - t * z).mean())
"""


def test_a_bias_and_its_velocity_that_begin_as_one_number_are_two(tmp_path):
    told = report(tmp_path, VELOCITY)
    assert {p["name"] for p in told["gradient"]["parameters"]} == {"alpha", "beta"}
    assert told["gradient"]["status"] == "verified"


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
