"""The verdict on every parameter's gradient in one recorded step."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backproof.calculus.adjoint import is_differentiable
from backproof.calculus.differences import directional
from backproof.checks.carried import states
from backproof.checks.constants import constants
from backproof.checks.costs import Trials
from backproof.checks.engines import without_slopes
from backproof.checks.match import Fit, author_value
from backproof.checks.quotients import refined
from backproof.checks.rest import velocities
from backproof.costs import is_registered
from backproof.grouping import parameters
from backproof.hypotheses import Hypothesis, program_costs
from backproof.registry import registry
from backproof.roles import Parameter, vector
from backproof.trace.tape import Run, Tape
from backproof.updates import Update, is_of_several, is_shared

#: Amplitudes tried, relative to a parameter's spread, until no recorded branch changes.
JITTERS = (0.1, 0.01, 1e-3, 1e-5, 0.0)
#: A parameter whose spread is below this counts as constant: its amplitudes are absolute.
NO_SPREAD = 1e-8


@dataclass(slots=True)
class StepEvidence:
    """What one judged step says."""

    step: int
    tape: Tape
    params: list[Parameter]
    run: Run
    fit: Fit | None
    others: list[Fit] = field(default_factory=list)
    unasked: list[Hypothesis] = field(default_factory=list)
    """Where a cost is given: those that the program computes for their own sake."""
    unfaithful: set[int] = field(default_factory=set)
    reason: str = ""
    jitter: float = 0.0
    names: Any = None
    evaluation: tuple[int, int, int] | None = None
    """Of what an optimiser evaluates: the vector, the gradient, and the number of its call."""

    def complete(self) -> None:
        """Give the runs a place for each node that the tape got since."""
        fits = [*([] if self.fit is None else [self.fit]), *self.others]
        for run in (self.run, *(f.run for f in fits if f.run is not None)):
            self.tape.complete(run)

    @property
    def has_own_cost(self) -> bool:
        """Whether the step computes a cost of its own."""
        fits = [*([] if self.fit is None else [self.fit]), *self.others]
        return any(fit.hypothesis.own for fit in fits)

    def keep(self) -> None:
        """Copy what the program may change later: the evidence is used when it has run on."""
        for node in self.tape.nodes:
            value = self.run.env[node.index]
            if node.operation is None and isinstance(value, np.ndarray) and value.size < 100_000:
                self.run.env[node.index] = value.copy()

    def status(self, index: int) -> tuple[str, str]:
        """Return (status, reason) of a parameter."""
        parameter = self.params[index]
        if self.unfaithful:
            feeding = self.tape.ancestors(parameter.new)
            if feeding & self.unfaithful:
                return "unverified", "a value could not be computed again from the recorded ones"
        if self.fit is None:
            return "unverified", self.reason or "no cost of the step fits any gradient"
        match = self.fit.matches[index]
        if match.reason:
            return "unverified", match.reason
        if index in self.fit.chosen:
            return "verified", ""
        if match.vacuous:
            return "verified", "zero"
        if any(update.repeated for update in parameter.updates):
            return "unverified", "it is updated several times within one iteration"
        return "wrong", ""


def jittered(
    tape: Tape,
    params: Sequence[Parameter],
    *,
    seed: int = 0,
    moved: Sequence[int] = (),
    rest: Sequence[int] = (),
) -> tuple[Run, float]:
    """Replay a step in float64 with its parameters (and the leaves `moved`) changed a little.

    The leaves `rest` become zero where no branch depends on them. Coincidences of value (zero
    biases, units exactly at a kink, equal rows) vanish. The move is made smaller until every
    recorded comparison of scalars comes out as it did, and every index: of equal values, as of
    weights that are zero, another may be the largest whatever the move is.
    """
    generator = np.random.default_rng(seed)
    olds = [n for p in params for n in p.old if is_differentiable(tape.value(n))]
    olds += [n for n in moved if n not in olds]
    draws = {n: generator.standard_normal(np.shape(tape.value(n))) for n in olds}
    calm = tape.replay(double=True)
    zeros = {n: np.zeros_like(tape.value(n)) for n in rest}
    if zeros:
        still = tape.replay(zeros, double=True)
        if set(still.flipped) <= set(calm.flipped):
            calm = still
        else:
            zeros = {}
    flat = [n for n in olds if _spread(tape, n) <= NO_SPREAD]
    moving = tape.reach(olds)
    otherwise: tuple[Run, float] | None = None
    for amplitude in JITTERS:
        values: dict[int, Any] = dict(zeros)
        for n in olds:
            value = np.asarray(tape.value(n), dtype=float)
            changed = value + amplitude * (0.5 if n in flat else _spread(tape, n)) * draws[n]
            values[n] = float(changed) if type(tape.value(n)) is float else changed
            if isinstance(tape.value(n), np.matrix):
                values[n] = np.asmatrix(values[n])
        if amplitude == 0.0:
            break
        run = tape.replay(values, double=True, base=calm, dirty=moving)
        far = {n: reach for n in flat if (reach := _reach(tape, n, calm, run)) > 1.0}
        if far:
            # Weights that start as zero, and inputs in the thousands: all outputs would saturate.
            values |= {n: tape.value(n) + (values[n] - tape.value(n)) / far[n] for n in far}
            run = tape.replay(values, double=True, base=calm, dirty=moving)
        if set(run.flipped) <= set(calm.flipped) and len(run.failed) <= len(calm.failed):
            final = vector(
                run.env[n] if run.env[n] is not None else [0.0] for p in params for n in p.new
            )
            if np.all(np.isfinite(final)) and set(run.indices) <= set(calm.indices):
                return run, amplitude
            if np.all(np.isfinite(final)) and otherwise is None:
                otherwise = run, amplitude
    return otherwise or (calm, 0.0)


def _spread(tape: Tape, node: int) -> float:
    value = np.asarray(tape.value(node), dtype=float)
    return float(np.std(value)) if value.size > 1 else abs(float(value.reshape(-1)[0]))


def _reach(tape: Tape, node: int, calm: Run, run: Run) -> float:
    """Return by how much a leaf's move changes what is computed from it, compared with its size."""
    reach = 0.0
    for index in tape.users[node]:
        out = tape.operations[index].out
        if is_differentiable(calm.env[out]) and is_differentiable(run.env[out]):
            before, after = np.asarray(calm.env[out]), np.asarray(run.env[out])
            size = 1.0 + float(np.max(np.abs(before), initial=0.0))
            moved = float(np.max(np.abs(after - before), initial=0.0))
            reach = max(reach, moved / size)
    return reach


