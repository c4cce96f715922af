"""``=`` for ``+=`` where the values are read elsewhere as well: ``db = delta`` in a loop over time.

The gradient is the last of several values that one statement passes on under its name, and their
sum is the true one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from backproof.calculus.adjoint import is_differentiable
from backproof.checks.cause.diagnosis import Diagnosis
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import author_value
from backproof.checks.overwritten import MOST
from backproof.checks.scales import SAME
from backproof.trace.site import SITES
from backproof.trace.tape import Operation, Tape

#: Entries that the gradients must have, all together, or values of a sum for it to be no chance.
LEAST = 3
#: Sums whose values one statement may pass on in turn.
MOST_IN_TURN = 8


def last_kept(evidence: StepEvidence) -> list[tuple[Diagnosis, tuple[int, ...]]]:
    """Find the statement that keeps the last of the values that wrong gradients are sums of."""
    fit = evidence.fit
    assert fit is not None
    found: dict[int, list[int]] = {}
    last: dict[int, int] = {}
    summed = 0
    for i in fit.wrong:
        for index, (event, count) in _passing(evidence, i).items():
            found.setdefault(index, []).append(i)
            last[index] = max(event, last.get(index, 0))
            summed = max(summed, count)
    if not found:
        return []
    index = max(found, key=lambda site: (len(found[site]), last[site]))
    members = found[index]
    if max(summed, sum(fit.matches[i].size for i in members)) < LEAST:
        return []
    site = SITES[index]
    text = site.file.slice(site.statement)
    diagnosis = Diagnosis(
        "BP101", "missing-term", site,
        f"of the values that belong to a sum, `{text}` keeps the last alone",
        "use `+=` in place of `=`, from zero on",
    )  # fmt: skip
    return [(diagnosis, tuple(members))]


def _passing(evidence: StepEvidence, index: int) -> dict[int, tuple[int, int]]:
    """Return the statements that pass on a parameter's gradient, and before it what it lacks.

    With the time of the last value, and how many there are: a function that hands its own on has a
    caller that keeps it.
    """
    fit, run, parameter = evidence.fit, evidence.run, evidence.params[index]
    assert fit is not None
    truth = fit.matches[index].truth
    if truth is None:
        return {}
    found: dict[int, tuple[int, int]] = {}
    limit = SAME * float(np.linalg.norm(truth))
    for level in range(-1, len(parameter.levels)):
        own = author_value(run, parameter, level)
        if own is None or own.size != truth.size or not np.any(own):
            continue
        for site, outs in _passed(evidence, own.size).items():
            values = [np.asarray(run.env[n], float).reshape(-1) for n in outs]
            for turn in _turns(values, own):
                if any(
                    np.linalg.norm(sum(turn) / factor - truth) <= limit
                    for factor in {1.0, *fit.scales, fit.scale}
                    if factor
                ):
                    found[site] = _time(evidence.tape, outs[-1], site), len(turn)
    return found


def _turns(values: list[Any], own: Any) -> Iterator[list[Any]]:
    """Yield what may be one sum's values, of which `own` is the last.

    A loop over layers within that over samples passes on those of several sums in turn.
    """
    for count in range(1, min(MOST_IN_TURN, len(values) // 2) + 1):
        if len(values) % count == 0:
            for place in range(count):
                turn = values[place::count]
                if np.array_equal(turn[-1], own):
                    yield turn


def _passed(evidence: StepEvidence, size: int) -> dict[int, list[int]]:
    """Return the statements that pass on several values of a size, one after the other."""
    evidence.complete()
    tape = evidence.tape
    makers: dict[tuple[int, int], list[Operation]] = {}
    for operation in tape.operations:
        value: Any = evidence.run.env[operation.out]
        if operation.out in tape.flows and is_differentiable(value) and np.size(value) == size:
            for site in {site for _, site in tape.flows[operation.out] if SITES[site].targets}:
                makers.setdefault((site, operation.site), []).append(operation)
    passed = {site: made for (site, _), made in makers.items() if 1 < len(made) <= MOST}
    return {
        site: sorted((o.out for o in made), key=lambda n: _time(tape, n, site))
        for site, made in passed.items()
    }


def _time(tape: Tape, node: int, site: int) -> int:
    """Return when a statement passes a value on for the last time."""
    return max(event for event, place in tape.flows[node] if place == site)
