"""What a step shows whose gradients fit no cost because there are none: it changes nothing.

A ReLU that is dead at the output, a softmax over a single unit: whatever the weights are, the cost
stays, and so do they. The units and the samples are measured as those of other steps are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.arithmetic import DIVIDE, is_in
from backproof.checks.layers import find_layers, measure_units
from backproof.checks.samples import Join, find_join, gather
from backproof.roles import Parameter
from backproof.trace.tape import Operation, Run, Tape

if TYPE_CHECKING:
    from backproof.checks.observation import Observation

#: From here on ``t / (1 + t)`` comes near one by rounding.
ROUNDED = 1e12
#: Share of a parameter below which a change is none.
STILL = 1e-9


def without_gradient(seen: Observation, tape: Tape, run: Run, params: Sequence[Parameter]) -> None:
    """Measure the units of a step that changes nothing; remember an output that is always 1."""
    join = find_join(tape, params)
    if join is None:
        return
    if not any(_moves(*pair) for pair in zip(seen.values, seen.changes, strict=True)):
        find_units(seen, tape, run, params, join)
        layers = [layer for layer, _ in seen.layers]
        seen.samples = gather(tape, run, params, layers, join, None)
    if join.classes:
        return
    output = np.asarray(run.env[join.output], dtype=float)
    labels = np.asarray(run.env[join.labels], dtype=float)
    made = tape.producer(join.output)
    column = output.size == labels.size > 1 and max(output.shape) == output.size
    if made is not None and column and np.all(output == 1.0) and _is_share(run, made):
        seen.samples.output, seen.samples.labels = output.reshape(-1, 1), labels.reshape(-1, 1)
        seen.output_site = made.where


def _moves(value: Any, change: Any) -> bool:
    """Whether a change is more than rounding and what is left of a slope that is gone."""
    size = float(np.max(np.abs(value), initial=0.0))
    return float(np.max(np.abs(change), initial=0.0)) > STILL * size


def find_units(
    seen: Observation, tape: Tape, run: Run, params: Sequence[Parameter], join: Join | None,
    *, cost: int | None = None,
) -> None:  # fmt: skip
    """Find the layers and measure their units; say where output and labels meet."""
    output = join.output if join is not None else None
    ends = [n for n in (cost, output) if n is not None]
    for layer in find_layers(tape, run, params, ends, output):
        units = measure_units(tape, run, layer)
        if units is None:
            continue
        seen.layers.append((layer, units))
        seen.sites[layer.product] = tape.operations[layer.product].where
        made = tape.producer(layer.a)
        if made is not None:
            seen.sites[layer.a] = made.where
        if layer.a == output and not layer.hidden:
            seen.output_layer = (layer, units)
    if join is not None:
        reader = tape.users[join.labels]
        made = tape.producer(join.output)
        seen.output_site = made.where if made is not None else None
        seen.labels_site = tape.operations[reader[0]].where if reader else None


def _is_share(run: Run, made: Operation) -> bool:
    """Whether a value is a quotient of two like arrays, and no sigmoid that is rounded to one."""
    if not is_in(made.function, DIVIDE) or len(made.inputs) != 2:
        return False
    above, below = (np.asarray(run.env[n], dtype=float) for n in made.inputs)
    calm = above.size > 1 and bool(np.all(np.abs(above) < ROUNDED))
    return calm and bool(np.all(above == below))
