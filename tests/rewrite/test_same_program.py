"""Instrumented programs print, bind and raise what plain Python does, in every mode."""

from __future__ import annotations

import sys

import pytest

from tests.rewrite.helpers import MODES, run
from tests.rewrite.programs import FAILURES, PROGRAMS, PROGRAMS_3_12

if sys.version_info >= (3, 12):
    PROGRAMS |= PROGRAMS_3_12


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_same_output_and_names(name: str, mode: str) -> None:
    plain = run(PROGRAMS[name])
    assert plain.traceback == ""
    assert run(PROGRAMS[name], mode) == plain


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", FAILURES)
def test_same_traceback(name: str, mode: str) -> None:
    plain = run(FAILURES[name])
    assert plain.traceback
    watched = run(FAILURES[name], mode)
    assert watched.traceback == plain.traceback
    assert watched.output == plain.output
