"""A factor that one statement forgets for all the parameters that it updates."""

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import line_of

pytestmark = pytest.mark.quality

LAYERS = """
import numpy as np
rng = np.random.default_rng(11)
X, labels = rng.normal(size=(96, 5)), rng.integers(0, 3, 96)
sizes, rate = [5, 8, 6, 3], 0.5
W = {l: rng.normal(size=(sizes[l - 1], sizes[l])) * 0.5 for l in (1, 2, 3)}
b = {l: np.zeros(sizes[l]) for l in (1, 2, 3)}
for step in range(12):
    rows = rng.choice(96, 24, replace=False)
    n, A = len(rows), {0: X[rows]}
    for l in (1, 2):
        A[l] = np.tanh(A[l - 1] @ W[l] + b[l])
    z = np.exp(A[2] @ W[3] + b[3])
    p = z / z.sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(p[np.arange(n), labels[rows]]))
    delta, gW, gb = p - np.eye(3)[labels[rows]], {}, {}
    gW[3] = A[2].T @ delta
    gb[3] = delta.sum(axis=0)
    for l in (2, 1):
        delta = (delta @ W[l + 1].T) * (1 - A[l] ** 2)
        gW[l] = A[l - 1].T @ delta
        gb[l] = delta.sum(axis=0)
    for l in (1, 2, 3):
        W[l] -= rate * gW[l] / n
        b[l] -= rate * gb[l] / n
    print(loss)
"""


def test_a_mean_that_one_update_forgets_is_told_at_that_update(tmp_path):
    assert judged(tmp_path, LAYERS) == ("verified", [])
    for name in "Wb":
        wrong = LAYERS.replace(f"rate * g{name}[l] / n", f"rate * g{name}[l]")
        found = judged(tmp_path, wrong)
        assert found == ("wrong", [("BP102", line_of(wrong, f"{name}[l] -="))])
