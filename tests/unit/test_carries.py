"""What goes on from round to round: the recurrent part of a gradient, the state before."""

import pytest

from tests.repair.test_fixes_found import report
from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import line_of

pytestmark = pytest.mark.quality

#: Adds up the numbers that have come in so far; the states are copied to a list.
RUNNING_TOTAL = """
import copy
import numpy as np
rng = np.random.default_rng(4)

def slope(out):
    return out * (1 - out)

U, V, R = rng.normal(size=(2, 6)), rng.normal(size=(6, 1)), rng.normal(size=(6, 6))
dU, dV, dR = np.zeros_like(U), np.zeros_like(V), np.zeros_like(R)
for run in range(40):
    x = rng.integers(0, 2, (5, 2))
    t = x.sum(axis=1) % 2
    states, deltas, error = [np.zeros(6)], [], 0.0
    for k in range(5):
        s = 1 / (1 + np.exp(-(x[k:k + 1] @ U + np.dot(states[-1], R))))
        o = 1 / (1 + np.exp(-(s @ V)))
        e = t[k] - o
        deltas.append(e * slope(o))
        error += 0.5 * float(e[0, 0]) ** 2
        states.append(copy.deepcopy(s))
    later = np.zeros(6)
    for k in range(5):
        s = states[-k - 1]
        before = states[-k - 2]
        d = deltas[-k - 1]
        back = (later.dot(R.T) + d.dot(V.T)) * slope(s)
        dV += np.atleast_2d(s).T.dot(d)
        dR += np.atleast_2d(before).T.dot(back)
        dU += x[4 - k:5 - k].T.dot(back)
        later = back
    U += 0.1 * dU
    V += 0.1 * dV
    R += 0.1 * dR
    dU *= 0
    dV *= 0
    dR *= 0
    if run % 10 == 0:
        print(error)
"""


def test_the_recurrent_part_of_a_gradient_that_is_missing_is_put_back(tmp_path):
    assert judged(tmp_path, RUNNING_TOTAL) == ("verified", [])
    wrong = RUNNING_TOTAL.replace("(later.dot(R.T) + d.dot(V.T))", "(d.dot(V.T))")
    found = report(tmp_path, wrong)["findings"][0]
    assert found["line"] == line_of(wrong, "back = (d.dot")
    assert found["fix"]["verified"]
    assert "later @ R.T" in found["fix"]["edits"][0]["text"]


#: The outputs of all rounds at once.
WAVE = """
import numpy as np
rng = np.random.default_rng(6)
x, t = rng.normal(size=(8, 5, 2)), rng.normal(size=(8, 5, 1))
U, V, R = (rng.normal(size=s) * 0.4 for s in ((2, 6), (6, 1), (6, 6)))
for turn in range(60):
    states = np.zeros((8, 6, 6))
    for k in range(5):
        states[:, k + 1] = np.tanh(x[:, k] @ U + states[:, k] @ R)
    error = states[:, 1:] @ V - t
    loss = np.sum(error ** 2) / 8
    dy = 2 * error / 8
    wave = dy @ V.T
    dV = np.tensordot(states[:, 1:], dy, ([0, 1], [0, 1]))
    dU, dR, later = np.zeros_like(U), np.zeros_like(R), np.zeros((8, 6))
    for k in reversed(range(5)):
        own = wave[:, k]
        whole = own + later
        back = (1 - states[:, k + 1] ** 2) * whole
        dU += x[:, k].T @ back
        dR += states[:, k].T @ back
        later = back @ R.T
    U -= 0.02 * dU
    V -= 0.02 * dV
    R -= 0.02 * dR
print(loss)
"""


def test_a_carry_that_a_name_passes_on_alone_is_missed_there(tmp_path):
    assert judged(tmp_path, WAVE) == ("verified", [])
    wrong = WAVE.replace("whole = own + later", "whole = own")
    assert judged(tmp_path, wrong) == ("wrong", [("BP101", line_of(wrong, "whole = own"))])


#: Samples one by one, seven layers of sigmoids; in each round all of them.
DEEP = """
import numpy as np
rng = np.random.default_rng(5)
sizes = [6, 8, 8, 8, 8, 8, 8, 3]
weights = [rng.normal(size=(n, m)) / np.sqrt(m) for m, n in zip(sizes, sizes[1:])]
biases = [rng.normal(size=(n, 1)) for n in sizes[1:]]
kinds = np.arange(60) % 3
middle = rng.normal(size=(3, 6, 1))
samples = [(middle[k] + 0.3 * rng.normal(size=(6, 1)), np.eye(3)[:, [k]]) for k in kinds]

def squash(z):
    return 1 / (1 + np.exp(-z))

for turn in range(12):
    for start in range(0, 60, 10):
        dW, db = [0 * w for w in weights], [0 * b for b in biases]
        loss = 0.0
        for x, y in samples[start:start + 10]:
            heights = [x]
            for w, b in zip(weights, biases):
                heights.append(squash(w @ heights[-1] + b))
            d = (heights[-1] - y) * heights[-1] * (1 - heights[-1])
            loss += 0.5 * np.sum((heights[-1] - y) ** 2)
            for k in range(1, len(sizes)):
                if k > 1:
                    d = weights[-k + 1].T @ d * heights[-k] * (1 - heights[-k])
                dW[-k] = dW[-k] + d @ heights[-k - 1].T
                db[-k] = db[-k] + d
        weights = [w - 0.1 * g for w, g in zip(weights, dW)]
        biases = [b - 0.1 * g for b, g in zip(biases, db)]
    print(loss)
"""


def test_signals_that_vanish_are_told_of_samples_taken_one_by_one(tmp_path):
    assert judged(tmp_path, DEEP) == ("verified", [("BP306", line_of(DEEP, "weights = [rng"))])
    shallow = DEEP.replace("[6, 8, 8, 8, 8, 8, 8, 3]", "[6, 8, 3]")
    assert judged(tmp_path, shallow) == ("verified", [])
