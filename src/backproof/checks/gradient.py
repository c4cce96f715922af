"""The verdict on every parameter's gradient in one recorded step."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backproof.calculus.adjoint import is_differentiable
from backproof.calculus.differences import directional
from backproof.checks.anchor import anchored_by_entries
from backproof.checks.calm import calmed
from backproof.checks.choice import (
    FEW,
    accept_decay,
    accept_own_rates,
    at_kinks,
    best_fit,
    contradicted,
    convinces,
    has_penalty,
)
from backproof.checks.epsilon import without_epsilon
from backproof.checks.heads import weighted_sum
from backproof.checks.match import Fit, author_value, compare, is_plausible
from backproof.grouping import parameters
from backproof.hypotheses import Hypothesis, bare_output, program_costs, registry
from backproof.roles import Parameter, vector
from backproof.trace.tape import Run, Tape
from backproof.updates import Update, is_shared

#: Why gradients are not judged where one of them has nothing to do with the cost that fits others.
ANOTHER_COST = "the cost that fits other gradients is not all that is trained"
#: Amplitudes tried, relative to a parameter's spread, until no recorded branch changes.
JITTERS = (0.1, 0.01, 1e-3, 1e-5, 0.0)
#: CPU seconds for trying costs on one step.
PATIENCE = 2.0


@dataclass(slots=True)
class StepEvidence:
    """What one judged step says."""

    step: int
    tape: Tape
    params: list[Parameter]
    run: Run
    fit: Fit | None
    others: list[Fit] = field(default_factory=list)
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
    tape: Tape, params: Sequence[Parameter], *, seed: int = 0, moved: Sequence[int] = ()
) -> tuple[Run, float]:
    """Replay a step in float64 with its parameters (and the leaves `moved`) changed a little.

    Coincidences of value (zero biases, units exactly at a kink, equal rows) vanish. The move is
    made smaller until every recorded comparison of scalars comes out as it did.
    """
    generator = np.random.default_rng(seed)
    olds = [n for p in params for n in p.old if is_differentiable(tape.value(n))]
    olds += [n for n in moved if n not in olds]
    draws = {n: generator.standard_normal(np.shape(tape.value(n))) for n in olds}
    calm = tape.replay(double=True)
    for amplitude in JITTERS:
        values: dict[int, Any] = {}
        for n in olds:
            value = np.asarray(tape.value(n), dtype=float)
            spread = float(np.std(value)) if value.size > 1 else abs(float(value.reshape(-1)[0]))
            size = amplitude * (spread if spread > 1e-8 else 0.5)
            changed = value + size * draws[n]
            values[n] = float(changed) if type(tape.value(n)) is float else changed
            if isinstance(tape.value(n), np.matrix):
                values[n] = np.asmatrix(values[n])
        if amplitude == 0.0:
            return calm, 0.0
        run = tape.replay(values, double=True)
        if set(run.flipped) <= set(calm.flipped) and len(run.failed) <= len(calm.failed):
            final = vector(
                run.env[n] if run.env[n] is not None else [0.0] for p in params for n in p.new
            )
            if np.all(np.isfinite(final)):
                return run, amplitude
    return calm, 0.0


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
        The user's hint: only costs of this name count.
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
    updates = [u for u in updates if u.new not in unborn]
    params = parameters(tape, updates, names)
    if not params:
        reason = "no parameter is updated"
        return StepEvidence(step, tape, [], tape.replay(), None, reason=reason)
    hypotheses = program_costs(tape, params) if given is None else list(given)
    hypotheses = [h for h in hypotheses if h.title not in trained and h.node not in unborn]
    known = registry(tape, params) if given is None and cost_name is None else []
    base = tape.replay()
    unfaithful = tape.unfaithful(base)
    run, jitter = jittered(tape, params, moved=moved)
    for parameter in params:
        parameter.rows = changed_rows(tape, run, parameter)
    evidence = StepEvidence(step, tape, params, run, None, unfaithful=unfaithful,
                            jitter=jitter, names=names)  # fmt: skip
    exact = any(h.exact for h in hypotheses)
    if cost_name is not None:
        hypotheses = [h for h in hypotheses if cost_name in (h.title, h.title.split(".")[-1])]
    hypotheses.sort(key=lambda h: (not h.own, h.title not in preferred))
    fits: list[Fit] = []
    started = time.process_time()
    for hypothesis in hypotheses:
        hypothesis.held = held
        if late(started):
            break
        full = add(fits, tape, run, hypothesis, params) and fits[-1].scale > 0
        if full and not any(f.wrong and f.chosen for f in fits):
            break
    best = best_fit(fits)
    if not exact and (best is None or not convinces(best)):
        for fit in fits:
            if fit.hypothesis.own and not has_penalty(tape, run, fit):
                accept_decay(fit, run)
        best = best_fit(fits)
    calm = None if best is not None and convinces(best) else _calm_fit(fits, tape, run, params)
    if calm is not None:
        # In place of its strained fit: a registered cost would fit a scalar parameter by chance.
        fits.insert(0, calm[0])
        best, evidence.run = calm
    if best is None or not convinces(best):
        known.sort(key=lambda h: h.title not in preferred)
        for hypothesis in known:
            hypothesis.held = held
            if late(started):
                break
            if add(fits, tape, run, hypothesis, params):
                break
        best = best_fit(fits)
    unsettled = not exact and (best is None or not convinces(best))
    if unsettled and not any(fit.hypothesis.own for fit in fits):
        for fit in fits:
            accept_decay(fit, run)
        best = best_fit(fits)
    if not exact and (best is None or not convinces(best)):
        together = weighted_sum(fits, tape, run, params)
        if together is not None and (best is None or len(together.chosen) > len(best.chosen)):
            fits.append(together)
            best = together
    if not exact and (best is None or not best.wrong or not is_plausible(best.scale)):
        output = None if any(f.hypothesis.own for f in fits) else bare_output(tape, params)
        if output is not None and (best is None or not convinces(best)):
            add(fits, tape, run, output, params)
            best = best_fit(fits)
    if not exact and (best is None or not best.chosen):
        best = anchored_by_entries(fits, run) or best
    if calm is None:
        best = contradicted(best, fits, tape, run) or best
    if best is not None and best.wrong:
        best = at_kinks(best, tape, run, params)
    if best is not None and best.wrong:
        best, evidence.run = calmed(best, tape, run, params)
    if best is not None and best.wrong and best.chosen:
        accept_own_rates(best, tape, params)
    if best is not None and not (best.chosen or best.anchored or best.hypothesis.exact):
        best = None
    if best is not None and best.wrong and best.hypothesis.registered and _hangs_by_a_number(best):
        best = None
    if best is not None and best.wrong:
        within = tape.ancestors([best.hypothesis.node])
        if any(within.isdisjoint((*params[i].old, *params[i].new)) for i in best.wrong):
            for i in best.wrong:
                best.matches[i].reason = ANOTHER_COST
    near_one = best is not None and best.hypothesis.own and abs(best.scale - 1) < 1e-5
    few = best is not None and sum(m.size for m in best.matches) <= FEW
    if best is not None and best.hypothesis.any_cost:
        if best.wrong and sum(best.matches[i].size for i in best.chosen) <= FEW:
            best = None
    elif best is not None and (best.wrong or few) and not (is_plausible(best.scale) or near_one):
        best = None  # a cost that fits some gradients by chance accuses none
    evidence.fit = best
    evidence.others = [f for f in fits if f is not best]
    return evidence


def _hangs_by_a_number(fit: Fit) -> bool:
    """Whether all that is right under a cost is a single number: one is a multiple of any other."""
    return bool(fit.chosen) and sum(fit.matches[i].size for i in fit.chosen) == 1


def late(started: float) -> bool:
    """Whether the costs of a step have been tried for long enough."""
    return time.process_time() - started > PATIENCE


def _calm_fit(
    fits: Sequence[Fit], tape: Tape, run: Run, params: Sequence[Parameter]
) -> tuple[Fit, Run] | None:
    """Return a cost of the program's that fits every gradient where the numbers are calm."""
    for fit in fits[:3]:
        again, calm = calmed(fit, tape, run, params)
        if again is not fit:
            return again, calm
    return None


def changed_rows(tape: Tape, run: Run, parameter: Parameter) -> Any:
    """Find which entries of a parameter a smaller Δ lands on (``E[i] -= lr * g``), if it is one."""
    if len(parameter.updates) != 1 or not parameter.levels:
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


def add(
    fits: list[Fit], tape: Tape, run: Run, hypothesis: Hypothesis, params: Sequence[Parameter]
) -> bool:
    """Try a hypothesis; returns whether it explains every gradient."""
    fit = compare(tape, run, hypothesis, params)
    if fit is None or all(m.vacuous or m.reason for m in fit.matches):
        return False
    if not hypothesis.registered:
        fit = without_epsilon(fit, tape, run, params) or fit
    fits.append(fit)
    return convinces(fit)


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
