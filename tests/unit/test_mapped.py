"""Functions that NumPy calls for each element, or each row: `np.vectorize`, `apply_along_axis`."""

import subprocess
import sys

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import blamed

pytestmark = pytest.mark.quality

VECTORIZED = """
import math
import numpy as np
rng = np.random.RandomState(0)
X = rng.randn(50, 3)
y = (X[:, 0] > 0).astype(float).reshape(-1, 1)

class Net:
    def __init__(self):
        self.W, self.V = 0.5 * rng.randn(3, 4), 0.5 * rng.randn(4, 1)
        self.act = np.vectorize(self._sigmoid)

    @staticmethod
    def _sigmoid(z):
        return 1 / (1 + math.exp(-z))

    @np.vectorize
    def leak(z, slope):
        return z if z > 0 else slope * z

leak_prime = np.vectorize(lambda z: 1.0 if z > 0 else 0.1, otypes=[float])
net = Net()
for it in range(30):
    Z = (net.W.T @ X.T).T
    H = Net.leak(Z, 0.1)
    A = net.act(H @ net.V)
    loss = -np.mean(y * np.log(A) + (1 - y) * np.log(1 - A))
    d = (A - y) / len(X)
    dV = H.T @ d
    dZ = (d @ net.V.T) * leak_prime(Z)
    dW = X.T @ dZ
    net.W -= dW
    net.V -= dV
print(loss)
"""


def test_vectorized_functions_are_followed(tmp_path):
    assert judged(tmp_path, VECTORIZED) == ("verified", [])
    found, line = blamed(tmp_path, VECTORIZED, "* leak_prime(Z)", "* leak_prime(-Z)")
    assert found == [line]


ROWS = """
import numpy as np
rng = np.random.RandomState(0)
X = rng.randn(50, 3)
T = np.eye(4)[(X @ rng.randn(3, 4)).argmax(axis=1)]
W = 0.1 * rng.randn(3, 4)

def softmax(row):
    e = np.exp(row - row.max())
    return e / e.sum()

for it in range(30):
    P = np.apply_along_axis(softmax, 1, X @ W)
    loss = -np.sum(T * np.log(P)) / len(X)
    W -= 0.5 * X.T @ (P - T) / len(X)
    norms = np.apply_along_axis(np.linalg.norm, 0, W)
print(loss, norms)
"""


def test_functions_of_rows_are_followed(tmp_path):
    assert judged(tmp_path, ROWS) == ("verified", [])
    columns = ROWS.replace("1, X @ W)", "0, (X @ W).T).T")
    assert columns != ROWS
    assert judged(tmp_path, columns) == ("verified", [])


PLAIN = """
import functools
import numpy as np
calls = []

def told(a, b=2.0):
    calls.append((type(a).__name__, type(b).__name__))
    print(a, b)
    return (a * b, a + b)

w = 1.0
for it in range(4):
    v = np.vectorize(told)
    product, total = v(np.arange(6.0).reshape(2, 3).T, np.array([w, 2.0]))
    w -= 0.1 * product[0, 1]
    print(np.vectorize(lambda z: 0 if z < 1 else z * w)(np.array([0.5, 1.5, 2.5])))
    print(np.vectorize(told, excluded=["b"])(np.arange(2.0), b=3))
    print(np.vectorize(len)(["ab", "c"]), np.vectorize(abs)(-3), np.vectorize(round)(np.ones(2), 1))
    print(np.apply_along_axis(sorted, 0, np.arange(6.0).reshape(2, 3)[::-1]))
    print(np.apply_along_axis(np.diag, -1, np.arange(8.0).reshape(2, 2, 2)).shape)
    print(np.apply_along_axis(lambda r, k: r[k], 1, np.arange(6.0).reshape(2, 3), 1))
    try:
        np.vectorize(told)(np.zeros(0))
    except ValueError as error:
        print(error)
print(calls)

class Degrees(float):
    def half(self):
        return Degrees(self / 2)

h = w / 4 + 1
print(h.is_integer(), h.hex(), h.conjugate(), h.as_integer_ratio(), h.__round__(), h.real)
print(Degrees(3).half().is_integer(), Degrees(h).hex(), np.matrix([[h, 1.0]]).T.sum())
print([v.is_integer() for v in (h, 2.0)], list(map(float.is_integer, (h, 2.0))))
rows = np.arange(4.0).reshape(2, 2)
print(functools.reduce(lambda x, layer: layer(x), [np.sin, np.sqrt], rows))
print(functools.reduce(np.dot, [rows, rows], rows), functools.reduce(np.add, rows))
print(list(reversed(rows)), [*reversed(rows[0])], *enumerate(reversed(rows), 1))
"""


def test_the_program_sees_no_difference(tmp_path):
    (tmp_path / "train.py").write_text(PLAIN, "utf-8")
    plain, ours = (
        subprocess.run([sys.executable, *how, "train.py"], cwd=tmp_path, capture_output=True,
                       text=True, check=False, timeout=60)
        for how in ([], ["-m", "backproof", "run", "--no-fix"])
    )  # fmt: skip
    assert plain.returncode == 0, plain.stderr
    assert ours.stdout == plain.stdout
