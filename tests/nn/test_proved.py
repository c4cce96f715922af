"""The debugger verifies the network's gradients, whatever is asked of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from backproof.nn.mathematics import ACTIVATIONS
from backproof.nn.optimizers import OPTIMIZERS
from tests.nn.proving import prove

ROOT = Path(__file__).resolve().parents[2]
SMALL = "optimizer='gd', learning_rate=0.1, max_iter=12"

TRAININGS = {
    **{f"activation {name}": f"{SMALL}, activation={name!r}" for name in ACTIVATIONS},
    **{
        f"optimizer {name}": f"optimizer={name!r}, learning_rate=0.01, max_iter=4, batch_size=40"
        for name in (*OPTIMIZERS, "lbfgs")
    },
    "nesterov": "optimizer='sgd', nesterov=True, learning_rate=0.01, max_iter=4, batch_size=40",
    "penalty": f"{SMALL}, alpha=0.1",
    "penalty in batches": "alpha=0.1, batch_size=50, max_iter=4",
    "decay": "optimizer='adamw', weight_decay=0.2, max_iter=4, batch_size=40",
    "sample weights": f"{SMALL}, sample_weight=np.linspace(0.1, 2, 120)",
    "samples of weight zero": f"{SMALL}, sample_weight=np.arange(120) % 4",
    "class weights": f"{SMALL}, class_weight={{0: 1, 1: 3}}",
    "balanced in batches": "class_weight='balanced', batch_size=50, max_iter=4",
    "dropout": f"{SMALL}, dropout=0.3",
    "dropout, gelu": f"{SMALL}, dropout=0.3, activation='gelu', hidden_layers=(8, 5)",
    "dropout, all together": "dropout=0.2, hidden_layers=(8, 5), activation='swish', alpha=0.05,"
    "batch_size=50, max_iter=4, class_weight='balanced', max_gradient_norm=1.0",
    "clipping": f"{SMALL}, max_gradient_norm=0.05",
    "no hidden layer": f"{SMALL}, hidden_layers=()",
    "three hidden layers": f"{SMALL}, hidden_layers=(6, 5, 4), activation='tanh'",
    "single precision": f"{SMALL}, dtype='float32'",
    "early stopping": f"{SMALL}, early_stopping=True",
    "measured steps": "optimizer='gd', max_iter=12, activation='tanh'",
    "cosine": "schedule='cosine', batch_size=50, max_iter=4",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_gradient_is_verified(tmp_path: Path) -> None:
    """One test, so that one process runs all trainings, and loads what they need once."""
    reports = prove(tmp_path, TRAININGS)
    assert set(reports) == set(TRAININGS)
    for name, report in reports.items():
        assert report["status"] == "completed", name
        assert report["gradient"]["status"] == "verified", (name, report["gradient"])
        assert report["gradient"]["parameters"], name
        for parameter in report["gradient"]["parameters"]:
            assert parameter["status"] == "verified", name
            assert parameter["relative_error"] < 1e-12, name
        assert not [f for f in report["findings"] if f["severity"] == "error"], name


@pytest.mark.slow
def test_a_wrong_derivative_is_found(tmp_path: Path) -> None:
    """What verifies everything proves nothing: one sign in the mathematics, and it says so."""
    for file in (ROOT / "src" / "backproof").rglob("*.py"):
        copy = tmp_path / file.relative_to(ROOT / "src")
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = file.read_text("utf-8")
        if file.name == "mathematics.py":
            right = "    np.subtract(1, Z, out=Z)\n"  # tanh′ = 1 - tanh²
            assert text.count(right) == 1
            text = text.replace(right, "    np.add(1, Z, out=Z)\n")
        copy.write_text(text, "utf-8")
    for data in (ROOT / "src" / "backproof").rglob("*.json"):
        (tmp_path / data.relative_to(ROOT / "src")).write_bytes(data.read_bytes())
    (tmp_path / "train.py").write_text(
        "from backproof.nn import BinaryClassifier, make_flower\n"
        "BinaryClassifier(activation='tanh', optimizer='gd', learning_rate=0.1, max_iter=12,\n"
        "                 engine='numpy', random_state=0).fit(*make_flower(120, random_state=1))\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "backproof", "run", "--json", "o.json", "--include", "backproof.nn",
         "train.py"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(tmp_path)}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    report = json.loads((tmp_path / "o.json").read_text("utf-8"))
    assert report["gradient"]["status"] == "wrong"
    (finding,) = [f for f in report["findings"] if f["severity"] == "error"]
    assert finding["file"].endswith("mathematics.py")
