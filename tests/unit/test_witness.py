"""The second witness: differences of the program itself, run again in copies that nobody sees."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

HEAD = """\
import numpy as np
rng = np.random.default_rng(1)
X = rng.normal(size=(30, 2))
Y = (X[:, :1] * X[:, 1:] > 0).astype(float)
W1, b1 = rng.normal(size=(2, 5)), rng.normal(size=(1, 5))
W2, b2 = rng.normal(size=(5, 1)), rng.normal(size=(1, 1))
for step in range(8):
"""
BODY = """\
    H = np.tanh(X @ W1 + b1)
    P = 1 / (1 + np.exp(-(H @ W2 + b2)))
    loss = -np.mean(Y * np.log(P) + (1 - Y) * np.log(1 - P))
    dZ2 = (P - Y) / len(X)
    dW2, db2 = H.T @ dZ2, dZ2.sum(axis=0, keepdims=True)
    dZ1 = dZ2 @ W2.T * (1 - H**2)
    dW1, db1 = X.T @ dZ1, dZ1.sum(axis=0, keepdims=True)
    W1 -= 0.1 * dW1
    b1 -= 0.1 * db1
    W2 -= 0.1 * dW2
    b2 -= 0.1 * db2
"""
#: Right code, whose gradient of `W1` and `b1` passes through tanh.
NET = HEAD + BODY

#: A rule of ours with a wrong sign.
BROKEN_RULE = """
import numpy as np
from backproof.calculus.rules import TABLE
TABLE[np.tanh] = lambda args, kwargs, out, g, wanted, tie: [g * (1 + out * out)]
"""
#: A mistake of our recorder: it takes tanh for a function of slope 1/2 that has the same value. A
#: replay of the tape makes the same mistake.
BROKEN_TAPE = """
import numpy as np
from backproof.calculus.rules import TABLE
from backproof.trace import build
emit = build._Builder.emit
class Frozen:
    def __init__(self, out): self.out, self.at = out.copy(), None
    def __call__(self, x):
        self.at = x.copy() if self.at is None else self.at
        return self.out + 0.5 * (x - self.at)
    def __hash__(self): return hash(Frozen)
    def __eq__(self, other): return type(other) is Frozen
def broken(self, site, function, args, kwargs, obj, **more):
    if function is np.tanh:
        function = Frozen(obj)
        TABLE[function] = lambda args, kwargs, out, g, wanted, tie: [0.5 * g]
    return emit(self, site, function, args, kwargs, obj, **more)
