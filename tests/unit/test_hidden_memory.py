"""Memory that a function hides behind its result, and indices that leave the tape."""

import pytest

from tests.unit.test_costs_meant import judged

pytestmark = pytest.mark.quality

TILED = """
import numpy as np
rng = np.random.default_rng(0)
b = rng.normal(size=(3, 1))
T = rng.normal(size=(4, 5, 3))
for step in range(30):
    y = np.tile(b.flatten(), (4, 5, 1))
    y[:, :, 0] += np.ones(20).reshape(4, 5)
    loss = np.sum((y - T) ** 2)
    d = 2 * (y - T)
    b -= 0.01 * np.sum(d, axis=(0, 1))[:, None]
print(loss)
"""
CONTRACTED = """
import numpy as np
rng = np.random.default_rng(0)
W, b = rng.normal(size=(3, 4)), rng.normal(size=4)
X, T = rng.normal(size=(6, 5, 3)), rng.normal(size=(6, 5, 4))
for step in range(30):
    y = np.tensordot(X, W, axes=(2, 0))
    y[:, 0] += b
    y += b
    loss = np.mean((y - T) ** 2)
    d = 2 * (y - T) / T.size
    W -= 0.5 * np.tensordot(X, d, axes=([0, 1], [0, 1]))
    b -= 0.5 * (d.sum(axis=(0, 1)) + d[:, 0].sum(axis=0))
print(loss)
"""
CHOSEN = """
import numpy as np
rng = np.random.default_rng(0)
W = rng.normal(size=(4, 6))
X, t = rng.normal(size=(20, 4)), rng.normal(size=(20, 3))
for step in range(30):
    z = X @ W
    y = z[:, [0, 2, 4]]
    y[:, 1] *= 2.0
    loss = np.mean((y - t) ** 2)
    d = 2 * (y - t) / t.size
    d[:, 1] *= 2.0
    dz = np.zeros_like(z)
    dz[:, [0, 2, 4]] = d
    W -= 0.3 * X.T @ dz
print(loss)
"""


@pytest.mark.parametrize("text", [TILED, CONTRACTED, CHOSEN])
def test_a_result_that_is_a_view_is_followed_through_stores(tmp_path, text):
    assert judged(tmp_path, text) == ("verified", [])


POOLED = """
import numpy as np
rng = np.random.default_rng(0)
W = 0.5 * rng.normal(size=(3, 4, 4, 2))
X, T = rng.normal(size=3), rng.normal(size=(2, 2, 2))

def pool(x):
    y = np.empty((2, 2, 2))
    for c in range(2):
        for i in range(0, 4, 2):
            for j in range(0, 4, 2):
                y[int(i / 2)][int(j / 2)][c] = np.max(x[i:i + 2, j:j + 2, c])
    return y

def unpool(d, x):
    dx = np.zeros(x.shape)
    for c in range(2):
        for i in range(0, 4, 2):
            for j in range(0, 4, 2):
                place = np.argmax(x[i:i + 2, j:j + 2, c])
                dx[i + int(place / 2)][j + place % 2][c] = d[int(i / 2)][int(j / 2)][c]
    return dx

for step in range(30):
    f = np.maximum(0, np.tensordot(X, W, 1))
    m = pool(f)
    loss = np.sum((m - T) ** 2)
    d = np.where(f > 0, unpool(2 * (m - T), f), 0)
    W -= 0.01 * X[:, None, None, None] * d
print(loss)
"""


def test_an_index_that_becomes_a_number_of_the_program_is_a_branch(tmp_path):
    assert judged(tmp_path, POOLED) == ("verified", [])
    status, found = judged(tmp_path, POOLED.replace("int(place / 2)", "int(place % 2)"))
    assert status == "wrong"
    assert found


RECORDS = """
import numpy as np
rng = np.random.default_rng(3)
table = np.zeros(50, dtype=[("size", "f4"), ("rooms", "i4"), ("price", "f8"), ("town", "U8")])
table["size"], table["rooms"] = rng.random(50), rng.integers(1, 6, 50)
table["price"] = table["size"] * 3 + table["rooms"] * 0.2
rows = np.unique(np.round(rng.normal(size=(80, 3)), 1), axis=0)
rows -= rows.mean(axis=0)
w, v, c = np.zeros(2), np.zeros(3), 0.0
for step in range(60):
    e = w[0] * table["size"] + w[1] * table["rooms"] + c - table["price"]
    r = rows @ v - rows[:, 0]
    loss = np.mean(e ** 2) + np.mean(r ** 2)
    w -= 0.02 * 2 * np.array([np.mean(e * table["size"]), np.mean(e * table["rooms"])])
    c -= 0.02 * 2 * np.mean(e)
    v -= 0.02 * 2 * rows.T @ r / len(rows)
print(loss)
"""


def test_fields_of_records_and_unique_rows_are_data(tmp_path):
    assert judged(tmp_path, RECORDS) == ("verified", [])
    status, found = judged(tmp_path, RECORDS.replace("rows.T @ r", "rows.T @ (r * r)"))
    assert status == "wrong"
    assert [code for code, _ in found] == ["BP101"]
