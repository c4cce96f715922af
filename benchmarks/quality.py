"""How good the verdicts are, over the whole corpus: ``make quality``.

Right programs must give no error; one-line mutants must be detected, on the right line, with the
right cause; of programs in trouble the code and the line must be right. Prints a summary with every
miss and writes ``benchmarks/results/quality.json``.

    python -m benchmarks.quality [--only SUBSTRING] [--correct | --mutants | --trouble]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.corpus import harness
from tests.corpus.harness import Outcome, Score, TroubleScore

RESULTS = Path(__file__).resolve().parent / "results" / "quality.json"


def share(part: int, whole: int) -> str:
    """Write ``part of whole (percentage)``."""
    return f"{part} of {whole}" + (f" ({100 * part / whole:.1f} %)" if whole else "")


def judge_correct(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Count false alarms and full verifications over right programs, and print them."""
    alarms = [outcome for outcome in outcomes if outcome.accuses]
    failed = [outcome for outcome in outcomes if outcome.report is None]
    verified = [outcome for outcome in outcomes if outcome.gradient_status == "verified"]
    open_ones = [outcome for outcome in outcomes if outcome.gradient_status != "verified"]
    print(f"\nright programs: {len(outcomes)}")
    print(f"  false alarms    {share(len(alarms), len(outcomes))}")
    print(f"  fully verified  {share(len(verified), len(outcomes))}")
    print(f"  no report       {len(failed)}")
    # No right program raises by itself: the run was disturbed.
    broken = [
        o
        for o in outcomes
        if o.report and (o.report["status"], o.report["script_exit"]) != ("completed", 0)
    ]
    print(f"  run disturbed   {len(broken)}")
    for outcome in alarms:
        print(f"  FALSE ALARM {outcome.key}: {headline(outcome)}")
    for outcome in broken:
        print(f"  DISTURBED {outcome.key}: {outcome.stderr.strip().splitlines()[-1:]}")
    for outcome in open_ones:
        print(f"  {outcome.gradient_status} {outcome.key}: {outcome.reason}")
    return {
        "programs": len(outcomes),
        "false_alarms": [outcome.key for outcome in alarms],
        "verified": len(verified),
        "disturbed": [outcome.key for outcome in broken],
        "no_report": [outcome.key for outcome in failed],
        "not_verified": {outcome.key: outcome.reason for outcome in open_ones},
    }


def judge_mutants(scores: Sequence[Score]) -> dict[str, Any]:
    """Count detection, line, cause, code and fix over mutants, and print them."""
    marks = ("detected", "right_line", "right_cause", "right_code", "verified_fix")
    by_cause: dict[str, list[Score]] = defaultdict(list)
    for score in scores:
        by_cause[score.mutant.causes[0]].append(score)

    def totals(of: Sequence[Score]) -> dict[str, int]:
        return {"mutants": len(of)} | {mark: sum(getattr(s, mark) for s in of) for mark in marks}

    table = {cause: totals(of) for cause, of in sorted(by_cause.items())}
    total = totals(scores)
    print(f"\nmutants: {len(scores)}")
    for mark in marks:
        print(f"  {mark.replace('_', ' '):<13} {share(total[mark], len(scores))}")
    print(
        f"\n  {'cause expected':<22}{'mutants':>8}{'detected':>9}{'line':>6}{'cause':>6}{'fix':>5}"
    )
    for cause, row in table.items():
        print(
            f"  {cause:<22}{row['mutants']:>8}{row['detected']:>9}{row['right_line']:>6}"
            f"{row['right_cause']:>6}{row['verified_fix']:>5}"
        )
    misses = [s for s in scores if not (s.detected and s.right_line and s.right_cause)]
    print(f"\n  misses: {len(misses)}")
    for score in misses:
        missed = ", ".join(
            mark.removeprefix("right_") for mark in marks[:3] if not getattr(score, mark)
        )
        wanted = f"want {'/'.join(map(str, sorted(score.mutant.lines)))} {score.mutant.causes[0]}"
        print(f"  {score.mutant.key} [{missed}] {wanted}; {headline(score.outcome)}")
    return {
        **total,
        "by_cause": table,
        "misses": [
            {
                "mutant": score.mutant.key,
                **{mark: getattr(score, mark) for mark in marks},
                "expected": {"lines": sorted(score.mutant.lines), "causes": score.mutant.causes},
                "got": headline(score.outcome),
            }
            for score in misses
        ],
    }


