"""Right programs are left in peace; faults are found where they are; output stays as it was.

All right programs and examples run, and a fixed sample of the mutants (`make quality`: all of them).
Processes are started ahead, two at a time, for the tests that were chosen.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.corpus import harness
from tests.corpus.harness import Mutant, Outcome

pytestmark = pytest.mark.quality

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CORRECT = harness.correct_programs()
PROGRAMS = CORRECT + sorted(EXAMPLES.glob("*.py"))
SAMPLE = harness.stratified_sample(
    harness.load_mutants(),
    25,
    stratum=lambda mutant: mutant.causes[0],
    key=lambda mutant: mutant.key,
)

# What an example is there to show: the code of the first finding and a piece of its line, or None
# where there is nothing to find. The flower's formula is right on paper and unstable.
SHOWN: dict[str, tuple[str, str] | None] = {}

# At least so many of the sample.
DETECTED = 0.9
RIGHT_LINE = 0.75
RIGHT_CAUSE = 0.6


def name_of(item: Path | Mutant) -> str:
    return item.key if isinstance(item, Mutant) else f"{item.parent.name}/{item.stem}"


@pytest.fixture(scope="session")
def runs(request):
    """Map the name of a program or mutant to the future of its run under backproof."""
    wanted: dict[str, Path | Mutant] = {}
    for test in request.session.items:
        parameters = getattr(getattr(test, "callspec", None), "params", {})
        for item in (parameters.get("program"), *(parameters.get("mutants") or ())):
            if item is not None:
                wanted.setdefault(name_of(item), item)

    def run(item: Path | Mutant) -> Outcome:
        run_one = harness.run_mutant if isinstance(item, Mutant) else harness.run_correct
        return run_one(item)

    with ThreadPoolExecutor(harness.WORKERS) as pool:
        yield {name: pool.submit(run, item) for name, item in wanted.items()}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("program", CORRECT, ids=name_of)
def test_right_program_is_left_in_peace(program, runs: dict[str, Future[Outcome]]):
    outcome = runs[name_of(program)].result()
    assert outcome.report is not None, outcome.failure
    assert outcome.gradient_status != "wrong"
    assert [(e["line"], e["title"]) for e in outcome.errors] == []
    assert outcome.exit_status == 0


@pytest.mark.parametrize("program", PROGRAMS, ids=name_of)
def test_output_and_exit_status_are_those_of_python(program, runs: dict[str, Future[Outcome]]):
    plain = harness.run_plain(program)
    outcome = runs[name_of(program)].result()
    assert outcome.report is not None, outcome.failure
    assert outcome.stdout == plain.stdout
    assert outcome.report["script_exit"] == plain.exit_status


@pytest.mark.parametrize("program", PROGRAMS[len(CORRECT) :], ids=name_of)
def test_example_shows_what_it_says(program, runs: dict[str, Future[Outcome]]):
    outcome = runs[name_of(program)].result()
    shown = SHOWN[program.stem]
    if shown is None:
        assert [(e["line"], e["title"]) for e in outcome.errors] == []
        return
    code, piece = shown
    assert outcome.errors, f"nothing found: {outcome.reason}"
    first = outcome.errors[0]
    line = program.read_text("utf-8").splitlines()[first["line"] - 1]
    assert (first["code"], piece) == (code, piece if piece in line else line)
    assert outcome.exit_status == 1


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mutants", [SAMPLE], ids=["sample"])
def test_mutants_of_the_sample(mutants, runs: dict[str, Future[Outcome]]):
    scores = [harness.score(mutant, runs[mutant.key].result()) for mutant in mutants]
    for miss in (s for s in scores if not (s.detected and s.right_line and s.right_cause)):
        print(miss.mutant.key, miss.detected, miss.right_line, miss.right_cause)
    assert sum(s.detected for s in scores) >= DETECTED * len(scores)
    assert sum(s.right_line for s in scores) >= RIGHT_LINE * len(scores)
    assert sum(s.right_cause for s in scores) >= RIGHT_CAUSE * len(scores)
