"""BP304 saturated-units and BP305 dead-relu: units whose slope is gone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from backproof.checks.advice import advise, rate_place, short
from backproof.checks.layers import Layer, Units
from backproof.checks.observation import Observation
from backproof.checks.places import Place
from backproof.checks.pooled import FEW, unexplained
from backproof.finding import Finding

if TYPE_CHECKING:
    from backproof.checks.training import Record

#: A slope below this share of the activation's steepest one: |z| > 6 for a sigmoid, 3 for tanh.
FLAT = 0.01
#: Share of a layer's slopes that are flat. Glorot & Bengio (2010), section 3: a layer saturates
#: when most of its units sit at the asymptotes; a fresh layer has hardly any there.
SATURATED = 0.7
STILL = 0.5
#: A run that has come down by so much, and leaves so little of the labels, has no need of them.
LEARNT, TOLD = 0.9, 0.1
#: Share of a layer's units without any slope. Nets train with 10–40 % dead units (Lu et al. 2019,
#: "Dying ReLU and Initialization"); most of them dead is a fault.
DEAD = 0.6
#: Samples that a unit must be silent on.
SAMPLES = 8
#: Share of the labels that must lie above what a silent output gives.
MISSED = 0.5


def check(record: Record) -> Iterator[Finding]:
    """Judge the units; those of steps that change nothing any more as well."""
    after = [o for o in record.standing if o.step > record.last.step]
    record = replace(record, seen=[*record.seen, *after]) if after else record
    yield from saturated(record)
    yield from dead(record)


def flat_share(units: Units) -> float:
    """Return the share of (unit, sample) pairs at which the slope is gone."""
    if not units.steepest:
        return 1.0
    return float(np.mean(np.abs(units.slope) < FLAT * units.steepest))


def saturated(record: Record) -> Iterator[Finding]:
    """Find sigmoids and tanhs that start at their asymptotes and stay there."""
    first, last = record.first, record.last
    for layer, units in first.layers:
        # Under cross-entropy an output that is wrong has a slope wherever it sits, and moves.
        stays = first.title == "squared error" or not record.learns()
        if not units.saturates or not (layer.hidden or stays) or not units.steepest:
            continue  # (a threshold has no slope anywhere)
        few = units.z.shape[1] < FEW
        share = _share(record.seen[:FEW] if few else [first], first.names[layer.weight])
        later = [u for known, u in last.layers if known.weight == layer.weight]
        # A first step may throw them there: what starts so is so before it.
        if not later or share < SATURATED or flat_share(units) < STILL:
            continue
        if record.learns(LEARNT) and 0 < unexplained(last) < TOLD:
            continue  # what random units give is enough here
        if few and _share(record.seen[-FEW:], first.names[layer.weight]) < STILL:
            continue
        if not few and min(flat_share(u) for u in later) < STILL:
            continue
        told, known, measured = _biased(record, first, layer, units)
        culprit, index, parts = _reason(told, known, measured)
        if culprit == "inputs":
            return  # the scale of the data is the cause: BP401
        name = first.names[layer.weight]
        blamed = told.names[index]
        evidence: dict[str, Any] = {
            "parameter": blamed, "share": share, "share_later": [flat_share(u) for u in later],
            "steps": [first.step, last.step], "rms_z": parts["z"], "rms_inputs": parts["inputs"],
            "gain": parts["gain"], "rms_bias": parts["bias"],
        }  # fmt: skip
        fan = parts["fan_in"]
        yield advise(
            "BP304", "saturated-init", record.birthplace(told, index),
            f"{100 * share:.0f} % of the activations behind `{name}` are saturated from the "
            f"start: `{blamed}` is too large",
            "start the bias at zero" if culprit == "bias" else
            f"scale the weights by {short(1 / np.sqrt(fan))} = 1/√{fan:.0f}",
            evidence,
            notes=[
                f"the inputs of the activation have a root mean square of {short(parts['z'])} at "
                f"step {first.step}; its slope is below {100 * FLAT:.0f} % of the steepest",
            ],
        )  # fmt: skip
        return


def _share(seen: Sequence[Observation], name: str) -> float:
    """Return the share of flat slopes behind a parameter over some steps, which see few samples."""
    shares = [
        flat_share(units) for o in seen for layer, units in o.layers
        if o.names[layer.weight] == name and units.saturates
    ]  # fmt: skip
    return float(np.mean(shares)) if shares else 0.0


def _biased(
    record: Record, first: Observation, layer: Layer, units: Units
) -> tuple[Observation, Layer, Units]:
    """Return the first step that shows a layer's bias: a number in the source is none at first."""
    name = first.names[layer.weight]
    for seen in record.seen if layer.bias is None else ():
        for known, measured in seen.layers:
            if known.bias is not None and seen.names[known.weight] == name:
                return seen, known, measured
    return first, layer, units


