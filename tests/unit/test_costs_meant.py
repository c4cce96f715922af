"""Which cost gradients belong to, where the program does not say it in one place."""

import json
import subprocess
import sys
from textwrap import dedent

import pytest

pytestmark = pytest.mark.quality


def judged(tmp_path, text):
    """Run a program; return the status of its gradients and its findings as (code, line)."""
    (tmp_path / "train.py").write_text(dedent(text), "utf-8")
    command = [sys.executable, "-m", "backproof", "run", "--no-fix", "--json", "o.json", "train.py"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=60)
    report = json.loads((tmp_path / "o.json").read_text("utf-8"))
    found = [(f["code"], f["line"]) for f in report["findings"] if f["severity"] != "note"]
    return report["gradient"]["status"], found


LAYER = """
import numpy as np
rng = np.random.default_rng(0)

def forward(x, w, b):
    return x @ w + b

def backward(dout, x, w):
    return dout @ w.T, x.T @ dout{factor}, dout.sum(axis=0)

x, w, b = rng.normal(size=(6, 4)), rng.normal(size=(4, 3)), rng.normal(size=3)
out = forward(x, w, b)
dout = rng.normal(size=out.shape)
dx, dw, db = backward(dout, x, w)
print(dx.sum(), dw.sum(), db.sum())
"""


def test_a_layer_with_a_driver_is_judged_by_its_names(tmp_path):
    assert judged(tmp_path, LAYER.format(factor="")) == ("verified", [])
    assert judged(tmp_path, LAYER.format(factor=" / 6")) == ("wrong", [("BP101", 9)])


def test_a_step_in_space_is_no_gradient(tmp_path):
    text = """
    import numpy as np
    x, v = np.linspace(0.0, 1.0, 5), np.ones(5)
    dx = 0.1 * v * x
    energy = 0.5 * np.sum(x ** 2)
    print(x + dx, energy)
    """
    assert judged(tmp_path, text)[1] == []


SAMPLES = """
import numpy as np
rng = np.random.default_rng(1)
X, Y = rng.normal(size=(12, 3)), rng.normal(size=(12, 2))
W = rng.normal(size=(2, 3))
V = rng.normal(size=(2, 2))
for epoch in range(20):
    gW, gV = np.zeros(W.shape), np.zeros(V.shape)
    for x, y in zip(X, Y):
        h = np.tanh(W @ x)
        delta = V @ h - y
        gV {sum} np.outer(delta, h)
        gW += np.outer((V.T @ delta) * (1 - h ** 2), x)
    W -= 0.05 * gW / len(X)
    V -= 0.05 * gV / len(X)
print(W, V)
"""


def test_the_samples_of_a_step_belong_to_one_cost(tmp_path):
    assert judged(tmp_path, SAMPLES.format(sum="+=")) == ("verified", [])
    status, found = judged(tmp_path, SAMPLES.format(sum="="))
    assert status == "wrong"
    assert found[0][0] == "BP101"


PENALTY = """
import numpy as np
rng = np.random.default_rng(2)
X = rng.normal(size=(40, 5))
y = (X @ rng.normal(size=5) > 0) * 1.0
w = rng.normal(size=5)
for i in range(30):
    p = 1 / (1 + np.exp(-X @ w))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)) + 0.1 * np.sum(w ** 2)
    grad = X.T @ (p - y) / 40{penalty}
    w = w - 0.2 * grad
print(loss)
"""


@pytest.mark.parametrize("penalty", ["", " + 0.1 * w", " - 0.2 * w"])
def test_a_penalty_of_another_strength_is_wrong(tmp_path, penalty):
    status, found = judged(tmp_path, PENALTY.format(penalty=penalty))
    assert (status, found) == ("wrong", [("BP101", 10)])


def test_the_penalty_of_the_cost_is_right(tmp_path):
    assert judged(tmp_path, PENALTY.format(penalty=" + 0.2 * w")) == ("verified", [])


def test_an_accumulator_that_is_never_emptied_is_no_momentum(tmp_path):
    text = """
    import numpy as np
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(30, 4)), rng.normal(size=30)
    w, g = rng.normal(size=4), np.zeros(4)
    for i in range(20):
        r = X @ w - y
        loss = np.mean(r ** 2)
        g = {keep}g + 2 * X.T @ r / 30
        w = w - 0.01 * g
    print(loss)
    """
    assert judged(tmp_path, text.format(keep="0.9 * ")) == ("verified", [])
    assert judged(tmp_path, text.format(keep="")) == ("wrong", [("BP106", 9)])
