"""Gradients that nothing uses, called as those of trained values are: `g_U` beside `g_V`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from backproof.checks.neglect import Step


def called_alike(step: Step, path: str, truth: Any) -> list[str]:
    """Return the trained values whose gradients have the name that a leaf's has.

    `truth` is the leaf's true gradient; where no value of that name is exactly that, none is.
    """
    tape, found = step.tape, []
    named = {
        target: o.out for o in tape.operations
        if o.where.is_value and np.size(step.run.env[o.out]) == truth.size
        for target in o.where.targets
    }  # fmt: skip
    for parameter in step.evidence.params:
        nodes = {n for level in parameter.levels for n in level.nodes}
        made = [o for n in nodes if (o := tape.producer(n)) is not None and o.where.is_value]
        for target in {t for o in made for t in o.where.targets if parameter.name in t}:
            node = named.get(target.replace(parameter.name, path))
            if node is not None and step.is_multiple(node, truth):
                found.append(parameter.name)
    return found
