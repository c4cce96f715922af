"""Whether inputs say anything about labels."""

from __future__ import annotations

import numpy as np

from backproof.checks.dependence import dependence
from backproof.checks.moves import order_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 2))
RING = (np.hypot(X[:, 0], X[:, 1]) < 1.2).astype(float)


def test_a_ring_is_seen_though_no_line_fits_it():
    found = dependence(X, RING)
    assert found is not None
    assert found.sure


def test_shuffled_labels_are_chance():
    found = dependence(X, RNG.permutation(RING))
    assert found is not None
    assert found.none


def test_too_few_samples_say_nothing():
    assert dependence(X[:10], RING[:10]) is None


def test_the_order_of_moved_rows_is_found():
    order = RNG.permutation(len(X))
    assert np.array_equal(order_of(X, X[order]), order)
    assert order_of(X, np.sort(X, axis=0)) is None
