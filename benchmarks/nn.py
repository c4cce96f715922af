"""How fast `backproof.nn` trains, beside its peers: ``make bench``.

Every contestant is a process of its own, which imports its library, makes the data and fits once:
that first fit, with whatever it compiles, is shown apart. Then they take turns, and each round
gives the ratio of a contestant's time to ours. Written down are the median of the rounds and, since
other work on the machine only ever adds time, the ratio of the least times. All of fits alone.

    python -m benchmarks.nn [--rounds N] [--only SUBSTRING] [--threads N] [--growth]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "nn.json"
# Seconds after a fit: thread pools go on looking for work for a while.
PAUSE = 0.3


@dataclass(frozen=True, slots=True)
class Work:
    """Something to train, the aims for it, and who takes part."""

    name: str
    title: str
    samples: int
    inputs: int
    hidden: tuple[int, ...]
    batch: int
    optimizer: str
    rate: float
    epochs: int
    dtype: str
    rounds: int
    # How many times slower than ours a contestant has to be; below one for a floor.
    aims: dict[str, float]


WORKS = (
    Work("small", "400×2, [4], 4,000 full-batch steps, float64",
         400, 2, (4,), 400, "gd", 0.01, 4000, "float64", 9,
         {"seed": 20, "sklearn": 40, "torch": 70, "jax": 3, "floor": 0.5, "numpy": 1}),
    Work("medium", "20,000×20, [64, 32], batch 200, Adam, 10 epochs, float32",
         20_000, 20, (64, 32), 200, "adam", 1e-3, 10, "float32", 7,
         {"sklearn": 5, "torch": 6, "jax": 1.2, "numpy": 1}),
    Work("large", "60,000×784, [256, 128], batch 256, Adam, 2 epochs, float32",
         60_000, 784, (256, 128), 256, "adam", 1e-3, 2, "float32", 5,
         {"sklearn": 2, "torch": 1.2, "jax": 0.9, "gemm": 0.8, "numpy": 1}),
)  # fmt: skip

TITLES = {
    "compiled": "backproof, compiled",
    "numpy": "backproof, NumPy",
    "seed": "the seed's own code",
    "sklearn": "scikit-learn MLPClassifier",
    "torch": "PyTorch, eager",
    "jax": "JAX, jitted loop",
    "floor": "C kernel of this size (floor)",
    "gemm": "products alone at the sgemm rate (floor)",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, help="rounds of each work")
    parser.add_argument("--only", default="", help="works whose name contains this")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--growth", action="store_true", help="time per epoch up to 10⁷ samples")
    options = parser.parse_args(arguments)
    if options.growth:
        write("growth", growth(options.threads))
        return 0
    for work in WORKS:
        if options.only in work.name:
            outcome = compete(work, options.rounds or work.rounds, options.threads)
            show(outcome)
            write(f"{work.name}, {options.threads} threads", outcome)
    return 0


def write(name: str, outcome: dict[str, Any]) -> None:
    """Keep a result; the others stay as they were."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results[name] = outcome
    results["machine"] = machine()
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


def compete(work: Work, rounds: int, threads: int) -> dict[str, Any]:
    """Let all contestants take turns."""
    running = {}
    for name in ("compiled", *work.aims):
        contestant = Contestant.start(work, name, threads)
        if contestant is not None:
            running[name] = contestant
    seconds: dict[str, list[float]] = {name: [] for name in running}
    load = os.getloadavg()[0]
    for _ in range(rounds):
        for name, contestant in running.items():
            seconds[name].append(contestant.fit())
            time.sleep(PAUSE)
    for contestant in running.values():
        contestant.end()
    ours = seconds["compiled"]
    rows = []
    for name, theirs in seconds.items():
        ratios = [a / b for a, b in zip(theirs, ours, strict=True)]
        rows.append(
            {
                "contestant": name,
                "median_s": statistics.median(theirs),
                "least_s": min(theirs),
                "ratio": statistics.median(ratios),
                "ratio_of_least": min(theirs) / min(ours),
                "ratio_least": min(ratios),
                "ratio_greatest": max(ratios),
                "aim": work.aims.get(name),
                "import_s": running[name].import_s,
                "first_fit_s": running[name].first_s,
                "cold_first_fit_s": running[name].cold_s,
            }
        )
    return {"work": asdict(work), "rounds": rounds, "threads": threads, "load": load, "rows": rows}


