"""A penalty that a program reports in its loss, and leaves out of the gradients (BP103).

``loss = nll + 0.5 * reg * (W * W).sum()`` between the epochs, ``dW = x.T @ d`` in the steps.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from backproof.arithmetic import ADD, SUBTRACT, is_in, keeps
from backproof.calculus.adjoint import adjoints
from backproof.checks.advice import advise
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import Fit
from backproof.checks.penalised import has_decay
from backproof.checks.places import Place, statement_of
from backproof.checks.scales import SAME, TOLERANCE, proportion
from backproof.finding import Finding
from backproof.roles import vector
from backproof.trace.tape import Operation, Tape

#: Entries of a parameter that must all have one factor.
LEAST_ENTRIES = 3
#: Weights of which a difference is a multiple by no chance.
LEAST_WEIGHTS = 2


@dataclass(frozen=True, slots=True)
class Unpenalised:
    """A parameter whose gradient is exactly that of a cost without a penalty."""

    name: str
    shape: tuple[int, ...]
    place: Place
    title: str


def penalties(
    tape: Tape, cost: Operation, trained: Collection[int], depends: Collection[int]
) -> dict[tuple[int, ...], float]:
    """Return λ of the terms λ/2·‖W‖² of a cost, by the shape of W."""
    run = tape.replay(double=True)
    found: dict[tuple[int, ...], float] = {}
    arrays = {n.index for n in tape.nodes if n.operation is None and np.ndim(n.obj)}
    for term in _summands(tape, cost.out):
        before = tape.ancestors([term])
        leaves = before & arrays
        if term not in depends or not leaves or not leaves <= set(trained):
            continue
        value = run.env[term]
        if value is None:
            continue
        seed = 1.0 if type(value) is float else np.ones(np.shape(value))
        slopes = adjoints(tape, run, {term: seed}, within=before & set(depends))
        for leaf in leaves if not slopes.cut else ():
            w = np.asarray(run.env[leaf], float).reshape(-1)
            g = np.asarray(slopes.of.get(leaf, 0.0), float).reshape(-1)
            if g.size != w.size or w.size < LEAST_ENTRIES or not np.all(w):
                continue
            if np.ptp(g / w) <= SAME * abs(g[0] / w[0]):
                found[np.shape(tape.nodes[leaf].obj)] = float(g[0] / w[0])
    return found


def _summands(tape: Tape, node: int) -> set[int]:
    """Return what a scalar is a sum of."""
    found: set[int] = set()
    stack = [node]
    while stack:
        made = tape.producer(stack.pop())
        if made is not None and is_in(made.function, ADD):
            stack += made.inputs
            found.update(made.inputs)
        elif made is not None and (is_in(made.function, SUBTRACT) or keeps(made)):
            stack.append(made.inputs[0])
    return found


def unpenalised(evidence: StepEvidence, fit: Fit) -> list[Unpenalised]:
    """Return the parameters whose gradients are exactly those of a registered cost."""
    found: list[Unpenalised] = []
    if fit.decayed or any(c != 1.0 for p in evidence.params for c in p.decay):
        return found
    for i, (level, _, _) in fit.chosen.items():
        parameter = evidence.params[i]
        if level < 0 or len(parameter.old) != 1 or has_decay(evidence, i):
            continue
        made = evidence.tape.producer(parameter.levels[level].nodes[0])
        if made is not None:
            shape = np.shape(evidence.tape.nodes[parameter.old[0]].obj)
            place = statement_of(made.where)
            found.append(Unpenalised(parameter.name, shape, place, fit.hypothesis.title))
    return found


def lacking(one: Unpenalised, strength: float, reported: str) -> Finding:
    """Say which penalty of the reported loss a gradient has nothing of."""
    return advise(
        "BP103", "missing-term", one.place,
        f"the gradient of `{one.name}` is that of the {one.title} alone: the penalty in "
        f"`{reported}` is missing",
        f"add {strength:.4g} · `{one.name}`, or leave the penalty out of `{reported}`",
        {"parameters": [one.name], "reported": reported, "strength": strength},
        notes=[
            f"the slope of `{reported}`, computed outside the steps, holds {strength:.4g} times "
            "the parameter beside that of its data"
        ],
    )  # fmt: skip


def lacks_penalties(evidence: StepEvidence, part: Fit, whole: Fit) -> bool:
    """Whether a cost is that of all gradients and penalties, which no step takes otherwise.

    A step that shrinks the weights itself may be meant to do so in the place of a penalty.
    """
    pairs = list(zip(part.matches, whole.matches, strict=True))
    penalised = False
    for parameter, (match, meant) in zip(evidence.params, pairs, strict=True):
        if match.truth is None or meant.truth is None or meant.reason:
            return False
        if any(c != 1.0 for c in parameter.decay):
            return False
        rest = meant.truth - match.truth
        weights = vector(evidence.run.env[n] for n in parameter.old)
        size = float(np.linalg.norm(rest))
        if size <= TOLERANCE * float(np.linalg.norm(meant.truth)):
            continue
        strength, error = proportion(rest, weights)
        if strength <= 0 or error > TOLERANCE or weights.size < LEAST_WEIGHTS:
            return False
        penalised = True
    return penalised and part.right == list(range(len(pairs))) and abs(part.scale - 1) < SAME
