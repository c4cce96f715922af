"""CPython's own tests of the language, run with hooks."""

from __future__ import annotations

import ast
import doctest
import importlib.util
import io
import sys
import unittest
import warnings
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest

from backproof.source import SourceFile
from backproof.trace import rewrite as rewriting
from tests.rewrite.helpers import switch

NAMES = (
    "test_grammar",
    "test_generators",
    "test_scope",
    "test_with",
    "test_unpack",
    "test_unpack_ex",
    "test_augassign",
    "test_listcomps",
    "test_genexps",
    "test_decorators",
    "test_patma",
    "test_named_expressions",
    "test_fstring",
    "test_coroutines",
    "test_except_star",
    "test_traceback",
    "test_type_params",
    "test_compare",
    "test_contains",
    "test_slice",
    "test_super",
    "test_dictcomps",
    "test_setcomps",
    "test_yield_from",
    "test_asyncgen",
    "test_contextlib",
    "test_keywordonlyarg",
    "test_positional_only_arg",
    "test_raise",
    "test_class",
    "test_global",
    "test_type_annotations",
)

_PLAINLY_TOO = "fails under pytest without hooks too: its line caches are not those of a script"
#: Tests that cannot pass here, and why.
EXCEPTIONS: dict[str, str] = {
    "test.test_traceback.TestFrame.test_basics": _PLAINLY_TOO,
    "test.test_traceback.TestFrame.test_lazy_lines": _PLAINLY_TOO,
    "test.test_traceback.TestStack.test_extract_stack_lookup_lines": _PLAINLY_TOO,
    "test.test_traceback.TestStack.test_extract_stackup_deferred_lookup_lines": _PLAINLY_TOO,
    "test.test_traceback.TestTracebackException.test_lookup_lines": _PLAINLY_TOO,
}


def load(name: str) -> ModuleType:
    try:
        spec = importlib.util.find_spec("test." + name)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.origin is None or not spec.origin.endswith(f"{name}.py"):
        pytest.skip(f"this interpreter has no test.{name}")
    module = importlib.util.module_from_spec(spec)
    code = rewriting.rewrite(SourceFile.read(spec.origin))
    exec(code, module.__dict__)
    return module


def compile_example(source: str, filename: str, mode: str, flags: int, inherit: bool) -> CodeType:
    """Stands for `compile` in doctest: the examples run with hooks too."""
    code: CodeType = compile(source, filename, mode, flags, inherit)
    tree = ast.parse(source, filename)
    body = rewriting.instrumented(tree, SourceFile(filename, source)).body
    code = compile(ast.Interactive(body=body), filename, mode, flags, inherit)
    return code


def cases(suite: unittest.TestSuite) -> list[Any]:
    found: list[Any] = []
    for case in suite:
        found += cases(case) if isinstance(case, unittest.TestSuite) else [case]
    return found


@pytest.mark.parametrize(
    ("name", "mode"), [(name, mode) for name in NAMES for mode in ("on", "off")]
)
def test_language(name: str, mode: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    switch(mode)
    monkeypatch.chdir(tmp_path)  # some make a folder of a fixed name where they run
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        monkeypatch.setattr(doctest, "compile", compile_example, raising=False)
        module = load(name)
        monkeypatch.setitem(sys.modules, "test." + name, module)
        suite = unittest.defaultTestLoader.loadTestsFromModule(module)
        chosen = [case for case in cases(suite) if case.id() not in EXCEPTIONS]
        result = unittest.TextTestRunner(stream=io.StringIO(), verbosity=0).run(
            unittest.TestSuite(chosen)
        )
    bad = {case.id(): text for case, text in (*result.failures, *result.errors)}
    assert not bad, "\n".join(f"{case}:\n{text}" for case, text in bad.items())
    assert result.testsRun