def judge_step(
    tape: Tape,
    updates: Sequence[Update],
    step: int,
    names: Any,
    *,
    preferred: Sequence[str] = (),
    cost_name: str | None = None,
    given: Sequence[Hypothesis] | None = None,
    moved: Sequence[int] = (),
    held: frozenset[int] = frozenset(),
    trained: Collection[str] = (),
) -> StepEvidence:
    """Judge one recorded step.

    Parameters
    ----------
    tape, updates
        One iteration of the training loop and what it updates.
    preferred : sequence of str
        Titles of hypotheses that fitted earlier steps: tried first.
    cost_name : str, optional
        The user's hint: only costs of this name count; where the program has none, the known one.
    given : sequence of Hypothesis, optional
        The costs that the gradients may belong to, where the program itself says which.
    moved : sequence of int
        Leaves to jitter besides the parameters.
    held : frozenset of int
        Nodes that no cost varies through: what the updates of another cost made.
    trained : collection of str
        The parameters of other steps: none of them is a cost, even where it starts as the number 0.
    """
    # What starts as the number 0 is no parameter in the first step, but no cost either.
    unborn = {u.new for u in updates if is_shared(tape.nodes[u.old].obj)}
    unborn |= {u.new for u in updates if is_of_several(tape, u)}
    doubtful = {u.old for u in updates if u.new in unborn}
    updates = [u for u in updates if u.new not in unborn]
    params = parameters(tape, updates, names)
    if not params:
        reason = "no parameter is updated"
        return StepEvidence(step, tape, [], tape.replay(), None, reason=reason)
    hypotheses = program_costs(tape, params, names=names) if given is None else list(given)
    hypotheses = [h for h in hypotheses if h.title not in trained and h.node not in unborn]
    hypotheses = without_slopes(tape, params, names, hypotheses)
    weighted = not any(h.own and not h.after for h in hypotheses)
    known = []
    if given is None and (cost_name is None or is_registered(cost_name)):
        known = registry(tape, params, weighted=weighted)
        # What the step updates as well is no label: the threshold of ``w @ x - theta``.
        known = [h for h in known if doubtful.isdisjoint(j.labels for j in h.joins)]
    params = without_state(tape, params, [*hypotheses, *known])
    base = tape.replay()
    unfaithful = tape.unfaithful(base)
    run, jitter = jittered(tape, params, moved=moved, rest=velocities(tape, params))
    run = refined(tape, run)
    for parameter in params:
        if parameter.rows is None:
            parameter.rows = changed_rows(tape, run, parameter)
    evidence = StepEvidence(step, tape, params, run, None, unfaithful=unfaithful,
                            jitter=jitter, names=names)  # fmt: skip
    exact = any(h.exact for h in hypotheses)
    if cost_name is not None:
        evidence.unasked = [h for h in hypotheses if h.own and not h.after]
        hypotheses = [h for h in hypotheses if cost_name in (h.title, h.title.split(".")[-1])]
        known = [] if hypotheses else [h for h in known if h.title == cost_name]
    trials = Trials(tape, run, params, held, preferred, exact)
    trials.choose(hypotheses, known)
    told = [] if trials.best is None else trials.best.matches
    whole = trials.settled and not any(m.reason for m in told)
    # Its own cost, of targets that are held, is rather meant than a usual one of such targets.
    usual = trials.best is not None and trials.best.hypothesis.held > held
    whole = whole and not (usual and any(h.own for h in hypotheses))
    own = [(hypothesis, hypothesis.held) for hypothesis in (*hypotheses, *known)]
    for frozen in constants(tape, params, hypotheses) if not whole else ():
        stopped = Trials(tape, run, params, held | frozen, preferred, exact)
        stopped.choose(hypotheses, known)
        right = 0 if trials.best is None or usual else len(trials.best.chosen)
        if stopped.best is not None and len(stopped.best.chosen) > right:
            trials, held = stopped, held | frozen
            break
        for hypothesis, before in own:
            hypothesis.held = before
    best = trials.best
    later = any(h.after and h.own for h in hypotheses)
    if evidence.jitter and later and (best is None or (best.wrong and best.hypothesis.after)):
        # The forward pass was an earlier iteration's: its values do not move with the parameters.
        calm = Trials(tape, refined(tape, tape.replay(double=True)), params, held, preferred, exact)
        calm.choose(hypotheses, known)
        if calm.best is not None and calm.settled:
            trials, evidence.jitter = calm, 0.0
    moved_on = {u.old for u in states(tape, trials.best, names)}
    if moved_on:
        return judge_step(
            tape, [u for u in updates if u.old not in moved_on], step, names,
            preferred=preferred, cost_name=cost_name, given=given, moved=moved, held=held,
            trained=trained,
        )  # fmt: skip
    evidence.run, evidence.fit, evidence.reason = trials.judged, trials.best, trials.reason
    evidence.others = [f for f in trials.fits if f is not trials.best]
    return evidence


