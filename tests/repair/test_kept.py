"""New values that are kept nowhere: what is said, and the edit that keeps them."""

import json
import subprocess
import sys

import pytest

NET = """
import numpy as np
class Net:
    def __init__(self):
        r = np.random.RandomState(1)
        self.p = {"w": r.randn(4, 3) * .5, "v": r.randn(3, 2) * .5}
    def backward(self, x, t):
        a = np.tanh(x @ self.p["w"])
        o = a @ self.p["v"]
        self.loss = np.mean(np.sum((o - t) ** 2, 1)) / 2
        d = (o - t) / len(x)
        return {"v": a.T @ d, "w": x.T @ (d @ self.p["v"].T * (1 - a * a))}
def update(p, g, rate=.1):
    w = p["w"] - rate * g["w"]
    v = p["v"]-rate * g["v"]
    return {"w": w, "v": v}
r = np.random.RandomState(2)
x = r.randn(30, 4)
t = x[:, :2] ** 2
net = Net()
for k in range(12):
    g = net.backward(x, t)
    net.p = update(net.p, g)
print(net.loss)
for name in net.p:
    print(name)
"""


@pytest.mark.parametrize(
    ("edits", "line", "fix"),
    [
        ([("net.p = update(", "update(")], "update(net.p, g)", "net.p = update(net.p, g)"),
        (
            [("    return {\"w\": w, \"v\": v}\n", "    return p\n")],
            'w = p["w"] - rate * g["w"]', 'p["w"] = p["w"] - rate * g["w"]',
        ),
        (
            [("net.p = update(net.p, g)", "for q, h in zip(net.p.values(), g.values()):\n"
              "        q = q-.1*h"), ('{"v": a.T @ d, "w": x.T', '{"w": x.T'),
             ("(1 - a * a))}", '(1 - a * a)), "v": a.T @ d}')],
            "q = q-.1*h", "q -= .1*h",
        ),
    ],
    ids=["returned", "names", "loop"],
)  # fmt: skip
def test_new_values_that_nobody_keeps_are_told_and_kept(tmp_path, edits, line, fix):
    text = NET
    for old, new in edits:
        assert text.count(old) == 1
        text = text.replace(old, new)
    (tmp_path / "train.py").write_text(text, "utf-8")
    subprocess.run(
        [sys.executable, "-m", "backproof", "run", "--json", "r.json", "train.py"],
        cwd=tmp_path, check=False, timeout=120, capture_output=True,
    )  # fmt: skip
    found = json.loads((tmp_path / "r.json").read_text("utf-8"))["findings"][0]
    assert found["code"] == "BP107"
    assert text.splitlines()[found["line"] - 1].strip() == line
    assert found["fix"]["verified"]
    assert fix in found["fix"]["after"]
