"""Types and values at the edge: other dtypes, singular points, what must be refused."""

from __future__ import annotations

import math
import operator
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import scipy.special

from backproof.calculus.rules import NoRule, is_numeric, pullback, rule_of
from backproof.trace import primitives
from backproof.trace.primitives import Attribute, Method
from tests.rules.cases import CASES, Case, every
from tests.rules.oracle import cotangent_for, leaves, replaced

every()
rng = np.random.default_rng(5)


def first(function: Any, *args: Any, g: Any = None, **kwargs: Any) -> Any:
    """Pull g (default: ones) back to the first argument."""
    with np.errstate(all="ignore"):
        out = function(*args, **kwargs)
    if g is None:
        g = np.ones(np.shape(out)) if np.ndim(out) else 1.0
    (found,) = pullback(function, args, kwargs, out, g, [(0,)])
    return found


# ---- dtypes --------------------------------------------------------------------------------------

SINGLE = [
    c
    for c in CASES
    if not isinstance(c.function, (primitives.Mutated, type))
    and c.function not in (primitives.strided_view, primitives.patch_view)
    and getattr(c.function, "__name__", "") not in ("as_strided", "astype", "cholesky", "sqrtm")
    and any(isinstance(a, np.ndarray) and a.size for a in c.args)
]


@pytest.mark.parametrize(
    "case", SINGLE[::3], ids=lambda case: getattr(case.function, "__name__", str(case.function))
)
@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_single_precision_gives_double_cotangents(case: Case) -> None:
    args: Any = case.args
    for path, value in leaves(case.args):
        if isinstance(value, np.ndarray):
            args = replaced(args, path, value.astype(np.float32))
    wide: Any = args
    for path, value in leaves(args):
        if isinstance(value, np.ndarray):
            wide = replaced(wide, path, value.astype(float))
    paths = [p for p, v in leaves(args) if isinstance(v, np.ndarray)]
    if case.only is not None:
        paths = [p for p in paths if p in case.only]
    out = case.function(*args, **case.kwargs)
    exact = case.function(*wide, **case.kwargs)
    g = cotangent_for(exact, np.random.default_rng(1))
    for path in paths:
        try:
            (found,) = pullback(case.function, args, case.kwargs, out, g, [path])
        except NoRule:
            continue
        (expected,) = pullback(case.function, wide, case.kwargs, exact, g, [path])
        if expected is None:
            assert found is None
            continue
        assert found.dtype == np.float64
        scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
        np.testing.assert_allclose(found, expected, atol=2e-3 * scale)


def test_integer_operands() -> None:
    x = np.arange(6).reshape(2, 3)
    w = rng.normal(size=3)
    (_, found) = [None, *pullback(operator.mul, (x, w), {}, x * w, np.ones((2, 3)), [(1,)])]
    np.testing.assert_array_equal(found, x.sum(axis=0))
    mask = np.array([True, False, True])
    np.testing.assert_array_equal(first(operator.mul, w, mask), mask)
    np.testing.assert_array_equal(first(operator.mul, w, mask).dtype, np.float64)


def test_integer_results_have_no_derivative() -> None:
    x = rng.normal(size=4)
    for function in (np.argmax, np.argsort, np.isnan, np.signbit, np.count_nonzero):
        assert pullback(function, (x,), {}, function(x), None, [(0,)]) == [None]
    assert pullback(Method("astype"), (x, int), {}, x.astype(int), None, [(0,)]) == [None]
    assert pullback(operator.gt, (x, 0.0), {}, x > 0, None, [(0,), (1,)]) == [None, None]
    assert pullback(round, (1.5,), {}, 2, None, [(0,)]) == [None]


def test_what_only_chooses_has_no_derivative() -> None:
    chosen, x = np.array([1.0, 0.0, 2.0]), rng.normal(size=3)
    for function in (np.compress, np.extract):
        out = function(chosen, x)
        none, found = pullback(function, (chosen, x), {}, out, np.ones(2), [(0,), (1,)])
        assert none is None
        np.testing.assert_array_equal(found, [1, 0, 1])


def test_casts_keep_the_cotangent() -> None:
    x = rng.normal(size=3)
    g = rng.normal(size=3)
    np.testing.assert_array_equal(first(Method("astype"), x, np.float32, g=g), g)
    np.testing.assert_array_equal(first(np.float32, x, g=g), g)
    assert first(np.float16, 0.3) == 1.0
    assert first(float, np.array(0.3)) == 1.0
    np.testing.assert_array_equal(first(np.empty_like, x), None)
    x.sort()
    order = np.array([0.3, 0.1, 0.2])
    np.testing.assert_array_equal(
        pullback(Method("sort"), (order,), {}, np.sort(order), g, [(0,)])[0], g[[2, 0, 1]]
    )


