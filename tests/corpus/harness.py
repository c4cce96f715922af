"""The corpus: right programs, one-line mutants of them, and what backproof says about each.

A mutant file ``mutants/<program>.toml`` belongs to ``correct/<program>.py`` and holds one table per
mutant::

    [[mutant]]
    id = "tanh-prime"              # unique in its file
    find = "dh * (1 - h * h)"      # exact source text on one line
    occurrence = 1                 # which one, when there are several (default 1)
    replace = "dh * h * (1 - h)"
    line = 57                      # line of the fault in the mutated file
    also_lines = [65]              # other lines that are a fair answer (optional)
    cause = "wrong-derivative"     # or a list of fair answers
    code = "BP101"                 # the default; or a list
    note = "sigma' for tanh'"

The programs in ``trouble/`` have right gradients and do not learn, or lose their numbers:
``trouble/expected.toml`` holds a table for each::

    [dead_bias]
    code = "BP305"                 # or a list of fair answers
    at = "b1 = np.full((1, 9)"     # text of the line to be named; or a list of such lines

Programs run in processes of their own, in an empty folder, with one BLAS thread and a fixed hash
seed. Their output goes to files, not pipes: backproof forks, and a child would keep a pipe open.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

HERE = Path(__file__).resolve().parent
CORRECT = HERE / "correct"
MUTANTS = HERE / "mutants"
TROUBLE = HERE / "trouble"
TIMEOUT = 60.0  # seconds; plain programs of the corpus take less than one
WORKERS = 1 if "PYTEST_XDIST_WORKER" in os.environ else 2


class CorpusError(ValueError):
    """A mutant file does not fit its program."""


@dataclasses.dataclass(frozen=True, slots=True)
class Mutant:
    """One fault put into a right program, and the answer expected."""

    program: str
    id: str
    find: str
    replace: str
    line: int
    causes: tuple[str, ...]
    also_lines: tuple[int, ...] = ()
    occurrence: int = 1
    codes: tuple[str, ...] = ("BP101",)
    note: str = ""

    @property
    def key(self) -> str:
        """``program:id``, unique in the corpus."""
        return f"{self.program}:{self.id}"

    @property
    def lines(self) -> frozenset[int]:
        """Every line that is a right answer."""
        return frozenset((self.line, *self.also_lines))


@dataclasses.dataclass(frozen=True, slots=True)
class Trouble:
    """A program whose gradients are right, and what keeps it from learning."""

    program: str
    codes: tuple[str, ...]
    lines: frozenset[int]

    @property
    def key(self) -> str:
        """The program's name, unique in the corpus."""
        return self.program


@dataclasses.dataclass(frozen=True, slots=True)
class TroubleScore:
    """One program's first finding against its expectation."""

    trouble: Trouble
    outcome: Outcome
    right_code: bool
    right_line: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What one process did. `report` is None where it wrote none, and `failure` then says why."""

    key: str
    exit_status: int
    stdout: bytes
    stderr: str
    report: dict[str, Any] | None
    failure: str | None
    seconds: float

    @property
    def findings(self) -> list[dict[str, Any]]:
        """The findings, in the order of the report."""
        return self.report["findings"] if self.report else []

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The findings that claim a proven, harmful fault."""
        return [finding for finding in self.findings if finding["severity"] == "error"]

    @property
    def gradient_status(self) -> str:
        """``verified``, ``wrong``, ``unverified``, or ``failed`` where there is no report."""
        return self.report["gradient"]["status"] if self.report else "failed"

    @property
    def accuses(self) -> bool:
        """Whether backproof claims that something is wrong."""
        return bool(self.errors) or self.gradient_status == "wrong"

    @property
    def reason(self) -> str:
        """Why the gradients are not verified, as far as the report tells."""
        if self.report is None:
            return self.failure or "no report"
        gradient = self.report["gradient"]
        if not gradient["parameters"]:
            return gradient.get("reason") or "no parameters found"
        open_ones = [p for p in gradient["parameters"] if p["status"] != "verified"]
        reasons = sorted({str(p["reason"]) for p in open_ones if p.get("reason")})
        names = ", ".join(p["name"] for p in open_ones)
        return f"{names}: {'; '.join(reasons) or gradient.get('reason') or 'no reason given'}"


