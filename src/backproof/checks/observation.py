"""What one judged step says about training: sizes, slopes, stability, cost, all as numbers.

The tape is only valid while the program waits, so everything that later checks need is measured
here and kept small; the one function that is kept (the step as a map, for trials) has copies of
what it reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backproof.arithmetic import SUBTRACT, is_in
from backproof.calculus.adjoint import is_differentiable
from backproof.calculus.curvature import Eigenvalue, sharpness
from backproof.calculus.effort import Meter, effort_of
from backproof.calculus.slices import StepMap
from backproof.carries import carries_of
from backproof.checks.cost_function import (
    MOST_OPERATIONS,
    cost_function,
    cost_of_output,
    way_of,
)
from backproof.checks.digits import Rounding, measure
from backproof.checks.everywhere import everywhere
from backproof.checks.formula import Formula, find_formula
from backproof.checks.gradient import StepEvidence
from backproof.checks.layers import Layer, Units
from backproof.checks.listed import Listed, listed
from backproof.checks.memory import Memory, find_memory
from backproof.checks.ordered import in_order
from backproof.checks.pace import Rate, find_rate
from backproof.checks.rectified import Depth, rectified_units
from backproof.checks.samples import Join, Samples, find_join, gather, taken_at
from backproof.checks.standing import find_units, without_gradient
from backproof.checks.swamped import Swamped, find_swamped
from backproof.checks.unseen import Unseen, find_unseen
from backproof.descent import ROOTS
from backproof.hypotheses import Hypothesis
from backproof.reads import changes_flow
from backproof.roles import Parameter, vector
from backproof.trace.site import SITES, Site
from backproof.trace.tape import Run, Tape

#: Arrays up to this size are copied for later trials (bytes, all together).
MOST_COPIED = 24_000_000
#: What measuring a step takes, in evaluations of it, without its curvature.
MEASURED = 10


@dataclass(slots=True, eq=False)
class Observation:
    """One judged step, measured.

    ``stability`` is the top eigenvalue of −∂Δ/∂θ: η·λ for gradient descent, preconditioned for
    optimisers that precondition; ``momentum`` is β (0 without), so the bound is 2·(1 + β).
    ``cost`` and ``cost_after`` are on the step's own data before and after its update.
    """

    step: int
    names: tuple[str, ...]
    values: list[Any]
    changes: list[Any]
    update_sites: list[Site]
    objects: list[Any]
    """The arrays that held the parameters before the step (for where they were made)."""
    gradients: list[Any] = field(default_factory=list)
    cost: float | None = None
    cost_after: float | None = None
    title: str = ""
    computed: bool = False
    """Whether the program computes the cost, and it is not one that its output error tells."""
    rate: Rate | None = None
    stability: Eigenvalue | None = None
    momentum: float = 0.0
    layers: list[tuple[Layer, Units]] = field(default_factory=list)
    sites: dict[int, Site] = field(default_factory=dict)
    """Node of a layer's activation, product or inputs -> the site that made it."""
    samples: Samples = field(default_factory=Samples)
    everywhere: Samples | None = None
    """Outputs and labels that are no rows of samples, each as a column."""
    labels_site: Site | None = None
    output_site: Site | None = None
    inputs_taken: Site | None = None
    labels_taken: Site | None = None
    """Where the step takes its rows from the data."""
    output_layer: tuple[Layer, Units] | None = None
    cost_of_output: Callable[[Any], float] | None = None
    """The cost with the outputs (samples × columns) moved by so much."""
    formula: Formula | None = None
    rounding: Rounding | None = None
    map: StepMap | None = None
    stateless: bool = True
    """Whether the change depends on parameters and data only (no momentum, no moments)."""
    swamped: Swamped | None = None
    state: dict[int, Any] = field(default_factory=dict)
    """The arrays of an optimiser's state, by their nodes, as zeros."""
    rectified: dict[int, Depth] = field(default_factory=dict)
    """The rectifiers of the forward pass, by how many are one after the other."""
    memory: Memory | None = None
    """How much of its first input a recurrent step remembers."""
    unseen: Unseen | None = None
    """Samples that the step cannot tell apart."""
    called: Site | None = None
    """The outermost call that the first update is made in."""

    def fresh(self) -> StepMap | None:
        """Return the step as a map without an optimiser's state: it is of the gradient alone."""
        if self.stateless or self.map is None:
            return self.map
        retry = self.samples.retry
        return retry(self.state) if self.state and retry is not None else None

    @property
    def bound(self) -> float:
        """The largest stable value of `stability`."""
        return 2.0 * (1.0 + self.momentum)