def test_a_cotangent_given_as_a_matrix() -> None:
    x = rng.normal(size=(2, 3))
    g = np.ones((2, 3)).view(np.matrix)
    (found,) = pullback(operator.mul, (x, 2.0), {}, x * 2.0, g, [(0,)])
    assert type(found) is np.ndarray


def test_a_result_broadcast_into_a_larger_destination() -> None:
    x, g = rng.normal(size=3), rng.normal(size=(2, 3))
    out = np.empty((2, 3))
    np.exp(x, out=out)
    (found,) = pullback(np.exp, (x,), {}, out, g, [(0,)])
    np.testing.assert_allclose(found, (g * np.exp(x)).sum(axis=0))


def test_a_tuple_as_an_argument() -> None:
    parts = tuple(np.split(rng.normal(size=(4, 2)), 2))
    g = rng.normal(size=(4, 2))
    ((a, b),) = pullback(np.concatenate, (parts,), {}, np.concatenate(parts), g, [(0,)])
    np.testing.assert_array_equal(np.concatenate([a, b]), g)


def test_missing_cotangents_of_a_tuple() -> None:
    x = rng.normal(size=(4, 2))
    (found,) = pullback(np.split, (x, 2), {}, np.split(x, 2), [None, np.ones((2, 2))], [(0,)])
    np.testing.assert_array_equal(found, [[0, 0], [0, 0], [1, 1], [1, 1]])
    w = np.array([[2.0, 0.0], [0.0, 1.0]])
    (found,) = pullback(np.linalg.slogdet, (w,), {}, np.linalg.slogdet(w), [None, 1.0], [(0,)])
    np.testing.assert_allclose(found, np.linalg.inv(w).T)


# ---- singular points -----------------------------------------------------------------------------


def test_no_cotangent_stays_zero_at_an_infinite_slope() -> None:
    x, g = np.array([0.0, 1.0]), np.array([0.0, 1.0])
    for function in (np.log, np.sqrt, np.log2, np.log10, np.cbrt):
        found = first(function, x, g=g)
        assert found[0] == 0.0
        assert np.isfinite(found[1])
    assert first(np.divide, np.ones(2), x, g=g)[0] == 0.0
    assert first(np.power, x, 0.5, g=g)[0] == 0.0
    assert pullback(math.sqrt, (0.0,), {}, 0.0, 0.0, [(0,)]) == [0.0]


def test_infinite_slopes_are_told() -> None:
    assert first(np.sqrt, np.array([0.0]))[0] == np.inf
    assert pullback(math.sqrt, (0.0,), {}, 0.0, 2.0, [(0,)]) == [math.inf]


def test_powers_at_zero() -> None:
    x = np.array([0.0, -2.0, 3.0])
    np.testing.assert_array_equal(first(np.power, x, 2), 2 * x)
    np.testing.assert_array_equal(first(np.power, x, 2.0), 2 * x)
    np.testing.assert_array_equal(first(np.power, x, 1), [1, 1, 1])
    np.testing.assert_array_equal(first(np.power, x, 0), [0, 0, 0])
    np.testing.assert_array_equal(first(np.power, x, 3.0), 3 * x**2)
    assert pullback(operator.pow, (0.0, 2.0), {}, 0.0, 1.0, [(0,), (1,)]) == [0.0, 0.0]
    assert pullback(operator.pow, (-2.0, 3), {}, -8.0, 1.0, [(0,)]) == [12.0]
    assert pullback(operator.pow, (0.0, 0), {}, 1.0, 1.0, [(0,)]) == [0.0]


def test_saturated_functions_stay_finite() -> None:
    x = np.array([-800.0, -40.0, 0.0, 40.0, 800.0])
    for function in (np.tanh, scipy.special.expit, scipy.special.log_expit, np.arctan):
        assert np.all(np.isfinite(first(function, x)))
    np.testing.assert_allclose(first(scipy.special.expit, x)[3], math.exp(-40.0), rtol=1e-12)
    found = pullback(np.logaddexp, (x, 0.0), {}, np.logaddexp(x, 0.0), np.ones(5), [(0,), (1,)])
    np.testing.assert_allclose(found[0] + 0.0, [0, math.exp(-40), 0.5, 1, 1], atol=1e-15)
    wide = np.array([[1000.0, 0.0], [-1000.0, -1001.0]])
    for f in (scipy.special.softmax, scipy.special.log_softmax, scipy.special.logsumexp):
        assert np.all(np.isfinite(first(f, wide, axis=1)))


def test_logarithm_times_zero() -> None:
    x, y = np.array([0.0, 0.5]), np.array([0.0, 0.5])
    out = scipy.special.xlogy(x, y)
    (by_y,) = pullback(scipy.special.xlogy, (x, y), {}, out, np.ones(2), [(1,)])
    np.testing.assert_array_equal(by_y, [0.0, 1.0])


