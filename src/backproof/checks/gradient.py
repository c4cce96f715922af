"""The verdict on every parameter's gradient in one recorded step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backproof.calculus.adjoint import is_differentiable
from backproof.calculus.differences import directional
from backproof.checks.calm import calmed
from backproof.checks.match import Fit, accept_decay, author_value, compare, is_plausible
from backproof.roles import Hypothesis, Parameter, parameters, program_costs, registry, vector
from backproof.trace.tape import Run, Tape
from backproof.updates import Update

#: Amplitudes tried, relative to a parameter's spread, until no recorded branch changes.
JITTERS = (0.1, 0.01, 1e-3, 1e-5, 0.0)


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
            moved = value + size * draws[n]
            values[n] = float(moved) if type(tape.value(n)) is float else moved
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
    """
    updates = [u for u in updates if not is_shared(tape.nodes[u.old].obj)]
    base = tape.replay()
    unfaithful = tape.unfaithful(base)
    params = parameters(tape, updates, names)
    if not params:
        return StepEvidence(step, tape, [], base, None, reason="no parameter is updated")
    run, jitter = jittered(tape, params, moved=moved)
    for parameter in params:
        parameter.rows = changed_rows(tape, run, parameter)
    evidence = StepEvidence(step, tape, params, run, None, unfaithful=unfaithful,
                            jitter=jitter, names=names)  # fmt: skip
    hypotheses = program_costs(tape, params) if given is None else list(given)
    exact = any(h.exact for h in hypotheses)
    if cost_name is not None:
        hypotheses = [h for h in hypotheses if cost_name in (h.title, h.title.split(".")[-1])]
    hypotheses.sort(key=lambda h: h.title not in preferred)
    fits: list[Fit] = []
    for hypothesis in hypotheses:
        hypothesis.held = held
        if add(fits, tape, run, hypothesis, params) and fits[-1].scale > 0:
            if not any(f.wrong and f.chosen for f in fits):
                break
    unfit = all(not fit_.chosen or fit_.wrong for fit_ in fits)
    if unfit and not exact and penalised(fits, tape) is None:
        for fit_ in fits:
            accept_decay(fit_)
    calm = _calm_fit(fits, tape, run, params) if unfit else None
    if calm is not None:
        # In place of its strained fit: a registered cost would fit a scalar parameter by chance.
        fits.insert(0, calm[0])
        evidence.run = calm[1]
    best = calm[0] if calm is not None else best_fit(fits, len(params))
    if cost_name is None and given is None and (best is None or best.wrong or not best.chosen):
        known = sorted(registry(tape, params), key=lambda h: h.title not in preferred)
        for hypothesis in known:
            hypothesis.held = held
            if add(fits, tape, run, hypothesis, params):
                break
    if calm is None:
        best = penalised(fits, tape) or best_fit(fits, len(params))
    if best is not None and best.wrong:
        best = at_kinks(best, tape, run, params)
    if best is not None and best.wrong:
        best, evidence.run = calmed(best, tape, run, params)
    if best is not None and best.wrong and best.chosen:
        accept_own_rates(best, tape, params)
    if best is not None and not best.chosen and not best.hypothesis.exact:
        best = None
    if best is not None and best.wrong and not is_plausible(best.scale):
        best = None  # a cost that fits some gradients by chance accuses none
    evidence.fit = best
    evidence.others = [f for f in fits if f is not best]
    return evidence


def _calm_fit(
    fits: Sequence[Fit], tape: Tape, run: Run, params: Sequence[Parameter]
) -> tuple[Fit, Run] | None:
    """Return a cost of the program's that fits every gradient where the numbers are calm."""
    for fit in fits[:3]:
        if fit.hypothesis.node is None:
            continue
        again, calm = calmed(fit, tape, run, params)
        if again is not fit:
            return again, calm
    return None


def is_shared(value: Any) -> bool:
    """Whether a float may be one constant object in several places (``b = c = 0.0``)."""
    return type(value) is float and value == round(value, 3)


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
    fits.append(fit)
    return not fit.wrong and bool(fit.chosen)