build._Builder.emit = broken
"""
DEAF = """
from backproof.witness import Witness
Witness.ask = lambda self, evidence: {}
"""


def start(source: str, folder: Path, *, broken: str = "", **more: str) -> subprocess.Popen[str]:
    """Run a program under backproof, itself broken before that."""
    (folder / "train.py").write_text(source, "utf-8")
    driver = f"{broken}\nimport sys\nfrom backproof.cli import main\nsys.exit(main(sys.argv[1:]))"
    environment = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "NO_COLOR")}
    return subprocess.Popen(
        [sys.executable, "-c", driver, "run", "--json", "report.json", "train.py"],
        cwd=folder, env=environment | more, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def judge(source: str, folder: Path, *, broken: str = "") -> dict[str, Any]:
    """Run a program under backproof to its end; return the report."""
    process = start(source, folder, broken=broken)
    _, errors = process.communicate(timeout=100)
    assert process.returncode in (0, 1), errors
    report: dict[str, Any] = json.loads((folder / "report.json").read_text("utf-8"))
    return report


def verdicts(report: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    """Return status and witness of each parameter."""
    return {p["name"]: (p["status"], p["witness"]) for p in report["gradient"]["parameters"]}


# ---- what it says ------------------------------------------------------------------------------


def test_the_program_confirms_right_gradients(tmp_path: Path) -> None:
    found = verdicts(judge(NET, tmp_path))
    assert found == dict.fromkeys(("W1", "b1", "W2", "b2"), ("verified", "program"))


def test_the_program_confirms_that_a_gradient_is_wrong(tmp_path: Path) -> None:
    report = judge(NET.replace("1 - H**2", "1 - 1.01 * H**2"), tmp_path)
    assert verdicts(report) == {
        "W1": ("wrong", "program"), "b1": ("wrong", "program"),
        "W2": ("verified", "program"), "b2": ("verified", "program"),
    }  # fmt: skip


@pytest.mark.parametrize("broken", [BROKEN_RULE, BROKEN_TAPE], ids=["rule", "tape"])
def test_a_mistake_of_ours_accuses_nobody(broken: str, tmp_path: Path) -> None:
    report = judge(NET, tmp_path, broken=broken)
    assert report["findings"] == []
    for parameter in report["gradient"]["parameters"]:
        if parameter["name"] in ("W1", "b1"):
            assert parameter["status"] == "unverified"
            assert parameter["reason"] == "differences of the program and the adjoint disagree"
            assert parameter["witness"] is None
        else:
            assert parameter["status"] != "wrong"


def test_without_the_program_the_mistake_would_accuse(tmp_path: Path) -> None:
    """The replay believes the broken tape: what the test above sees is due to the program."""
    report = judge(NET, tmp_path, broken=BROKEN_TAPE + DEAF)
    assert verdicts(report)["W1"] == ("wrong", "replay")


def test_a_cost_after_the_update_is_left_to_the_replay(tmp_path: Path) -> None:
    loss = BODY.splitlines(keepends=True)[2]
    again = (
        "    P = 1 / (1 + np.exp(-(np.tanh(X @ W1 + b1) @ W2 + b2)))\n" + loss
    )  # fmt: skip
    found = verdicts(judge(HEAD + BODY.replace(loss, "") + again, tmp_path))
    assert found == dict.fromkeys(("W1", "b1", "W2", "b2"), ("verified", "replay"))


def test_without_a_cost_the_output_error_serves(tmp_path: Path) -> None:
    loss = BODY.splitlines(keepends=True)[2]
    found = verdicts(judge(HEAD + BODY.replace(loss, ""), tmp_path))
    assert found == dict.fromkeys(("W1", "b1", "W2", "b2"), ("verified", "program"))


def test_floats_are_changed_in_place(tmp_path: Path) -> None:
    source = """\
data = [(0.1, 0.7), (0.5, 1.3), (0.9, 2.1)]
class Line:
    def __init__(self):
        self.k, self.bias = [0.1234567], 0.7654321
line = Line()
for step in range(6):
    loss, dk, dbias = 0.0, 0.0, 0.0
    for x, y in data:
        error = line.k[0] * x + line.bias - y
        loss += error * error / 3
        dk += 2 * error * x / 3
        dbias += 2 * error / 3
    line.k[0] -= 0.1 * dk
    line.bias -= 0.1 * dbias
"""
    found = verdicts(judge(source, tmp_path))
    assert set(found.values()) == {("verified", "program")}


def test_draws_and_files_are_the_same_again(tmp_path: Path) -> None:
    (tmp_path / "numbers.txt").write_text("\n".join(f"{i % 7}.5" for i in range(400)), "utf-8")
    source = """\
import random
import numpy as np
numbers = open("numbers.txt", buffering=16)
w = np.array([0.31, 0.17])
for step in range(6):
    X = np.array([[float(next(numbers)), random.random()] for _ in range(8)])
    mask = np.random.rand(8) > 0.3
    error = (X @ w - 1.0) * mask
    loss = np.mean(error ** 2)
    dw = 2 * X.T @ (error * mask) / 8
    w = w - 0.01 * dw