def test_nan_to_num_stops_what_it_replaced() -> None:
    x = np.array([1.0, np.nan, np.inf])
    np.testing.assert_array_equal(first(np.nan_to_num, x), [1.0, 0.0, 0.0])


# ---- refusals ------------------------------------------------------------------------------------

X = np.arange(1.0, 200.0)
MASK = X > 3


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    [
        (np.sum, (X,), {"where": MASK}),
        (np.mean, (X,), {"where": MASK}),
        (np.max, (X,), {"where": MASK, "initial": 0.0}),
        (np.var, (X,), {"where": MASK}),
        (np.exp, (X,), {"where": MASK}),
        (np.add, (X, X), {"where": MASK}),
        (np.max, (X,), {"initial": 500.0}),
        (np.prod, (X[:5],), {"initial": 2.0, "where": MASK[:5]}),
        (np.average, (X,), {"returned": True}),
        (np.pad, (X, 2), {"mode": "mean"}),
        (np.pad, (X, 2), {"mode": "linear_ramp"}),
        (np.quantile, (X, 0.3), {"method": "nearest"}),
        (np.interp, (X, X, X), {"period": 10.0}),
        (np.diff, (X,), {"prepend": 0.0}),
    ],
)
@pytest.mark.filterwarnings("ignore:'where' used without 'out'")
def test_what_a_rule_does_not_know_is_refused(function: Any, args: Any, kwargs: Any) -> None:
    out = function(*args, **kwargs)
    g = [np.ones(np.shape(y)) for y in out] if isinstance(out, tuple) else np.ones(np.shape(out))
    with pytest.raises(NoRule):
        pullback(function, args, kwargs, out, g, [(0,)])


def test_complex_numbers_are_refused() -> None:
    z = X[:4] + 1j
    for out in (z, z[0], np.ma.masked_array(X[:4])):
        with pytest.raises(NoRule):
            pullback(operator.add, (X[:4], 1j), {}, out, np.ones(4), [(0,)])
    objects = np.array([1.0, None], dtype=object)
    with pytest.raises(NoRule):
        pullback(operator.add, (objects, 1.0), {}, objects, np.ones(2), [(1,)])


def test_unknown_functions() -> None:
    with pytest.raises(NoRule):
        pullback(np.vectorize(float), (X[:3],), {}, X[:3], np.ones(3), [(0,)])
    with pytest.raises(NoRule):
        pullback(primitives.Opaque(X), (X,), {}, X, X, [(0,)])
    with pytest.raises(NoRule):
        pullback(Method("view"), (X,), {}, X, X, [(0,)])
    with pytest.raises(NoRule):
        pullback(Attribute("flat"), (X,), {}, X, X, [(0,)])
    assert not is_numeric(np.random.normal, (), {})
    assert not is_numeric(np.apply_along_axis, (np.sum, 0, X), {})


def test_differences_only_for_few_elements() -> None:
    x = np.linspace(0.1, 1.0, 5)
    assert rule_of(np.i0) is None
    found = first(np.i0, x)
    np.testing.assert_allclose(found, scipy.special.i1(x), rtol=1e-6)
    with pytest.raises(NoRule):
        first(np.i0, np.linspace(0.1, 1.0, 65))


def test_differences_refuse_a_kink_and_another_result() -> None:
    knots = np.array([0.0, 1.0, 2.0])
    with pytest.raises(NoRule):
        pullback(np.interp, (1.0, knots, [0.0, 1.0, 0.0]), {"period": 9.0}, 1.0, 1.0, [(0,)])
    with pytest.raises(NoRule):
        pullback(np.i0, (X[:2],), {}, np.zeros(2), np.ones(2), [(0,)])


def test_repeated_indices_of_other_ufuncs_are_refused() -> None:
    x, v = rng.normal(size=4), rng.normal(size=2)
    out = primitives.ufunc_at(np.multiply, x, [1, 1], v)
    with pytest.raises(NoRule):
        pullback(
            primitives.ufunc_at, (np.multiply, x, [1, 1], v), {}, out, np.ones(4), [(1,), (3,)]
        )


def test_a_view_of_other_bytes_is_refused() -> None:
    x = rng.normal(size=4)
    spec = primitives.view_spec(x, x.view(np.int64))
    with pytest.raises(NoRule):
        pullback(primitives.strided_view, (x, *spec), {}, x, x, [(0,)])


def test_a_view_is_patched_in_memory_that_holds_objects():
    owner = np.empty((40, 30), object)
    owner[...] = [[Decimal(i * j) for j in range(30)] for i in range(40)]
    view = owner.T[3]
    spec = primitives.view_spec(owner, view)
    for _ in range(50):
        patched = primitives.patch_view(owner, *spec, Decimal(7))
    assert patched[:, 3].tolist() == [Decimal(7)] * 40
    assert patched[:, 4].tolist() == owner[:, 4].tolist()
