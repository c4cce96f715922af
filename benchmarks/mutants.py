"""Random one-line mutants of the corpus's right programs: what is told of them, what is not.

The corpus's own mutants are written by hand, where people put faults. These are drawn by a seed, in
every statement that computes or uses a gradient: an operator, an operand, a constant, a transpose,
a statement left out. A mutant counts if the program still ends well and prints something else.
Worst is what is called *verified*: those are listed.

    python -m benchmarks.mutants [--seed N] [--per N] [--only SUBSTRING] [--workers N]
"""

from __future__ import annotations

import argparse
import ast
import random
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.quality import share, watched
from tests.corpus import harness
from tests.corpus.harness import Outcome

#: What authors call gradients, and the functions that compute them.
GRADIENT = re.compile(
    r"d[A-Za-z_]\w{0,3}|d\w*_d\w*|\w*(grad|delta|nabla|err|upd)\w*|g[A-Z]?\w?", re.I
)
BACKWARD = re.compile(r"back|grad|deriv|prime|bprop|delta|_d$|^d_|update|step|train|fit", re.I)
OPERATORS: dict[type[ast.operator], tuple[str, tuple[str, ...]]] = {
    ast.Add: ("+", ("-",)), ast.Sub: ("-", ("+",)), ast.Mult: ("*", ("/", "+")),
    ast.Div: ("/", ("*",)), ast.MatMult: ("@", ("*",)),
}  # fmt: skip
#: Draws for one program before it is left.
MOST_DRAWS = 12


@dataclass(frozen=True, slots=True)
class Drawn:
    """One mutant: the program, the line, and the line's text before and after."""

    program: Path
    line: int
    before: str
    after: str

    @property
    def source(self) -> str:
        """The mutated program."""
        lines = self.program.read_text("utf-8").split("\n")
        lines[self.line - 1] = self.after
        return "\n".join(lines)


def statements(tree: ast.AST, function: str = "") -> Iterator[tuple[ast.stmt, str]]:
    """Yield the one-line statements that compute or use a gradient, and their functions."""
    for node in ast.iter_child_nodes(tree):
        inner = node.name if isinstance(node, ast.FunctionDef) else function
        if isinstance(node, ast.Assign | ast.AugAssign | ast.Return):
            targets = (
                node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            )
            named = any(GRADIENT.fullmatch(name) for t in targets if t for name in names(t))
            within = bool(BACKWARD.search(inner)) or isinstance(node, ast.AugAssign)
            if node.lineno == node.end_lineno and (named or within):
                yield node, inner
        yield from statements(node, inner)


def names(node: ast.AST) -> list[str]:
    """Return the names and attributes in an expression."""
    return [
        n.attr if isinstance(n, ast.Attribute) else n.id
        for n in ast.walk(node) if isinstance(n, ast.Name | ast.Attribute)
    ]  # fmt: skip


def changes(line: str, statement: ast.stmt, scope: Sequence[str]) -> Iterator[str]:
    """Yield what a line may become by one slip."""

    def put(node: ast.expr, text: str) -> str:
        return line[: node.col_offset] + text + line[node.end_col_offset :]

    def text(node: ast.expr) -> str:
        return line[node.col_offset : node.end_col_offset]

    for node in ast.walk(statement):
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            sign, others = OPERATORS[type(node.op)]
            start, end = node.left.end_col_offset or 0, node.right.col_offset
            if line[start:end].count(sign) == 1:
                for other in others:
                    yield line[:start] + line[start:end].replace(sign, other) + line[end:]
            yield put(node, text(node.left))
            if isinstance(node.op, ast.Sub):
                yield put(node, f"({text(node.right)}) - ({text(node.left)})")
        elif isinstance(node, ast.Attribute) and node.attr == "T":
            yield put(node, text(node.value))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield from (put(node, other) for other in scope if other != node.id)
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield put(node, repr({0: 1, 1: 0, 2: 1}.get(node.value, node.value * 2)))
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            yield put(node, text(node.operand))
    if isinstance(statement, ast.AugAssign):
        at = line.find("=", statement.target.end_col_offset or 0)
        if line[at - 1] in "+-":
            yield line[: at - 1] + {"+": "-", "-": "+"}[line[at - 1]] + line[at:]
            yield line[: at - 1] + line[at:]
        yield line[: statement.col_offset] + "pass"


