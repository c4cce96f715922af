"""Evaluation of recorded operations with more digits, and without epsilons."""

from __future__ import annotations

import operator

import mpmath
import numpy as np
import pytest

from backproof.calculus.precision import as_floats, evaluate, many_digits, without_epsilon
from backproof.trace.tape import Operation, Ref

Z = np.array([-50.0, 0.5, 40.0])


def operation(index, function, args, out):
    inputs = tuple(a.node for a in args if isinstance(a, Ref))
    return Operation(index, index, 0, function, args, {}, out, inputs)


def log_of_one_minus_sigmoid(epsilon=None):
    """Return the operations of ``log(1 - 1 / (1 + exp(-z)) [+ epsilon])``; z is node 0."""
    steps = [
        operation(0, operator.neg, (Ref(0),), 1),
        operation(1, np.exp, (Ref(1),), 2),
        operation(2, operator.add, (1, Ref(2)), 3),
        operation(3, operator.truediv, (1, Ref(3)), 4),
        operation(4, operator.sub, (1, Ref(4)), 5),
    ]
    if epsilon is not None:
        steps.append(operation(5, operator.add, (Ref(5), epsilon), 6))
    steps.append(operation(6, np.log, (Ref(6 if epsilon is not None else 5),), 7))
    return steps


def test_the_logarithm_that_float64_loses_is_there():
    lift, table = many_digits()
    found = evaluate(log_of_one_minus_sigmoid(), [Z], lift=lift, table=table)
    expected = [float(mpmath.log(1 - 1 / (1 + mpmath.exp(-mpmath.mpf(z))))) for z in Z[:2]]
    assert as_floats(found[7])[:2] == pytest.approx(expected)
    assert as_floats(found[7])[2] == pytest.approx(-40.0)


def test_an_epsilon_is_kept_or_left_out():
    lift, table = many_digits()
    steps = log_of_one_minus_sigmoid(1e-8)
    kept = evaluate(steps, [Z], lift=lift, table=table)
    plain = evaluate(steps, [Z], lift=lift, table=table, plain=True)
    assert as_floats(kept[7])[2] == pytest.approx(np.log(1e-8), rel=1e-6)
    assert as_floats(plain[7])[2] == pytest.approx(-40.0)


def test_only_what_is_tiny_is_an_epsilon():
    x = np.ones(2)
    assert without_epsilon("add", [x, 1e-8]) is x
    assert without_epsilon("maximum", [1e-12, x]) is x
    assert without_epsilon("clip", [x, 1e-7, 1 - 1e-7]) is x
    assert without_epsilon("add", [x, 0.1]) is None
    assert without_epsilon("maximum", [0, x]) is None
    assert without_epsilon("clip", [x, -1, 1]) is None
