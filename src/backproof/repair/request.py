"""Asks a fresh process for fixes after a run: the one that ran the program is no longer clean."""

from __future__ import annotations

import os
import pickle
import sys
from dataclasses import dataclass, replace

from backproof.finding import Finding, Report
from backproof.options import RunOptions
from backproof.repair.pool import BUSY
from backproof.repair.surroundings import Surroundings
from backproof.repair.workshop import Program

#: Seconds that the search may run over before it is ended.
GRACE = 1.5
#: Packages that take long to import and may be imported before the program runs.
HEAVY = frozenset({
    "matplotlib", "scipy", "sklearn", "pandas", "PIL", "seaborn", "h5py", "sympy", "networkx",
    "mpl_toolkits",
})  # fmt: skip
_SERVER = (
    "import sys; sys.path[0] = {root!r}; from backproof.repair.server import main; main()"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """What a search for fixes needs to know.

    Attributes
    ----------
    report : Report
        Of the run; it names the user's files.
    modules : tuple of str
        Modules to import ahead: every trial needs them.
    """

    program: Program
    options: RunOptions
    report: Report
    seconds: float
    workers: int = 2
    modules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The findings with their fixes, and why one has none."""

    findings: tuple[Finding, ...]
    verified: bool
    reason: str


def ask(request: Request, around: Surroundings) -> Answer | None:
    """Have fixes searched; None where no answer came.

    Raises
    ------
    KeyboardInterrupt
        If the user does not want to wait; the search is ended.
    """
    now = sys.path[:]
    sys.path[:] = around.path
    try:
        import subprocess

        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        environment = around.environment | {"MPLBACKEND": "Agg"}
        for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            environment.setdefault(name, "1")
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVER.format(root=root)], cwd=around.cwd, env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            data, _ = process.communicate(pickle.dumps(request), BUSY * (request.seconds + GRACE))
            return pickle.loads(data) if data else None
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(2.0)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
    finally:
        sys.path[:] = now


def portable(report: Report) -> Report:
    """Return a report without values of the program's own types."""
    from backproof.report.json import tree

    findings = tuple(replace(f, evidence=tree(f.evidence), fix=None) for f in report.findings)
    return replace(report, findings=findings)


def imported(before: frozenset[str]) -> tuple[str, ...]:
    """Return the slow modules that the program has imported."""
    return tuple(
        name for name in list(sys.modules)
        if name not in before and name.partition(".")[0] in HEAVY
    )  # fmt: skip
