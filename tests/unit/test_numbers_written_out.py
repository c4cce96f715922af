"""A number that stands in a gradient is a factor of it, not a rate of the parameter's own."""

import pytest

from tests.repair.test_fixes_found import report as repaired
from tests.unit.test_costs_meant import judged, report
from tests.unit.test_faults_placed import line_of

pytestmark = pytest.mark.quality

COLUMNS = """
import numpy as np
rng = np.random.default_rng(4)
X, Y = rng.normal(size=(3, 50)), rng.normal(size=(1, 50)) > 0
P = {"W1": 0.5 * rng.normal(size=(5, 3)), "b1": np.zeros((5, 1)),
     "W2": 0.5 * rng.normal(size=(1, 5)), "b2": np.zeros((1, 1))}
m = X.shape[1]
for i in range(40):
    Z1 = P["W1"] @ X + P["b1"]
    A1 = np.maximum(Z1, 0)
    A2 = 1 / (1 + np.exp(-(P["W2"] @ A1 + P["b2"])))
    cost = -1./m * np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2))
    dZ2 = A2 - Y
    dW2 = 1./m * np.dot(dZ2, A1.T)
    db2 = 1./m * np.sum(dZ2, axis=1, keepdims=True)
    mask = (Z1 > 0).astype(float)
    slope = mask
    dZ1 = np.dot(P["W2"].T, dZ2) * slope
    dW1 = 1./m * np.dot(dZ1, X.T)
    db1 = 1./m * np.sum(dZ1, axis=1, keepdims=True)
    P["W1"] = P["W1"] - 0.3 * dW1
    P["b1"] = P["b1"] - 0.3 * db1
    P["W2"] = P["W2"] - 0.3 * dW2
    P["b2"] = P["b2"] - 0.3 * db2
    if i % 10 == 0:
        print(cost)
"""


def test_a_share_of_the_samples_is_no_rate(tmp_path):
    assert judged(tmp_path, COLUMNS) == ("verified", [])
    wrong = COLUMNS.replace("db1 = 1./m", "db1 = 4./m")
    found = repaired(tmp_path, wrong)["findings"][0]
    assert found["line"] == line_of(wrong, "db1 = 4./m")
    assert found["fix"]["after"].strip().startswith("db1 = 1./m")


def test_a_mask_is_turned_round_where_it_is_made(tmp_path):
    wrong = COLUMNS.replace("(Z1 > 0)", "(Z1 < 0)")
    found = repaired(tmp_path, wrong)["findings"][0]
    assert found["line"] == line_of(wrong, "mask = (Z1 < 0)")
    assert "Z1 > 0" in found["fix"]["after"]


def test_a_gradient_of_another_cost_is_told_though_all_outputs_are_alike(tmp_path):
    small = COLUMNS.replace("0.5 * rng", "0.01 * rng").replace(
        "dZ2 = A2 - Y", "dZ2 = (A2 - Y) * A2 * (1 - A2)"
    )
    found = report(tmp_path, small)
    assert found["findings"][0]["code"] in ("BP101", "BP103")
    assert found["findings"][0]["line"] == line_of(small, "dZ2 = ")


FACTORS = """
import numpy as np
rng = np.random.default_rng(5)
R = rng.integers(1, 6, size=(7, 6)).astype(float)
rows, columns = 0.3 * rng.normal(size=(7, 2)), 0.3 * rng.normal(size=(6, 2))
pairs = [(i, j) for i in range(7) for j in range(6)]
for epoch in range(6):
    rng.shuffle(pairs)
    for i, j in pairs:
        error = rows[i] @ columns[j] - R[i, j]
        u = rows[i].copy()
        rows[i] -= 0.02 * (error * columns[j] + 0.05 * rows[i])
        columns[j] -= 0.02 * (error * u + 0.05 * columns[j])
"""


def test_a_penalty_of_another_parameter_is_none(tmp_path):
    assert judged(tmp_path, FACTORS) == ("verified", [])
    wrong = FACTORS.replace("+ 0.05 * columns[j])", "+ 0.05 * u)")
    found = report(tmp_path, wrong)["findings"][0]
    assert found["line"] == line_of(wrong, "columns[j] -= ")


MARGIN = """
import numpy as np
rng = np.random.default_rng(6)
X = rng.normal(size=(60, 3))
y = np.sign(X @ np.array([1.0, -2.0, 0.5]) + 0.3 * rng.normal(size=60))

def objective(w, lam):
    return (lam / 2) * np.sum(w ** 2) + np.mean(np.maximum(0, 1 - y * (X @ w)))

def subgradient(w, lam):
    active = (1 - y * (X @ w) > 0).astype(float)
    hinge = (-(y * active)[:, None] * X).mean(axis=0)
    return lam * w + hinge

w = np.zeros(3)
for k in range(60):
    f = objective(w, 0.1)
    w = w - 0.2 * subgradient(w, 0.1)
    if k % 20 == 0:
        print(f)
"""


