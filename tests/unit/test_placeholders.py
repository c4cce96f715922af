"""What is missing is named where a bare `pass` keeps its place."""

import pytest

from tests.unit.test_costs_meant import judged
from tests.unit.test_faults_placed import line_of

pytestmark = pytest.mark.quality

NET = """
import numpy as np
rng = np.random.default_rng(1)
x, y = rng.normal(size=(30, 4)), rng.normal(size=(30, 2))
class Net:
    \"\"\"Two layers.\"\"\"
    def __init__(self):
        self.v, self.b = rng.normal(size=(4, 5)) * 0.5, np.zeros(5)
        self.w, self.c = rng.normal(size=(5, 2)) * 0.5, np.zeros(2)
        self.gv = np.zeros((4, 5))

    def step(self, rate):
        h = np.tanh(x @ self.v + self.b)
        r = h @ self.w + self.c - y
        loss = 0.5 * np.sum(r ** 2)
        d = r @ self.w.T * (1 - h ** 2)
        self.gv[:] = 0
        self.gv += x.T @ d
        gb = d.sum(axis=0)
        gb += 0
        self.w -= rate * h.T @ r
        self.c -= rate * r.sum(axis=0)
        self.v -= rate * self.gv
        self.b -= rate * gb
        return loss

net = Net()
for epoch in range(12):
    print(net.step(0.003))
"""


@pytest.mark.parametrize(
    ("statement", "code"),
    [("self.b -= rate * gb", "BP107"), ("self.gv[:] = 0", "BP106")],
)
def test_a_statement_that_was_taken_out(tmp_path, statement, code):
    assert judged(tmp_path, NET) == ("verified", [])
    wrong = NET.replace(f"        {statement}\n", "        pass  # here\n")
    assert judged(tmp_path, wrong)[1][:1] == [(code, line_of(wrong, "pass  # here"))]


def test_of_two_places_neither_is_named(tmp_path):
    wrong = NET.replace("        self.b -= rate * gb\n", "        pass  # here\n")
    wrong = wrong.replace("        gb += 0\n", "        pass\n")
    assert judged(tmp_path, wrong)[1] != [("BP107", line_of(wrong, "pass  # here"))]
