"""A derivative that stands alone: the statement that lost the gradient that comes in is named."""

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import blamed

pytestmark = pytest.mark.quality

NET = """
import numpy as np
rng = np.random.default_rng(6)
X = rng.normal(size=(20, 3))
y = np.sin(X[:, :1])
W1, W2, W3 = (rng.normal(size=s) * 0.7 for s in ((3, 6), (6, 5), (5, 1)))

def slope(z):
    return np.where(z > 0, 1.0, 0.1)

def back(d, x, W):
    return x.T @ d, d @ W.T

for step in range(30):
    z1 = X @ W1
    h1 = np.where(z1 > 0, z1, 0.1 * z1)
    h2 = np.tanh(h1 @ W2)
    out = h2 @ W3
    loss = np.mean((out - y) ** 2)
    d3 = 2 * (out - y) / len(X)
    dW3, e2 = back(d3, h2, W3)
    d2 = e2 * (1 - h2 ** 2)
    dW2, e1 = back(d2, h1, W2)
    d1 = e1 * slope(z1)
    W1 -= 0.1 * X.T @ d1
    W2 -= 0.1 * dW2
    W3 -= 0.1 * dW3
    print(loss)
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [("d1 = e1 * slope(z1)", "d1 = slope(z1)"), ("d2 = e2 * (1 - h2 ** 2)", "d2 = (1 - h2 ** 2)")],
)
def test_the_statement_that_lost_the_gradient_is_named(tmp_path, old, new):
    assert not judged(tmp_path, NET)[1]
    found, line = blamed(tmp_path, NET, old, new)
    assert found == [line]
