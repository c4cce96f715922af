"""Instrumented programs print, bind and raise what plain Python does, in every mode."""

from __future__ import annotations

import dis
import sys
import traceback
import warnings
from typing import Any

import pytest

from backproof.source import SourceFile
from backproof.trace import passthrough
from backproof.trace.frames import strip
from backproof.trace.rewrite import rewrite
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


def test_syntax_warnings_come_once_and_as_plain(recwarn: pytest.WarningsRecorder) -> None:
    text = "x = 1\nx is 1\nassert (x, 'always')\n'\\d'\n"
    warnings.simplefilter("always")
    compile(text, "program.py", "exec")
    plain = [(str(w.message), w.lineno, w.filename) for w in recwarn.list]
    recwarn.clear()
    rewrite(SourceFile("program.py", text))
    assert [(str(w.message), w.lineno, w.filename) for w in recwarn.list] == plain
    assert len(plain) == 3


def test_handlers_see_no_frames_of_ours() -> None:
    text = """
    import sys
    seen = []
    def f(x):
        try:
            return x[0] + 1
        except TypeError as e:
            entry = e.__traceback__
            while entry:
                seen.append(entry.tb_frame.f_code.co_filename)
                entry = entry.tb_next
    f(3), f([""])
    """
    assert run(text, "on").names["seen"] == "['program.py', 'program.py']"


def test_exceptions_in_groups_and_chains_are_cleaned() -> None:
    def deep() -> None:
        try:
            passthrough.HOOKS["@bp.add"](0, 1, "")
        except TypeError as error:
            raise ExceptionGroup("group", [error, ValueError()]) from error

    with pytest.raises(ExceptionGroup) as caught:
        deep()
    strip(caught.value)
    shown = "".join(traceback.format_exception(caught.value))
    assert "passthrough.py" not in shown
    assert shown.count("HOOKS") == 2


def test_off_mode_is_cheap() -> None:
    """A function without hooks to run costs one test of a builtin: a few bytecodes more."""
    namespace: dict[str, Any] = {}
    exec(rewrite(SourceFile("program.py", "def f(a, b):\n    return a + b\n")), namespace)
    after = list(dis.get_instructions(namespace["f"]))
    until = next(i for i, one in enumerate(after) if "JUMP" in one.opname)
    assert [one.opname for one in after[:until]] == ["RESUME", "LOAD_GLOBAL"] + (
        ["TO_BOOL"] if sys.version_info >= (3, 13) else []
    )
