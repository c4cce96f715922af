"""Has trainings verified by the debugger, each in a fork of one process.

Importing NumPy, SciPy and scikit-learn takes longer than such a run; backproof.nn itself is
imported in the forks, where the debugger instruments it. Run as ``proving.py FOLDER``, with a file
``NAME.in`` of keyword arguments there for each training; it leaves the report as ``NAME.json``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """\
import sys
import numpy as np
from backproof.nn import BinaryClassifier, make_flower

X, y = make_flower(120, random_state=1)
settings = eval(open(sys.argv[1]).read())
weight = settings.pop("sample_weight", None)
BinaryClassifier(engine="numpy", random_state=0, **settings).fit(X, y, sample_weight=weight)
"""


def prove(folder: Path, trainings: dict[str, str]) -> dict[str, Any]:
    """Return backproof's report on each training, given as keyword arguments in Python."""
    (folder / "program.py").write_text(PROGRAM, "utf-8")
    for name, settings in trainings.items():
        (folder / f"{name}.in").write_text(f"dict({settings})", "utf-8")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, __file__, str(folder)], env=environment, cwd=folder,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=800, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: json.loads((folder / f"{name}.json").read_text("utf-8")) for name in trainings}


def serve(folder: Path) -> None:
    """Verify the trainings of a folder, one after the other."""
    import sklearn.model_selection  # noqa: F401

    from backproof.cli import main

    for given in sorted(folder.glob("*.in")):
        child = os.fork()
        if not child:
            os.dup2(os.open(folder / f"{given.stem}.out", os.O_WRONLY | os.O_CREAT), 1)
            status = 2
            try:
                status = main(
                    ["run", "--json", str(given.with_suffix(".json")), "--include", "backproof.nn",
                     str(folder / "program.py"), str(given)]
                )  # fmt: skip
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status or 0)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) not in (0, 1):
            sys.exit(f"{given.read_text('utf-8')} ended with {status}")


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