def show(outcome: dict[str, Any]) -> None:
    """Print a table."""
    work = outcome["work"]
    print(f"\n{work['title']} ({outcome['threads']} threads, {outcome['rounds']} rounds)")
    for row in outcome["rows"]:
        aim = "" if row["aim"] is None else f"aim {row['aim']:g}"
        cold = row["cold_first_fit_s"]
        print(
            f"  {TITLES[row['contestant']]:42}{1e3 * row['median_s']:10.1f} ms"
            f"{row['ratio']:9.2f} × ours [{row['ratio_least']:.2f}, {row['ratio_greatest']:.2f}],"
            f" of the least {row['ratio_of_least']:.2f}  {aim:9}"
            f" import {row['import_s']:.1f} s, first fit {row['first_fit_s']:.2f} s"
            + (f", with an empty cache {cold:.1f} s" if cold else "")
        )


@dataclass(slots=True)
class Contestant:
    """A process that fits once for each line it is sent."""

    process: subprocess.Popen[str]
    import_s: float
    first_s: float
    cold_s: float | None

    @classmethod
    def start(cls, work: Work, name: str, threads: int) -> Contestant | None:
        """Start it; None where its library is missing."""
        cold = None
        if name == "compiled":
            cold = _cold(work, threads)
        process = _spawn(work, name, threads)
        first = _answer(process)
        if first is None:
            print(f"{TITLES[name]} cannot take part in {work.name!r}", file=sys.stderr)
            return None
        return cls(process, first["import_s"], first["first_s"], cold)

    def fit(self) -> float:
        """Fit once more; return the seconds."""
        assert self.process.stdin is not None
        self.process.stdin.write("fit\n")
        self.process.stdin.flush()
        answer = _answer(self.process)
        if answer is None:
            raise RuntimeError(f"a contestant ended: {self.process.args}")
        return float(answer["seconds"])

    def end(self) -> None:
        """Let it go."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def _spawn(work: Work, name: str, threads: int, **variables: str) -> subprocess.Popen[str]:
    count = str(threads)
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "XLA_FLAGS": "" if threads > 1 else "--xla_cpu_multi_thread_eigen=false",
        **variables,
    }
    # Not every library heeds these: one thread is one core, the same one for all.
    cores = sorted(os.sched_getaffinity(0))[:threads] if hasattr(os, "sched_getaffinity") else []
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.nn_contestants", work.name, name],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        cwd=HERE.parent, preexec_fn=(lambda: os.sched_setaffinity(0, cores)) if cores else None,
    )  # fmt: skip


def _answer(process: subprocess.Popen[str]) -> dict[str, Any] | None:
    assert process.stdout is not None
    line = process.stdout.readline()
    return json.loads(line) if line else None


def _cold(work: Work, threads: int) -> float | None:
    """Seconds of our first fit where nothing was compiled before."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        process = _spawn(work, "compiled", threads, NUMBA_CACHE_DIR=folder)
        answer = _answer(process)
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
    return None if answer is None else float(answer["first_s"])


def growth(threads: int) -> dict[str, Any]:
    """Seconds of an epoch by number of samples: 20 inputs, [16], batches of 1000, Adam."""
    import numpy as np

    from backproof.nn import BinaryClassifier

    rng = np.random.default_rng(0)
    points: dict[str, list[list[float]]] = {"compiled": [], "numpy": []}
    for n in (10**3, 10**4, 10**5, 10**6, 10**7):
        X = rng.random((n, 20), dtype=np.float32)
        y = X[:, 0] > X[:, 1]
        for engine, found in points.items():
            times = []
            for _ in range(4 if n < 10**7 else 2):
                model = BinaryClassifier(
                    (16,), batch_size=1000, max_iter=1, engine=engine, random_state=0
                )
                start = time.perf_counter()
                model.fit(X, y)
                times.append(time.perf_counter() - start)
            found.append([n, min(times)])
            print(f"{engine:10}{n:12,}{min(times):12.4f} s{1e9 * min(times) / n:9.1f} ns a sample")
    return {"threads": threads, "points": points}


def machine() -> dict[str, Any]:
    """What it was measured on."""
    import importlib.metadata
    import platform

    names = ("numpy", "scipy", "numba", "scikit-learn", "torch", "jax")
    versions = {}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = lines[0].split(":")[1].strip() if lines else cpu
    return {"cpu": cpu, "cores": os.cpu_count(), "python": platform.python_version(), **versions}


if __name__ == "__main__":
    sys.exit(main())
