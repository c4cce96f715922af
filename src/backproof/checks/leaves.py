"""What a leaf of a step is: labels, data of one sample, or a parameter that meets them all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.arithmetic import keeps
from backproof.calculus.adjoint import adjoints
from backproof.joins import VIEWS, Join, output_joins
from backproof.trace.tape import Tape

if TYPE_CHECKING:
    from backproof.checks.gradient import StepEvidence


def whole_of(tape: Tape, node: int) -> int:
    """Return the array that a value is a part of, or another layout."""
    while (made := tape.producer(node)) is not None and made.inputs:
        if made.function not in VIEWS and not keeps(made):
            break
        node = made.inputs[0]
    return node


class Leaves:
    """The leaves of a judged step, as far as its outputs and labels tell them apart."""

    def __init__(self, evidence: StepEvidence) -> None:
        self.evidence = evidence
        self.joins: list[Join] = output_joins(evidence.tape, evidence.params, limit=200)
        labels = [j.labels for j in self.joins if j.labels is not None]
        self.labels = {whole_of(evidence.tape, n) for n in labels}
        self._pair: tuple[dict[int, Any], dict[int, Any]] | None = None

    def is_label(self, node: int) -> bool:
        """Whether a leaf is what outputs are compared with."""
        return node in self.labels

    def shared(self, node: int) -> bool:
        """Whether a leaf has an influence on several samples at once; False where unknown."""
        pair = self._pulled()
        if pair is None:
            return False
        one, two = pair[0].get(node), pair[1].get(node)
        if one is None or two is None:
            return False
        return bool(np.any((np.asarray(one) != 0) & (np.asarray(two) != 0)))

    def _pulled(self) -> tuple[dict[int, Any], dict[int, Any]] | None:
        """Cotangents of the output of one sample, and of another."""
        if self._pair is None:
            seeds = self._seeds()
            if seeds is None:
                return None
            tape, run = self.evidence.tape, self.evidence.run
            first, second = (adjoints(tape, run, s).of for s in seeds)
            self._pair = (first, second)
        return self._pair

    def _seeds(self) -> tuple[dict[int, Any], dict[int, Any]] | None:
        if not self.joins:
            return None
        env, first = self.evidence.run.env, self.joins[0]
        site = self.evidence.tape.operations[first.operation].site
        outputs = [
            j.output for j in self.joins
            if self.evidence.tape.operations[j.operation].site == site
        ]  # fmt: skip
        if len(set(outputs)) > 1:
            one, two = outputs[0], next(o for o in outputs if o != outputs[0])
            if np.size(env[one]) == 1 and np.size(env[two]) == 1:
                return {one: _ones(env[one])}, {two: _ones(env[two])}
            return {one: _ones(env[one])}, {two: _ones(env[two])}
        shape = np.shape(env[first.output])
        sizes = [n for n in shape if n > 1]
        if not sizes:
            return None
        axis = shape.index(max(sizes))
        middle = shape[axis] // 2
        seeds = []
        for part in (slice(0, middle), slice(middle, None)):
            seed = np.zeros(shape)
            key: list[Any] = [slice(None)] * len(shape)
            key[axis] = part
            seed[tuple(key)] = np.random.default_rng(0).uniform(0.5, 1.5, seed[tuple(key)].shape)
            seeds.append({first.output: seed})
        return seeds[0], seeds[1]


def _ones(value: Any) -> Any:
    return 1.0 if type(value) is float else np.ones(np.shape(value))