def best_fit(fits: Sequence[Fit], count: int) -> Fit | None:
    """Return the hypothesis under which most gradients are right (the program's own cost first)."""
    ranked = sorted(
        fits,
        key=lambda f: (
            len(f.chosen),
            sum(m.fits for m in f.matches),
            f.hypothesis.node is not None,
            -abs(float(np.log(abs(f.scale)))),
        ),
        reverse=True,
    )
    return ranked[0] if ranked else None


def penalised(fits: Sequence[Fit], tape: Tape) -> Fit | None:
    """Return the fit of a cost with a penalty that its gradients lack or take in another strength.

    There is such a cost where one scalar of the program fits up to terms λ·parameter, and another
    that it is made of, the cost without the penalty, fits as well or better.
    """
    for fit in fits:
        node = fit.hypothesis.node
        if node is None or not fit.wrong or not fit.chosen:
            continue
        if not all(fit.matches[i].penalties for i in fit.wrong):
            continue
        parts = tape.ancestors([node]) - {node}
        for other in fits:
            if other.hypothesis.node in parts and (
                not other.wrong or all(other.matches[i].penalties for i in other.wrong)
            ):
                return fit
    return None


def accept_own_rates(fit: Fit, tape: Tape, params: Sequence[Parameter]) -> None:
    """Count a gradient with a step size of its own as right (``eta_s * error * …``)."""
    output = fit.hypothesis.node if fit.hypothesis.node is not None else fit.hypothesis.output
    forward = tape.ancestors([output]) if output is not None else set()

    def rates(index: int) -> set[float]:
        feeding = tape.ancestors(params[index].new) - forward
        values = [tape.nodes[n].obj for n in feeding if tape.nodes[n].operation is None]
        return {float(v) for v in values if type(v) in (float, np.float64) and v}

    common = {1.0}.union(*(rates(i) for i in fit.chosen))
    for i in fit.wrong:
        ratios = np.array([own / other for own in rates(i) for other in common])
        for level, s, error in fit.matches[i].scales:
            ratio = s / fit.scale
            if ratios.size and np.min(np.abs(ratio / ratios - 1)) < 1e-9 and ratio != 1:
                fit.chosen[i] = (level, s, error)
                break


def at_kinks(best: Fit, tape: Tape, run: Run, params: Sequence[Parameter]) -> Fit:
    """Try the other sub-gradients where a value sits exactly at a kink."""
    for tie in (0.0, 1.0):
        other = compare(tape, run, best.hypothesis, params, tie=tie)
        if other is not None and len(other.chosen) > len(best.chosen):
            best = other
    return best


def confirmed(evidence: StepEvidence, index: int) -> tuple[bool, float]:
    """Second witness: central differences of the replayed cost along (author − truth).

    Returns
    -------
    (agrees, error)
        Whether the differences agree with the adjoint, and by how much they differ.
    """
    fit = evidence.fit
    assert fit is not None and fit.run is not None
    match = fit.matches[index]
    if match.truth is None:
        return False, np.inf
    parameter = evidence.params[index]
    level = match.nearest[0] if index in fit.wrong else fit.chosen.get(index, (-1, 1.0, 0.0))[0]
    own = author_value(evidence.run, parameter, level)
    direction = match.truth
    if own is not None and own.shape == match.truth.shape and index in fit.wrong:
        s = fit.scale or 1.0
        difference = own / s - match.truth
        if np.all(np.isfinite(difference)) and np.linalg.norm(difference) > 0:
            direction = difference
    norm = float(np.linalg.norm(direction))
    if not norm:
        return True, 0.0
    direction = direction / norm
    nodes = parameter.new if fit.hypothesis.after else parameter.old
    expected = float(match.truth @ direction)
    measured, error = directional(evidence.tape, fit.run, fit.hypothesis, nodes, direction)
    if not np.isfinite(measured):
        return False, np.inf
    scale = float(np.linalg.norm(match.truth))
    gap = abs(measured - expected)
    return gap <= max(20 * error, 1e-6 * scale, 1e-9 * abs(expected)), gap / (scale or 1.0)
