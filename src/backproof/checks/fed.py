"""BP401 where the data that is evaluated is on another scale than the data that was trained on.

Training data is standardised, and what is predicted later is not, or is divided by nothing. What is
multiplied with the first layer's weights outside the training is held against its inputs in the
training, feature by feature.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.arithmetic import is_in
from backproof.carries import dependence
from backproof.checks.advice import advise, short
from backproof.checks.layers import PRODUCTS, source_parameter
from backproof.checks.places import place_of, statement_of
from backproof.checks.pooled import inputs_of
from backproof.finding import Finding
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Ref, Tape

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: Deviations of the training's features from their mean that half of the features lie away, or are
#: wide: a plot's grid has about 3, what was not standardised 10 to 1,000.
FAR = 10.0
#: … or one does, and all others at least so many: an extrapolation goes far in one direction.
ALL = 1.5
#: Products that are kept, and operations of a recording that is looked through.
MOST, MOST_EACH, MOST_OPERATIONS = 60, 12, 20_000
LEAST_FEATURES = 2


@dataclass(frozen=True, slots=True)
class Meal:
    """Data that met weights: where, of how many samples, mean and deviation of its features."""

    site: Site
    shape: tuple[int, ...]
    count: int
    mean: Any
    deviation: Any


class Fed:
    """Gathers what is multiplied with trained weights and does not depend on them."""

    def __init__(self) -> None:
        self.meals: list[Meal] = []
        self.trained_on: list[Meal] = []
        """What the updates of judged steps are made of: the training's own data."""
        self._sites: dict[tuple[Site, bool], int] = {}

    @property
    def full(self) -> bool:
        """Whether no more is kept."""
        return len(self.meals) >= MOST

    def look(self, tape: Tape, trained: Collection[int], new: Collection[int] = ()) -> None:
        """Look through a recording with its `trained` parameters, and what becomes of them."""
        if self.full or len(tape.operations) > MOST_OPERATIONS or not trained:
            return
        feeding = tape.ancestors(new)
        weights = {node: index for index, node in enumerate(trained)}
        depends = dependence(tape, dict.fromkeys(weights, 1), 0, len(tape.operations))
        for operation in tape.operations:
            if not is_in(operation.function, PRODUCTS) or len(operation.args) != 2:
                continue
            for position in (0, 1):
                own, other = operation.args[position], operation.args[1 - position]
                if type(own) is not Ref or type(other) is not Ref or depends.get(other.node):
                    continue
                if source_parameter(tape, own.node, weights) is not None:
                    W, X = tape.nodes[own.node].obj, tape.nodes[other.node].obj
                    among = self.trained_on if operation.out in feeding else self.meals
                    self._keep(tape, operation.index, W, X, position, among)

    def _keep(
        self, tape: Tape, index: int, W: Any, X: Any, position: int, among: list[Meal]
    ) -> None:
        if np.ndim(W) not in (1, 2) or np.ndim(X) not in (1, 2) or self.full:
            return
        rows = np.asarray(X.T if position == 0 else X, dtype=float)
        rows = rows.reshape(1, -1) if rows.ndim == 1 else rows
        chain = tape.chains()[index]
        site = SITES[tape.calls[chain[0]][1]] if chain else tape.operations[index].where
        key = site, among is self.meals
        number = self._sites[key] = self._sites.get(key, 0) + 1
        if number > MOST_EACH or not np.all(np.isfinite(rows)):
            return
        shape = np.shape(W)[::-1] if position == 0 else np.shape(W)
        among.append(Meal(site, shape, len(rows), rows.mean(axis=0), rows.std(axis=0)))


def check(record: Record) -> Iterator[Finding]:
    """Judge whether what is evaluated is scaled as what was trained on."""
    first = record.first
    inputs = inputs_of(record, first)
    layer = next((la for la, _ in first.layers), None)
    if inputs is None or layer is None or len(inputs) < 8 or record.nonfinite is not None:
        return
    matrix = first.values[layer.weight]
    shape = np.shape(matrix.T if layer.axis == 0 else matrix)
    mean, deviation = inputs.mean(axis=0), inputs.std(axis=0)
    some = deviation > 1e-9 * (1 + np.abs(mean))
    if int(some.sum()) < LEAST_FEATURES:
        return

    def distance_of(meal: Meal) -> float:
        if meal.shape != shape or meal.mean.shape != mean.shape:
            return 0.0
        away = np.abs(meal.mean - mean)[some] / deviation[some]
        wide = meal.deviation[some] / deviation[some]
        return float(np.max(away) if np.min(away) > ALL else np.median(np.maximum(away, wide)))

    if any(distance_of(meal) > FAR for meal in record.fed.trained_on):
        return  # trained again, on other data
    for meal in record.fed.meals:
        if (distance := distance_of(meal)) > FAR:
            yield _finding(record, meal, distance, mean[some], deviation[some], meal.mean[some])
            return


def _finding(
    record: Record, meal: Meal, distance: float, mean: Any, deviation: Any, other: Any
) -> Finding:
    site = record.births.of(record.first.samples.inputs_source)
    related = [(statement_of(site), "definition", "the training data")] if site is not None else []
    return advise(
        "BP401", "unscaled-inputs", place_of(meal.site),
        "the data that is evaluated here is not scaled as the training data: its features lie "
        f"{short(distance)} deviations away",
        "treat it as the training data is: the same means and deviations, or the same divisor",
        {"samples": meal.count, "distance": distance, "mean": mean.tolist()[:20],
         "deviation": deviation.tolist()[:20], "evaluated_mean": other.tolist()[:20]},
        related=related, confidence="proven",
        notes=[
            "means of the features in the training: "
            + ", ".join(short(float(v)) for v in mean[:4])
            + "; here: " + ", ".join(short(float(v)) for v in other[:4])
        ],
    )  # fmt: skip
