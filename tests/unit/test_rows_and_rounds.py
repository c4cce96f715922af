"""Rows of arrays, samples one by one, and rounds of a loop: what each of them has to come to."""

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import blamed

pytestmark = pytest.mark.quality


ADAGRAD = """
import numpy as np
rng = np.random.default_rng(0)
x = rng.normal(size=(30, 3))
y = np.tanh(x @ rng.normal(size=(3, 1)))
W, b, V = rng.normal(size=(3, 4)) * 0.5, np.full((1, 4), 0.1), rng.normal(size=(4, 1)) * 0.5
hW, hb, hV = np.zeros_like(W) + 1e-8, np.zeros_like(b) + 1e-8, np.zeros_like(V) + 1e-8
for step in range(12):
    h = np.tanh(x @ W + b)
    loss = np.mean((h @ V - y) ** 2)
    d = 2 * (h @ V - y) / len(x)
    dV = h.T @ d
    dh = d @ V.T * (1 - h ** 2)
    dW, db = x.T @ dh, np.sum(dh, axis=0)
    hW += dW * dW
    W -= 0.1 / np.sqrt(hW) * dW
    hb += db * db
    b -= 0.1 / np.sqrt(hb) * db
    hV += dV * dV
    V -= 0.1 / np.sqrt(hV) * dV
    print(loss)
"""


def test_a_bias_of_one_row_has_a_gradient_without_rows(tmp_path):
    assert judged(tmp_path, ADAGRAD) == ("verified", [])


TRIPLES = """
import copy, random
import numpy as np
random.seed(3)
rng = np.random.RandomState(3)
entities = {f"e{i}": rng.randn(6) * 0.3 for i in range(12)}
relations = {"next": rng.randn(6) * 0.3, "skip": rng.randn(6) * 0.3}
triples = [(f"e{i}", name, f"e{(i + k) % 12}") for name, k in (("next", 1), ("skip", 3))
           for i in range(12)]

class Model:
    def __init__(self):
        self.entities, self.relations, self.loss = entities, relations, 0.0

    def train(self, batch):
        ents, rels = copy.deepcopy(self.entities), copy.deepcopy(self.relations)
        for (h, r, t), (h2, _, t2) in batch:
            good = np.sum(np.square(ents[h] + rels[r] - ents[t]))
            bad = np.sum(np.square(ents[h2] + rels[r] - ents[t2]))
            loss = 1.0 + good - bad
            if loss > 0:
                self.loss += loss
                dgood = 2 * (ents[h] + rels[r] - ents[t])
                dbad = 2 * (ents[h2] + rels[r] - ents[t2])
                ents[h] -= 0.02 * dgood
                rels[r] -= 0.02 * dgood
                ents[t] += 0.02 * dgood
                rels[r] += 0.02 * dbad
                ents[h2] += 0.02 * dbad
                ents[t2] -= 0.02 * dbad
        self.entities, self.relations = ents, rels

model = Model()
for epoch in range(8):
    model.loss = 0.0
    for _ in range(4):
        batch = []
        for h, r, t in random.sample(triples, 6):
            other = random.choice([name for name in entities if name not in (h, t)])
            batch.append(((h, r, t), (other, r, t) if random.random() < 0.5 else (h, r, other)))
        model.train(batch)
    print(epoch, model.loss)
"""


def test_rows_of_a_dictionary_that_are_moved_twice_in_one_step(tmp_path):
    assert judged(tmp_path, TRIPLES) == ("verified", [])


ONE_BY_ONE = """
import numpy as np
rng = np.random.default_rng(3)
X, y = rng.normal(size=(25, 3)), np.eye(4)[rng.integers(0, 4, 25)]
W, b = rng.normal(size=(3, 6)) * 0.5, np.zeros(6)
U, c = rng.normal(size=(6, 5)) * 0.5, np.zeros(5)
V, d = rng.normal(size=(5, 4)) * 0.5, np.zeros(4)

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def forward(x):
    h = np.tanh(x @ W + b)
    g = np.tanh(h @ U + c)
    return sigmoid(g @ V + d), g, h

for epoch in range(12):
    p, _, _ = forward(X)
    J = -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / len(X)
    grads = [np.zeros_like(v) for v in (W, b, U, c, V, d)]
    for i in range(len(X)):
        x = X[i, np.newaxis]
        a, g, h = forward(x)
        d3 = a - y[i]
        d2 = d3 @ V.T * (1 - g ** 2)
        d1 = d2 @ U.T * (1 - h ** 2)
        parts = (x.T @ d1, d1[0], h.T @ d2, d2[0], g.T @ d3, d3[0])
        for total, part in zip(grads, parts):
            total += part / len(X)
    for value, grad in zip((W, b, U, c, V, d), grads):
        value -= 0.5 * grad
    print(J)
"""


def test_samples_one_by_one_beside_a_cost_of_all(tmp_path):
    assert judged(tmp_path, ONE_BY_ONE) == ("verified", [])
    for right, wrong in (
        ("d2 @ U.T * (1 - h ** 2)", "d2 @ U.T * (1 - h) ** 2"),
        ("d3 @ V.T * (1 - g ** 2)", "d3 @ V.T * g"),
    ):
        found, line = blamed(tmp_path, ONE_BY_ONE, right, wrong)
        assert found[:1] == [line]


ROUNDS = """
import numpy as np
rng = np.random.default_rng(6)
X, y = rng.normal(size=(20, 5, 3)), rng.integers(0, 2, 20)
U, W = rng.normal(size=(4, 3)) * 0.5, rng.normal(size=(4, 4)) * 0.4
V = rng.normal(size=4) * 0.5

def gradients(x, t):
    T = len(x)
    s = np.zeros((T + 1, 4))
    for k in range(T):
        s[k + 1] = np.tanh(U @ x[k] + W @ s[k])
    p = 1 / (1 + np.exp(-(V @ s[T])))
    loss = -np.log(p if t else 1 - p)
    dU, dW, dV = np.zeros_like(U), np.zeros_like(W), (p - t) * s[T]
    d = (p - t) * V * (1 - s[T] ** 2)
    for k in range(T, 0, -1):
        dW += np.outer(d, s[k - 1])
        dU += np.outer(d, x[k - 1])
        d = W.T @ d * (1 - s[k - 1] ** 2)
    return loss, dU, dW, dV

for epoch in range(4):
    total = 0.0
    for x, t in zip(X, y):
        loss, dU, dW, dV = gradients(x, t)
        total += loss
        U -= 0.1 * dU
        W -= 0.1 * dW
        V -= 0.1 * dV
    print(total)
"""


def test_a_loop_that_leaves_a_round_out_is_told_at_its_header(tmp_path):
    assert judged(tmp_path, ROUNDS) == ("verified", [])
    found, line = blamed(tmp_path, ROUNDS, "range(T, 0, -1)", "range(T, 1, -1)")
    assert found == [line]
