"""BP303 symmetric-initialisation, BP306 vanishing-or-exploding: what the first weights decide."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.checks.advice import advise, short
from backproof.checks.dependence import dependence
from backproof.checks.layers import Layer, Units
from backproof.checks.observation import Observation
from backproof.checks.pooled import unexplained
from backproof.checks.zero_start import zero_start
from backproof.finding import Finding

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: Rows that differ by less than this share of their size are the same up to the order of sums.
SAME = 1e-9
#: What tells the neurons of a layer apart: `self.layers[0][3].weights`. The last number of a name.
NUMBER = re.compile(r"\d+(?=\D*$)")
#: Between the first layer's gradient and the last one's. Glorot & Bengio (2010), section 4.2, see
#: factors of 10 in nets of five layers that do not train. Here the program must not have learnt.
FACTOR = 1e3
EXPLODED = 1e3
#: An output whose mean square is so many times the labels' variance is worse than a constant.
USELESS = 2.0
#: From here on an output says no more than a constant.
CONSTANT = 0.9
#: Samples, taken one by one, that show whether an output says anything.
SEVERAL = 5
#: How a bias is called: among parameters of one size the weights are shown.
BIAS = re.compile(r"(^|[._\W])(b|bias)[^.]*$", re.IGNORECASE)
#: Steps over which units must stay equal.
APART = 9
#: Layers from which on the product of slopes can be blamed.
DEEP = 4
#: A run that lowers its cost by this share does not stand still, and what neighbours must explain.
STIRRED = 0.2
PREDICTABLE = 0.4


def check(record: Record) -> Iterator[Finding]:
    """Judge the initial weights."""
    found = list(symmetric(record)) or list(equal_neurons(record)) or list(equal_units(record))
    found = found or list(equal_numbers(record)) or list(zero_start(record))
    yield from found
    yield from vanishing(record)


# ---- symmetry ----------------------------------------------------------------------------------


def symmetric(record: Record) -> Iterator[Finding]:
    """Find hidden layers whose units are copies of one another and stay so."""
    first, last = record.first, record.last
    for layer, units in first.layers:
        if not layer.hidden or units.a.shape[0] < 2 or not _copies(units):
            continue
        later = [u for known, u in last.layers if known.weight == layer.weight]
        if last is first or not later or not all(_copies(u) for u in later):
            continue
        rows = units.weights
        name = first.names[layer.weight]
        count = units.a.shape[0]
        zero = not np.any(rows)
        kind = "zero" if zero else "the same for every unit"
        evidence: dict[str, Any] = {
            "parameter": name, "units": count, "zero": zero, "steps": [first.step, last.step],
            "spread_of_weights": float(np.max(np.abs(rows - rows[0]))),
            "spread_of_activations": float(np.max(np.abs(later[0].a - later[0].a[0]))),
        }  # fmt: skip
        yield advise(
            "BP303", "symmetric-init", record.birthplace(first, layer.weight),
            f"all {count} units of `{name}` stay the same: its initial weights are {kind}",
            f"draw the weights at random, with variance 1/{rows.shape[1]} (2/{rows.shape[1]} "
            "before ReLU)",
            evidence, severity="error", confidence="proven",
            notes=[
                f"the {count} units have equal weights and activations at steps {first.step} "
                f"and {last.step}: the layer computes no more than one unit",
            ],
        )  # fmt: skip
        return


def equal_neurons(record: Record) -> Iterator[Finding]:
    """Find neurons that keep their weights in places of their own, and have the same throughout."""
    last = record.every[-1]
    groups: dict[str, list[str]] = {}
    for name, value in zip(last.names, last.values, strict=True):
        if np.size(value) > 1 and (key := NUMBER.sub("#", name)) != name:
            groups.setdefault(key, []).append(name)
    for names in groups.values():
        first = next((o for o in record.every if set(names) <= set(o.names)), last)
        if len(names) < 2 or first is last:
            continue
        members = [first.names.index(name) for name in names]
        later = [last.values[last.names.index(name)] for name in names]
        start = first.values[members[0]]
        moves = np.shape(start) == np.shape(later[0]) and bool(np.any(start != later[0]))
        if not (moves and _equal([first.values[i] for i in members]) and _equal(later)):
            continue
        yield advise(
            "BP303", "symmetric-init", record.birthplace(first, members[0]),
            f"the {len(members)} neurons `{names[0]}` … `{names[-1]}` stay the same: their initial "
            "weights are equal",
            "draw the weights at random",
            {"parameter": names[0], "units": len(members), "steps": [first.step, last.step]},
            severity="error", confidence="proven",
            notes=[
                f"their weights are equal at steps {first.step} and {last.step}: they compute no "
                "more than one neuron",
            ],
        )  # fmt: skip
        return


def equal_units(record: Record) -> Iterator[Finding]:
    """Find units whose weights, into them and out of them, are equal and move together.

    Nothing but the parameters is looked at: two of them keep all slices along an axis of one size
    equal over the whole run. Only units that are copies of one another do so.
    """
    last, moved = record.every[-1], set()
    groups: dict[int, list[tuple[str, Observation]]] = {}
    for name, value in zip(last.names, last.values, strict=True):
        first = next((o for o in record.every if name in o.names), last)
        start = first.values[first.names.index(name)]
        if last.step - first.step < APART or np.shape(start) != np.shape(value):
            continue
        start, end = np.asarray(start), np.asarray(value)
        if np.any(start != end):
            moved.add(name)
        for axis in range(end.ndim):
            count = end.shape[axis]
            before, after = (list(np.moveaxis(v, axis, 0)) for v in (start, end))
            if count > 1 and _equal(after) and (_equal(before) or not np.any(start)):
                groups.setdefault(count, []).append((name, first))
    for count, members in groups.items():
        names = list(dict.fromkeys(name for name, _ in members))
        # Where they stay where they began, all parameters must be such copies.
        if len(names) < len(last.names):
            names = [n for n in names if n in moved]
        outputs = {record.first.names[a.weight] for a, _ in record.first.layers if not a.hidden}
        if len(names) < 2 or all(n in outputs or BIAS.search(n) for n in names):
            continue  # (outputs that stay alike have the same labels: no weights help)
        sizes = {name: np.size(last.values[last.names.index(name)]) for name in names}
        name = max(names, key=lambda n: (sizes[n], not BIAS.search(n)))
        first = next(o for n, o in members if n == name)
        yield advise(
            "BP303", "symmetric-init", record.birthplace(first, first.names.index(name)),
            f"all {count} units of `{name}` stay the same: their initial weights are equal",
            "draw the weights at random",
            {"parameters": names, "units": count, "steps": [first.step, last.step]},
            severity="error", confidence="proven",
            notes=[
                f"{', '.join(f'`{n}`' for n in names)} hold the same for all {count} units at "
                f"steps {first.step} and {last.step}: they compute no more than one unit"
            ],
        )  # fmt: skip
        return


def equal_numbers(record: Record) -> Iterator[Finding]:
    """Find units that are single numbers in lists: everywhere as many of them are equal.

    Of weights and of biases (or of the weights of two layers) groups of one size are equal at the
    last judged step, have moved, and were equal when the training began.
    """
    last = record.every[-1]
    sizes: dict[int, list[int]] = {}
    for index, (name, value) in enumerate(zip(last.names, last.values, strict=True)):
        held = [(o, np.ravel(o.values[o.names.index(name)])) for o in record.every
                if name in o.names]  # fmt: skip
        first, start = next((o, v) for o, v in held if v.size == np.size(value))
        if np.ndim(last.objects[index]) or start.size < 2:
            continue
        groups = _groups(np.ravel(value))
        whole = set(groups) == {max(groups)}
        if max(groups) < 2 or last.step - first.step < APART or min(_groups(start)) % max(groups):
            whole = False
        if whole or (groups[0] == 1 and set(groups[1:]) == {max(groups)}):
            sizes.setdefault(max(groups), []).append(index if whole else -1)
    for count, members in sizes.items():
        known = [index for index in members if index >= 0]
        moved = np.ravel(last.changes[known[0]]) if known else np.zeros(1)
        if len(members) < 2 or not known or not np.any(moved):
            continue
        name = max((last.names[i] for i in known), key=lambda n: not BIAS.search(n))
        yield advise(
            "BP303", "symmetric-init", record.birthplace(last, last.names.index(name)),
            f"all {count} units of `{name}` stay the same: their initial weights are equal",
            "draw the weights at random",
            {"parameters": [last.names[i] for i in known], "units": count, "steps": [last.step]},
            severity="error", confidence="proven",
            notes=[
                f"at step {last.step} the numbers of `{name}` are equal in groups of {count}: the "
                "units compute no more than one"
            ],
        )  # fmt: skip
        return


def _groups(values: Any) -> list[int]:
    """Return how many numbers are equal to one another, group by group, in order of size."""
    ordered = np.sort(values)
    size = float(np.max(np.abs(ordered), initial=0.0))
    ends = np.flatnonzero(np.diff(ordered) > SAME * size)
    return sorted(np.diff([-1, *ends.tolist(), len(ordered) - 1]).tolist())


def _equal(values: list[Any]) -> bool:
    """Whether arrays hold the same numbers, up to the order of sums, and not zeros alone."""
    rows = [np.ravel(v) for v in values]
    if any(row.shape != rows[0].shape for row in rows):
        return False
    size = float(np.max(np.abs(rows[0]), initial=0.0))
    return size > 0 and all(float(np.max(np.abs(r - rows[0]))) <= SAME * size for r in rows)


def _copies(units: Units) -> bool:
    """Whether all units of a layer have the same weights and the same activations."""
    rows = units.weights
    if rows is None or rows.shape[0] != units.a.shape[0]:
        return False
    size = float(np.max(np.abs(rows), initial=0.0))
    same = float(np.max(np.abs(rows - rows[0]), initial=0.0)) <= SAME * size
    heights = float(np.max(np.abs(units.a), initial=0.0))
    return same and float(np.max(np.abs(units.a - units.a[0]), initial=0.0)) <= SAME * heights


# ---- vanishing and exploding -------------------------------------------------------------------


def vanishing(record: Record) -> Iterator[Finding]:
    """Find gradients that shrink or grow by orders of magnitude from layer to layer."""
    first, last = record.first, record.last
    sizes, later = _sizes(first), _sizes(last)
    # Signals that come to the last layers as nothing leave ReLUs there that are soon dead.
    if len(sizes) >= DEEP and _passed(first) < 1 / FACTOR and _ended(last) and _is_idle(record):
        yield _fading(record, first, sizes[0][0], _passed(first), len(sizes))
        return
    if len(sizes) < DEEP or len(later) < DEEP:
        yield from _silent(record, sizes)
        return
    # The last layer's gradient shrinks once it has fitted the mean: the first one's is held
    # against what the last one's was.
    ratio, ratio_later = sizes[0][1] / sizes[-1][1], later[0][1] / sizes[-1][1]
    passed, passed_later = _passed(first), _passed(last)
    # A run that overflows, or ends worse than a constant, leaves no doubt at a smaller factor.
    explodes = passed > EXPLODED and (record.nonfinite is not None or unexplained(last) > USELESS)
    if explodes or (max(passed, passed_later) < 1 / FACTOR and _is_idle(record)):
        yield _fading(record, first, sizes[0][0], passed, len(sizes))
        return
    if max(ratio, ratio_later) < 1 / FACTOR and not record.learns():
        kind, cause = "vanish", "vanishing-gradient"
    elif ratio > FACTOR and (not record.learns() or record.nonfinite is not None):
        kind, cause = "explode", "exploding-gradient"
    else:
        return
    layer = sizes[0][0]
    name, end = first.names[layer.weight], first.names[sizes[-1][0].weight]
    table = {first.names[known.weight]: size for known, size in sizes}
    gains = {
        first.names[known.weight]: u.gain for known, u in first.layers
    }  # fmt: skip
    listed = ", ".join(f"{n}: {short(v)}" for n, v in table.items())
    fan = next(u.fan_in for known, u in first.layers if known is layer)
    yield advise(
        "BP306", cause, record.birthplace(first, layer.weight),
        f"the gradients {kind} layer by layer: that of `{name}` is {short(ratio)} times that of "
        f"`{end}`",
        f"scale the weights so that signals keep their size: variance 1/n (2/n before ReLU), "
        f"here n = {fan}",
        {"rms_gradient": table, "gain": gains, "ratio": ratio, "ratio_later": ratio_later},
        notes=[f"root mean square of the gradient at step {first.step}: {listed}"],
    )  # fmt: skip


def _is_idle(record: Record) -> bool:
    """Whether nothing has been learnt of the inputs, but the mean of the labels by a last bias."""
    if not record.learns() or unexplained(record.last) > CONSTANT:
        return True
    # Of samples that are taken one by one, no step has more than the outputs.
    made = _over_samples(record.last, -1, "z")
    return made.shape[1] >= SEVERAL and float(np.max(np.std(made, axis=1))) < 1 / FACTOR


def _ended(seen: Observation) -> bool:
    """Whether a hidden layer gives the same for all samples."""
    return any(not np.any(np.ptp(units.a, axis=1)) for layer, units in seen.layers if layer.hidden)


def _silent(record: Record, sizes: list[tuple[Layer, float]]) -> Iterator[Finding]:
    """Find few layers whose weights start so small that the outputs do not know the inputs."""
    first, last = record.first, record.last
    passed = [_passed(o, 2) for o in (first, last)]
    if not sizes or last is first or max(passed) > 1 / FACTOR or record.learns(STIRRED):
        return
    # Saturated units pass nothing on, either: here the weights must be too small.
    if float(np.prod([u.gain for layer, u in first.layers if layer.hidden])) > 1 / FACTOR:
        return
    known = dependence(last.samples.inputs, last.samples.labels)
    if known is not None and known.sure and known.explained > PREDICTABLE:
        yield _fading(record, first, sizes[0][0], passed[0], len(sizes))


def _passed(seen: Observation, deep: int = DEEP) -> float:
    """Return how much of a signal's deviation the hidden layers pass on to the last one."""
    hidden = [layer for layer, _ in seen.layers if layer.hidden]
    if len(hidden) < deep - 1 or seen.samples.inputs is None:
        return 1.0
    inputs = [rows for _, rows, _ in seen.samples.executions] or [seen.samples.inputs]
    given = float(np.sqrt(np.mean(np.var(np.concatenate(inputs), axis=0))))
    last = max(i for i, (layer, _) in enumerate(seen.layers) if layer.hidden)
    left = float(np.sqrt(np.mean(np.var(_over_samples(seen, last, "a"), axis=1))))
    return left / given if given > 0 and left > 0 else 1.0


