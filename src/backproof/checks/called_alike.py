"""Gradients that nothing uses, called as those of trained values are: `g_U` beside `g_V`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.checks.places import final_names
from backproof.checks.scales import TOLERANCE
from backproof.checks.siblings import is_called_an_input

if TYPE_CHECKING:
    from backproof.checks.neglect import Step

#: Entries of a row that a penalty may be added to, and be no chance.
LEAST = 3


def called_alike(step: Step, node: int, path: str, truth: Any) -> list[str]:
    """Return the trained values whose gradients have the name that a leaf's has.

    `truth` is the leaf's true gradient; where no value of that name is that, perhaps with a penalty
    on the leaf, none is.
    """
    tape, found = step.tape, list[str]()
    if truth.size < LEAST:
        return found
    sizes = {truth.size, touched(truth, step.run.env[node]).size}
    named = {
        target.lower(): o.out for o in tape.operations
        if o.where.is_value and np.size(step.run.env[o.out]) in sizes
        for target in o.where.targets
    }  # fmt: skip
    own = _bare(path)
    if is_called_an_input(own):
        return found  # whose gradient a layer computes as well
    for parameter in step.evidence.params:
        other = _bare(parameter.name)
        if len(other) != len(own):
            continue
        nodes = {n for level in parameter.levels for n in level.nodes}
        made = [o for n in nodes if (o := tape.producer(n)) is not None and o.where.is_value]
        targets = {t.lower() for o in made for t in o.where.targets if other and other in t.lower()}
        for target in targets:
            value = named.get(target.replace(other, own))
            if own and value is not None and _is_gradient(step, value, node, truth):
                found.append(parameter.name)
                break
    return [name for name in found if name in step.merges] or (found and list(step.merges))


def touched(truth: Any, value: Any) -> Any:
    """Return the part of a gradient in the rows that it is not zero in."""
    if np.ndim(value) != 2 or np.size(value) != truth.size:
        return truth
    rows = truth.reshape(np.shape(value))
    return rows[np.any(rows, axis=1)].reshape(-1)


def _bare(path: str) -> str:
    """Return what a value is called, in small letters: ``p`` for `self._P`."""
    names = final_names(path)
    return names[0].strip("_").lower() if names else ""


def _is_gradient(step: Step, value: int, node: int, truth: Any) -> bool:
    """Whether a value is the gradient of a leaf, or of its rows, perhaps with a penalty."""
    if step.is_multiple(value, truth):
        return True
    part, weights = touched(truth, step.run.env[node]), np.asarray(step.run.env[node], float)
    if part.size == truth.size or weights.ndim != 2 or part.size < LEAST:
        return step.is_multiple(value, part)
    own = np.asarray(step.run.env[value], float).reshape(-1)
    if own.size != part.size:
        return False
    rows = np.any(truth.reshape(weights.shape), axis=1)
    basis = np.stack([part, weights[rows].reshape(-1)], axis=1)
    solution, *_ = np.linalg.lstsq(basis, own, rcond=None)
    gap = float(np.linalg.norm(own - basis @ solution))
    scales = {abs(s) for i in step.fit.chosen for _, s, _ in step.fit.matches[i].scales}
    known = any(abs(abs(float(solution[0])) / s - 1) < TOLERANCE for s in scales if s)
    return known and gap <= TOLERANCE * float(np.linalg.norm(own))
