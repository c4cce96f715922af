"""BP306 in a recurrent network: gradients that explode on their way back through time.

The recurrent weights multiply the gradient once for every step of the sequence. Where they enlarge
it, the first update throws the weights far away, the units saturate, and the slope is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from backproof.checks.advice import advise, short
from backproof.checks.pooled import unexplained
from backproof.checks.units import flat_share
from backproof.finding import Finding

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: Times that a step multiplies by the same weights for them to be recurrent.
UNROLLED = 8
#: Early judged steps, and an update so many times the weights it changes.
EARLY = 4
THROWN = 3.0
#: Share of the units that are flat at the end, and of the labels' variance that is left.
FLAT = 0.8
USELESS = 0.5


def check(record: Record) -> Iterator[Finding]:
    """Judge the recurrent weights."""
    if record.found:
        return
    first, last = record.first, record.last
    weights = [layer.weight for layer, _ in first.layers]
    for index in dict.fromkeys(weights):
        value = np.asarray(first.values[index])
        square = value.ndim == 2 and value.shape[0] == value.shape[1] > 1
        if not square or weights.count(index) < UNROLLED:
            continue
        name = first.names[index]
        early = [o for o in record.seen[:EARLY] if name in o.names]
        sizes = [
            (float(np.linalg.norm(o.changes[o.names.index(name)])), o.step) for o in early
        ]  # fmt: skip
        size, step = max(sizes)
        times = size / max(float(np.linalg.norm(value)), 1e-300)
        gain = float(np.sqrt(np.mean(value**2) * value.shape[0]))
        flat = [flat_share(u) for la, u in last.layers if last.names[la.weight] == name]
        if times < THROWN or gain < 1 or not flat or np.mean(flat) < FLAT:
            continue
        if unexplained(last) < USELESS:
            continue
        yield advise(
            "BP306", "exploding-gradient", record.birthplace(first, index),
            f"the gradients explode through time: the update of `{name}` at step {step} is "
            f"{short(times)} times the weights",
            f"scale the recurrent weights by {short(1 / gain)} (variance 1/n or less, or an "
            "orthogonal matrix), and limit the norm of the gradient",
            {"parameter": name, "step": step, "times": times, "gain": gain,
             "flat_at_the_end": float(np.mean(flat))},
            notes=[
                f"each step of the sequence multiplies by `{name}`, whose gain (deviation times "
                f"√n) is {short(gain)}; at step {last.step} {100 * np.mean(flat):.0f} % of its "
                "units are saturated"
            ],
        )  # fmt: skip
        return
