"""Costs that fit by chance, or all but: probabilities, norms, parts that are clipped."""

import pytest

from tests.unit.test_costs_meant import judged, report
from tests.unit.test_faults_placed import line_of

pytestmark = pytest.mark.quality

#: The cost is the logarithm of a probability and an epsilon; both are numbers of the program.
PICKED = """
import numpy as np
rng = np.random.default_rng(0)
W, b = 0.3 * rng.normal(size=(4, 5)), np.zeros(4)
X, Y = rng.normal(size=(40, 5)), rng.integers(0, 4, 40).astype(float)

def loss_of(p, y):
    return -np.log(p[int(y)] + 1e-6)

def forward(x, y):
    z = W @ x + b
    p = np.exp(z - z.max())
    p = p / p.sum()
    return {"x": x, "y": y, "p": p, "loss": loss_of(p.copy(), y.copy())}

for epoch in range(4):
    for x, y in zip(X, Y):
        kept = forward(x, y)
        if kept["loss"] > 0:
            d = kept["p"] - np.eye(4)[int(kept["y"])]
            W -= 0.05 * np.outer(d, kept["x"])
            b -= 0.05 * d
print(b)
"""
CLIPPED = """
import numpy as np
rng = np.random.default_rng(3)
E, U = rng.normal(size=(9, 6)), rng.normal(size=(6, 9))
words = rng.integers(0, 9, 60)
for i in range(1, 59):
    h, dh = E[words[i]], np.zeros(6)
    loss = 0.0
    for near in (words[i - 1], words[i + 1]):
        u = h @ U
        p = np.exp(u - u.max())
        p = p / p.sum()
        e = p.copy()
        e[near] -= 1
        g = U @ e
        dh += np.clip(g, -0.1, 0.1)
        loss -= np.log(p[near])
    E[words[i]] -= 0.1 * dh
    if i % 20 == 0:
        print(loss)
"""


def test_a_probability_is_no_cost_where_its_logarithm_is_one(tmp_path):
    assert judged(tmp_path, PICKED) == ("verified", [])
    slip = "W += 0.05 * np.outer(d, kept"
    _, found = judged(tmp_path, PICKED.replace("W -= 0.05 * np.outer(d, kept", slip))
    assert found
    assert {code for code, _ in found} <= {"BP101", "BP104"}


def test_what_is_right_but_for_clipped_parts_is_left_open(tmp_path):
    told = report(tmp_path, CLIPPED)
    assert told["findings"] == []
    (parameter,) = told["gradient"]["parameters"]
    assert parameter["status"] == "unverified"
    assert "clipped in line" in parameter["reason"]
    slip = "g = U @ (e * p)"
    text = CLIPPED.replace("g = U @ e", slip)
    status, found = judged(tmp_path, text)
    assert (status, found[:1]) == ("wrong", [("BP101", line_of(text, slip))])