@dataclasses.dataclass(frozen=True, slots=True)
class Score:
    """One mutant's outcome against its expectation."""

    mutant: Mutant
    outcome: Outcome
    detected: bool
    right_line: bool
    right_cause: bool
    right_code: bool
    verified_fix: bool


def correct_programs() -> list[Path]:
    """Return the programs in which there is nothing to find, by name."""
    return sorted(CORRECT.glob("*.py"))


def load_mutants(paths: Iterable[Path] | None = None) -> list[Mutant]:
    """Read mutant files (all of them by default).

    Raises
    ------
    CorpusError
        A table lacks a field, has one that is unknown, or an id is used twice.
    """
    mutants: list[Mutant] = []
    for path in sorted(MUTANTS.glob("*.toml")) if paths is None else paths:
        for table in tomllib.loads(path.read_text("utf-8"))["mutant"]:
            fields = dict(table)
            try:
                fields["causes"] = _as_tuple(fields.pop("cause"))
                fields["codes"] = _as_tuple(fields.pop("code", "BP101"))
                fields["also_lines"] = tuple(fields.get("also_lines", ()))
                mutants.append(Mutant(program=path.stem, **fields))
            except (KeyError, TypeError) as error:
                raise CorpusError(f"{path.name}, {table.get('id')}: {error}") from error
    keys = [mutant.key for mutant in mutants]
    if twice := {key for key in keys if keys.count(key) > 1}:
        raise CorpusError(f"ids used twice: {sorted(twice)}")
    return mutants


def load_trouble() -> list[Trouble]:
    """Read what is expected of the programs in ``trouble/``.

    Raises
    ------
    CorpusError
        A program has no table, a table no program, or a text is on no line of its program.
    """
    tables = tomllib.loads((TROUBLE / "expected.toml").read_text("utf-8"))
    programs = {path.stem for path in TROUBLE.glob("*.py")}
    if odd := programs ^ set(tables):
        raise CorpusError(f"programs without expectation, or the reverse: {sorted(odd)}")
    found: list[Trouble] = []
    for name, table in sorted(tables.items()):
        lines = (TROUBLE / f"{name}.py").read_text("utf-8").splitlines()
        numbers: set[int] = set()
        for text in _as_tuple(table["at"]):
            at = [number for number, line in enumerate(lines, 1) if text in line]
            if not at:
                raise CorpusError(f"{name}: {text!r} is on no line")
            numbers.update(at)
        found.append(Trouble(name, _as_tuple(table["code"]), frozenset(numbers)))
    return found


def run_trouble(trouble: Trouble) -> Outcome:
    """Run a program of ``trouble/`` under backproof."""
    return run_correct(TROUBLE / f"{trouble.program}.py")


def score_trouble(trouble: Trouble, outcome: Outcome) -> TroubleScore:
    """Hold the first finding against the expectation: it is what a user reads."""
    first = outcome.findings[0] if outcome.findings else None
    return TroubleScore(
        trouble, outcome,
        right_code=bool(first and first["code"] in trouble.codes),
        right_line=bool(first and first["line"] in trouble.lines),
    )  # fmt: skip


def mutated_source(mutant: Mutant, source: str | None = None) -> str:
    """Return the program's source with the fault put in.

    Raises
    ------
    CorpusError
        The text is not there, spans lines, or its replacement changes nothing.
    """
    if source is None:
        source = (CORRECT / f"{mutant.program}.py").read_text("utf-8")
    if "\n" in mutant.find or mutant.find == mutant.replace:
        raise CorpusError(f"{mutant.key}: `find` must be one line and differ from `replace`")
    start = -1
    for _ in range(mutant.occurrence):
        start = source.find(mutant.find, start + 1)
        if start < 0:
            raise CorpusError(f"{mutant.key}: no occurrence {mutant.occurrence} of {mutant.find!r}")
    return source[:start] + mutant.replace + source[start + len(mutant.find) :]


def run_plain(path: Path, *, timeout: float = TIMEOUT) -> Outcome:
    """Run a program as ``python PATH`` does."""
    return _run(path.stem, path.name, path.read_text("utf-8"), (), timeout)


