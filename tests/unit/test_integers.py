"""What an integer type makes of a value, operation by operation."""

from __future__ import annotations

import operator

import numpy as np
import pytest

from backproof.checks.integers import losses_of
from backproof.trace import primitives
from backproof.trace.primitives import Method

BYTES = np.array([0, 1, 1], dtype=np.uint8)


@pytest.mark.parametrize(
    ("function", "args", "got", "true"),
    [
        (operator.neg, (BYTES,), 255, -1),
        (operator.sub, (BYTES, 1), 255, -1),
        (operator.mul, (BYTES * np.uint8(200), 2), 144, 400),
        (np.square, (BYTES * np.uint8(20),), 144, 400),
    ],
)
def test_small_integers_wrap_around(function, args, got, true):
    out = function(*args)
    (loss,) = losses_of(0, function, args, {}, out)
    assert (loss.kind, loss.got, loss.true) == ("wraps", got, true)


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (operator.sub, (np.uint8(1), BYTES)),
        (operator.neg, (np.array([0, 0], dtype=np.uint8),)),
        (operator.sub, (np.array([1, 2]), np.array([5, 5]))),
    ],
)
def test_what_fits_is_no_loss(function, args):
    assert list(losses_of(0, function, args, {}, function(*args))) == []


def test_operands_that_changed_since_are_left_alone():
    out = -BYTES
    assert list(losses_of(0, operator.neg, (BYTES + np.uint8(3),), {}, out)) == []


def test_a_store_of_fractions_is_counted():
    array = np.zeros(3, dtype=int)
    (loss,) = losses_of(0, primitives.set_item, (array, slice(None), np.array([0.5, 1.5, 2.0])), {},
                        array)  # fmt: skip
    assert (loss.kind, loss.count, loss.of, loss.lost) == ("truncates", 2, 3, 1)


def test_rounding_half_up_is_no_cast_to_zero():
    x = np.array([0.1, 0.2, 0.3, 0.05])
    assert list(losses_of(0, Method("astype"), (x + 0.5, int), {}, (x + 0.5).astype(int))) == []
    (loss,) = losses_of(0, Method("astype"), (x, int), {}, x.astype(int))
    assert loss.kind == "casts"
