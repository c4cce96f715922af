"""Data sets larger than memory: read batch by batch, never copied whole."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof.nn import BinaryClassifier, make_flower
from backproof.nn.parameters import count

ROWS, COLUMNS = 100_000, 40
SIZES = (COLUMNS, 32, 16, 1)


@pytest.fixture(scope="module")
def large(tmp_path_factory: Any) -> tuple[Path, Any]:
    """A file of 16 MB and its labels."""
    path = tmp_path_factory.mktemp("large") / "samples.npy"
    rng = np.random.default_rng(0)
    X = rng.standard_normal((ROWS, COLUMNS), dtype=np.float32)
    np.save(path, X)
    return path, (X[:, 0] * X[:, 1] > 0).astype(int)


def peak(work: Callable[[], Any]) -> int:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def make(**settings: Any) -> BinaryClassifier:
    defaults = {
        "hidden_layers": SIZES[1:-1],
        "max_iter": 2,
        "random_state": 0,
        "learning_rate": 0.01,
    }
    return BinaryClassifier(**(defaults | settings))


@pytest.mark.parametrize("engine", ["numpy", "auto"])
@pytest.mark.parametrize("batch_size", [200, 4000])
def test_memory_is_that_of_a_batch(large: Any, batch_size: int, engine: Any) -> None:
    path, y = large
    clf = make(batch_size=batch_size, engine=engine)
    clf.fit(path, y)  # what is imported once is imported
    used = peak(lambda: clf.fit(path, y))
    activations = 4 * batch_size * sum(SIZES)
    parameters = 4 * count(SIZES)  # and as many again: gradient, two moments, what Adam needs
    samples = 20 * ROWS  # the label, checked and cast, and the place in the order of the epoch
    assert used < 2 * activations + 12 * parameters + samples + 200_000
    assert used < 4 * ROWS * COLUMNS / 2
    assert clf.score(path, y) > 0.9


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.uint8])
def test_a_file_is_trained_on_as_an_array(tmp_path: Path, dtype: Any) -> None:
    X, y = make_flower(300, random_state=1)
    X = np.abs(20 * X).astype(dtype)
    np.save(tmp_path / "X.npy", X)
    settings = {"batch_size": 50, "engine": "numpy", "shuffle": False}
    plain = make(**settings).fit(X, y)
    for given in (
        tmp_path / "X.npy",
        str(tmp_path / "X.npy"),
        np.load(tmp_path / "X.npy", mmap_mode="r"),
    ):
        clf = make(**settings).fit(given, y)
        np.testing.assert_allclose(clf.coefs_[0], plain.coefs_[0], rtol=1e-5)
        np.testing.assert_array_equal(clf.predict(given), clf.predict(X))
    assert not np.load(tmp_path / "X.npy", mmap_mode="r").flags.writeable


@pytest.mark.parametrize(
    "settings",
    [{"early_stopping": True}, {"optimizer": "lbfgs"}, {"optimizer": "gd"}, {"alpha": 0.1}],
    ids=str,
)
def test_whatever_else_is_asked_for_the_file_is_not_copied(large: Any, settings: Any) -> None:
    path, y = large
    clf = make(**({"max_iter": 1} | settings))
    clf.fit(path, y)
    # Labels, weights, and which rows are whose: some numbers a sample, but never its row.
    assert peak(lambda: clf.fit(path, y)) < 0.7 * 4 * ROWS * COLUMNS
    assert peak(lambda: clf.predict(path)) < 0.5 * 4 * ROWS * COLUMNS


def test_bad_values_of_a_file_are_found(large: Any, tmp_path: Path) -> None:
    X = np.array(np.load(large[0], mmap_mode="r")[:20_000])
    X[19_999, 7] = np.nan
    np.save(tmp_path / "X.npy", X)
    with pytest.raises(ValueError, match="1 of 20000 × 40 are NaN: 1 in column 7"):
        make().fit(tmp_path / "X.npy", large[1][:20_000])


def test_a_stream_needs_no_more_than_a_piece(large: Any) -> None:
    path, y = large
    X = np.load(path, mmap_mode="r")
    clf = make(batch_size=500)

    def stream() -> None:
        for start in range(0, ROWS, 2000):
            piece = slice(start, start + 2000)
            clf.partial_fit(np.array(X[piece]), y[piece], classes=[0, 1])

    stream()
    assert peak(stream) < 8 * 4 * 2000 * COLUMNS
    assert clf.score(path, y) > 0.9
