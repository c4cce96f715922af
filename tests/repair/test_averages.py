"""Slips of an optimiser get a fix, once its averages are seen to be kept and to fit together."""

from pathlib import Path

import pytest

from tests.repair.test_run import run
from tests.unit.test_optimisers_told import ADAM

pytestmark = pytest.mark.quality

ADAGRAD = """
import numpy as np
rng = np.random.default_rng(4)
x, t = rng.normal(size=(30, 3)), rng.normal(size=(30, 4))
W, b = rng.normal(size=(3, 4)), np.zeros(4)
memories = [np.zeros_like(W), np.zeros_like(b)]
for i in range(25):
    e = x @ W + b - t
    loss = 0.5 * (e ** 2).sum() / len(x)
    dW, db = x.T @ e / len(x), e.sum(0) / len(x)
    for p, g, mem in zip([W, b], [dW, db], memories):
        mem += g * g
        p -= 0.1 * g / np.sqrt(mem + 1e-8)
    print(loss)
"""


@pytest.mark.parametrize(
    ("program", "right", "wrong"),
    [
        (ADAM, "(1 - b2 ** self.t)", "(1 - b1 ** self.t)"),
        (ADAM, "(1 - b2) * grads[k]", "(1 - b1) * grads[k]"),
        (ADAM, "mean = self.m[k] / (1 - b1 ** self.t)", "mean = self.m[k]"),
        (ADAM, "mean / (np.sqrt(square) + 1e-8)", "mean * (np.sqrt(square) + 1e-8)"),
        (
            ADAM,
            "        self.t += 1\n        for k in params:\n",
            "        for k in params:\n            self.t += 1\n",
        ),
        (ADAGRAD, "mem += g * g", "mem = mem + g * g"),
        (ADAM, "self.v[k] = b2 * self.v[k] + (1", "self.v[k] = (1"),
    ],
)
def test_an_optimiser_is_repaired(tmp_path: Path, program: str, right: str, wrong: str) -> None:
    (tmp_path / "train.py").write_text(program.replace(right, wrong))
    _, report = run(tmp_path, "--fix-time", "30", "train.py")
    fix = report["findings"][0]["fix"]
    assert report["findings"][0]["code"] == "BP102"
    assert fix is not None, report["findings"][0]["notes"]
    assert fix["verified"]
    meant = " ".join(right.split())
    assert meant.replace("mean = ", "").split(" / ")[0] in " ".join(fix["after"].split())