def without_state(
    tape: Tape, params: list[Parameter], hypotheses: Sequence[Hypothesis]
) -> list[Parameter]:
    """Return the parameters without the arrays that an optimiser keeps for some of them.

    Adadelta's sums change by what depends on themselves. No cost depends on these, and nothing is
    made of them but arrays of the same shape.
    """
    behind = tape.ancestors(h.node for h in hypotheses if not h.any_cost)

    def is_state(parameter: Parameter) -> bool:
        shape = np.shape(tape.nodes[parameter.old[0]].obj)
        return (
            len(parameter.old) == 1 and bool(shape)
            and behind.isdisjoint((*parameter.old, *parameter.new))
            and all(np.shape(tape.nodes[n].obj) == shape for n in tape.reach(parameter.old))
        )  # fmt: skip

    return [p for p in params if not is_state(p)] or params


def changed_rows(tape: Tape, run: Run, parameter: Parameter) -> Any:
    """Find which entries of a parameter a smaller Δ lands on (``E[i] -= lr * g``), if it is one."""
    if len(parameter.updates) != 1 or not parameter.levels or len(parameter.levels[0].nodes) != 1:
        return None
    update, node = parameter.updates[0], parameter.levels[0].nodes[0]
    delta, new = run.env[node], run.env[update.new]
    if delta is None or new is None or not 0 < np.size(delta) < np.size(new):
        return None
    probe = np.asarray(delta, float) + np.arange(1.0, np.size(delta) + 1).reshape(np.shape(delta))
    probe_value = float(probe) if type(delta) is float else probe
    again = tape.replay(
        double=True, base=run, dirty=tape.reach([node]), replace={node: probe_value}
    ).env[update.new]
    if again is None:
        return None
    moved = (np.asarray(again, float) - np.asarray(new, float)).reshape(-1)
    order = np.rint(np.abs(moved)).astype(int)
    places = np.flatnonzero(order)
    if places.size != np.size(delta) or set(order[places]) != set(range(1, places.size + 1)):
        return None
    return places[np.argsort(order[places])]


