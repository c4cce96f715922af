"""Finds out which cost is meant where no gradient is right under any: by the backward pass.

Where `P - Y` is, up to a plausible factor, what the program's own cost gives for the logits, the
backward pass is meant for this cost, however wrong all gradients are that come of it.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from backproof.calculus.adjoint import is_differentiable
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import TOLERANCE, Fit, is_plausible

#: Entries that a value must have for its likeness to a cotangent to say anything.
LEAST_ENTRIES = 3


def anchored(evidence: StepEvidence) -> Fit | None:
    """Return the program's own cost with the scale that its backward pass has, if that shows."""
    best: tuple[int, float, Fit] | None = None
    for fit in evidence.others:
        if not fit.hypothesis.own or any(match.reason for match in fit.matches):
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
    for node, g in fit.adjoint.of.items():
        if node in forward and not isinstance(g, list) and np.size(g) >= LEAST_ENTRIES:
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
    return found
