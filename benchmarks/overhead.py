"""What backproof costs, beside its peers: ``make bench``.

Every figure is a ratio, or a difference, of processes run in turn in this one call: plain,
backproof, plain, backproof … The median of the pairs is shown with the least and the greatest.
Whole processes are timed from outside, Python's start included; the parts come from the report.

    python -m benchmarks.overhead [--pairs N] [--only SUBSTRING]
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results" / "overhead.json"
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
PROGRAMS = Path(__file__).resolve().parent / "programs"


@dataclass(frozen=True, slots=True)
class Case:
    """A program, with the steps it makes."""

    name: str
    path: Path
    steps: int


CASES = (
    Case("flower net, 4 units, 4,000 steps", EXAMPLES / "flower.py", 4000),
    Case("784-128-10, batches of 128, 200 steps", PROGRAMS / "mlp_784.py", 200),
    Case("1024-1024-10, batches of 128, 60 steps", PROGRAMS / "mlp_1024.py", 60),
    Case("pure-Python lists, 12,000 steps", PROGRAMS / "lists.py", 12000),
)


@dataclass(frozen=True, slots=True)
class Run:
    """One process: wall time, peak resident memory of it and its largest child, report."""

    seconds: float
    peak_mib: float
    report: dict[str, Any] | None


def run_process(command: Sequence[str], report: Path | None = None) -> Run:
    """Run a command by a small parent of its own, so that the peak is that of this run alone."""
    parent = (
        "import json, resource, subprocess, sys, time\n"
        "start = time.perf_counter()\n"
        "status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL,"
        " stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL).returncode\n"
        "seconds = time.perf_counter() - start\n"
        "peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss\n"
        "print(json.dumps([status, seconds, peak]))\n"
    )
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    finished = subprocess.run(
        [sys.executable, "-c", parent, *command],
        capture_output=True, text=True, check=True, env=environment, timeout=1200,
    )  # fmt: skip
    status, seconds, peak = json.loads(finished.stdout)
    if status not in (0, 1):
        raise RuntimeError(f"{' '.join(command)} ended with {status}")
    unit = 2**20 if sys.platform == "darwin" else 2**10  # ru_maxrss: bytes there, KiB on Linux
    content = json.loads(report.read_text("utf-8")) if report is not None else None
    return Run(seconds, peak / unit, content)


def median_of(values: Sequence[float]) -> dict[str, float]:
    """Summarise as median, least, greatest."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def compare(case: Case, pairs: int) -> dict[str, Any]:
    """Time a program plain and under backproof, alternately."""
    plain: list[Run] = []
    watched: list[Run] = []
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        backproof = (sys.executable, "-m", "backproof", "run", "--json", str(report))
        for _ in range(pairs):
            plain.append(run_process((sys.executable, str(case.path))))
            report.unlink(missing_ok=True)
            watched.append(run_process((*backproof, str(case.path)), report))
    both = list(zip(plain, watched, strict=True))
    parts = {
        part: statistics.median(w.report["timing"][part] for w in watched if w.report)
        for part in ("startup_s", "script_s", "analysis_s")
    }
    return {
        "case": case.name,
        "steps": case.steps,
        "plain_s": median_of([p.seconds for p in plain]),
        "backproof_s": median_of([w.seconds for w in watched]),
        "ratio": median_of([w.seconds / p.seconds for p, w in both]),
        "added_us_per_step": median_of(
            [1e6 * (w.seconds - p.seconds) / case.steps for p, w in both]
        ),
        "parts": parts,
        "plain_peak_mib": statistics.median(p.peak_mib for p in plain),
        "backproof_peak_mib": statistics.median(w.peak_mib for w in watched),
        "verdict": watched[-1].report["gradient"]["status"] if watched[-1].report else None,
    }


def compare_start(pairs: int) -> dict[str, Any]:
    """Time ``backproof --version`` against an empty Python."""
    bare, version = [], []
    for _ in range(pairs):
        bare.append(run_process((sys.executable, "-c", "pass")).seconds)
        version.append(run_process((sys.executable, "-m", "backproof", "--version")).seconds)
    return {
        "python_s": median_of(bare),
        "version_s": median_of(version),
        "added_s": median_of([v - b for b, v in zip(bare, version, strict=True)]),
    }


