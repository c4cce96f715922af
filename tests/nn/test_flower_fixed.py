"""examples/flower_fixed.py: finite with the seed's settings, 90 % and more with better ones."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from backproof.nn import BinaryClassifier
from backproof.nn.datasets import make_flower

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "flower_fixed.py"


def run(folder, *arguments):
    environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONWARNINGS": "error"}
    return subprocess.run(
        [sys.executable, str(EXAMPLE), *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flower")
    return run(folder, "picture.png"), folder


def test_runs_without_a_warning(finished):
    assert finished[0].returncode == 0, finished[0].stderr
    assert finished[0].stderr == ""


def test_costs_of_the_seeds_settings_are_finite_and_fall(finished):
    costs = [float(c) for c in re.findall(r"iterations: (\S+)", finished[0].stdout)]
    assert len(costs) == 8
    assert np.all(np.isfinite(costs))
    assert costs[-1] < costs[0]


def test_larger_network_learns_it(finished):
    right, total = re.search(r"32 \+ 32 tanh units: (\d+) of (\d+)", finished[0].stdout).groups()
    assert int(total) == 400
    assert int(right) >= 360


def test_picture_is_written_where_asked(finished):
    picture = finished[1] / "picture.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert os.listdir(finished[1]) == ["picture.png"]


@pytest.mark.slow
def test_the_debugger_verifies_both_networks(tmp_path):
    environment = os.environ | {"MPLBACKEND": "Agg"}
    done = subprocess.run(
        [sys.executable, "-m", "backproof", "run", "--json", "report.json",
         "--include", "backproof.nn", str(EXAMPLE)],
        cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert report["status"] == "completed"
    assert report["steps"] == 4000 + 2 * 600
    assert report["gradient"]["status"] == "verified"
    assert len(report["gradient"]["parameters"]) == 2
    # The steps of the first are as large as flower.py's, and that is all there is to say.
    assert [finding["code"] for finding in report["findings"]] == ["BP301"]


@pytest.mark.parametrize("seed", range(1, 6))
def test_seeds_settings_from_other_weights(seed):
    X, y = make_flower(random_state=1)
    clf = BinaryClassifier(
        hidden_layers=(4,),
        optimizer="gd",
        learning_rate=1.2,
        max_iter=4000,
        random_state=seed,
    ).fit(X, y)
    assert np.all(np.isfinite(clf.loss_curve_))
    assert np.all(np.isfinite(clf.predict_proba(X)))