def test_a_penalty_that_no_gradient_holds_is_missed_in_a_model_of_one_vector(tmp_path):
    assert judged(tmp_path, MARGIN) == ("verified", [])
    wrong = MARGIN.replace("return lam * w + hinge", "return hinge")
    found = report(tmp_path, wrong)["findings"]
    assert "penalty's term 0.1·`w` is missing" in found[0]["title"]
    # What is one sum of its own fits all gradients.
    apart = wrong.replace("np.mean(np.maximum(0, 1 - y * (X @ w)))", "data").replace(
        "    return (lam", "    data = np.mean(np.maximum(0, 1 - y * (X @ w)))\n    return (lam"
    )
    assert [f["code"] for f in report(tmp_path, apart)["findings"]] in (["BP101"], ["BP103"])


def test_a_step_that_shrinks_the_weights_itself_needs_no_penalty(tmp_path):
    meant = MARGIN.replace("return lam * w + hinge", "return hinge").replace(
        "w = w - 0.2 * sub", "w = (1 - 0.2 * 0.1) * w - 0.2 * sub"
    )
    assert judged(tmp_path, meant) == ("verified", [])


UNPRICED = """
import numpy as np
rng = np.random.default_rng(7)
X = rng.normal(size=(40, 4))
Y = np.eye(3)[rng.integers(0, 3, 40)]
W1, b1 = 0.5 * rng.normal(size=(4, 6)), np.zeros((1, 6))
W2, b2 = 0.5 * rng.normal(size=(6, 3)), np.zeros((1, 3))
decay = 0.01
for step in range(40):
    h = np.tanh(X @ W1 + b1)
    p = np.exp(h @ W2 + b2)
    p /= p.sum(axis=1, keepdims=True)
    d = p - Y
    back = d @ W2.T * (1 - h ** 2)
    gW2 = h.T @ d
    gW1 = X.T @ back
    gW2 += 2 * decay * W2
    gW1 += 2 * decay * W1
    W2 -= 0.01 * gW2
    b2 -= 0.01 * d.sum(axis=0, keepdims=True)
    W1 -= 0.01 * gW1
    b1 -= 0.01 * back.sum(axis=0, keepdims=True)
"""


def test_a_penalty_that_lets_weights_grow_has_the_wrong_sign(tmp_path):
    assert judged(tmp_path, UNPRICED) == ("verified", [])
    wrong = UNPRICED.replace("gW1 += 2 * decay", "gW1 -= 2 * decay")
    found = report(tmp_path, wrong)["findings"][0]
    assert found["line"] == line_of(wrong, "gW1 -= ")


@pytest.mark.parametrize("labels", ["Y", "Y.astype(int)", "Y.astype(float)"])
def test_labels_that_are_forgotten_are_missed_where_the_output_becomes_the_error(tmp_path, labels):
    wrong = COLUMNS.replace("m = X.shape[1]", f"Y = {labels}\nm = X.shape[1]").replace(
        "dZ2 = A2 - Y", "dZ2 = A2"
    )
    found = repaired(tmp_path, wrong)["findings"][0]
    assert found["line"] == line_of(wrong, "dZ2 = A2")
    assert found["fix"]["after"].strip() == "dZ2 = A2 - Y"


#: The inputs of a window and its targets are often the same letters, one place on.
LETTERS = """
import numpy as np
rng = np.random.default_rng(12)
text = "abcabdabcaad" * 12
place = {c: i for i, c in enumerate(sorted(set(text)))}
n, k = len(place), 7
U, W, V = (0.2 * rng.normal(size=s) for s in ((k, n), (k, k), (n, k)))
c = np.zeros(n)

def gradients(inputs, targets):
    hs, ps, loss = {-1: np.zeros(k)}, {}, 0.0
    for t, i in enumerate(inputs):
        hs[t] = np.tanh(U[:, i] + W @ hs[t - 1])
        scores = V @ hs[t] + c
        ps[t] = np.exp(scores) / np.exp(scores).sum()
        loss += -np.log(ps[t][targets[t]])
    gU, gW, gV, gc, carry = (np.zeros_like(a) for a in (U, W, V, c, hs[-1]))
    for t in reversed(range(len(inputs))):
        dy = ps[t].copy()
        dy[targets[t]] -= 1
        gV += np.outer(dy, hs[t])
        gc += dy
        dz = (V.T @ dy + carry) * (1 - hs[t] ** 2)
        gU[:, inputs[t]] += dz
        gW += np.outer(dz, hs[t - 1])
        carry = W.T @ dz
    return loss, gU, gW, gV, gc

for step in range(60):
    at = step * 6 % (len(text) - 7)
    letters = [place[s] for s in text[at:at + 7]]
    loss, gU, gW, gV, gc = gradients(letters[:-1], letters[1:])
    U -= 0.05 * gU
    W -= 0.05 * gW
    V -= 0.05 * gV
    c -= 0.05 * gc
    if step % 20 == 0:
        print(loss)
"""


def test_a_bias_that_is_right_by_chance_does_not_speak_for_all(tmp_path):
    assert judged(tmp_path, LETTERS) == ("verified", [])
    wrong = LETTERS.replace("dy[targets[t]] -= 1", "dy[inputs[t]] -= 1")
    found = report(tmp_path, wrong)["findings"][0]
    assert found["line"] == line_of(wrong, "dy[inputs[t]] -= 1")
