"""The mutants that the benchmark draws: one line each, the same for the same seed."""

import ast
import random

from benchmarks.mutants import drawn

PROGRAM = """\
import numpy as np
W, x, y, rate = np.ones((3, 2)), np.ones((4, 3)), np.zeros((4, 2)), 0.1
for step in range(5):
    error = x @ W - y
    dW = x.T @ error / len(x)
    W -= rate * dW
print(W)
"""


def test_mutants_change_one_line_and_are_drawn_alike(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM, "utf-8")
    found = list(drawn(path, random.Random(3)))
    assert found == list(drawn(path, random.Random(3)))
    assert {mutant.line for mutant in found} == {4, 5, 6}
    for mutant in found:
        ast.parse(mutant.source)
        changed = zip(PROGRAM.split("\n"), mutant.source.split("\n"), strict=True)
        assert [a for a, b in changed if a != b] == [mutant.before]
