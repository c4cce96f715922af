"""What is kept of one judged step of a trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backproof.checks.direction import climbing
from backproof.checks.gradient import StepEvidence
from backproof.checks.penalised import decays_of


@dataclass(frozen=True, slots=True)
class JudgedStep:
    """One judged step: each parameter's status, and the cost as the program computed it.

    Attributes
    ----------
    verdicts : dict of name to (status, reason)
    cost_title : str
    own_cost : bool
        The cost is a value of the program's, not one of the registry.
    scale : float
        The factor that all gradients share.
    scales : tuple of float
        All that they share: before and behind the learning rate.
    after : bool
        The cost was computed with the updated parameters.
    deltas : dict of name to (norm of the update, that of the update as it was recorded)
        The first is that of the replay with parameters that are moved a little: no coincidence.
    entries : int
        How many numbers the step updates.
    pieces : dict of name to number of arrays
    """

    step: int
    verdicts: dict[str, tuple[str, str]]
    cost_title: str
    own_cost: bool
    cost: float | None
    scale: float
    ascends: bool
    scales: tuple[float, ...] = ()
    after: bool = False
    deltas: dict[str, tuple[float, float]] = field(default_factory=dict)
    entries: int = 0
    pieces: dict[str, int] = field(default_factory=dict)
    decays: dict[str, tuple[float, ...]] = field(default_factory=dict)
    """The multiples of parameters that join their gradients or updates, if they were asked for."""

    @property
    def verified(self) -> bool:
        """Whether every gradient is right, and at least one is not zero."""
        statuses = list(self.verdicts.values())
        right = all(status == "verified" for status, _ in statuses)
        return right and not self.ascends and any(r != "zero" for _, r in statuses)

    @property
    def wrong(self) -> frozenset[str]:
        """The parameters that are not verified."""
        return frozenset(n for n, (status, _) in self.verdicts.items() if status != "verified")


def telling(steps: Sequence[JudgedStep]) -> list[JudgedStep]:
    """Return the steps in which the program computes its cost; where none does, all that update.

    Parameters of the first step may be numbers that the source writes: the rest may fit no cost.
    """
    own = [step for step in steps if step.own_cost]
    most = max((step.entries for step in steps), default=0)
    some = [step for step in steps if step.cost_title or (step.verdicts and step.entries == most)]
    return own or some or list(steps)


def summary(evidence: StepEvidence, *, decays: bool = False) -> JudgedStep:
    """Return what a trial keeps of a judged step."""
    fit = evidence.fit
    verdicts, deltas = {}, {}
    for index, parameter in enumerate(evidence.params):
        verdicts[parameter.name] = evidence.status(index)
        deltas[parameter.name] = _moved(evidence, index)
    own = fit is not None and not fit.hypothesis.registered
    node = fit.hypothesis.node if fit is not None and own else None
    return JudgedStep(
        step=evidence.step,
        verdicts=verdicts,
        cost_title=fit.hypothesis.title if fit is not None else "",
        own_cost=own,
        cost=None if node is None else _scalar(evidence.tape.value(node)),
        scale=fit.scale if fit is not None else 0.0,
        # (Which way an optimiser goes is not the program's to say.)
        ascends=bool(fit is not None and not fit.hypothesis.exact and climbing(evidence)),
        scales=tuple(fit.scales) if fit is not None else (),
        after=bool(fit is not None and fit.hypothesis.after),
        deltas=deltas,
        entries=sum(np.size(evidence.tape.nodes[n].obj) for p in evidence.params for n in p.old),
        pieces={parameter.name: len(parameter.old) for parameter in evidence.params},
        decays={
            parameter.name: tuple(decays_of(evidence, index))
            for index, parameter in enumerate(evidence.params if decays and fit is not None else ())
        },
    )


def _moved(evidence: StepEvidence, index: int) -> tuple[float, float]:
    """Return the norm of a parameter's update in the replay that is judged, and as recorded."""
    parameter, tape, env = evidence.params[index], evidence.tape, evidence.run.env
    judged, recorded = 0.0, 0.0
    for old, new in zip(parameter.old, parameter.new, strict=False):
        judged += _gap(env[old], env[new])
        recorded += _gap(tape.value(old), tape.value(new))
    return float(np.sqrt(judged)), float(np.sqrt(recorded))


def _gap(before: Any, after: Any) -> float:
    """Return the square of the distance of two values; 0 where there is none."""
    if before is None or after is None or np.shape(before) != np.shape(after):
        return 0.0
    try:
        gap = (np.asarray(after, float) - np.asarray(before, float)).reshape(-1)
    except (TypeError, ValueError):
        return 0.0
    return float(gap @ gap)


def _scalar(value: Any) -> float | None:
    try:
        number = float(np.asarray(value, float).reshape(-1)[0])
    except (TypeError, ValueError, IndexError):
        return None
    return number if np.isfinite(number) else None