def observe(
    evidence: StepEvidence, meter: Meter, *, curvature: bool, trial: bool
) -> Observation | None:
    """Measure a judged step; None where nothing of it can be used.

    Parameters
    ----------
    meter : Meter
        Counts the work.
    curvature : bool
        Compute the stability (some dozens of evaluations of the step).
    trial : bool
        Keep the step as a function for later trials.
    """
    if not evidence.params:
        return None
    evidence = in_order(evidence)
    tape, params = evidence.tape, evidence.params
    run = tape.replay(double=True)
    meter.spent += MEASURED * effort_of(tape.operations, run.env)
    values = [vector(run.env[n] for n in p.old) for p in params]
    after = [
        vector(run.env[n] if run.env[n] is not None else np.nan for n in p.new) for p in params
    ]
    if any(a.shape != v.shape for a, v in zip(after, values, strict=True)):
        return None
    seen = Observation(
        evidence.step, tuple(p.name for p in params),
        [_shaped(v, run.env[p.old[0]], p) for v, p in zip(values, params, strict=True)],
        [a - v for a, v in zip(after, values, strict=True)],
        [tape.operations[p.updates[-1].merges[-1][0]].where for p in params],
        [tape.nodes[p.old[0]].obj for p in params],
    )  # fmt: skip
    chain = tape.chains()[params[0].updates[-1].merges[-1][0]]
    seen.called = SITES[tape.calls[chain[0]][1]] if chain else None
    fit = evidence.fit
    if fit is None:
        without_gradient(seen, tape, run, params)
    if fit is None or not fit.scale or len(tape.operations) > MOST_OPERATIONS:
        return seen
    sign = way_of(evidence)
    if not sign:
        return seen  # what goes up its cost is judged elsewhere
    seen.title, seen.computed = fit.hypothesis.title, not fit.hypothesis.registered
    seen.rate = find_rate(tape, params)
    gradients = [_gradient(run, p, fit, i) for i, p in enumerate(params)]
    seen.gradients = [None if g is None else sign * g for g in gradients]
    hypothesis = fit.hypothesis
    seen.momentum, seen.state = _state(tape, run, params)
    join = find_join(tape, params, seen.state)
    if hypothesis.joins and hypothesis.joins[0].labels is not None:
        join = Join(hypothesis.joins[0].output, hypothesis.joins[0].labels)
    cost = cost_function(tape, run, hypothesis, params, sign)
    find_units(seen, tape, run, params, join, cost=hypothesis.node)
    seen.samples = gather(
        tape, run, params, [layer for layer, _ in seen.layers], join,
        lambda again: cost_function(tape, again, hypothesis, params, sign), meter,
    )  # fmt: skip
    if seen.samples.inputs is None:
        _add_listed(seen.samples, listed(tape, run, params, [hypothesis.node]))
    if seen.samples.labels is None:
        seen.everywhere = everywhere(tape, run, join, hypothesis.node)
    seen.unseen = find_unseen(tape, run, params, join)
    seen.memory = find_memory(tape, run, params, hypothesis.node)
    seen.rectified = rectified_units(tape, params, hypothesis.node)
    seen.inputs_taken = taken_at(tape, seen.samples.inputs_leaf)
    seen.labels_taken = taken_at(tape, seen.samples.labels_leaf)
    own = None if hypothesis.registered or seen.samples.output is None else join
    if own is not None and _is_way(tape, own, seen.samples.inputs_leaf, hypothesis.node):
        seen.cost_of_output = cost_of_output(tape, run, own.output, hypothesis.node, sign)
    ends = [n for i in range(len(params)) for n in _gradient_nodes(params, fit, i)]
    seen.rounding = measure(tape, run, params, hypothesis.node, ends)
    old = [n for p in params for n in p.old]
    new = [n for p in params for n in p.new]
    if not all(is_differentiable(run.env[n]) for n in old):
        return seen
    seen.map = StepMap(tape, run, old, new, cost, meter)
    theta = seen.map.theta
    seen.cost, seen.cost_after = cost(theta), cost(np.concatenate(after))
    seen.stateless = not seen.state
    if curvature:
        change = np.concatenate(seen.changes)
        step_map = seen.map
        seen.stability = sharpness(lambda t: -step_map.change(t), theta, change)
    seen.swamped = find_swamped(
        tape, run, hypothesis.node,
        [delta for p in params for u in p.updates for _, delta in u.merges],
        lambda part: _remade(seen, part, params, hypothesis, meter, sign),
    )  # fmt: skip
    trial = trial and changes_flow(tape, params)
    seen.map = _kept(seen.map, cost, tape, run) if trial else None
    if seen.map is None:
        seen.samples.retry = seen.samples.answer = None
    else:
        last = [la for la, _ in seen.layers if not la.hidden][-1:]
        chosen = [i for la in last for i in (la.weight, la.bias) if i is not None]
        ends = [n for i in chosen for n in _gradient_nodes(params, fit, i)]
        seen.formula = find_formula(
            tape, run, [la for la, _ in seen.layers], params, join, _printed(evidence), ends
        )
    return seen


