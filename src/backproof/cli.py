"""The command line."""

from __future__ import annotations

import argparse
import sys


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="backproof")
    commands = parser.add_subparsers(dest="command", required=True)
    run_parser = commands.add_parser("run")
    run_parser.add_argument("--json")
    run_parser.add_argument("--steps", type=int)
    run_parser.add_argument("--cost")
    run_parser.add_argument("-m", dest="module", action="store_true")
    run_parser.add_argument("script")
    run_parser.add_argument("args", nargs=argparse.REMAINDER)
    options = parser.parse_args(argv)
    from backproof.options import RunOptions
    from backproof.report import json as json_report
    from backproof.session import run

    report = run(options.script, options.args, RunOptions(steps=options.steps, cost=options.cost),
                 module=options.module)  # fmt: skip
    if options.json:
        with open(options.json, "w", encoding="utf-8") as stream:
            json_report.write(report, stream)
    g = report.gradient
    print(f"gradients: {g.status} {g.reason}", file=sys.stderr)
    for p in g.parameters:
        print(f"  {p.status:10} {p.name} ({p.gradient}, line {p.line})", file=sys.stderr)
    for f in report.findings:
        print(f"{f.severity}[{f.code}]: {f.title}\n  --> {f.file}:{f.span.line}:{f.span.column}",
              file=sys.stderr)  # fmt: skip
    return int(any(f.severity == "error" for f in report.findings))


if __name__ == "__main__":
    sys.exit(main())
