"""The corpus itself is sound: every mutant fits its program, and scoring can say no."""

from __future__ import annotations

import ast

import pytest

from tests.corpus import harness
from tests.corpus.harness import CorpusError, Mutant, Outcome

MUTANT = Mutant(
    program="p", id="i", find="a + b", replace="a - b", line=2, causes=("wrong-sign",), occurrence=2
)


def outcome(*findings: dict, status: str = "unverified") -> Outcome:
    report = {"findings": list(findings), "gradient": {"status": status, "parameters": []}}
    return Outcome("p:i", 0, b"", "", report, None, 0.1)


def finding(**changes) -> dict:
    fields = {"code": "BP101", "cause": "wrong-sign", "severity": "error", "line": 2, "fix": None}
    return fields | changes


@pytest.mark.parametrize("mutant", harness.load_mutants(), ids=lambda mutant: mutant.key)
def test_mutant_fits_its_program(mutant):
    source = harness.mutated_source(mutant)
    ast.parse(source)
    assert source != (harness.CORRECT / f"{mutant.program}.py").read_text("utf-8")
    last = source.count("\n") + 1
    assert all(1 <= line <= last for line in mutant.lines)


def test_the_occurrence_asked_for_is_replaced():
    assert harness.mutated_source(MUTANT, "x = a + b\ny = a + b\n") == "x = a + b\ny = a - b\n"


def test_a_text_that_is_not_there_is_refused():
    with pytest.raises(CorpusError, match="no occurrence 2"):
        harness.mutated_source(MUTANT, "x = a + b\n")


@pytest.mark.parametrize(
    ("findings", "status", "expected"),
    [
        ([finding()], "wrong", (True, True, True)),
        ([finding(line=3)], "wrong", (True, False, True)),
        ([finding(cause="extra-factor")], "wrong", (True, True, False)),
        ([finding(line=9), finding()], "wrong", (True, False, True)),
        ([], "wrong", (True, False, False)),
        ([], "verified", (False, False, False)),
        ([finding(severity="warning")], "unverified", (True, True, True)),
        ([finding(severity="warning", code="BP301")], "unverified", (False, False, False)),
    ],
)
def test_score(findings, status, expected):
    score = harness.score(MUTANT, outcome(*findings, status=status))
    assert (score.detected, score.right_line, score.right_cause) == expected


def test_sample_takes_every_stratum_in_turn_whatever_the_order():
    items = ["a1", "a2", "a3", "b1", "c1"]
    stratum = {"stratum": lambda item: item[0], "key": str}
    sample = harness.stratified_sample(items, 4, **stratum)
    assert {item[0] for item in sample[:3]} == {"a", "b", "c"}
    assert sample == harness.stratified_sample(reversed(items), 4, **stratum)
