"""Right programs are left in peace, output stays as it was, and examples show what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpus import harness

pytestmark = pytest.mark.quality

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CORRECT = harness.correct_programs()
PROGRAMS = CORRECT + sorted(EXAMPLES.glob("*.py"))

# What an example is there to show: the codes that are right for its first finding, and pieces of
# the lines that are; None where there is nothing to find.
SHOWN: dict[str, tuple[tuple[str, ...], tuple[str, ...]] | None] = {
    "attention": (("BP101",), ("dp * p * (1 - p)",)),
    "autoencoder": (("BP101",), ("dW = x.T.dot(da)",)),
    "batch_norm": (("BP101",), ("dx = dout * gamma",)),
    "char_rnn": None,
    "convnet_loops": (("BP102",), ("np.mean(d_maps[f])",)),
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


def name_of(program: Path) -> str:
    return f"{program.parent.name}/{program.stem}"


@pytest.mark.parametrize("program", PROGRAMS, ids=name_of)
def test_program(program):
    outcome, plain = harness.run_correct(program), harness.run_plain(program)
    assert outcome.report is not None, outcome.failure
    assert outcome.stdout == plain.stdout
    assert outcome.report["script_exit"] == plain.exit_status
    found = [finding for finding in outcome.findings if finding["severity"] != "note"]
    shown = SHOWN.get(program.stem) if program.parent == EXAMPLES else None
    if shown is None:
        assert outcome.gradient_status != "wrong"
        assert [(e["line"], e["title"]) for e in outcome.errors] == []
    else:
        codes, pieces = shown
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
