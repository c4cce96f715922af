"""Right programs are left in peace; faults are found where they are; output stays as it was.

All right programs and examples run, and a fixed sample of the mutants (`make quality`: all).
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
    34,
    stratum=lambda mutant: mutant.causes[0],
    key=lambda mutant: mutant.key,
)

# What an example is there to show: the codes that are right for its first finding, and pieces of
# the lines that are; None where there is nothing to find.
SHOWN: dict[str, tuple[tuple[str, ...], tuple[str, ...]] | None] = {
    "attention": (("BP101",), ("dp * p * (1 - p)",)),
    "autoencoder": (("BP101",), ("dW = x.T.dot(da)",)),
    "batch_norm": (("BP101",), ("dx = dout * gamma",)),
    "char_rnn": None,
    "convnet_loops": (("BP101",), ("np.mean(d_maps[f])",)),
    "course_dictionaries": (("BP101",), ("grads['dW' + str(l)] =",)),
    "digits_float32": None,
    "eleven_lines": None,
    "flat_vector": (("BP101",), ("lam / m * theta",)),
    "flower": (("BP201", "BP202"), ("-(np.divide(self.Y", "dZ = dA * self.sigmoid_gradient(Z)")),
    "flower_fixed": None,
    "layers_update_inside": (("BP105",), ("self.W -= lr", "return grad @ self.W.T")),
    "lstm": None,
    "neurons_of_lists": None,
    "scalar_engine": (("BP106",), ("loss.backward()", "p.data -=", ".grad +=")),
    "sigmoid_twice": (("BP101",), ("dsigmoid(z1)",)),
    "silent_broadcast": (("BP108",), ("residual = pred - y",)),
    "skipgram": None,
    "softmax_spiral": None,
}

TROUBLE = harness.stratified_sample(
    harness.load_trouble(),
    26,
    stratum=lambda trouble: trouble.codes[0],
    key=lambda trouble: trouble.key,
)

# What a change must not fall below on the sample (`make quality` measures the whole corpus).
DETECTED = 0.6
RIGHT_LINE = 0.4
RIGHT_CAUSE = 0.3
RIGHT_TROUBLE = 0.8


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
    assert outcome.report is not None, outcome.failure
    shown = SHOWN[program.stem]
    if shown is None:
        assert [(e["line"], e["title"]) for e in outcome.errors] == []
        return
    codes, pieces = shown
    found = [finding for finding in outcome.findings if finding["severity"] != "note"]
    assert found, f"nothing found: {outcome.gradient_status}, {outcome.reason}"
    line = program.read_text("utf-8").splitlines()[found[0]["line"] - 1]
    assert found[0]["code"] in codes
    assert any(piece in line for piece in pieces), line
    assert outcome.exit_status == int(bool(outcome.errors))


def test_every_example_says_what_it_shows():
    assert set(SHOWN) == {path.stem for path in EXAMPLES.glob("*.py")}
    for name, shown in SHOWN.items():
        source = (EXAMPLES / f"{name}.py").read_text("utf-8")
        for piece in shown[1] if shown else ():
            assert piece in source


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mutants", [SAMPLE], ids=["sample"])
def test_mutants_of_the_sample(mutants, runs: dict[str, Future[Outcome]]):
    scores = [harness.score(mutant, runs[mutant.key].result()) for mutant in mutants]
    for miss in (s for s in scores if not (s.detected and s.right_line and s.right_cause)):
        print(miss.mutant.key, miss.detected, miss.right_line, miss.right_cause)
    assert sum(s.detected for s in scores) >= DETECTED * len(scores)
    assert sum(s.right_line for s in scores) >= RIGHT_LINE * len(scores)
    assert sum(s.right_cause for s in scores) >= RIGHT_CAUSE * len(scores)


@pytest.mark.timeout(900)
def test_programs_in_trouble_of_the_sample():
    scores = [
        harness.score_trouble(trouble, outcome)
        for trouble, outcome in harness.run_all(harness.run_trouble, TROUBLE)
    ]
    for miss in (s for s in scores if not (s.right_code and s.right_line)):
        print(miss.trouble.key, [(f["code"], f["line"]) for f in miss.outcome.findings])
    assert sum(s.right_code for s in scores) >= RIGHT_TROUBLE * len(scores)
    assert sum(s.right_code and s.right_line for s in scores) >= RIGHT_TROUBLE * len(scores)
