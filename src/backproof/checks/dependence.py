"""How much inputs say about labels: leave-one-out predictions, against permuted labels.

Two predictors that need no training, the nearest neighbours and a ridge regression, explain a share
R² of the labels' variance. The same on permuted labels shows what chance explains.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

MOST_ROWS = 400
MOST_COLUMNS = 48
NEIGHBOURS = 5
PERMUTATIONS = 24
#: Deviations of the permuted R² beyond which inputs and labels belong together. Six leave no room
#: for the few dozen pairings that are compared; below three nothing is claimed.
SURE = 6.0
CHANCE = 3.0
#: Share of the variance that must be explained for a pairing to count as the right one, and below
#: which a pairing explains nothing worth having.
EXPLAINS = 0.2
NOTHING = 0.1


@dataclass(frozen=True, slots=True)
class Dependence:
    """The better of the two predictors: R², and its distance from chance in deviations."""

    explained: float
    deviations: float
    by_chance: float

    @property
    def sure(self) -> bool:
        """Whether the inputs predict the labels."""
        return self.deviations > SURE and self.explained > EXPLAINS

    @property
    def none(self) -> bool:
        """Whether the inputs predict the labels no better than permuted ones."""
        return self.deviations < CHANCE and self.explained < NOTHING


def dependence(inputs: Any, labels: Any, *, seed: int = 0) -> Dependence | None:
    """Measure how much `inputs` (n × d) say about `labels` (n × k); None where n is too small."""
    x, y = np.asarray(inputs, dtype=float), np.asarray(labels, dtype=float)
    n = len(x) if x.ndim and y.ndim else 0
    if n < 24 or len(y) != n or not (np.all(np.isfinite(x)) and np.all(np.isfinite(y))):
        return None
    generator = np.random.default_rng(seed)
    if n > MOST_ROWS:
        chosen = generator.choice(n, MOST_ROWS, replace=False)
        x, y, n = x[chosen], y[chosen], MOST_ROWS
    x, y = _columns(x), targets(y)
    if not x.shape[1] or not y.shape[1]:
        return None
    if x.shape[1] > MOST_COLUMNS:
        # Distances survive a random projection (Johnson & Lindenstrauss 1984).
        x = x @ generator.standard_normal((x.shape[1], MOST_COLUMNS)) / np.sqrt(MOST_COLUMNS)
    permutations = [generator.permutation(n) for _ in range(PERMUTATIONS)]
    best: Dependence | None = None
    for predict in (_neighbours(x), _ridge(x)):
        if predict is None:
            continue
        own = _explained(y, predict(y))
        others = np.array([_explained(y[p], predict(y[p])) for p in permutations])
        spread = float(np.std(others)) or 1e-9
        found = Dependence(own, (own - float(np.mean(others))) / spread, float(np.max(others)))
        if best is None or found.deviations > best.deviations:
            best = found
    return best


def explained_by_nearest(inputs: Any, labels: Any) -> float:
    """Return the share of the labels' variance that those of the nearest other samples explain."""
    x, y = np.asarray(inputs, dtype=float), np.asarray(labels, dtype=float)
    if len(x) > MOST_ROWS:
        chosen = np.random.default_rng(0).choice(len(x), MOST_ROWS, replace=False)
        x, y = x[chosen], y[chosen]
    if not (np.all(np.isfinite(x)) and np.all(np.isfinite(y))):
        return 0.0
    x, y = _columns(x), targets(y)
    if not x.shape[1] or not y.shape[1]:
        return 0.0
    return max(_explained(y, _neighbours(x, count)(y)) for count in (1, 3, NEIGHBOURS))


def targets(y: Any) -> Any:
    """Return labels as columns of deviation one; few distinct values are classes."""
    y = y.reshape(len(y), -1)
    distinct = np.unique(y)
    if y.shape[1] == 1 and 2 < distinct.size <= 12:
        y = (y == distinct.reshape(1, -1)).astype(float)
    return _columns(y[:, :MOST_COLUMNS])


def _columns(x: Any) -> Any:
    """Return the columns that vary, with mean zero and deviation one."""
    x = x.reshape(len(x), -1)
    deviation = x.std(axis=0)
    some = deviation > 1e-9 * (1 + np.abs(x).max(axis=0))
    return (x[:, some] - x[:, some].mean(axis=0)) / deviation[some]


def is_scaled(x: Any, y: Any) -> bool:
    """Whether arrays hold the same up to a shift and a factor of each column: standardised ones."""
    if np.shape(x) != np.shape(y):
        return False
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if not (np.all(np.isfinite(x)) and np.all(np.isfinite(y))):
        return False
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    factor = np.sum(x * y, axis=0) / np.maximum(np.sum(x * x, axis=0), 1e-300)
    return bool(np.all(np.abs(factor * x - y) <= 1e-5 * np.max(np.abs(y), axis=0) + 1e-12))


def _explained(y: Any, predicted: Any) -> float:
    return 1.0 - float(np.sum((y - predicted) ** 2) / np.sum(y**2))


def _neighbours(x: Any, count: int = NEIGHBOURS) -> Any:
    """Return the prediction by the mean label of the nearest other samples."""
    squares = np.sum(x**2, axis=1)
    distances = squares[:, None] + squares[None, :] - 2 * x @ x.T
    np.fill_diagonal(distances, np.inf)
    nearest = np.argpartition(distances, count, axis=1)[:, :count]
    return lambda y: y[nearest].mean(axis=1)


def _ridge(x: Any) -> Any:
    """Return the leave-one-out prediction of a ridge regression (by its hat matrix)."""
    n, d = x.shape
    if d > n // 3:
        return None
    hat = x @ np.linalg.solve(x.T @ x + 1e-3 * n * np.eye(d), x.T) + 1.0 / n
    keep = np.clip(1 - np.diag(hat), 1e-6, None).reshape(-1, 1)
    return lambda y: y - (y - hat @ y) / keep
