"""Finds out which cost is meant where no gradient is right under any: by the backward pass.

Where `P - Y` is, up to a plausible factor, what the program's own cost gives for the logits, the
backward pass is meant for this cost, however wrong all gradients are that come of it. So it is
where an engine's loss has a gradient of 1, and where some entry is right to the last digit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from backproof.calculus.adjoint import is_differentiable
from backproof.checks.anchor import exact_entries
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import Fit
from backproof.checks.scales import TOLERANCE, is_plausible
from backproof.checks.sense import is_called_a_cost
from backproof.trace.tape import Run

#: Entries that a value must have for its likeness to a cotangent to say anything.
LEAST_ENTRIES = 3
#: Multiples of true numbers that are looked for, and how many must be there.
NUMBERS, LEAST_NUMBERS = (1.0, 2.0, 0.5), 2


def anchored(evidence: StepEvidence) -> Fit | None:
    """Return the program's own cost with the scale that its backward pass has, if that shows.

    One that has a cost's name or formula: a backward pass ends with scalars of its own.
    """
    best: tuple[int, float, Fit] | None = None
    for fit in evidence.others:
        if not fit.hypothesis.own or any(match.reason for match in fit.matches):
            continue
        if not is_called_a_cost(evidence, fit):
            continue
        scales = _scales(evidence, fit)
        if scales:
            scale, count = max(scales.items(), key=lambda item: (item[1], -abs(np.log(item[0]))))
            if best is None or count > best[0]:
                best = count, scale, fit
    if best is None:
        return None
    _, scale, fit = best
    fit.scale, fit.chosen, fit.anchored = scale, {}, True
    return fit


def _scales(evidence: StepEvidence, fit: Fit) -> Counter[float]:
    """Count the backward values that are cotangents of a cost, by their scale."""
    assert fit.adjoint is not None
    tape, run = evidence.tape, evidence.run
    forward = tape.ancestors([fit.hypothesis.node])
    feeding = tape.ancestors([n for p in evidence.params for n in p.new]) - forward
    rows: dict[int, list[np.ndarray]] = {}
    for node, g in fit.adjoint.items():
        if node in forward and np.size(g) >= LEAST_ENTRIES:
            flat = np.asarray(g, float).reshape(-1)
            norm = float(np.linalg.norm(flat))
            if norm and np.isfinite(norm):
                rows.setdefault(flat.size, []).append(flat / norm**2)
    found: Counter[float] = Counter()
    for node in feeding:
        value = run.env[node]
        if not is_differentiable(value) or np.size(value) not in rows:
            continue
        x = np.asarray(value, float).reshape(-1)
        norm = float(np.linalg.norm(x))
        if not norm or not np.isfinite(norm):
            continue
        for unit in rows[x.size]:
            s = float(unit @ x)
            if s and np.linalg.norm(x / s - unit / float(unit @ unit)) <= TOLERANCE * norm / abs(s):
                if is_plausible(s) and np.unique(np.round(x, 12)).size > 2:
                    found[float(f"{abs(s):.9g}")] += 1
                break
    if not found and evidence.names.is_seeded(tape.nodes[fit.hypothesis.node].obj):
        return Counter({1.0: len(feeding)})  # an engine says what it starts from
    found = found or _scales_of_numbers(fit, run, forward, feeding)
    return found or Counter({1.0: exact} if (exact := exact_entries(fit, run)) else {})


def _scales_of_numbers(fit: Fit, run: Run, forward: set[int], feeding: set[int]) -> Counter[float]:
    """Count the same among single numbers: lists, the nodes of an engine."""
    assert fit.adjoint is not None
    known = _digits(g for n, g in fit.adjoint.items() if n in forward)
    values = _digits(run.env[n] for n in feeding)
    counts = {s: len({float(f"{s * v:.9g}") for v in known} & values) for s in NUMBERS}
    return Counter({s: count for s, count in counts.items() if count >= LEAST_NUMBERS})


def _digits(values: Iterable[Any]) -> set[float]:
    """Return the sizes of numbers, to nine digits, but for those that are simple."""
    sizes = [abs(v) for v in values if isinstance(v, float)]
    return {float(f"{v:.9g}") for v in map(float, sizes) if v and float(f"{v:.4g}") != v}
