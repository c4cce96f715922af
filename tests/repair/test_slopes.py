"""Derivatives as text: held against differences of what the text says."""

from __future__ import annotations

import ast

import numpy as np
import pytest

from backproof.repair.candidate import Code
from backproof.repair.slopes import NotDifferentiable, forward_slopes, slope
from backproof.source import SourceFile


def derived(expression: str) -> str:
    """Return the derivative of an expression with respect to ``x``."""
    code = Code.of(SourceFile("", f"y = {expression}\n"))
    statement = code.tree.body[0]
    assert isinstance(statement, ast.Assign)
    return slope(code, statement.value, "x")


@pytest.mark.parametrize(
    "expression",
    [
        "x / (1 + np.abs(x))", "1 / (1 + np.exp(-x))", "np.tanh(x) ** 2", "x * np.exp(-x ** 2)",
        "np.log(1 + x ** 2)", "np.maximum(x, 0)", "np.where(x > 0, x, 0.1 * x)", "np.sin(3 * x)",
        "np.sqrt(x ** 2 + 1)", "(x - 2) * (x + 1) / 3", "np.arctan(x)", "-np.square(x)",
    ],
)  # fmt: skip
def test_the_text_is_the_derivative(expression: str) -> None:
    x = np.array([-1.3, -0.4, 0.7, 2.1])
    known = eval(derived(expression), {"np": np, "x": x})
    h = 1e-6
    ahead, behind = (eval(expression, {"np": np, "x": x + d}) for d in (h, -h))
    np.testing.assert_allclose(known * np.ones_like(x), (ahead - behind) / (2 * h), rtol=1e-6)


@pytest.mark.parametrize("expression", ["f(x, 2)", "x[0]", "np.cumsum(x)", "x if x > 0 else 0"])
def test_what_has_no_derivative_says_so(expression: str) -> None:
    with pytest.raises(NotDifferentiable):
        derived(expression)


def test_the_functions_of_the_forward_pass_are_differentiated() -> None:
    text = "def act(v):\n    return v / (1 + np.abs(v))\nz = X @ W\nh = act(z)\n"
    found = dict(forward_slopes(Code.of(SourceFile("", text))))
    assert set(found) == {"h"}
    z = np.array([-0.5, 1.5])
    value = eval(found["h"], {"np": np, "z": z})
    np.testing.assert_allclose(value, 1 / (1 + np.abs(z)) ** 2)
