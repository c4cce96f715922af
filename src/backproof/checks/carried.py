"""States that a step moves on before it computes its cost: ``h = 0.5 * h + 0.5 * tanh(…)``.

They have the form of an update, ``new = c·old + Δ(old)``. But the cost is made of the new value,
and a parameter that is moved before the cost of the step has a cost of its own, or the name of one.
"""

from __future__ import annotations

from typing import Any

from backproof.checks.match import Fit
from backproof.checks.siblings import is_called_a_weight
from backproof.trace.tape import Tape
from backproof.updates import Update


def states(tape: Tape, fit: Fit | None, names: Any) -> list[Update]:
    """Return the updates of what is wrong as a parameter under a cost, and a state of its step."""
    if fit is None or not fit.chosen or fit.hypothesis.after:
        return []
    forward = tape.ancestors([fit.hypothesis.node])
    found: list[Update] = []
    for index in fit.wrong:
        parameter = fit.matches[index].parameter
        paths = (names.path(tape.nodes[n].obj) for n in parameter.new) if names else ()
        called = [parameter.name.partition(" (")[0], *(p for p in paths if p)]
        if forward.issuperset(parameter.new) and not any(map(is_called_a_weight, called)):
            found += parameter.updates
    return found
