"""Sub-gradients at exact ties and kinks, at the three settings of `tie`."""

from __future__ import annotations

import builtins
import operator
from typing import Any

import numpy as np
import pytest

from backproof.calculus.rules import pullback
from backproof.trace.primitives import Method

TIES = (0, 0.5, 1)


def pulled(function: Any, *args: Any, tie: float, **kwargs: Any) -> list[Any]:
    """Pull ones back to every positional argument."""
    out = function(*args, **kwargs)
    g = np.ones(np.shape(out)) if isinstance(out, np.ndarray) else 1.0
    return pullback(function, args, kwargs, out, g, [(i,) for i in range(len(args))], tie=tie)


@pytest.mark.parametrize("tie", TIES)
@pytest.mark.parametrize("function", [np.maximum, np.minimum, np.fmax, np.fmin])
def test_the_first_operand_gets_the_share(function: Any, tie: float) -> None:
    x = np.array([1.0, 2.0, 3.0])
    left, right = pulled(function, x, np.array([2.0, 2.0, 2.0]), tie=tie)
    assert left[1] == tie
    assert right[1] == 1 - tie
    np.testing.assert_array_equal(left + right, 1.0)


@pytest.mark.parametrize("tie", TIES)
def test_a_rectifier_at_zero(tie: float) -> None:
    x = np.array([-1.0, 0.0, 1.0])
    (first, _) = pulled(np.maximum, x, 0.0, tie=tie)
    np.testing.assert_array_equal(first, [0.0, tie, 1.0])
    (_, second) = pulled(np.maximum, 0.0, x, tie=tie)
    np.testing.assert_array_equal(second, [0.0, 1 - tie, 1.0])


@pytest.mark.parametrize("tie", TIES)
@pytest.mark.parametrize("function", [np.abs, np.fabs, builtins.abs])
def test_the_slope_of_a_modulus(function: Any, tie: float) -> None:
    (slope,) = pulled(function, np.array([-2.0, 0.0, -0.0, 3.0]), tie=tie)
    np.testing.assert_array_equal(slope, [-1.0, 2 * tie - 1, 2 * tie - 1, 1.0])
    if function is builtins.abs:
        assert pulled(function, 0.0, tie=tie) == [2 * tie - 1]


@pytest.mark.parametrize("function", [np.max, np.amax, Method("max"), np.maximum.reduce, np.nanmax])
def test_a_maximum_of_tied_elements(function: Any) -> None:
    x = np.array([1.0, 3.0, 3.0, 3.0])
    expected = {0: [0, 1, 0, 0], 0.5: [0, 1 / 3, 1 / 3, 1 / 3], 1: [0, 1, 1, 1]}
    for tie, share in expected.items():
        (found,) = pulled(function, x, tie=tie)
        np.testing.assert_allclose(found, share)


@pytest.mark.parametrize("axis", [0, 1, (0, 1), None])
def test_ties_along_axes(axis: Any) -> None:
    x = np.array([[1.0, 2.0, 2.0], [2.0, 2.0, 1.0]])
    for tie in TIES:
        (found,) = pullback(np.max, (x,), {"axis": axis}, x.max(axis=axis),
                            np.ones(np.shape(x.max(axis=axis))), [(0,)], tie=tie)  # fmt: skip
        hit = x == x.max(axis=axis, keepdims=True)
        if tie == 1:
            np.testing.assert_array_equal(found, hit)
        else:
            np.testing.assert_allclose(found.sum(axis=axis), 1.0)
            assert np.all(found[~hit] == 0)
        if tie == 0:
            assert set(np.unique(found)) == {0.0, 1.0}


@pytest.mark.parametrize("function", [builtins.max, builtins.min])
def test_builtin_extremes(function: Any) -> None:
    for tie, share in {0: [1.0, 0.0], 0.5: [0.5, 0.5], 1: [1.0, 1.0]}.items():
        assert pulled(function, 0.0, 0.0, tie=tie) == share


@pytest.mark.parametrize("tie", TIES)
def test_the_bounds_of_a_clip(tie: float) -> None:
    x = np.array([0.0, 1.0, 1.5, 2.0, 3.0])
    share = [0.0, tie, 1.0, tie, 0.0]
    for function in (np.clip, Method("clip")):
        (found, low, high) = pulled(function, x, 1.0, 2.0, tie=tie)
        np.testing.assert_array_equal(found, share)
        assert found.sum() + low + high == x.size


@pytest.mark.parametrize("function", [np.sort, np.median])
def test_order_among_equals(function: Any) -> None:
    x = np.array([2.0, 1.0, 2.0, 2.0, 1.0])
    out = function(x)
    g = np.arange(5.0) if function is np.sort else 1.0
    for tie in TIES:
        (found,) = pullback(function, (x,), {}, out, g, [(0,)], tie=tie)
        np.testing.assert_allclose(found.sum(), np.sum(g))
    (even,) = pullback(function, (x,), {}, out, g, [(0,)], tie=0.5)
    assert len(set(even[x == 2.0])) == 1
    assert len(set(even[x == 1.0])) == 1


def test_in_order_and_reversed() -> None:
    x, g = np.array([1.0, 1.0]), np.array([10.0, 20.0])
    for tie, expected in {0: [10, 20], 0.5: [15, 15], 1: [20, 10]}.items():
        (found,) = pullback(np.sort, (x,), {}, np.sort(x), g, [(0,)], tie=tie)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("tie", TIES)
def test_where_has_no_tie(tie: float) -> None:
    x = np.array([0.0, 1.0])
    a, b = pullback(np.where, (x > 0, x, 0.0), {}, x, np.ones(2), [(1,), (2,)], tie=tie)
    np.testing.assert_array_equal(a, [0.0, 1.0])
    assert b == 1.0


@pytest.mark.parametrize("tie", TIES)
def test_interpolation_at_a_node(tie: float) -> None:
    xp, fp = np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0, 1.0])
    (slope,) = pullback(np.interp, (1.0, xp, fp), {}, 2.0, 1.0, [(0,)], tie=tie)
    assert slope == pytest.approx(tie * -0.5 + (1 - tie) * 2.0)


@pytest.mark.parametrize("function", [np.std, np.linalg.norm])
def test_the_tip_of_a_cone_has_slope_zero(function: Any) -> None:
    x = np.zeros(3)
    (found,) = pulled(function, x, tie=0.5)
    np.testing.assert_array_equal(found, 0.0)


def test_operators_follow_their_functions() -> None:
    (slope,) = pulled(operator.neg, np.array([0.0]), tie=1)
    np.testing.assert_array_equal(slope, [-1.0])
