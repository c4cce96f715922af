"""Which rule of an autograd engine is wrong: right gradients come in, and a wrong one goes out.

An engine's numbers (or arrays) keep their value, their gradient and what they were computed from. A
number whose gradient is wrong, though those of all that was computed from it are right, was given
its own by a wrong rule. Statements that give right numbers theirs are none of those.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backproof.arithmetic import ADD, is_in
from backproof.calculus.adjoint import pull
from backproof.calculus.rules import NoRule
from backproof.checks.accusation import Accusation
from backproof.checks.cause.diagnosis import Diagnosis
from backproof.checks.claims import operand_texts
from backproof.checks.gradient import StepEvidence
from backproof.checks.match import Fit
from backproof.checks.scales import holds
from backproof.names import SLOPE, Names
from backproof.trace.site import SITES
from backproof.trace.tape import Operation, Ref, Run, Tape

#: Numbers of an engine that are looked at, and the relative error up to which a gradient is right.
MOST, RIGHT = 20_000, 1e-6
#: Numbers that must have a factor.
LEAST = 3
#: Additions to one gradient that are followed.
MOST_ADDED = 200


def wrong_rule(evidence: StepEvidence, fit: Fit) -> Accusation | None:
    """Return the rule that a step's engine breaks, if one statement is it."""
    cost, names = evidence.tape.nodes[fit.hypothesis.node].obj, evidence.names
    if not (isinstance(names, Names) and names.is_seeded(cost)):
        return None  # what a program hands over by name is no engine's
    units = list(_units(evidence, fit))
    if not units:
        return None
    right = {id(unit.holder) for unit in units if unit.is_right}
    users: dict[int, set[int]] = {}
    for unit in units:
        for child in _made_from(unit.holder):
            users.setdefault(id(child), set()).add(id(unit.holder))
    broken: Counter[int] = Counter()
    factors: dict[int, set[float | None]] = {}
    sound: set[int] = set()
    nodes = {id(holder): value for holder, value in _values(evidence, fit, units)}
    for unit in units:
        sites = {o.site for o in _additions(evidence.tape, unit.gradient)}
        of = users.get(id(unit.holder), set())
        if unit.is_right:
            # (A slope of zero is right under many a rule.)
            sound |= sites if np.any(unit.own) else set()
        elif of and of <= right:
            told = _not_derived(evidence, fit, unit.gradient, [nodes.get(user) for user in of])
            broken.update(told or sites)
            for place in told or sites:
                factors.setdefault(place, set()).add(unit.factor)
    suspects = [(count, site) for site, count in broken.items() if site not in sound]
    if not suspects:
        return None
    count, number = max(suspects)
    if sum(other == count for other, _ in suspects) > 1:
        return None  # two rules, or two statements of one
    site = SITES[number]
    return Accusation(
        Diagnosis(
            "BP101", "wrong-derivative", site,
            f"`{site.text}` is no derivative of what it belongs to: {count} "
            f"number{'s' if count > 1 else ''} of which all that is computed has the right "
            f"gradient {'get' if count > 1 else 'gets'} {_wrongly(factors[number])} here",
        ),
        tuple(fit.wrong),
    )  # fmt: skip


def _wrongly(factors: set[float | None]) -> str:
    factor = next(iter(factors))
    if factor is None or len(factors) > 1:
        return "a wrong one"
    return f"{factor:.4g} times the right one"


def without_factor(evidence: StepEvidence) -> None:
    """Let gradients of an engine that are all the same multiple of the right ones count as wrong.

    What starts from a gradient of 1 has no other scale: a mean that is not divided by its size.
    """
    fit = evidence.fit
    if fit is None or fit.wrong or not fit.chosen or holds(1.0, fit.scales):
        return
    cost, names = evidence.tape.nodes[fit.hypothesis.node].obj, evidence.names
    if not (isinstance(names, Names) and names.is_seeded(cost)):
        return
    units = _units(evidence, fit)
    factors = [u.factor or 1.0 for u in units if np.any(u.own) and np.any(u.truth)]
    if len(factors) >= LEAST and all(abs(factor - 1) > RIGHT for factor in factors):
        evidence.fit = replace(fit, scale=1.0, chosen={}, anchored=True)