def _remade(
    seen: Observation,
    tape: Tape,
    params: Sequence[Parameter],
    hypothesis: Hypothesis,
    meter: Meter,
    sign: float,
) -> StepMap:
    """Return an edited step as a map, without an optimiser's state."""
    run = tape.replay(seen.state, double=True)
    old, new = [n for p in params for n in p.old], [n for p in params for n in p.new]
    return StepMap(tape, run, old, new, cost_function(tape, run, hypothesis, params, sign), meter)


def _add_listed(samples: Samples, few: Listed | None) -> None:
    """Take the samples of a step that computes with single numbers."""
    if few is not None:
        samples.inputs, samples.inputs_nodes = few.inputs, few.nodes
        samples.labels, samples.output = few.labels, few.output
        samples.reach = few.reach
        samples.inputs_place, samples.labels_place = few.inputs_place, few.labels_place


def _is_way(tape: Tape, join: Join, inputs: int | None, cost: int) -> bool:
    """Whether the inputs influence the cost through the output alone (not by another distance)."""
    if inputs is None:
        return False
    return cost not in tape.reach([inputs], stop={join.output, join.labels})


def _shaped(value: Any, like: Any, parameter: Parameter) -> Any:
    return value.reshape(np.shape(like)).copy() if len(parameter.old) == 1 else value


def _gradient(run: Run, parameter: Parameter, fit: Any, index: int) -> Any:
    """Return the author's gradient at its recorded point, in the parameter's layout."""
    nodes = _gradient_nodes([parameter], fit, index, 0)
    if not nodes or run.env[nodes[0]] is None:
        return None
    turn = parameter.levels[fit.chosen[index][0]].turn
    return turn * np.asarray(run.env[nodes[0]], dtype=float) / fit.chosen[index][1]


def _gradient_nodes(
    params: Sequence[Parameter], fit: Any, index: int, place: int | None = None
) -> tuple[int, ...]:
    """Return the node of the author's gradient, if one node is it."""
    if index not in fit.chosen:
        return ()
    levels = params[index if place is None else place].levels
    level = fit.chosen[index][0]
    if level < 0 or level >= len(levels):
        return ()
    return levels[level].nodes if len(levels[level].nodes) == 1 else ()


# ---- what the change carries --------------------------------------------------------------------


def _state(tape: Tape, run: Run, params: Sequence[Parameter]) -> tuple[float, dict[int, Any]]:
    """Return the factor β of a first moment that the change carries, and zeros for each state."""
    carries = carries_of(tape)
    olds = {n for p in params for n in p.old}
    shapes = {np.shape(tape.nodes[n].obj) for n in olds} - {()}
    deltas = [delta for p in params for u in p.updates for _, delta in u.merges]
    roots = {o.out for o in tape.operations if _is_root(o.function)}
    feeding = tape.ancestors(deltas)
    direct = tape.ancestors(deltas, stop=roots)
    momentum, state = 0.0, {}
    for node, carried in carries.carry.items():
        if node not in carries.merged or node not in feeding:
            continue
        for source, factor in carried.items():
            if source in olds or tape.nodes[source].operation is not None:
                continue
            shape = np.shape(tape.nodes[source].obj)
            if factor <= 0 or shape not in shapes or shape != np.shape(tape.nodes[node].obj):
                continue
            if any(source in carries.carry.get(n, {}) for n in olds):
                continue
            made = tape.producer(node)
            if factor == 1 and made is not None and is_in(made.function, SUBTRACT):
                continue  # labels of that shape, less the output
            state[source] = np.zeros_like(run.env[source])
            if node in direct and factor < 1:
                momentum = max(momentum, factor)
    return momentum, state


def _is_root(function: Any) -> bool:
    try:
        return function in ROOTS
    except TypeError:
        return False


# ---- cost and data -----------------------------------------------------------------------------


def _printed(evidence: StepEvidence) -> int | None:
    """Return the cost that the program computes, be it the one differentiated or not quite."""
    fits = [evidence.fit, *evidence.others]
    return next((f.hypothesis.node for f in fits if f and f.hypothesis.node is not None), None)


def _kept(step: StepMap, cost: Any, tape: Tape, run: Run) -> StepMap | None:
    """Copy what the step reads, so that it can be evaluated after the program went on."""
    needed = {n for o in tape.operations for n in o.inputs}
    leaves = [n for n in needed if isinstance(run.env[n], np.ndarray)]
    if sum(run.env[n].nbytes for n in leaves) > MOST_COPIED or cost is None:
        return None
    for n in leaves:
        if tape.nodes[n].operation is None:
            run.env[n] = run.env[n].copy()
    return step