def decisive(evidence: StepEvidence, index: int) -> tuple[np.ndarray[Any, Any], float] | None:
    """Return the unit direction in which differences decide about a gradient, and what is at stake.

    For a wrong one that is (author − truth) and its norm, else the truth and its norm.
    """
    fit = evidence.fit
    assert fit is not None
    match = fit.matches[index]
    if match.truth is None:
        return None
    direction = match.truth
    if index in fit.wrong:
        own = author_value(evidence.run, evidence.params[index], match.nearest[0])
        if own is not None and own.shape == match.truth.shape:
            difference = own / (fit.scale or 1.0) - match.truth
            if np.all(np.isfinite(difference)) and np.linalg.norm(difference) > 0:
                direction = difference
    norm = float(np.linalg.norm(direction))
    return (direction / norm if norm else direction), norm


def confirmed(evidence: StepEvidence, index: int) -> tuple[bool, float]:
    """Second witness: central differences of the replayed cost along (author − truth).

    Returns
    -------
    (agrees, error)
        Whether the differences agree with the adjoint, and by how much they differ.
    """
    fit = evidence.fit
    assert fit is not None
    assert fit.run is not None
    truth = fit.matches[index].truth
    decides = decisive(evidence, index)
    if decides is None or truth is None:
        return False, np.inf
    direction, norm = decides
    if not norm:
        return True, 0.0
    parameter = evidence.params[index]
    nodes = parameter.new if fit.hypothesis.after else parameter.old
    expected = float(truth @ direction)
    measured, error = directional(evidence.tape, fit.run, fit.hypothesis, nodes, direction)
    if not np.isfinite(measured):
        return False, np.inf
    scale = float(np.linalg.norm(truth))
    gap = abs(measured - expected)
    return gap <= max(20 * error, 1e-6 * scale, 1e-9 * abs(expected)), gap / (scale or 1.0)