def judge_trouble(scores: Sequence[TroubleScore]) -> dict[str, Any]:
    """Count right codes and lines over programs in trouble, and print the misses."""
    by_code: dict[str, list[TroubleScore]] = defaultdict(list)
    for score in scores:
        by_code[score.trouble.codes[0]].append(score)
    right = [s for s in scores if s.right_code]
    both = [s for s in right if s.right_line]
    print(f"\nprograms in trouble: {len(scores)}")
    print(f"  right code           {share(len(right), len(scores))}")
    print(f"  right code and line  {share(len(both), len(scores))}")
    table = {
        code: {
            "programs": len(of),
            "right_code": sum(s.right_code for s in of),
            "right_line": sum(s.right_code and s.right_line for s in of),
        }
        for code, of in sorted(by_code.items())
    }
    for code, row in table.items():
        print(f"  {code}  {row['programs']:>3} {row['right_code']:>3} {row['right_line']:>3}")
    misses = [s for s in scores if not (s.right_code and s.right_line)]
    for score in misses:
        wanted = f"{'/'.join(score.trouble.codes)} {sorted(score.trouble.lines)}"
        print(f"  {score.trouble.key} want {wanted}; {headline(score.outcome)}")
    return {
        "programs": len(scores),
        "right_code": len(right),
        "right_code_and_line": len(both),
        "by_code": table,
        "misses": {score.trouble.key: headline(score.outcome) for score in misses},
    }


def headline(outcome: Outcome) -> str:
    """Write the first finding in a line, or why there is none."""
    if outcome.report is None:
        return f"no report: {outcome.failure}"
    if not outcome.findings:
        detail = "" if outcome.gradient_status == "verified" else f" ({outcome.reason})"
        return f"nothing found, {outcome.gradient_status}{detail}"
    first = outcome.findings[0]
    return f"got {first['line']} {first['code']} {first['cause']}: {first['title']}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the corpus and write the figures; 1 if a right program was accused."""
    parser = argparse.ArgumentParser(prog="benchmarks.quality", description=__doc__)
    parser.add_argument("--only", default="", help="programs and mutants whose key holds this")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the figures go")
    parser.add_argument("--workers", type=int, default=harness.WORKERS)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--correct", action="store_true", help="right programs only")
    which.add_argument("--mutants", action="store_true", help="mutants only")
    which.add_argument("--trouble", action="store_true", help="programs in trouble only")
    options = parser.parse_args(argv)

    started = time.perf_counter()
    figures: dict[str, Any] = {}
    if not (options.mutants or options.trouble):
        programs = [p for p in harness.correct_programs() if options.only in p.stem]
        runs = harness.run_all(harness.run_correct, programs, workers=options.workers)
        figures["correct"] = judge_correct([outcome for _, outcome in watched(runs, len(programs))])
    if not (options.mutants or options.correct):
        troubles = [t for t in harness.load_trouble() if options.only in t.key]
        runs = harness.run_all(harness.run_trouble, troubles, workers=options.workers)
        marked = [harness.score_trouble(t, o) for t, o in watched(runs, len(troubles))]
        figures["trouble"] = judge_trouble(marked)
    if not (options.correct or options.trouble):
        mutants = [m for m in harness.load_mutants() if options.only in m.key]
        runs = harness.run_all(harness.run_mutant, mutants, workers=options.workers)
        scored = [harness.score(mutant, outcome) for mutant, outcome in watched(runs, len(mutants))]
        figures["mutants"] = judge_mutants(scored)
    print(f"\n{time.perf_counter() - started:.0f} s")
    # A part of the corpus is for looking at; only the whole is worth keeping.
    part = options.only or options.correct or options.mutants or options.trouble
    if options.out != RESULTS or not part:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(figures, indent=1, allow_nan=False) + "\n", "utf-8")
    return int(bool(figures.get("correct", {}).get("false_alarms")))


def watched(runs: Any, total: int) -> Any:
    """Pass runs through, counting them on a terminal."""
    for number, run in enumerate(runs, 1):
        if sys.stderr.isatty():
            print(f"\r{number}/{total}", end="", file=sys.stderr, flush=True)
        yield run
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
