"""The loop that chooses what a statement updates."""

import pytest

from backproof.checks.places import Place
from backproof.checks.selection import selecting
from backproof.source import SourceFile, Span
from backproof.trace.site import Site


def header(text, line):
    """Return the header found for the statement on a line, as text."""
    file = SourceFile("train.py", text)
    span = Span(line, 1, line, len(file.lines[line - 1]) + 1)
    site = Site(0, file, "aug", "sub", span, span, "<module>")
    found = selecting(Place(file, span), site)
    return found and found.text


@pytest.mark.parametrize(
    ("loop", "statement"),
    [
        ("for i in range(1, L)", "W[i] -= lr * dW[i]"),
        ('for k in ("W1", "W2")', "params[k] -= lr * grads[k]"),
        ("for layer in layers[1:]", "layer.W -= lr * layer.dW"),
        ("for i, g in enumerate(grads[:-1])", "W[i] = W[i] - lr * g"),
    ],
)
def test_a_loop_over_places_chooses(loop, statement):
    assert header(f"{loop}:\n    {statement}\n", 2) == loop


@pytest.mark.parametrize(
    ("loop", "statement"),
    [
        ("for epoch in range(100)", "W -= lr * dW"),
        ("for p in parameters", "p.data -= lr * p.grad"),
        ("for i in range(9)", "W -= lr * dW[i]"),
    ],
)
def test_others_do_not(loop, statement):
    assert header(f"{loop}:\n    {statement}\n", 2) is None


def test_the_innermost_counts():
    text = "for i in range(2):\n  for j in range(3):\n    w[i][j] -= g[i][j]\n"
    assert header(text, 3) == "for j in range(3)"
