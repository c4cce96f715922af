"""How many faults are repaired, how fast, and whether a verified fix is really right.

Each mutant of the corpus comes from a right program, which is the oracle: the repaired program is
run by plain Python, and what it prints must equal what the right program prints, number by number.
Where that does not hold, the updates of the first steps are compared: a fix that differs from the
right program by a factor common to all gradients is right, too. The time is that of the search
which `backproof run` makes after the program has ended and been judged.

    python -m benchmarks.repair [--only SUBSTRING] [--sample N] [--part K/N] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backproof.options import RunOptions
from backproof.repair.effect import fixed_findings
from backproof.repair.hunt import Hunt, Repair
from backproof.repair.trial import Trial
from backproof.repair.workshop import Program, Workshop
from tests.corpus import harness
from tests.corpus.harness import Mutant

RESULTS = Path(__file__).resolve().parent / "results" / "repair.json"
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf")
#: Relative difference of printed numbers that counts as rounding.
PRINTED = 1e-4


def same_output(one: bytes, other: bytes) -> bool:
    """Whether two outputs differ by rounding only (and hold a number at all)."""
    first, second = one.decode("utf-8", "replace"), other.decode("utf-8", "replace")
    if _NUMBER.sub("#", first) != _NUMBER.sub("#", second):
        return False
    numbers = [float(n) for n in _NUMBER.findall(first)]
    others = [float(n) for n in _NUMBER.findall(second)]
    return bool(numbers) and all(
        abs(a - b) <= PRINTED * max(abs(a), abs(b), 1e-3) or (a != a and b != b)
        for a, b in zip(numbers, others, strict=True)
    )


def same_steps(fixed: Trial, right: Trial) -> str:
    """Return ``equal``, ``scaled`` (by one factor for all parameters) or ``different``."""
    pairs = [
        (a, b) for one in fixed.steps for other in right.steps
        if one.step == other.step == 0
        for name, a in one.deltas.items()
        if (b := other.deltas.get(name)) is not None
    ]  # fmt: skip
    factors = [
        x / y for a, b in pairs for x, y in zip(a, b, strict=True) if abs(y) > 1e-12
    ]  # fmt: skip
    if not factors or not fixed.steps:
        return "different"
    if all(abs(f - 1) < 1e-6 for f in factors):
        return "equal"
    first = factors[0]
    return (
        "scaled" if first > 0 and all(abs(f / first - 1) < 1e-6 for f in factors) else "different"
    )


def examine(mutant: Mutant, *, budget: float, steps: int, workers: int) -> dict[str, Any]:
    """Repair one mutant and hold the result against the right program."""
    original = (harness.CORRECT / f"{mutant.program}.py").read_text("utf-8")
    row: dict[str, Any] = {"key": mutant.key, "cause": mutant.causes[0]}
    with tempfile.TemporaryDirectory(prefix="backproof-repair-") as folder:
        path = Path(folder) / f"{mutant.program}.py"
        path.write_text(harness.mutated_source(mutant, original), "utf-8")
        program = Program(path.name, cwd=folder)
        with Workshop(program, RunOptions(steps=steps), workers=workers, timeout=60) as workshop:
            report = Hunt(workshop).diagnosed().report
            hunt = Hunt(workshop, budget=budget, report=report, brief=True)
            before = os.times()
            repair = hunt.repair()
            after = os.times()
            row |= summary(repair, mutant)
            row["cpu_seconds"] = round(sum(after[:4]) - sum(before[:4]), 2)
            if repair.verified and repair.fixed is not None:
                fixed = repair.files[str(path.resolve())]
                row["oracle"] = _oracle(path, fixed, original, workshop, repair)
    return row


def summary(repair: Repair, mutant: Mutant) -> dict[str, Any]:
    """Return what a search has come to."""
    report = repair.report
    moved = next((f for f in fixed_findings(repair) if f.fix is not None), None)
    line = None if moved is None else moved.span.line
    return {
        "detected": (report is not None and report.gradient.status == "wrong")
        or bool(report and any(f.severity == "error" for f in report.findings)),
        "verified": repair.verified,
        "right_line": line in mutant.lines,
        "reason": repair.reason,
        "runs": repair.runs,
        "seconds": round(repair.seconds, 2),
        "edits": [[f.before.strip(), f.after.strip()] for f in repair.found],
        "mutation": [mutant.replace, mutant.find],
    }  # fmt: skip


def _oracle(path: Path, fixed: bytes, original: str, workshop: Workshop, repair: Repair) -> str:
    """Return how the repaired program compares with the right one."""
    harness_name = path.stem
    ours = harness._run(harness_name, path.name, fixed.decode(), (), 60.0)
    right = harness._run(harness_name, path.name, original, (), 60.0)
    if same_output(ours.stdout, right.stdout):
        return "output"
    truth = workshop.try_one({str(path.resolve()): original.encode()}, judged=4)
    assert repair.fixed is not None
    return same_steps(repair.fixed, truth)


def main(arguments: Sequence[str] | None = None) -> int:
    """Repair mutants and print the shares; returns 1 if a verified fix is not right."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="mutants whose key holds this text")
    parser.add_argument("--sample", type=int, help="so many, stratified by program")
    parser.add_argument("--part", default="1/1", help="one part of several: 2/3")
    parser.add_argument("--budget", type=float, default=5.0, help="seconds for a mutant")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    mutants = [m for m in harness.load_mutants() if options.only in m.key]
    if options.sample is not None and options.sample < len(mutants):
        mutants = harness.stratified_sample(
            mutants, options.sample, stratum=lambda m: m.program, key=lambda m: m.key
        )
    part, parts = map(int, options.part.split("/"))
    rows = []
    for mutant in mutants[part - 1 :: parts]:
        row = examine(mutant, budget=options.budget, steps=options.steps, workers=options.workers)
        rows.append(row)
        mark = "fixed " if row["verified"] else "open  " if row["detected"] else "unseen"
        outcome = f"{row.get('oracle', row['reason'])}, {row['runs']} runs, {row['seconds']} s"
        edits = f"{row['edits']} | wanted {row['mutation']}"
        print(f"{mark} {row['key']}: {outcome} | {edits}", flush=True)
    report(rows)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"when": time.strftime("%F"), "rows": rows}, indent=1))
    return int(any(row.get("oracle") == "different" for row in rows))


def report(rows: list[dict[str, Any]]) -> None:
    """Print the shares."""
    seen = [row for row in rows if row["detected"]]
    fixed = [row for row in rows if row["verified"]]
    times = sorted(row["seconds"] for row in fixed)
    print(f"\nmutants {len(rows)}, detected {len(seen)}, verified fix {len(fixed)} "
          f"({100 * len(fixed) / max(1, len(rows)):.1f} % of all, "
          f"{100 * len(fixed) / max(1, len(seen)):.1f} % of the detected)")  # fmt: skip
    if times:
        print(f"seconds to a fix: median {times[len(times) // 2]}, worst {times[-1]}, "
              f"within 5 s {sum(t <= 5 for t in times)}")  # fmt: skip
    print("oracle:", dict(Counter(row["oracle"] for row in fixed)))
    print("on the right line:", sum(row["right_line"] for row in fixed))


if __name__ == "__main__":
    sys.exit(main())
