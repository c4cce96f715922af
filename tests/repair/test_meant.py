"""Where no gradient is right, the statement at fault is looked at first, by its true value."""

from __future__ import annotations

from pathlib import Path

from backproof.options import RunOptions
from backproof.repair.hunt import Hunt
from backproof.repair.sketch import sketch as sketch_of
from backproof.repair.workshop import Program, Workshop

NET = """\
import numpy as np

rng = np.random.default_rng(0)
X, T = rng.normal(size=(20, 3)), rng.uniform(0.2, 0.8, size=(20, 2))
W1, W2 = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))

for _ in range(5):
    Z1 = X @ W1
    H = np.tanh(Z1)
    Z2 = H @ W2
    P = 1 / (1 + np.exp(-Z2))
    loss = np.mean((P - T) ** 2)
    dZ2 = 2 * (P - T) / P.size * P * (1 - P)
    dW2 = H.T @ dZ2
    dW1 = X.T @ (dZ2 @ W2.T * (1 - H**2))
    W1 -= 0.5 * dW1
    W2 -= 0.5 * dW2
print(loss)
"""


def test_a_fault_behind_all_gradients_is_known_by_value(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(NET.replace("P * (1 - P)", "Z2 * (1 - Z2)"))
    with Workshop(Program("train.py", cwd=str(tmp_path)), RunOptions(), workers=1) as workshop:
        report = Hunt(workshop).diagnosed().report
        assert report is not None
        hunt = Hunt(workshop, budget=60.0, report=report, brief=True)
        sketch = sketch_of(workshop, {}, report)
        faulty = {(Path(path).name, line) for path, line in sketch.meant.faults}
        assert faulty == {("train.py", 13)}
        repair = hunt.repair()
    assert repair.verified
    right = "dZ2 = 2 * (P - T) / P.size * P * (1 - P)"
    assert [found.after.strip() for found in repair.found] == [right]