def _reason(seen: Observation, layer: Layer, units: Units) -> tuple[str, int, dict[str, float]]:
    """Return what makes the activation's inputs large: inputs, weights or bias."""
    fan, gain = units.fan_in, units.gain
    bias = 0.0
    if layer.bias is not None:
        bias = float(np.sqrt(np.mean(seen.values[layer.bias] ** 2)))
    z = float(np.sqrt(np.mean(units.z**2)))
    rest = float(np.sqrt(max(z**2 - bias**2, 0.0)))
    inputs = rest / gain if gain else 0.0
    parts = {"z": z, "gain": gain, "bias": bias, "inputs": inputs, "fan_in": float(fan)}
    if layer.bias is not None and bias > rest:
        return "bias", layer.bias, parts
    if gain < 3.0 and inputs > 3.0:
        return "inputs", layer.weight, parts
    return "weights", layer.weight, parts


# ---- dead units --------------------------------------------------------------------------------


def silent(units: Units) -> Any:
    """Return for each unit whether its slope is zero at every sample."""
    return ~np.any(units.slope, axis=1)


def dead(record: Record) -> Iterator[Finding]:
    """Find layers of ReLUs of which most are silent, at the start or since an update."""
    last = record.last
    for layer, units in last.layers:
        # (The entries of ``w @ h`` are samples, not units: an output counts as a whole.)
        each = units.z.shape[1] if layer.hidden else units.z.size
        single = each < SAMPLES
        if not units.rectifies or (single and len(record.seen) < SAMPLES):
            continue
        if not layer.hidden and not _is_missed(record, units):
            continue
        history = [
            (o, silent(u)) for o in record.seen for known, u in o.layers
            if known.weight == layer.weight and u.z.shape[0] == units.z.shape[0]
        ]  # fmt: skip
        gone = silent(units)
        for _, earlier in history[-SAMPLES:] if single else history[-2:]:
            gone = gone & earlier
        if single and not np.all(gone):
            continue  # a few samples do not tell of single units
        share = float(np.mean(gone))
        if share < (DEAD if layer.hidden else 1.0) or len(history) < 2:
            continue
        if layer.hidden and gone.size < 2:
            continue
        since = next(o for o, quiet in history if np.all(quiet[gone]))
        born = since is history[0][0]
        if record.learns(0.5) and share < 1.0:
            continue
        name = last.names[layer.weight]
        place, why, advice_text = _killer(record, history[0][0], layer, born=born, gone=gone)
        evidence: dict[str, Any] = {
            "parameter": name, "share": share, "units": int(gone.size), "since_step": since.step,
            "dead_per_step": {str(o.step): int(np.sum(quiet)) for o, quiet in history},
        }  # fmt: skip
        samples = each * (len(history) if single else 1)
        when = "from the start" if born else f"since step {since.step}"
        yield advise(
            "BP305", "dead-relu", place,
            f"{int(np.sum(gone))} of {gone.size} ReLUs of `{name}` are dead {when}: {why}"
            if layer.hidden else f"the ReLU of the output is dead {when}: {why}",
            advice_text, evidence,
            notes=[
                "dead units per judged step: "
                + ", ".join(f"{o.step}: {int(np.sum(quiet))}" for o, quiet in history[:8])
                + f"; a dead unit is zero on all {samples} samples, and so is its gradient"
            ],
        )  # fmt: skip
        return


def _is_missed(record: Record, units: Units) -> bool:
    """Whether labels lie above an output that is silent: it is meant to give more."""
    labels = [
        o.samples.labels.reshape(-1) for o in record.seen[-SAMPLES:]
        if o.samples.labels is not None and not o.samples.classes
    ]  # fmt: skip
    return bool(labels) and float(np.mean(np.concatenate(labels) > units.low + 1e-9)) > MISSED


def _killer(
    record: Record, first: Observation, layer: Layer, *, born: bool, gone: Any
) -> tuple[Place, str, str]:
    """Return where and why the units died, and what to do."""
    if born:
        pairs = [u for known, u in first.layers if known.weight == layer.weight]
        bias = first.values[layer.bias] if layer.bias is not None else np.zeros(1)
        added = -bias if layer.subtracts else bias
        without = pairs[0].z - (added.reshape(-1, 1) if bias.size == gone.size else np.mean(bias))
        if layer.bias is not None and not np.all(np.max(without, axis=1)[gone] <= 0):
            return (
                record.birthplace(first, layer.bias),
                f"`{first.names[layer.bias]}` starts too {'high' if layer.subtracts else 'low'} "
                f"({short(float(np.mean(bias)))})",
                "start the bias at zero",
            )
        return (
            record.birthplace(first, layer.weight),
            "its initial weights make every input of the ReLU negative",
            "draw the weights around zero, with variance 2/n, and centre the inputs"
            if layer.hidden
            else "let the output be linear: no gradient passes a ReLU that is 0",
        )
    rate = first.rate
    if rate is None:
        return (
            record.birthplace(first, layer.weight), "an update drove them there",
            "take smaller steps",
        )  # fmt: skip
    return (
        rate_place(rate.text, rate.value, rate.site),
        f"an update with the step size {short(rate.value)} drove them there",
        "take smaller steps",
    )