print(w.sum())
"""
    assert verdicts(judge(source, tmp_path)) == {"w": ("verified", "program")}


def test_single_precision_has_larger_steps(tmp_path: Path) -> None:
    source = HEAD.replace("for step", "X, Y = X.astype('f'), Y.astype('f')\nfor step")
    source = source.replace(
        "for step", "W1, b1, W2, b2 = (p.astype('f') for p in (W1, b1, W2, b2))\nfor step"
    )
    found = verdicts(judge(source + BODY, tmp_path))
    assert found == dict.fromkeys(("W1", "b1", "W2", "b2"), ("verified", "program"))


def test_other_draws_each_time_contradict_nothing(tmp_path: Path) -> None:
    body = BODY.replace(
        "    P = ", "    H = H * (np.random.default_rng().random(H.shape) > 0.3)\n    P = "
    )
    body = body.replace("(1 - H**2)", "(H != 0) * (1 - H**2)")
    found = verdicts(judge(HEAD + body, tmp_path))
    assert found == dict.fromkeys(("W1", "b1", "W2", "b2"), ("verified", "replay"))


def test_a_step_that_takes_another_path_each_time_is_left_to_the_replay(tmp_path: Path) -> None:
    source = NET.replace(
        "    H = ", "    for _ in range(os.getpid() % 1_000_003): junk = X + 1.0\n    H = "
    ).replace("os.getpid() % 1_000_003", "1 + (os.getpid() != me)")
    found = verdicts(judge("import os\nme = os.getpid()\n" + source, tmp_path))
    assert found == dict.fromkeys(("W1", "b1", "W2", "b2"), ("verified", "replay"))


# ---- what nobody sees --------------------------------------------------------------------------


def test_output_and_files_come_once(tmp_path: Path) -> None:
    told = "    print('step', step)\n    log.write(f'{step}\\n'); log.flush()\n"
    source = (
        NET.replace("    loss = ", "    open('seen.txt', 'a').write('x')\n" + told + "    loss = ")
        + "print(W1.sum())\n"
    ).replace("for step", "log = open('log.txt', 'a')\nfor step")
    process = start(source, tmp_path)
    out, _ = process.communicate(timeout=100)
    assert process.returncode == 0
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert verdicts(report)["W1"] == ("verified", "program")
    kept = (tmp_path / "log.txt").read_text("utf-8"), (tmp_path / "seen.txt").read_text("utf-8")
    assert kept == ("".join(f"{i}\n" for i in range(8)), "x" * 8)
    plain = subprocess.run(
        [sys.executable, "train.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert out == plain.stdout


def left_over(mark: str) -> list[int]:
    """Return the processes that have `mark` in their environment, zombies among them."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark.encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


HANGING = "import os, time\nme = os.getpid()\n" + NET.replace(
    "    loss = ",
    "    print(step, flush=True)\n    while os.getpid() != me: time.sleep(9)\n    loss = ",
)


def test_a_copy_that_hangs_is_given_up(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    process = start(HANGING, tmp_path, MARK=mark)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert out == "".join(f"{i}\n" for i in range(8))
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert verdicts(report)["W1"] == ("verified", "replay")
    assert left_over(mark) == []


def test_ctrl_c_while_the_program_waits_for_a_copy(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    patient = "from backproof import witness\nwitness.SHORTEST = witness.PATIENCE = 500.0\n"
    process = start(HANGING, tmp_path, broken=patient, MARK=mark)
    assert process.stdout is not None
    for line in process.stdout:
        if line == "2\n":
            break
    deadline = time.monotonic() + 30
    while len(left_over(mark)) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)  # until the copy has forked once more
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert report["status"] == "interrupted"
    assert left_over(mark) == []


def test_a_killed_program_leaves_no_copies(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    patient = "from backproof import witness\nwitness.SHORTEST = witness.PATIENCE = 500.0\n"
    process = start(HANGING, tmp_path, broken=patient, MARK=mark)
    deadline = time.monotonic() + 30
    while len(left_over(mark)) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.communicate(timeout=30)
    while left_over(mark) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert left_over(mark) == []


def test_a_copy_never_comes_to_the_end_of_the_program(tmp_path: Path) -> None:
    elsewhere = "    if os.getpid() != me: raise SystemExit(7)\n"
    body = NET.replace("    loss = ", elsewhere + "    loss = ")
    source = "import os\nme = os.getpid()\ntry:\n"
    source += "".join(f"    {line}\n" for line in body.splitlines())
    source += "finally:\n    print('end')\n    open('ends.txt', 'a').write('x')\n"
    process = start(source, tmp_path)
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "end\n"), errors
    assert (tmp_path / "ends.txt").read_text("utf-8") == "x"