def drawn(program: Path, chance: random.Random) -> Iterator[Drawn]:
    """Yield mutants of a program in an order drawn by chance, one a line."""
    source = program.read_text("utf-8")
    lines, every = source.split("\n"), list(statements(ast.parse(source)))
    chance.shuffle(every)
    for statement, function in every:
        line = lines[statement.lineno - 1]
        if not line.isascii():
            continue  # columns count bytes
        beside = [n for s, f in every if f == function for n in names(s)]
        scope = chance.sample(sorted(set(beside) - {"np", "self"}), min(3, len(set(beside))))
        options = [c for c in changes(line, statement, scope) if c != line and parses(c.strip())]
        if options:
            yield Drawn(program, statement.lineno, line, chance.choice(options))


def parses(line: str) -> bool:
    """Whether a statement is one in Python."""
    try:
        ast.parse(line if not line.startswith("return") else f"def f():\n    {line}")
    except SyntaxError:
        return False
    return True


def kind(outcome: Outcome, plain: Outcome) -> str:
    """Return what became of a mutant; nothing where it does not count."""
    report = outcome.report
    if report is None or report["script_exit"] != 0 or outcome.stdout == plain.stdout:
        return ""
    told = outcome.accuses or any(
        f["code"].startswith("BP1") and f["severity"] != "note" for f in outcome.findings
    )
    return "told" if told else "open" if outcome.gradient_status != "verified" else "verified"


def main(argv: Sequence[str] | None = None) -> int:
    """Draw mutants, run each, print the counts."""
    parser = argparse.ArgumentParser(description="random one-line mutants of the right programs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--per", type=int, default=1, help="mutants of each program (default 1)")
    parser.add_argument("--only", default="", help="programs whose name contains this")
    parser.add_argument("--workers", type=int, default=harness.WORKERS)
    options = parser.parse_args(argv)

    started = time.perf_counter()
    programs = [p for p in harness.correct_programs() if options.only in p.stem]
    counts = {"told": 0, "open": 0, "verified": 0}
    right_line = 0
    silent: list[str] = []

    def tried(program: Path) -> list[tuple[Drawn, Outcome, str]]:
        chance, plain = random.Random(f"{options.seed} {program.stem}"), harness.run_plain(program)
        found: list[tuple[Drawn, Outcome, str]] = []
        for number, mutant in enumerate(drawn(program, chance)):
            if number >= MOST_DRAWS or len(found) >= options.per:
                break
            outcome = harness.run_backproof(program.stem, program.name, mutant.source)
            if of := kind(outcome, plain):
                found.append((mutant, outcome, of))
        return found

    for found in watched(harness.each(tried, programs, workers=options.workers), len(programs)):
        for mutant, outcome, of in found:
            counts[of] += 1
            first = outcome.findings[0]["line"] if of == "told" and outcome.findings else 0
            right_line += first == mutant.line
            if of == "verified":
                where = f"{mutant.program.stem}:{mutant.line}"
                silent.append(f"{where}  {mutant.before.strip()}  ->  {mutant.after.strip()}")
    whole = sum(counts.values())
    print(f"\nrandom mutants: {whole} (seed {options.seed})")
    for name, count in counts.items():
        print(f"  {name:10s}{share(count, whole)}")
    print(f"  right line {share(right_line, whole)}")
    for line in silent:
        print(f"  VERIFIED {line}")
    print(f"\n{time.perf_counter() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