def _values(evidence: StepEvidence, fit: Fit, units: Sequence[Unit]) -> Iterator[tuple[Any, int]]:
    """Yield an engine's numbers with the nodes of their values."""
    cost = evidence.tape.nodes[fit.hypothesis.node].obj
    data = next((k for k, v in vars(units[0].holder).items() if v is cost), "")
    for unit in units:
        value = evidence.tape.last.get(id(vars(unit.holder).get(data)))
        if value is not None:
            yield unit.holder, value


def _not_derived(
    evidence: StepEvidence, fit: Fit, gradient: int, users: Sequence[int | None]
) -> set[int]:
    """Return the statements that add what is no derivative of any operation that made the users.

    Of ``miss * miss`` two statements add to one gradient, and one may be right.
    """
    tape, run = evidence.tape, evidence.run
    assert fit.adjoint is not None
    parts: list[Any] = []
    for user in users:
        made = None if user is None else tape.producer(user)
        incoming = None if user is None else fit.adjoint.of.get(user)
        if made is None or incoming is None:
            return set()
        try:
            parts += [cotangent for _, cotangent in pull(made, run.env, incoming)]
        except NoRule:
            return set()
    added = [(o.site, _value(run, o.args[1])) for o in _additions(tape, gradient)]
    return {
        site for site, value in added
        if value is not None and not any(np.allclose(value, p, rtol=RIGHT, atol=0) for p in parts)
    }  # fmt: skip


def _value(run: Run, argument: Any) -> Any:
    return run.env[argument.node] if type(argument) is Ref else argument


@dataclass(frozen=True, slots=True)
class Unit:
    """A number of an engine: its object, its gradient's node, its gradient and the true one.

    Of the cost the node is -1, and nothing is compared.
    """

    holder: Any
    gradient: int
    own: Any = 0.0
    truth: Any = 0.0

    @property
    def is_right(self) -> bool:
        """Whether the gradient is the true one."""
        size = max(float(np.linalg.norm(self.truth)), float(np.linalg.norm(self.own)))
        return bool(np.linalg.norm(self.own - self.truth) <= RIGHT * size)

    @property
    def factor(self) -> float | None:
        """What the true gradient is multiplied by, if the gradient is a multiple of it."""
        if not np.any(self.truth):
            return None
        factor = float(np.vdot(self.own, self.truth) / np.vdot(self.truth, self.truth))
        even = np.linalg.norm(self.own - factor * self.truth) <= RIGHT * np.linalg.norm(self.own)
        return factor if even else None


def _units(evidence: StepEvidence, fit: Fit) -> Iterator[Unit]:
    """Yield an engine's numbers, the cost first."""
    tape, run = evidence.tape, evidence.run
    if fit.adjoint is None:
        return
    cost = tape.nodes[fit.hypothesis.node].obj
    first = evidence.names.holder(cost)
    if first is None or not hasattr(first, "__dict__"):
        return
    data = next((k for k, v in vars(first).items() if v is cost), None)
    slope = next((k for k in vars(first) if SLOPE.search(k) and not callable(vars(first)[k])), None)
    if data is None or slope is None:
        return
    queue, seen = [first], {id(first)}
    while queue and len(seen) < MOST:
        holder = queue.pop()
        for child in _made_from(holder):
            if id(child) not in seen:
                seen.add(id(child))
                queue.append(child)
        value, gradient = (tape.last.get(id(vars(holder).get(k))) for k in (data, slope))
        if holder is first:
            yield Unit(holder, -1)
            continue
        if value is None or gradient is None or run.env[gradient] is None:
            continue
        truth = np.asarray(fit.adjoint.of.get(value, 0.0), dtype=float)
        own = np.asarray(run.env[gradient], dtype=float)
        if truth.shape == own.shape:
            yield Unit(holder, gradient, own, truth)


def _made_from(holder: Any) -> list[Any]:
    """Return the objects of the same kind that one refers to."""
    found: list[Any] = []
    for value in vars(holder).values():
        items = value if isinstance(value, (set, frozenset, list, tuple)) else (value,)
        found += [item for item in items if type(item) is type(holder)]
    return found


def _additions(tape: Tape, node: int) -> Iterator[Operation]:
    """Yield the operations that added to a gradient, the last first."""
    for _ in range(MOST_ADDED):
        made = tape.producer(node) if node >= 0 else None
        if made is None:
            return
        added = made.where.kind.startswith("aug") or len(operand_texts(made)) == 2
        if not (is_in(made.function, ADD) and added):
            return
        yield made
        first = made.args[0]
        if type(first) is not Ref:
            return  # a gradient that begins as the number 0
        node = first.node