def alternate(one: Callable[[], Any], other: Callable[[], Any], pairs: int) -> dict[str, Any]:
    """Time two callables in turn, after one run of each to warm up."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(pairs + 1):
        for call, into in zip((one, other), times, strict=True):
            started = time.perf_counter()
            call()
            if number:
                into.append(time.perf_counter() - started)
    return {
        "plain_s": median_of(times[0]),
        "watched_s": median_of(times[1]),
        "ratio": median_of([o / p for p, o in zip(*times, strict=True)]),
    }


def peer_torch(pairs: int) -> dict[str, Any]:
    """Overhead of ``torch.autograd.detect_anomaly`` on 784-128-10, steps alone."""
    import warnings

    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    x, y = torch.randn(128, 784), torch.randint(0, 10, (128,))
    model = torch.nn.Sequential(
        torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10)
    )
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)

    def train() -> None:
        for _ in range(100):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(model(x), y).backward()
            optimiser.step()

    def watched() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it announces that it is slow
            with torch.autograd.detect_anomaly():
                train()

    return {"peer": "torch.autograd.detect_anomaly", **alternate(train, watched, pairs)}


def peer_jax(pairs: int) -> dict[str, Any]:
    """Overhead of ``jax_debug_nans`` on 784-128-10, steps alone."""
    import jax
    import jax.numpy as jnp

    keys = jax.random.split(jax.random.PRNGKey(0), 3)
    x = jax.random.normal(keys[0], (128, 784))
    y = jnp.arange(128) % 10
    start = (
        0.05 * jax.random.normal(keys[1], (784, 128)), jnp.zeros(128),
        0.1 * jax.random.normal(keys[2], (128, 10)), jnp.zeros(10),
    )  # fmt: skip

    def cost(parameters: Any) -> Any:
        w1, b1, w2, b2 = parameters
        logits = jax.nn.relu(x @ w1 + b1) @ w2 + b2
        return -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(128), y])

    step = jax.jit(lambda p: jax.tree.map(lambda v, g: v - 0.1 * g, p, jax.grad(cost)(p)))

    def train(debug: bool) -> None:
        with jax.debug_nans(debug):
            parameters = start
            for _ in range(100):
                parameters = step(parameters)
            jax.block_until_ready(parameters)

    result = alternate(lambda: train(False), lambda: train(True), pairs)
    return {"peer": "jax.debug_nans", **result}


def verdict_time(pairs: int) -> dict[str, Any]:
    """Time to a verdict over 100,000 parameters: ours (analysis alone) and torch's gradcheck.

    gradcheck in its slow mode perturbs each parameter in turn. It is measured over growing numbers
    of parameters; the time a parameter at the greatest is carried to 100,000, which flatters it,
    since a forward pass takes longer too. Its fast mode compares one random projection.
    """
    case = Case("784-128-10", PROGRAMS / "mlp_784.py", 200)
    ours = compare(case, pairs)
    result: dict[str, Any] = {
        "parameters": 784 * 128 + 128 + 128 * 10 + 10,
        "backproof_analysis_s": ours["parts"]["analysis_s"],
        "backproof_added_s": ours["backproof_s"]["median"] - ours["plain_s"]["median"],
        "verdict": ours["verdict"],
    }
    if importlib.util.find_spec("torch") is None:
        return result
    import torch

    torch.set_num_threads(1)

    def gradcheck(hidden: int, *, fast: bool) -> float:
        torch.manual_seed(0)
        sizes = ((hidden, 784), (hidden,), (10, hidden), (10,))
        parameters = [
            (0.05 * torch.randn(*size, dtype=torch.float64)).requires_grad_() for size in sizes
        ]
        x, y = torch.randn(128, 784, dtype=torch.float64), torch.arange(128) % 10

        def cost(*p: Any) -> Any:
            hidden_layer = torch.tanh(x @ p[0].T + p[1])
            return torch.nn.functional.cross_entropy(hidden_layer @ p[2].T + p[3], y)

        started = time.perf_counter()
        torch.autograd.gradcheck(cost, parameters, fast_mode=fast, atol=1e-5)
        return time.perf_counter() - started

    gradcheck(1, fast=True)
    slow = {hidden * 795 + 10: gradcheck(hidden, fast=False) for hidden in (2, 4, 8)}
    most = max(slow)
    result["torch_gradcheck_slow"] = {
        "measured_s": {str(count): seconds for count, seconds in slow.items()},
        "extrapolated_s": slow[most] / most * result["parameters"],
    }
    result["torch_gradcheck_fast_s"] = statistics.median(
        gradcheck(128, fast=True) for _ in range(pairs)
    )
    return result


def spread(of: dict[str, float], unit: str = "", digits: int = 2) -> str:
    """Write median [least, greatest]."""
    return f"{of['median']:.{digits}f}{unit} [{of['min']:.{digits}f}, {of['max']:.{digits}f}]"


def show(figures: dict[str, Any]) -> None:
    """Print the table."""
    machine = figures["machine"]
    print(f"{machine['system']}, {machine['cpus']} CPUs, Python {machine['python']}, ", end="")
    print(f"NumPy {machine['numpy']}; one BLAS thread; median [least, greatest]\n")
    print(
        f"{'whole process':<40}{'plain':>8}{'watched':>9}  {'ratio':<20}{'µs a step':>10}", end=""
    )
    print(f"{'start':>8}{'script':>8}{'analysis':>9}  {'peak MiB':<12}verdict")
    for row in figures["runs"]:
        parts = row["parts"]
        print(
            f"{row['case']:<40}{row['plain_s']['median']:>7.2f}s{row['backproof_s']['median']:>8.2f}s"
            f"  {spread(row['ratio'], '×'):<20}{row['added_us_per_step']['median']:>10.0f}"
            f"{parts['startup_s']:>7.2f}s{parts['script_s']:>7.2f}s{parts['analysis_s']:>8.2f}s"
            f"  {row['plain_peak_mib']:.0f} → {row['backproof_peak_mib']:<6.0f}{row['verdict']}"
        )
    if "start" in figures:
        print(f"\n--version over python -c pass: {spread(figures['start']['added_s'], ' s', 3)}")
    for peer in figures.get("peers", []):
        print(f"{peer['peer']}, 784-128-10, steps alone: {spread(peer['ratio'], '×')}")
    if verdict := figures.get("verdict_time"):
        print(f"\nverdict over {verdict['parameters']:,} parameters:")
        print(f"  backproof, analysis      {verdict['backproof_analysis_s']:.2f} s")
        if slow := verdict.get("torch_gradcheck_slow"):
            counts = ", ".join(f"{int(n):,}: {s:.1f} s" for n, s in slow["measured_s"].items())
            print(
                f"  torch gradcheck          {slow['extrapolated_s']:.0f} s, carried from {counts}"
            )
            print(f"  torch gradcheck, fast    {verdict['torch_gradcheck_fast_s']:.2f} s")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and write the figures."""
    parser = argparse.ArgumentParser(prog="benchmarks.overhead", description=__doc__)
    parser.add_argument("--pairs", type=int, default=5, help="pairs of runs (default 5)")
    parser.add_argument("--only", default="", help="cases whose name holds this, and no peers")
    options = parser.parse_args(argv)
    figures: dict[str, Any] = {
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
            "numpy": importlib.metadata.version("numpy"),
        },
        "pairs": options.pairs,
        "runs": [compare(case, options.pairs) for case in CASES if options.only in case.name],
    }
    if not options.only:
        figures["start"] = compare_start(options.pairs)
        peers = {"torch": peer_torch, "jax": peer_jax}
        figures["peers"] = [
            peer(options.pairs)
            for module, peer in peers.items()
            if importlib.util.find_spec(module) is not None
        ]
        figures["verdict_time"] = verdict_time(options.pairs)
    show(figures)
    if not options.only:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text(json.dumps(figures, indent=1, allow_nan=False) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