def _over_samples(seen: Observation, number: int, what: str) -> Any:
    """Return what the units of one layer give, units × samples, in all its executions."""
    if not seen.layers:
        return np.zeros((0, 0))
    like, units = seen.layers[number]
    made = [getattr(u, what) for layer, u in seen.layers if layer.weight == like.weight]
    return np.hstack([values for values in made if len(values) == len(units.a)])


def _fading(record: Record, first: Observation, layer: Layer, passed: float, depth: int) -> Finding:
    """Say that the signals fade or grow before they reach the output: so do all gradients."""
    gains = {first.names[known.weight]: u.gain for known, u in first.layers}
    listed = ", ".join(f"{n}: {short(v)}" for n, v in list(gains.items())[:8])
    fan = next(u.fan_in for known, u in first.layers if known is layer)
    kind, cause = (
        ("vanish", "vanishing-gradient") if passed < 1 else ("explode", "exploding-gradient")
    )
    return advise(
        "BP306", cause, record.birthplace(first, layer.weight),
        f"the signals {kind} layer by layer: before the last of {depth} layers they are "
        f"{short(passed)} times the inputs",
        "scale the weights so that signals keep their size: variance 1/n (2/n before ReLU), "
        f"here n = {fan}",
        {"gain": gains, "passed": passed},
        notes=[f"gain of each layer (deviation of the weights times √n): {listed}"],
    )  # fmt: skip


def _sizes(seen: Observation) -> list[tuple[Layer, float]]:
    """Return the layers, first to last, with the root mean square of their gradients."""
    found: list[tuple[Layer, float]] = []
    known: set[int] = set()
    for layer, _ in seen.layers:
        gradient = seen.gradients[layer.weight] if seen.gradients else None
        if layer.weight in known or gradient is None:
            continue
        known.add(layer.weight)
        size = float(np.sqrt(np.mean(gradient**2)))
        if size > 0:
            found.append((layer, size))
    return found