def run_backproof(
    key: str, name: str, source: str, *, timeout: float = TIMEOUT, options: Sequence[str] = ()
) -> Outcome:
    """Run a source under ``python -m backproof run --json OUT`` and read its report."""
    command = ("-m", "backproof", "run", "--json", "report.json", *options)
    return _run(key, name, source, command, timeout)


def run_correct(path: Path) -> Outcome:
    """Run a program as it stands under backproof."""
    return run_backproof(path.stem, path.name, path.read_text("utf-8"))


def run_mutant(mutant: Mutant) -> Outcome:
    """Put the fault in and run the program under backproof."""
    return run_backproof(mutant.key, f"{mutant.program}.py", mutated_source(mutant))


def run_all(
    run: Callable[[Item], Outcome], items: Sequence[Item], *, workers: int = WORKERS
) -> Iterator[tuple[Item, Outcome]]:
    """Yield each item with its outcome, in order, running a few at a time."""
    yield from zip(items, each(run, items, workers=workers), strict=True)


def each(
    run: Callable[[Item], Result], items: Sequence[Item], *, workers: int = WORKERS
) -> Iterator[Result]:
    """Yield what comes of each item, in order, running a few at a time."""
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(run, items)


def score(mutant: Mutant, outcome: Outcome) -> Score:
    """Hold a mutant's outcome against its expectation.

    Detected is a gradient called wrong, an error, or (for the codes that are warnings by nature)
    a finding of an expected code. Line and cause are those of the *first* finding.
    """
    detected = outcome.accuses or any(
        finding["code"] in mutant.codes and finding["severity"] != "note"
        for finding in outcome.findings
    )
    first = outcome.findings[0] if detected and outcome.findings else None
    fix = first and first.get("fix")
    return Score(
        mutant=mutant,
        outcome=outcome,
        detected=detected,
        right_line=bool(first and first["line"] in mutant.lines),
        right_cause=bool(first and first["cause"] in mutant.causes),
        right_code=bool(first and first["code"] in mutant.codes),
        verified_fix=bool(fix and fix["verified"]),
    )


def stratified_sample(
    items: Iterable[Item], size: int, *, stratum: Callable[[Item], str], key: Callable[[Item], str]
) -> list[Item]:
    """Take `size` items, one stratum after the other; within one, in the order of a hash.

    The same items are taken everywhere; a new one displaces few of the others.
    """
    strata: dict[str, list[Item]] = {}
    for item in sorted(items, key=lambda item: hashlib.sha256(key(item).encode()).hexdigest()):
        strata.setdefault(stratum(item), []).append(item)
    turns = sorted(
        ((turn, name, item) for name, those in strata.items() for turn, item in enumerate(those)),
        key=lambda entry: entry[:2],
    )
    return [item for _, _, item in turns[:size]]


def _as_tuple(answers: str | list[str]) -> tuple[str, ...]:
    return (answers,) if isinstance(answers, str) else tuple(answers)


def _run(key: str, name: str, source: str, command: Sequence[str], timeout: float) -> Outcome:
    environment = os.environ | {
        "PYTHONHASHSEED": "0",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
    }
    with tempfile.TemporaryDirectory(prefix="backproof-corpus-") as folder:
        here = Path(folder)
        (here / name).write_text(source, "utf-8")
        started = time.perf_counter()
        with (here / "out").open("wb") as out, (here / "err").open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, *command, name],
                cwd=here, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                start_new_session=True,
            )  # fmt: skip
            try:
                status = process.wait(timeout)
                failure = None
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                status = process.wait()
                failure = f"no end within {timeout:g} s"
        seconds = time.perf_counter() - started
        stderr = (here / "err").read_text("utf-8", "replace")
        report = None
        if command and failure is None:
            try:
                report = json.loads((here / "report.json").read_text("utf-8"))
            except (OSError, ValueError) as error:
                last = stderr.strip().splitlines()[-1:] or ["nothing on stderr"]
                failure = f"exit {status}, {type(error).__name__}: {last[0]}"
        stdout = (here / "out").read_bytes()
    return Outcome(key, status, stdout, stderr, report, failure, seconds)
