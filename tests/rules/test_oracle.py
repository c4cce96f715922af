"""Every rule against differences of the real function, over shapes, keywords and types."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backproof.calculus import rules_autograd, rules_numeric, rules_scipy
from backproof.calculus.rules import TABLE, pullback, rule_of
from backproof.calculus.table import name_of
from tests.rules.cases import Case, every
from tests.rules.oracle import check, cotangent_for, leaves

CASES = every()
pytestmark = pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")


def label(case: Case) -> str:
    name = getattr(case.function, "__name__", None) or repr(case.function)
    shapes = ",".join(str(np.shape(a)) if isinstance(a, np.ndarray) else "_" for a in case.args)
    return f"{name}{shapes}{case.kwargs or ''}"


@pytest.mark.parametrize("case", CASES, ids=label)
def test_agrees_with_differences(case: Case) -> None:
    check(
        case.function,
        *case.args,
        only=case.only,
        tolerance=case.tolerance,
        h=case.h,
        **case.kwargs,
    )


def covered() -> list[Any]:
    return [case.function for case in CASES]


def test_every_function_in_the_table_has_a_case() -> None:
    functions = covered()
    missing = {name_of(f) for f in TABLE if f not in functions}
    assert missing <= ELSEWHERE


#: What cannot be called as a function, or is too coarse for differences; see test_values.py.
ELSEWHERE = {"x.sort()", "np.empty_like", "np.row_stack", "np.float32", "np.float16"}


def test_every_scipy_and_borrowed_function_has_a_case() -> None:
    functions = covered()
    names = {getattr(f, "__name__", "") for f in functions}
    wanted = {name for rows in rules_scipy.LAZY.values() for name in rows}
    wanted |= set(rules_scipy.SPECIAL) | {name for _, name in rules_autograd.BORROWED}
    wanted -= {"digamma", "jn", "oaconvolve"}  # other names of tested ones
    assert wanted <= names


#: A float that is a parameter of the function, as the order of a norm, is taken by differences.
PARAMETERS = {np.linalg.norm, np.quantile, np.percentile, np.interp, np.var, np.nan_to_num}


@pytest.mark.parametrize("case", [c for c in CASES if rule_of(c.function)], ids=label)
def test_a_rule_does_not_fall_back(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    if case.function in PARAMETERS:
        return
    monkeypatch.setattr(rules_numeric, "numeric_pull", None)
    args, kwargs = case.args, case.kwargs
    out = case.function(*args, **kwargs)
    g = cotangent_for(out, np.random.default_rng(0))
    paths = case.only or [p for p, _ in (*leaves(args), *leaves(kwargs))]
    assert len(pullback(case.function, args, kwargs, out, g, paths)) == len(paths)
