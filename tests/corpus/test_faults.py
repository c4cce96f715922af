"""Faults are found where they are: a fixed sample of the corpus (`make quality`: all of it)."""

from __future__ import annotations

import pytest

from tests.corpus import harness

pytestmark = [pytest.mark.quality, pytest.mark.timeout(900)]

MUTANTS = harness.stratified_sample(
    harness.load_mutants(),
    7,
    stratum=lambda mutant: mutant.causes[0],
    key=lambda mutant: mutant.key,
)
TROUBLE = harness.stratified_sample(
    harness.load_trouble(),
    12,
    stratum=lambda trouble: trouble.codes[0],
    key=lambda trouble: trouble.key,
)

# What a change must not fall below on the sample (`make quality` measures the whole corpus).
DETECTED = 0.6
RIGHT_LINE = 0.4
RIGHT_CAUSE = 0.3
RIGHT_TROUBLE = 0.8


def test_mutants_of_the_sample():
    runs = harness.run_all(harness.run_mutant, MUTANTS)
    scores = [harness.score(mutant, outcome) for mutant, outcome in runs]
    for miss in (s for s in scores if not (s.detected and s.right_line and s.right_cause)):
        print(miss.mutant.key, miss.detected, miss.right_line, miss.right_cause)
    assert sum(s.detected for s in scores) >= DETECTED * len(scores)
    assert sum(s.right_line for s in scores) >= RIGHT_LINE * len(scores)
    assert sum(s.right_cause for s in scores) >= RIGHT_CAUSE * len(scores)


def test_programs_in_trouble_of_the_sample():
    runs = harness.run_all(harness.run_trouble, TROUBLE)
    scores = [harness.score_trouble(trouble, outcome) for trouble, outcome in runs]
    for miss in (s for s in scores if not (s.right_code and s.right_line)):
        print(miss.trouble.key, [(f["code"], f["line"]) for f in miss.outcome.findings])
    assert sum(s.right_code for s in scores) >= RIGHT_TROUBLE * len(scores)
    assert sum(s.right_code and s.right_line for s in scores) >= RIGHT_TROUBLE * len(scores)
